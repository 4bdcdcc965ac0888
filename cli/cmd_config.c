/* SPDX-License-Identifier: MIT
 *
 * hec config: looks at files of parameters, and turns one kind into the other.
 */
#include "exit.h"
#include "out.h"
#include "verbs.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <hec/config.h>

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { OPT_JSON, OPT_SCHEMA, OPT_OUTPUT, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_JSON] = {"json", NULL, "print one JSON value (check, runs)"},
    [OPT_SCHEMA] = {"schema", "FILE", "what is allowed, instead of NAME.schema.yaml (check, runs)"},
    [OPT_OUTPUT] = {"output", "FILE", "write there instead of to stdout (yaml2csv, csv2yaml)"},
};

/* What one of the actions is given. */
typedef struct request {
    const char *const *files;
    size_t n;
    const char *schema, *output;
    bool json;
} request;

static void destroy_runs(hec_runs **runs)
{
    hec_runs_destroy(*runs);
}

static int flush(hec__strbuf *line)
{
    if (line->failed) {
        out_complain("cannot print: out of memory");
        return STATUS_INTERNAL;
    }
    fwrite(line->data, 1, line->len, stdout); /* whether it worked is seen at the end, for all */
    hec__strbuf_clear(line);
    return STATUS_OK;
}

/* ---- check ---- */

/* ctx: a list in JSON, or NULL for lines. */
static void tell(void *ctx, const char *text)
{
    if (ctx)
        hec__json_str(ctx, text);
    else
        puts(text);
}

static int run_check(const request *q)
{
    HEC_AUTO_STRBUF line;
    hec__json json;
    hec_error err;
    uint64_t runs = 0;
    int64_t found;

    hec__strbuf_init(&line);
    hec__json_init(&json, &line);
    if (q->json) {
        hec__json_open(&json, '{');
        hec__json_key(&json, "schema");
        hec__json_int(&json, 1);
        hec__json_key(&json, "problems");
        hec__json_open(&json, '[');
    }
    found = hec_runs_check(q->files, q->n, q->schema, tell, q->json ? &json : NULL, &runs, &err);
    if (found < 0)
        return out_error("check the parameters", &err);
    if (q->json) {
        hec__json_close(&json);
        hec__json_key(&json, "runs");
        hec__json_uint(&json, runs);
        hec__json_close(&json);
        hec__strbuf_addc(&line, '\n');
        if (flush(&line) != STATUS_OK)
            return STATUS_INTERNAL;
    } else if (found == 0) {
        printf("%" PRIu64 " run%s, nothing wrong\n", runs, runs == 1 ? "" : "s");
    }
    if (found == 0)
        return STATUS_OK;
    fflush(stdout); /* the sum comes last, where both go to a terminal */
    out_complain("%" PRId64 " problem%s in %" PRIu64 " run%s", found, found == 1 ? "" : "s", runs,
                 runs == 1 ? "" : "s");
    return STATUS_CONFIG;
}

/* ---- runs ---- */

static int add_json(hec__json *json, const hec_run *run)
{
    hec_error err;
    char *parameters;

    if (hec_value_json(run->parameters, &parameters, &err) < 0)
        return out_error("print the runs", &err);
    hec__json_open(json, '{');
    hec__json_key(json, "id");
    hec__json_str(json, run->id);
    hec__json_key(json, "seed");
    hec__json_uint(json, run->seed);
    hec__json_key(json, "file");
    hec__json_str(json, run->file);
    hec__json_key(json, "row");
    hec__json_uint(json, run->row);
    hec__json_key(json, "parameters");
    hec__json_raw(json, parameters);
    hec__json_close(json);
    free(parameters);
    return STATUS_OK;
}

/* A text without quotes where that leaves no doubt, all else as JSON. */
static int add_value(hec__strbuf *line, const hec_value *value)
{
    HEC_AUTO_STR json = NULL;
    hec_error err;
    size_t n;

    if (hec_value_json(value, &json, &err) < 0)
        return out_error("print the runs", &err);
    n = strlen(json);
    if (value->kind == HEC_VALUE_TEXT && value->count > 0 && n == value->count + 2 &&
        !strpbrk(value->as.text, " '"))
        hec__strbuf_add(line, json + 1, n - 2);
    else
        hec__strbuf_add(line, json, n);
    return STATUS_OK;
}

static int add_line(hec__strbuf *line, const hec_run *run)
{
    hec__strbuf_addf(line, "%s  %s:%" PRIu64, run->id, run->file, run->row);
    for (uint64_t i = 0; i < run->parameters->count; i++) {
        const hec_member *m = &run->parameters->as.members[i];
        int status;

        hec__strbuf_addf(line, "%s%s=", i ? " " : "  ", m->key.as.text);
        status = add_value(line, &m->value);
        if (status != STATUS_OK)
            return status;
    }
    hec__strbuf_addc(line, '\n');
    return STATUS_OK;
}

