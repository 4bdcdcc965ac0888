/* SPDX-License-Identifier: MIT
 *
 * The options of a job as a table: each has a setter, which changes nothing where it fails.
 */
#include "batch/request.h"

#include "base/error.h"
#include "batch/parse.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define NODES_MAX    100000u
#define REQUEUES     10 /* that 'auto' means */
#define REQUEUES_MAX 1000
#define CPUS_MAX     100000u
#define GPUS_MAX     1000u

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for the options of a job");
}

/* A copy that lives as long as the request, in *field. */
static int keep(hec_request *q, const char **field, const char *value, hec_error *err)
{
    const char *copy = hec__arena_copy(&q->arena, value, strlen(value));

    if (!copy)
        return no_memory(err);
    *field = copy;
    return 0;
}

int hec__texts_add(hec__texts *texts, hec__arena *arena, const char *s, size_t n)
{
    const char **grown = hec__arena_grow(arena, texts->all, texts->n, &texts->cap, sizeof *grown);
    const char *copy = grown ? hec__arena_copy(arena, s, n) : NULL;

    if (!copy)
        return HEC_ENOMEM;
    texts->all = grown;
    texts->all[texts->n++] = copy;
    return 0;
}

static int add(hec_request *q, hec__texts *texts, const char *value, hec_error *err)
{
    return hec__texts_add(texts, &q->arena, value, strlen(value)) < 0 ? no_memory(err) : 0;
}

/* ---- amounts ---- */

static int set_nodes(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_number(value, 1, NODES_MAX, &q->nodes, err);
}

static int set_cpus(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_number(value, 1, CPUS_MAX, &q->cpus, err);
}

static int set_gpus(hec_request *q, const char *value, hec_error *err)
{
    const char *colon = strrchr(value, ':'), *type = NULL;
    uint32_t n;
    int r = hec__batch_number(colon ? colon + 1 : value, 0, GPUS_MAX, &n, err);

    if (r < 0)
        return r;
    if (colon) {
        type = hec__arena_copy(&q->arena, value, (size_t)(colon - value));
        if (!type)
            return no_memory(err);
        r = hec__batch_word(type, err);
        if (r < 0)
            return r;
    }
    q->gpus = n;
    q->gpu_type = type;
    return 0;
}

static int set_memory(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_memory(value, &q->memory, err);
}

static int set_time(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_time(value, &q->time_s, err);
}

static int set_task_time(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_time(value, &q->task_time_s, err);
}

/* ---- names ---- */

static int set_word(hec_request *q, const char **field, const char *value, hec_error *err)
{
    int r = hec__batch_word(value, err);

    return r < 0 ? r : keep(q, field, value, err);
}

static int set_partition(hec_request *q, const char *value, hec_error *err)
{
    return set_word(q, &q->partition, value, err);
}

static int set_qos(hec_request *q, const char *value, hec_error *err)
{
    return set_word(q, &q->qos, value, err);
}

static int set_account(hec_request *q, const char *value, hec_error *err)
{
    return set_word(q, &q->account, value, err);
}

static int set_name(hec_request *q, const char *value, hec_error *err)
{
    return set_word(q, &q->name, value, err);
}

static int set_line(hec_request *q, const char **field, const char *value, hec_error *err)
{
    int r = hec__batch_line(value, err);

    return r < 0 ? r : keep(q, field, value, err);
}

static int set_constraint(hec_request *q, const char *value, hec_error *err)
{
    return set_line(q, &q->constraint, value, err);
}

static int set_output(hec_request *q, const char *value, hec_error *err)
{
    return set_line(q, &q->output, value, err);
}

static int set_error(hec_request *q, const char *value, hec_error *err)
{
    return set_line(q, &q->error, value, err);
}

static int set_workdir(hec_request *q, const char *value, hec_error *err)
{
    return set_line(q, &q->workdir, value, err);
}

/* ---- when, and whom to tell ---- */

static int set_array(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_array(value, &q->arena, &q->ranges, &q->n_ranges, &q->throttle, err);
}

static int set_after(hec_request *q, const char *value, hec_error *err)
{
    hec__dependency *grown, one;
    int r = hec__batch_after(value, &one.how, &one.job, err);

    if (r == 0)
        r = keep(q, &one.job, one.job, err);
    if (r < 0)
        return r;
    grown = hec__arena_grow(&q->arena, q->after, q->n_after, &q->cap_after, sizeof *grown);
    if (!grown)
        return no_memory(err);
    q->after = grown;
    q->after[q->n_after++] = one;
    return 0;
}

