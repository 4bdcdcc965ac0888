/* SPDX-License-Identifier: MIT
 *
 * The ends of commands: time limits, cancelling, what is left in the background, with pidfds and
 * without.
 */
#include "crowd.h"
#include "tap.h"

#include "sys/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t ms_of(const crowd_end *e)
{
    return e->end.duration_ns / 1000000;
}

static void time_limits(const char *how)
{
    crowd c = {0};
    const crowd_end *e = c.ends;
    uint64_t began = hec__now_ns(), took;
    hec_commands *engine = crowd_start(&c, 4, 200);

    crowd_add(&c, "echo begun; sleep 1000.1 & sleep 1000.1")->timeout_ms = 150;
    crowd_add(&c, "trap '' TERM; sleep 1000.1; sleep 1000.1; sleep 1000.1")->timeout_ms = 150;
    crowd_add(&c, "trap 'echo cleaned up; exit 9' TERM; sleep 1000.1 & wait")->timeout_ms = 150;
    crowd_add(&c, "kill -STOP $$; sleep 1000.1")->timeout_ms = 150;
    ok(crowd_until(&c, engine, 4, NULL), "commands over their time end (%s)", how);
    took = (hec__now_ns() - began) / 1000000;
    ok(took >= 150 && took < 5000, "soon: %llu ms", (unsigned long long)took);
    for (int i = 0; i < 4; i++)
        ok(e[i].end.verdict == HEC_TASK_TIMED_OUT, "verdict %d: %s", i,
           hec_verdict_word(e[i].end.verdict));
    ok(e[0].end.signal == SIGTERM, "by SIGTERM");
    is_str(e[0].out, "begun\n", "what it wrote is there");
    ok(e[1].end.signal == SIGKILL && ms_of(&e[1]) >= 340, "after the grace by SIGKILL");
    ok(e[2].end.exit_status == 9, "who hears SIGTERM may end in order");
    is_str(e[2].out, "cleaned up\n", "and say so");
    ok(e[3].end.signal == SIGTERM, "one that is stopped ends too");
    ok(crowd_wait_count("1000.1", 0), "nobody of the groups is left");
    hec_commands_destroy(engine, 0);
    crowd_fini(&c);
}

static void cancelling(void)
{
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 3, 100);

    crowd_add(&c, "sleep 1000.2");
    crowd_add(&c, "sleep 1000.2 | sleep 1000.2");
    crowd_add(&c, "sleep 1000.2");
    crowd_add(&c, "exit 0");
    hec_commands_step(engine, 0, NULL);
    ok(hec_commands_running(engine) == 3, "three run");
    ok(hec_commands_cancel(engine, 1) == 1 && hec_commands_cancel(engine, 1) == 0 &&
           hec_commands_cancel(engine, 3) == 0,
       "one is cancelled, once");
    ok(crowd_until(&c, engine, 2, NULL) && c.ends[1].end.verdict == HEC_TASK_CANCELLED,
       "it ends, and the next one takes its place");
    ok(c.ends[3].end.verdict == HEC_TASK_DONE, "which runs");
    ok(hec_commands_cancel(engine, HEC_COMMANDS_ALL) == 2 && crowd_until(&c, engine, 4, NULL) &&
           c.ends[0].end.verdict == HEC_TASK_CANCELLED &&
           c.ends[2].end.verdict == HEC_TASK_CANCELLED,
       "all are cancelled");
    ok(crowd_wait_count("1000.2", 0), "and gone");
    hec_commands_destroy(engine, 0);
    crowd_fini(&c);
}

/* What a command leaves in the background. */
static void leftovers(const char *how)
{
    crowd c = {0};
    const crowd_end *e = c.ends;
    uint64_t began = hec__now_ns(), took;

    crowd_add(&c, "(sleep 0.2; echo late) & echo early");
    crowd_add(&c, "sleep 1000.3 & echo early");
    crowd_add(&c, "setsid sh -c 'sleep 2.003; exit' & sleep 0.1; echo early");
    crowd_add(&c, "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; echo unguarded; sleep 0.1; exit 4");
    crowd_add(&c, "sleep 1000.3 >/dev/null 2>&1 &");
    ok(crowd_run(&c, 8, NULL) == 0, "commands leave something running (%s)", how);
    took = (hec__now_ns() - began) / 1000000;
    is_str(e[0].out, "early\nlate\n", "what comes within a second is waited for");
    is_str(e[1].out, "early\n", "what does not is killed");
    is_str(e[2].out, "early\n", "a daemon, out of its group, is not waited for longer");
    ok(e[3].end.exit_status == 4, "a command that closes all its descriptors is followed");
    for (int i = 0; i < 5; i++)
        ok(ms_of(&e[i]) < 900, "only the process itself counts: %llu ms",
           (unsigned long long)ms_of(&e[i]));
    ok(took >= 1000 && took < 5000, "it took %llu ms", (unsigned long long)took);
    ok(crowd_wait_count("1000.3", 0), "nothing is left of the groups");
    ok(crowd_wait_count("2.003", 0), "the daemon comes to its own end");
    crowd_fini(&c);
}

static void *wake_later(void *engine)
{
    usleep(50000);
    hec_commands_wake(engine);
    return NULL;
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void waking(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 1, 0);
    hec_error err = {0};
    uint64_t began;
    pthread_t t;

    crowd_add(&c, "sleep 1000.4");
    hec_commands_step(engine, 0, NULL);
    began = hec__now_ns();
    ok(hec_commands_step(engine, 30, NULL) == 0 && hec__now_ns() - began >= UINT64_C(29000000),
       "a step waits as long as it was told");
    if (pthread_create(&t, NULL, wake_later, engine) == 0) {
        ok(hec_commands_step(engine, -1, NULL) == 0, "a step is woken");
        pthread_join(t, NULL);
    }
    sigaction(SIGALRM, &sa, NULL);
    ualarm(50000, 50000); /* again and again: a step may return on its own just before */
    for (int i = 0; i < 1000 && !err.code; i++)
        hec_commands_step(engine, -1, &err);
    ualarm(0, 0);
    ok(err.code == HEC_EINTR, "a signal ends a step: %s", err.text);
    hec_commands_destroy(engine, 0);
    ok(crowd_wait_count("1000.4", 0), "destroyed is gone");
    crowd_fini(&c);
}

/* The host program takes all children's statuses itself. */
static void nobody_tells(void)
{
    crowd c = {0};

    signal(SIGCHLD, SIG_IGN);
    crowd_add(&c, "echo something; exit 5");
    crowd_add(&c, "sleep 1000.5")->timeout_ms = 50;
    ok(crowd_run(&c, 2, NULL) == 0, "commands of a program that ignores SIGCHLD end");
    ok(c.ends[0].end.verdict == HEC_TASK_KILLED && c.ends[0].end.exit_status == -1 &&
           c.ends[0].end.signal == 0,
       "though nobody knows how");
    is_str(c.ends[0].out, "something\n", "their output is there");
    ok(c.ends[1].end.verdict == HEC_TASK_TIMED_OUT && crowd_wait_count("1000.5", 0),
       "time limits hold");
    signal(SIGCHLD, SIG_DFL);
    crowd_fini(&c);
}

int main(void)
{
    int before = crowd_descriptors();

    time_limits("pidfd");
    cancelling();
    leftovers("pidfd");
    waking();
    nobody_tells();
    setenv("HEC_NO_PIDFD", "1", 1);
    time_limits("no pidfd");
    leftovers("no pidfd");
    nobody_tells();
    ok(crowd_descriptors() == before && crowd_no_children(),
       "no descriptor and no process is left");
    return done_testing();
}
