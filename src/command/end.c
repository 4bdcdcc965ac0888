/* SPDX-License-Identifier: MIT
 *
 * How commands end. The process is reaped last of all: until then its number, which is its group's
 * too, cannot be another's, and signals to it hit nobody else.
 */
#include "command/state.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/child.h"
#include "sys/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* What a command has left running gets this long to end by itself. */
#define LINGER_NS UINT64_C(1000000000)
/* Without pidfds: from when on, and how seldom at most, to look whether a process has ended that
 * has closed its guard. */
#define LOOK_FIRST_NS UINT64_C(1000000)
#define LOOK_LAST_NS  UINT64_C(100000000)
#define YIELDS        100

void hec__place_signal(const hec__place *p, int sig)
{
    /* Where the host program ignores SIGCHLD, a number is free at once: then the guard alone
     * reaches what is left of the group. */
    if (p->unheard || (!p->ended_ns && hec__spawn_ended(p->pid) == HEC__ENDED_UNHEARD))
        return;
    /* Under an emulator the child may not have made its group yet. */
    if (kill(-p->pid, sig) < 0)
        kill(p->pid, sig);
}

bool hec__place_ask(const hec_commands *c, hec__place *p, hec_verdict cause)
{
    if (p->state != HEC__RUNNING)
        return false;
    p->cause = cause;
    p->state = HEC__ASKED;
    p->deadline_ns = hec__now_ns() + c->grace_ns;
    hec__place_signal(p, SIGTERM);
    hec__place_signal(p, SIGCONT); /* one that is stopped hears nothing else */
    return true;
}

bool hec__place_kill(hec__place *p, hec_verdict cause)
{
    if (p->state != HEC__RUNNING && p->state != HEC__ASKED)
        return false;
    if (p->state == HEC__RUNNING)
        p->cause = cause;
    p->state = HEC__KILLED;
    p->deadline_ns = HEC__NEVER;
    hec__place_signal(p, SIGKILL);
    return true;
}

void hec__place_clear(hec_commands *c, hec__place *p)
{
    bool own = c->pid == getpid(); /* the watch is shared with forked copies of this process */

    for (int i = 0; i < 2; i++) {
        hec__capture_close(c, &p->captures[i]);
        hec__strbuf_fini(&p->captures[i].text);
    }
    if (p->pidfd >= 0) {
        if (own)
            hec__watch_remove(&c->watch, p->pidfd);
        close(p->pidfd);
    }
    if (p->hold >= 0) {
        if (own)
            hec__watch_remove(&c->watch, p->hold);
        close(p->hold);
    }
    p->pidfd = p->hold = -1;
    p->state = HEC__FREE;
}

static int tell(hec_commands *c, const hec_command_end *end, hec_error *err)
{
    c->told++;
    if (c->ops.end && c->ops.end(c->ctx, end) < 0)
        return hec__fail(err, HEC_ECALLBACK, 0, "the end of a command could not be taken");
    return 0;
}

hec_command_end hec__refusal(uint64_t task, const hec_error *why)
{
    return (hec_command_end){.task = task,
                             .verdict = HEC_TASK_REFUSED,
                             .exit_status = -1,
                             .out = {.data = ""},
                             .err = {.data = ""},
                             .error = why};
}

int hec__tell_refusal(hec_commands *c, uint64_t task, const hec_error *why, hec_error *err)
{
    hec_command_end end = hec__refusal(task, why);

    return tell(c, &end, err);
}

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

/* Reaps the process and says how it ended. */
static hec_command_end verdict_of(hec_commands *c, hec__place *p)
{
    hec_command_end end = {.task = p->task,
                           .verdict = HEC_TASK_KILLED,
                           .exit_status = -1,
                           .pid = p->pid,
                           .started_ns = p->started_ns,
                           .duration_ns = p->ended_ns - p->began_ns};
    struct rusage used = {0};
    int status;

    if (!p->unheard && wait4(p->pid, &status, WNOHANG, &used) == p->pid) {
        uint64_t rss = (uint64_t)used.ru_maxrss * 1024;

        if (WIFEXITED(status)) {
            end.exit_status = WEXITSTATUS(status);
            end.verdict = end.exit_status ? HEC_TASK_EXITED : HEC_TASK_DONE;
        } else {
            end.signal = WTERMSIG(status);
        }
        end.cpu_ns = ns_of(used.ru_utime) + ns_of(used.ru_stime);
        end.max_rss = rss > p->parent_rss ? rss : 0;
    }
    if (p->peak > end.max_rss)
        end.max_rss = p->peak;
    if (p->cause)
        end.verdict = p->cause;
    else if (hec__oom_killed(c, &end))
        end.verdict = HEC_TASK_OUT_OF_MEMORY;
    return end;
}