static int set_mail(hec_request *q, const char *value, hec_error *err)
{
    const char *to;
    unsigned on;
    int r = hec__batch_mail(value, &on, &to, err);

    if (r == 0)
        r = keep(q, &q->mail_to, to, err);
    if (r == 0)
        q->mail_on = on;
    return r;
}

static int set_warn(hec_request *q, const char *value, hec_error *err)
{
    return hec__batch_warn(value, &q->warn_signal, &q->warn_s, err);
}

/* ---- what is run ---- */

static int set_exclusive(hec_request *q, const char *value, hec_error *err)
{
    bool yes = !*value || strcmp(value, "true") == 0;

    if (!yes && strcmp(value, "false") != 0)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is neither true nor false", value);
    q->exclusive = yes;
    return 0;
}

static int set_requeue(hec_request *q, const char *value, hec_error *err)
{
    if (strcmp(value, "auto") == 0 || strcmp(value, "no") == 0) {
        q->requeue = *value == 'a' ? REQUEUES : 0;
        return 0;
    }
    if (strncmp(value, "auto:", 5) == 0)
        return hec__batch_number(value + 5, 1, REQUEUES_MAX, &q->requeue, err);
    return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not auto, auto:N or no", value);
}

static int set_module(hec_request *q, const char *value, hec_error *err)
{
    for (const char *p = value; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._+-/=@", *p))
            return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not the name of a module", value);
    if (!*value || *value == '-')
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not the name of a module", value);
    return add(q, &q->modules, value, err);
}

static int set_setup(hec_request *q, const char *value, hec_error *err)
{
    if (!*value || strpbrk(value, "\n\r"))
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is not one line of shell", value);
    return add(q, &q->setup, value, err);
}

static int set_env(hec_request *q, const char *value, hec_error *err)
{
    const char *p = value;

    while (isalnum((unsigned char)*p) || *p == '_')
        p++;
    if (p == value || *p != '=' || isdigit((unsigned char)*value))
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' sets no variable; write NAME=VALUE, the name of letters, digits "
                         "and _",
                         value);
    return add(q, &q->env, value, err);
}

static int set_launch(hec_request *q, const char *value, hec_error *err)
{
    static const char *const hows[] = {"once", "node", "mpi"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(value, hows[i]) != 0)
            continue;
        q->launch = (enum hec__launch)i;
        return 0;
    }
    return hec__fail(err, HEC_EINVAL, 0,
                     "'%.60s' is none of once, node (on each node) and mpi (a rank for each CPU)",
                     value);
}

static int set_raw(hec_request *q, const char *value, hec_error *err)
{
    if ((*value != '#' && *value != '-') || strpbrk(value, "\n\r"))
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' is no directive: one line, '#SBATCH --hint=compute' or only "
                         "'--hint=compute'",
                         value);
    return add(q, &q->raw, value, err);
}

/* ---- the table ---- */

static const struct row {
    const char *name;
    int (*set)(hec_request *q, const char *value, hec_error *err);
} rows[HEC__N_OPTIONS] = {
    [HEC__OPTION_NODES] = {"nodes", set_nodes},
    [HEC__OPTION_CPUS] = {"cpus", set_cpus},
    [HEC__OPTION_GPUS] = {"gpus", set_gpus},
    [HEC__OPTION_MEMORY] = {"memory", set_memory},
    [HEC__OPTION_TIME] = {"time", set_time},
    [HEC__OPTION_PARTITION] = {"partition", set_partition},
    [HEC__OPTION_QUEUE] = {"queue", set_partition},
    [HEC__OPTION_QOS] = {"qos", set_qos},
    [HEC__OPTION_ACCOUNT] = {"account", set_account},
    [HEC__OPTION_NAME] = {"name", set_name},
    [HEC__OPTION_ARRAY] = {"array", set_array},
    [HEC__OPTION_AFTER] = {"after", set_after},
    [HEC__OPTION_MAIL] = {"mail", set_mail},
    [HEC__OPTION_CONSTRAINT] = {"constraint", set_constraint},
    [HEC__OPTION_EXCLUSIVE] = {"exclusive", set_exclusive},
    [HEC__OPTION_MODULE] = {"module", set_module},
    [HEC__OPTION_SETUP] = {"setup", set_setup},
    [HEC__OPTION_ENV] = {"env", set_env},
    [HEC__OPTION_LAUNCH] = {"launch", set_launch},
    [HEC__OPTION_WARN] = {"warn", set_warn},
    [HEC__OPTION_REQUEUE] = {"requeue", set_requeue},
    [HEC__OPTION_OUTPUT] = {"output", set_output},
    [HEC__OPTION_ERROR] = {"error", set_error},
    [HEC__OPTION_WORKDIR] = {"workdir", set_workdir},
    [HEC__OPTION_TASK_TIME] = {"task-time", set_task_time},
    [HEC__OPTION_RAW] = {"raw", set_raw},
};

