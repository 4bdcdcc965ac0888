/* SPDX-License-Identifier: MIT
 *
 * hec wait: until runs have ended.
 */
#include "base/units.h"
#include "exit.h"
#include "out.h"
#include "run.h"
#include "verbs.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

enum { OPT_TIMEOUT, OPT_JSON, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_TIMEOUT] = {"timeout", "TIME", "wait no longer than this: 90s, 15m, 1h30m"},
    [OPT_JSON] = {"json", NULL, "print one JSON value instead of text"},
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void show(const run_view *v, hec__json *json)
{
    const char *reason = v->from ? v->from->reason : NULL;

    if (!json) {
        printf("%s: %s%s%s\n", hec_rundir_id(v->run), hec_job_state_word(v->state),
               reason ? ": " : "", reason ? reason : "");
        return;
    }
    hec__json_open(json, '{');
    run_json(json, v);
    hec__json_close(json);
}

/* One run; until_ms: of this clock, -1 for ever. */
static int wait_for(const char *name, int64_t until_ms, hec__json *json)
{
    AUTO_RUN_VIEW v = {0};
    hec_rundir *run = NULL;
    hec_error err;
    int64_t left = until_ms < 0 ? -1 : until_ms - now_ms();
    int r, status = run_open(name, &run);

    if (status != STATUS_OK)
        return status;
    r = hec_rundir_wait(run, until_ms >= 0 && left < 0 ? 0 : left, NULL, NULL, &err);
    if (r < 0) {
        hec_rundir_destroy(run);
        return out_error("wait", &err);
    }
    status = run_view_init(run, HEC_ASK_NOBODY, &v);
    if (status != STATUS_OK)
        return status;
    show(&v, json);
    if (r == 2)
        out_complain(
            "%s will not begin before somebody does something about it; 'hec cancel' takes "
            "it out of the queue",
            hec_rundir_id(v.run));
    return r == 0 ? STATUS_AGAIN : run_status(v.state);
}

/* All of them in turn: what ends meanwhile costs no time. */
static int wait_all(const opt_args *args, int64_t until_ms, hec__json *json)
{
    int worst = wait_for(args->n_operands ? args->operands[0] : NULL, until_ms, json);

    for (int i = 1; i < args->n_operands && worst <= STATUS_FAILED; i++) {
        int status = wait_for(args->operands[i], until_ms, json);

        worst = status != STATUS_OK ? status : worst;
    }
    return worst;
}

static int run_wait(const opt_args *args)
{
    const char *timeout = args->values[OPT_TIMEOUT];
    uint64_t seconds = 0;
    hec__strbuf out;
    hec__json j;
    hec_error err;
    int status;

    if (timeout && hec__parse_seconds(timeout, &seconds, &err) < 0) {
        (void)out_error("understand --timeout", &err);
        return STATUS_USAGE;
    }
    if (seconds > INT_MAX)
        seconds = INT_MAX;
    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "schema"), hec__json_int(&j, RUN_SCHEMA);
    hec__json_key(&j, "runs"), hec__json_open(&j, '[');
    status = wait_all(args, timeout ? now_ms() + (int64_t)seconds * 1000 : -1,
                      args->values[OPT_JSON] ? &j : NULL);
    hec__json_close(&j);
    hec__json_close(&j);
    if (args->values[OPT_JSON] && (status <= STATUS_FAILED || status == STATUS_AGAIN))
        status = run_print(&out, status);
    hec__strbuf_fini(&out);
    return status;
}

const opt_verb verb_wait = {
    .name = "wait",
    .summary = "wait until runs have ended",
    .operands = "[RUN]...",
    .max_operands = INT_MAX,
    .rows = rows,
    .n_rows = N_OPTS,
    .run = run_wait,
};