/* The command is over: nothing of its group stays, its place is free, and its end is told. */
static int finish(hec_commands *c, hec__place *p, hec_error *err)
{
    hec_command_end end;
    hec_error why = {0};
    int r;

    hec__place_signal(p, SIGKILL);
    for (int i = 0; i < 2; i++)
        hec__capture_pump(c, &p->captures[i]);
    end = verdict_of(c, p);
    end.out = hec__capture_view(&p->captures[0]);
    end.err = hec__capture_view(&p->captures[1]);
    if (hec__command_refusal(c, p, NULL, &why) < 0) { /* late news, from under an emulator */
        end.verdict = HEC_TASK_REFUSED;
        end.exit_status = -1;
        end.error = &why;
    }
    c->running--;
    p->state = HEC__FREE; /* for whoever looks from inside the callback */
    r = tell(c, &end, err);
    hec__place_clear(c, p);
    return r;
}

/* Whether nobody is left of a command whose process has ended. */
static bool is_settled(const hec__place *p)
{
    return p->captures[0].fd < 0 && p->captures[1].fd < 0 && hec__guard_released(p->hold);
}

/* Looks whether the process has ended, and if so goes on from there. */
static int look(hec_commands *c, hec__place *p, hec_error *err)
{
    enum hec__ended ended = hec__spawn_ended(p->pid);

    if (ended == HEC__RUNS)
        return 0;
    p->unheard = ended == HEC__ENDED_UNHEARD;
    p->ended_ns = hec__now_ns();
    p->look_ns = p->weigh_ns = HEC__NEVER;
    for (int i = 0; i < 2; i++)
        hec__capture_pump(c, &p->captures[i]);
    if (p->state == HEC__KILLED || is_settled(p))
        return finish(c, p, err);
    if (p->state == HEC__RUNNING)
        p->deadline_ns = p->ended_ns + LINGER_NS;
    p->state = HEC__LINGERING;
    hec__place_listen(c, p, p->ended_ns);
    if (p->pidfd < 0)
        return 0; /* its guard is watched already */
    hec__watch_remove(&c->watch, p->pidfd);
    close(p->pidfd);
    p->pidfd = -1;
    /* If that fails the deadline will do. */
    hec__watch_add(&c->watch, p->hold, hec__tag(c, p, HEC__NEWS_GUARD), NULL);
    return 0;
}

/* Nobody has the guard any more. */
static int guard_news(hec_commands *c, hec__place *p, hec_error *err)
{
    hec__watch_remove(&c->watch, p->hold); /* it would say so for ever */
    if (p->state == HEC__LINGERING)
        return is_settled(p) ? finish(c, p, err) : 0;
    /* Without pidfds this is the news of an end. The process is about to become one that can be
     * reaped, or it has closed what it does not know. */
    for (int i = 0; i < YIELDS && hec__spawn_ended(p->pid) == HEC__RUNS; i++)
        sched_yield();
    p->look_every_ns = LOOK_FIRST_NS;
    p->look_ns = hec__now_ns() + p->look_every_ns;
    return look(c, p, err);
}

int hec__place_news(hec_commands *c, hec__place *p, enum hec__news news, hec_error *err)
{
    hec__capture *k = news == HEC__NEWS_OUT ? &p->captures[0] : &p->captures[1];

    switch (news) {
    case HEC__NEWS_END:
        /* Old news otherwise, of one that was told about in the same breath. */
        return p->pidfd >= 0 ? look(c, p, err) : 0;
    case HEC__NEWS_GUARD:
        return p->state != HEC__FREE && hec__guard_released(p->hold) ? guard_news(c, p, err) : 0;
    case HEC__NEWS_OUT:
    case HEC__NEWS_ERR:
        hec__capture_pump(c, k);
        return p->state == HEC__LINGERING && is_settled(p) ? finish(c, p, err) : 0;
    }
    return 0;
}

int hec__place_due(hec_commands *c, hec__place *p, uint64_t now, hec_error *err)
{
    if (p->listen_ns <= now)
        hec__place_listen(c, p, now);
    if (p->weigh_ns <= now)
        hec__place_weigh(p, now);
    if (p->look_ns <= now) {
        int r;

        p->look_every_ns =
            p->look_every_ns < LOOK_LAST_NS / 2 ? 2 * p->look_every_ns : LOOK_LAST_NS;
        p->look_ns = now + p->look_every_ns;
        r = look(c, p, err);
        if (r < 0 || p->state == HEC__FREE)
            return r;
    }
    if (p->deadline_ns > now)
        return 0;
    switch (p->state) {
    case HEC__RUNNING:
        hec__place_ask(c, p, HEC_TASK_TIMED_OUT);
        return 0;
    case HEC__ASKED:
        p->state = HEC__KILLED;
        p->deadline_ns = HEC__NEVER;
        hec__place_signal(p, SIGKILL);
        return 0;
    case HEC__LINGERING:
        return finish(c, p, err);
    case HEC__KILLED:
    case HEC__FREE:
        break;
    }
    return 0;
}