static int print_runs(const request *q, hec_runs *runs, hec__json *json, hec__strbuf *line)
{
    for (;;) {
        const hec_run *run;
        hec_error err;
        int r = hec_runs_next(runs, &run, &err), status;

        if (r < 0) {
            flush(line);
            return out_error("read the runs", &err);
        }
        if (r == 0)
            return STATUS_OK;
        status = q->json ? add_json(json, run) : add_line(line, run);
        if (status == STATUS_OK)
            status = flush(line);
        if (status != STATUS_OK)
            return status;
        if (ferror(stdout))
            return STATUS_INTERNAL; /* nobody reads any more; out_finish() says so */
    }
}

static int run_runs(const request *q)
{
    __attribute__((cleanup(destroy_runs))) hec_runs *runs = NULL;
    HEC_AUTO_STRBUF line;
    hec__json json;
    hec_error err;
    int status;

    hec__strbuf_init(&line);
    hec__json_init(&json, &line);
    if (hec_runs_open(q->files, q->n, q->schema, &runs, &err) < 0)
        return out_error("read the runs", &err);
    if (q->json) {
        hec__json_open(&json, '{');
        hec__json_key(&json, "schema");
        hec__json_int(&json, 1);
        hec__json_key(&json, "runs");
        hec__json_open(&json, '[');
    }
    status = print_runs(q, runs, &json, &line);
    if (status == STATUS_OK && q->json) {
        hec__json_close(&json);
        hec__json_close(&json);
        hec__strbuf_addc(&line, '\n');
        status = flush(&line);
    }
    return status;
}

/* ---- yaml2csv, csv2yaml ---- */

static int convert(const request *q, hec_runs_writer *write)
{
    hec_error err;
    int r = q->output ? hec_runs_save(write, q->files, q->n, q->output, &err)
                      : write(q->files, q->n, stdout, &err);

    return r < 0 ? out_error("convert the parameters", &err) : STATUS_OK;
}

static int run_yaml2csv(const request *q)
{
    return convert(q, hec_runs_write_csv);
}

static int run_csv2yaml(const request *q)
{
    return convert(q, hec_runs_write_yaml);
}

/* ---- all ---- */

static const struct action {
    const char *name;
    bool options[N_OPTS]; /* which it takes */
    int (*run)(const request *q);
} actions[] = {
    {"check", {[OPT_JSON] = true, [OPT_SCHEMA] = true}, run_check},
    {"runs", {[OPT_JSON] = true, [OPT_SCHEMA] = true}, run_runs},
    {"yaml2csv", {[OPT_OUTPUT] = true}, run_yaml2csv},
    {"csv2yaml", {[OPT_OUTPUT] = true}, run_csv2yaml},
};

#define N_ACTIONS (sizeof actions / sizeof *actions)

static const char *action_name(const void *table, size_t i)
{
    return ((const struct action *)table)[i].name;
}

static const struct action *find_action(const char *name)
{
    const char *near;

    for (size_t i = 0; i < N_ACTIONS; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    near = opt_nearest(name, action_name, actions, N_ACTIONS);
    out_complain("cannot understand '%s': 'hec config' can check, runs, yaml2csv and csv2yaml",
                 name);
    if (near)
        out_hint("did you mean 'hec config %s'?", near);
    return NULL;
}

static int run_config(const opt_args *args)
{
    const struct action *action;
    request q = {.json = args->values[OPT_JSON] != NULL,
                 .schema = args->values[OPT_SCHEMA],
                 .output = args->values[OPT_OUTPUT]};

    if (args->n_operands < 2) {
        if (args->n_operands == 1 && !find_action(args->operands[0]))
            return STATUS_USAGE;
        out_complain("cannot do anything: %s was given",
                     args->n_operands ? "no file" : "no action");
        out_hint("'hec help config' shows its usage");
        return STATUS_USAGE;
    }
    action = find_action(args->operands[0]);
    if (!action)
        return STATUS_USAGE;
    for (int i = 0; i < N_OPTS; i++) {
        if (args->values[i] && !action->options[i]) {
            out_complain("cannot understand '--%s': 'hec config %s' takes no such option",
                         rows[i].name, action->name);
            return STATUS_USAGE;
        }
    }
    q.files = (const char *const *)args->operands + 1;
    q.n = (size_t)args->n_operands - 1;
    return action->run(&q);
}

const opt_verb verb_config = {
    .name = "config",
    .summary = "check files of parameters, list their runs, turn YAML into CSV and back",
    .operands = "check|runs|yaml2csv|csv2yaml FILE...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_config,
};
