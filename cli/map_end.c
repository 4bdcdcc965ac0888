/* SPDX-License-Identifier: MIT
 *
 * What the end of a task means, and what is said about it.
 */
#include "map.h"

#include "exit.h"
#include "out.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* So many failures get a line of their own. */
#define TOLD_MAX 10u
/* The longest pause before something is tried again. */
#define PAUSE_MAX_NS (UINT64_C(3600) * 1000000000u)
/* A share of what has failed says nothing before so many have ended. */
#define SHARE_LEAST 3u

/* ---- again ---- */

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool has_bit(const unsigned char *bits, int32_t n)
{
    return bits[n / 8] & 1u << n % 8;
}

static bool is_retried(const map_retry_on *on, const map_end *e)
{
    if (e->verdict == HEC_TASK_DONE || e->verdict == HEC_TASK_CANCELLED ||
        e->verdict == HEC_TASK_REFUSED)
        return false;
    if (!on->given || on->verdicts & 1u << e->verdict)
        return true;
    if (e->verdict == HEC_TASK_EXITED)
        return e->exit_status >= 0 && has_bit(on->statuses, e->exit_status);
    return e->verdict == HEC_TASK_KILLED && e->signal > 0 && e->signal < 128 &&
           has_bit(on->signals, e->signal);
}

/* Twice as long each time, of which a random half is left out: those that failed together do not
 * come back together. */
static uint64_t pause_ns(const map_run *run, const map_task *t)
{
    uint64_t ns = run->o->backoff_ns, dice = now_ns() ^ t->seq * UINT64_C(0x9E3779B97F4A7C15);

    for (uint32_t i = 1; i < t->attempts && ns < PAUSE_MAX_NS; i++)
        ns *= 2;
    if (ns > PAUSE_MAX_NS)
        ns = PAUSE_MAX_NS;
    dice ^= dice >> 33;
    dice *= UINT64_C(0xFF51AFD7ED558CCD);
    dice ^= dice >> 33;
    return ns - (ns / 2 ? dice % (ns / 2) : 0);
}

static void try_again(map_run *run, map_task *t)
{
    map_task **at = &run->again;

    map_said_clear(&t->said, &run->out);
    if (run->o->retry_memory > 0 &&
        (t->end.verdict == HEC_TASK_OVER_MEMORY || t->end.verdict == HEC_TASK_OUT_OF_MEMORY))
        t->memory = (uint64_t)((double)t->memory * run->o->retry_memory);
    t->due_ns = now_ns() + pause_ns(run, t);
    while (*at && (*at)->due_ns <= t->due_ns)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    run->n_again++;
}

/* ---- what is said ---- */