static_assert(HEC__N_OPTIONS <= 32, "known and given have a bit for each option");

int hec__request_option(const char *name)
{
    for (int i = 0; i < HEC__N_OPTIONS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    return -1;
}

/* The option whose field this one sets. */
static int canonical(int option)
{
    return option == HEC__OPTION_QUEUE ? HEC__OPTION_PARTITION : option;
}

static int set(hec_request *q, int option, const char *value, hec_error *err)
{
    int r = rows[option].set(q, value, err);

    if (r < 0)
        return hec__fail_in(err, r, "%s", rows[option].name);
    q->known |= 1u << canonical(option);
    return 0;
}

int hec_request_set(hec_request *q, const char *name, const char *value, hec_error *err)
{
    hec__texts before = q->said;
    int option = hec__request_option(name), r;
    const char *said;

    if (option < 0)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is no option of a job", name);
    said = hec__arena_printf(&q->arena, "%s=%s", name, value);
    r = said ? add(q, &q->said, said, err) : no_memory(err);
    if (r == 0)
        r = set(q, option, value, err);
    if (r == 0)
        q->given |= 1u << canonical(option);
    else
        q->said = before;
    return r;
}

int hec__request_default(hec_request *q, const char *name, const char *value, hec_error *err)
{
    int option = hec__request_option(name);

    if (option < 0)
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is no option of a job", name);
    return q->known & 1u << canonical(option) ? 0 : set(q, option, value, err);
}

int hec_request_create(hec_request **ret_request, hec_error *err)
{
    hec_request *q = calloc(1, sizeof *q);

    if (!q)
        return no_memory(err);
    q->nodes = q->cpus = 1;
    q->warn_signal = "TERM";
    *ret_request = q;
    return 0;
}

void hec_request_destroy(hec_request *q)
{
    if (!q)
        return;
    hec__arena_fini(&q->arena);
    free(q);
}

int hec_request_command(hec_request *q, const char *const *argv, size_t n, hec_error *err)
{
    const char **all;

    if (n == 0 || !*argv[0])
        return hec__fail(err, HEC_EINVAL, 0, "there is no command");
    all = hec__arena_alloc(&q->arena, n * sizeof *all);
    if (!all)
        return no_memory(err);
    for (size_t i = 0; i < n; i++)
        if (keep(q, &all[i], argv[i], err) < 0)
            return HEC_ENOMEM;
    q->argv = all;
    q->argc = n;
    return 0;
}

int hec__request_run(hec_request *q, const hec__of_run *run, hec_error *err)
{
    hec__await *awaits = hec__arena_alloc(&q->arena, (run->n_awaits + 1) * sizeof *awaits);
    hec__of_run copy = {.outputs = run->outputs, .awaits = awaits, .n_awaits = run->n_awaits};

    if (!awaits || keep(q, &copy.dir, run->dir, err) < 0 || keep(q, &copy.id, run->id, err) < 0)
        return no_memory(err);
    if (run->code_of && keep(q, &copy.code_of, run->code_of, err) < 0)
        return HEC_ENOMEM;
    for (size_t i = 0; i < run->n_awaits; i++) {
        awaits[i] = run->awaits[i];
        if (keep(q, &awaits[i].marks, run->awaits[i].marks, err) < 0 ||
            keep(q, &awaits[i].run, run->awaits[i].run, err) < 0)
            return HEC_ENOMEM;
    }
    q->run = copy;
    return 0;
}

uint64_t hec__request_elements(const hec_request *q)
{
    uint64_t n = 0;

    for (size_t i = 0; i < q->n_ranges; i++)
        n += (q->ranges[i].last - q->ranges[i].first) / q->ranges[i].step + 1;
    return n;
}
