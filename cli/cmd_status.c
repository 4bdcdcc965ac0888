/* SPDX-License-Identifier: MIT
 *
 * hec status: how a run stands.
 */
#include "exit.h"
#include "out.h"
#include "run.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { OPT_NOW, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_NOW] = {"now", NULL, "ask the scheduler even if that was done within 30 s"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
};

/* "3 done, 1 failed" */
static void print_counts(const run_view *v)
{
    const char *comma = "";

    printf("  jobs:     ");
    for (int state = HEC_JOB_WAITING; state <= HEC_JOB_LOST; state++) {
        size_t n = 0;

        for (size_t i = 0; i < v->n; i++)
            n += v->all[i].state == state;
        if (n) {
            printf("%s%zu %s", comma, n, hec_job_state_word(state));
            comma = ", ";
        }
    }
    putchar('\n');
}

/* The scheduler's own word and reason, where it has one. */
static void print_reason(const run_view *v)
{
    const hec_job *j = v->from;
    char when[32];

    if (!j)
        return;
    if (j->reason)
        printf("  reason:   %s\n", j->reason);
    if (j->word)
        printf("  there:    %s\n", j->word);
    if (j->stuck)
        printf("  stuck:    it will not run before somebody does something about it\n");
    if (j->state == HEC_JOB_WAITING && j->expected)
        printf("  expected: %s\n", run_when(j->expected, when, sizeof when));
    if (j->nodes && *j->nodes)
        printf("  on:       %s\n", j->nodes);
}

static void print_view(const run_view *v)
{
    int64_t started, ended, now = (int64_t)time(NULL);
    char when[32], took[32], command[400];
    run_code code;

    run_times(v, &started, &ended);
    printf("%s: %s\n", hec_rundir_id(v->run),
           v->n ? hec_job_state_word(v->state) : "not submitted");
    print_reason(v);
    if (v->n > 1)
        print_counts(v);
    printf("  command:  %s\n", run_command(v->run, command, sizeof command));
    printf("  made:     %s\n", run_when(hec_rundir_created_ms(v->run) / 1000, when, sizeof when));
    if (started)
        printf("  began:    %s\n", run_when(started, when, sizeof when));
    if (ended)
        printf("  ended:    %s\n", run_when(ended, when, sizeof when));
    if (started)
        printf(
            "  took:     %s%s\n",
            out_seconds((unsigned long long)((ended ? ended : now) - started), took, sizeof took),
            ended ? "" : " so far");
    /* The elements of an array are of one job. */
    for (size_t i = 0; i < v->n && v->n <= 8; i++)
        if (v->all[i].id &&
            (i == 0 || !v->all[i - 1].id || strcmp(v->all[i].id, v->all[i - 1].id) != 0))
            printf("  job:      %s\n", v->all[i].id);
    printf("  folder:   %s\n", hec_rundir_path(v->run));
    run_code_read(v->run, &code);
    if (code.files)
        printf("  code:     a copy of %s, %" PRIu64 " files\n", code.of, code.files);
    else if (strcmp(hec_rundir_kind(v->run), "job") == 0)
        printf("  code:     no copy: it is used as it is when the job begins\n");
    if (v->n && !hec_job_state_ended(v->state) && now - v->as_of / 1000 > 5)
        printf("  as of:    %s ago\n",
               v->as_of
                   ? out_seconds((unsigned long long)(now - v->as_of / 1000), took, sizeof took)
                   : "never, no answer");
}

static int run_status_verb(const opt_args *args)
{
    AUTO_RUN_VIEW v = {0};
    hec__strbuf out;
    hec__json j;
    int status = run_look(args->n_operands ? args->operands[0] : NULL,
                          args->values[OPT_NOW] ? HEC_ASK_NOW : HEC_ASK_GENTLY, &v);

    if (status != STATUS_OK)
        return status;
    if (!args->values[OPT_JSON]) {
        print_view(&v);
        return STATUS_OK;
    }
    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema"), hec__json_int(&j, RUN_SCHEMA);
    run_json(&j, &v);
    hec__json_close(&j);
    status = run_print(&out, STATUS_OK);
    hec__strbuf_fini(&out);
    return status;
}

const opt_verb verb_status = {
    .name = "status",
    .summary = "tell how a run stands, and why it waits or how it ended",
    .operands = "[RUN]",
    .max_operands = 1,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_status_verb,
};