static const char *signal_name(int sig, char *buf, size_t size)
{
    static const struct {
        int sig;
        const char *name;
    } names[] = {{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},
                 {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
                 {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGKILL, "SIGKILL"},
                 {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
                 {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
                 {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].sig == sig)
            return names[i].name;
    snprintf(buf, size, "signal %d", sig);
    return buf;
}

static void say_how(const map_run *run, const map_task *t, char *buf, size_t size)
{
    const map_end *e = &t->end;
    char text[32];

    switch ((int)e->verdict) {
    case HEC_TASK_EXITED:
        snprintf(buf, size, "exited with status %" PRId32, e->exit_status);
        return;
    case HEC_TASK_TIMED_OUT:
        if (run->o->timeout_ms % 1000)
            snprintf(buf, size, "took longer than %.3f s", (double)run->o->timeout_ms / 1000);
        else
            snprintf(buf, size, "took longer than %s",
                     out_seconds(run->o->timeout_ms / 1000, text, sizeof text));
        return;
    case HEC_TASK_OVER_MEMORY:
        snprintf(buf, size, "took more memory than %s", out_bytes(t->memory, text, sizeof text));
        return;
    case HEC_TASK_OUT_OF_MEMORY:
        snprintf(buf, size, "was killed by the kernel: memory ran out");
        return;
    case HEC_TASK_KILLED:
        if (e->signal)
            snprintf(buf, size, "was killed by %s", signal_name(e->signal, text, sizeof text));
        else
            snprintf(buf, size, "ended, and nobody knows how");
        return;
    case HEC_TASK_LOST:
        snprintf(buf, size, "was lost with its node");
        return;
    default:
        snprintf(buf, size, "failed: %s", hec_verdict_word(e->verdict));
    }
}

static void tell_failure(map_run *run, const map_task *t)
{
    char how[96];

    if (run->told++ >= TOLD_MAX)
        return;
    if (run->bar)
        map_bar_hide(run->bar);
    if (t->end.verdict == HEC_TASK_REFUSED) {
        out_complain("task %" PRIu64 " (line %" PRIu64 " of %s): %s", t->seq, t->line, t->where,
                     t->end.why);
        return;
    }
    say_how(run, t, how, sizeof how);
    out_complain("task %" PRIu64 " %s%s: %.500s", t->seq, how,
                 t->attempts > 1 ? ", the last time too" : "", map_task_text(run, t));
}

/* ---- over ---- */

static void halt(map_run *run)
{
    const map_halt *h = &run->o->halt;
    uint64_t ended = run->done + run->failed;
    uint64_t n = h->why == HALT_FAIL ? run->failed : h->why == HALT_SUCCESS ? run->done : ended;
    uint64_t of = run->total ? run->total : ended;

    if (h->why == HALT_NEVER || run->halted)
        return;
    if (h->why != HALT_DONE)
        of = ended;
    if (h->share ? ended < SHARE_LEAST || of == 0 || 100.0 * (double)n / (double)of < h->count
                 : (double)n < h->count)
        return;
    run->halted = true;
    map_run_stop(run, h->now ? MAP_CEASE : MAP_DRAIN);
}

/* A task that runs and whose turn has come shows the lines that it has. */
static void show_turn(map_run *run)
{
    hec_error err = {0};

    if (!run->o->keep_order || run->o->output != OUTPUT_LINES)
        return;
    for (uint32_t i = 0; i < run->n_running; i++)
        for (map_task *t = run->running[i]; t; t = t->next)
            for (int stream = 1; t->seq == run->out.turn && stream <= 2; stream++)
                if (map_output_data(&run->out, &t->said, stream, "", 0, &err) < 0)
                    map_run_fail(run, &err);
}

static void count(map_run *run, const map_task *t)
{
    if (t->end.verdict == HEC_TASK_DONE)
        run->done++;
    else if (t->end.verdict == HEC_TASK_CANCELLED)
        run->cancelled++;
    else if (t->end.verdict == HEC_TASK_SKIPPED)
        run->passed++;
    else
        run->failed++;
    run->lost_tasks += t->end.verdict == HEC_TASK_LOST;
}

/* Writes down what became of a task. */
static int record(map_run *run, map_task *t, hec_error *err)
{
    int r = 0;

    if (t->end.verdict == HEC_TASK_SKIPPED)
        return 0;
    /* Before the journal says that it is done, its output is where it can be read. */
    if (run->stream && t->attempts && !t->known)
        r = hec_stream_end(run->stream, &t->stream, err);
    if (run->joblog)
        map_joblog_add(run, t);
    if (r == 0 && run->o->results)
        r = map_results_write(run, t, err);
    /* What was ended by us has not come to an end of its own: it is to be run again. */
    if (r == 0 && run->journal && t->has_key && !t->known && t->end.verdict != HEC_TASK_CANCELLED)
        r = map_journal_add(run, t, err);
    return r;
}

void map_conclude(map_run *run, map_task *t)
{
    hec_error err = {0};

    count(run, t);
    if (record(run, t, &err) < 0)
        map_run_fail(run, &err);
    if (t->end.verdict != HEC_TASK_DONE && t->end.verdict != HEC_TASK_CANCELLED &&
        t->end.verdict != HEC_TASK_SKIPPED)
        tell_failure(run, t);
    if (map_output_end(&run->out, &t->said, &err) < 0)
        map_run_fail(run, &err);
    show_turn(run);
    halt(run);
}

void map_end_of(map_run *run, map_task *t)
{
    run->places[run->n_places++] = t->place;
    if (run->stop == MAP_GO && t->attempts <= run->o->retries &&
        is_retried(&run->o->retry_on, &t->end))
        try_again(run, t);
    else
        map_conclude(run, t);
}

/* ---- the last words ---- */

static bool something_is_left(map_run *run)
{
    map_row row;

    if (run->left || run->cancelled)
        return true;
    return !run->input_over && map_input_next(run->in, &row, NULL) != MAP_END;
}

static void tell_what_is_left(const map_run *run)
{
    char of[40] = "";

    if (run->total)
        snprintf(of, sizeof of, " of %" PRIu64, run->total);
    out_complain("stopped before the end%s: %" PRIu64 "%s tasks were done",
                 run->out_of_time ? ", since the time left is too short for another task" : "",
                 run->done, of);
    out_hint("start it again to go on");
}

static void tell_failures(const map_run *run)
{
    uint64_t all = run->done + run->failed + run->cancelled + run->left;

    if (run->passed)
        out_complain("%" PRIu64 " task%s that never ran %s left out", run->passed,
                     run->passed == 1 ? "" : "s", run->passed == 1 ? "is" : "are");
    if (run->failed == 0)
        return;
    out_complain("%" PRIu64 " of %" PRIu64 " task%s failed%s", run->failed, all,
                 all == 1 ? "" : "s", run->halted ? ", and the others were not begun" : "");
    if (run->journal_path || run->o->journal)
        out_hint("'hec results --failed %s' shows them",
                 run->dir ? hec_rundir_id(run->dir) : run->o->journal);
}

static void tell_lost(const map_run *run)
{
    if (run->lost)
        out_complain("the output of %" PRIu64 " task%s that %s done before is not there any more",
                     run->lost, run->lost == 1 ? "" : "s", run->lost == 1 ? "was" : "were");
}

/* What hec itself could not do. 0: there is no such thing. */
static int trouble(const map_run *run)
{
    if (run->error.code)
        return out_error("go on", &run->error);
    if (run->out.failed == EPIPE)
        return 128 + SIGPIPE;
    if (run->out.failed)
        out_complain("cannot write the output: %s", strerror(run->out.failed));
    return run->out.failed ? STATUS_INTERNAL : 0;
}

int map_finish(map_run *run)
{
    int status = trouble(run), sig = map_signals_last();

    if (status == 0 && run->input_over && run->given == 0)
        out_complain("there was nothing to run: the input is empty");
    tell_failures(run);
    map_nodes_tell(run);
    tell_lost(run);
    if (status)
        return status;
    if (sig) {
        out_complain("interrupted: %" PRIu64 " task%s done", run->done,
                     run->done == 1 ? " was" : "s were");
        return 128 + sig;
    }
    /* What was lost has not failed by its own means. */
    if (run->lost_tasks ||
        ((run->drained || run->out_of_time || run->nodes_gone) && something_is_left(run))) {
        tell_what_is_left(run);
        return STATUS_AGAIN;
    }
    if (run->halted && run->o->halt.why == HALT_SUCCESS)
        return STATUS_OK;
    return run->failed ? STATUS_FAILED : STATUS_OK;
}
