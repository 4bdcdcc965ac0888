/* SPDX-License-Identifier: MIT
 *
 * Nobody outlives the engine, nor the process that it lives in, however that one ends; and ten
 * thousand commands leave nothing behind.
 */
#include "crowd.h"
#include "tap.h"

#include "sys/clock.h"
#include "sys/slice.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void destroyed(uint32_t grace_ms, const char *how)
{
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 4, 0);
    uint64_t began;

    crowd_add(&c, "sleep 1001.1 & sleep 1001.1 & wait");
    crowd_add(&c, "trap '' TERM; sleep 1001.1 & sleep 1001.1; sleep 1001.1");
    crowd_add(&c, "sleep 1001.1 | sleep 1001.1");
    crowd_add(&c, "yes 1001.1");
    hec_commands_step(engine, 0, NULL);
    ok(hec_commands_running(engine) == 4, "four run (%s)", how);
    began = hec__now_ns();
    hec_commands_destroy(engine, grace_ms);
    ok(hec__now_ns() - began < UINT64_C(3000000000), "they are ended soon");
    ok(crowd_no_children() && c.told == 0, "none is left to be reaped, and none was told of");
    ok(crowd_wait_count("1001.1", 0), "nobody of their groups is left");
    crowd_fini(&c);
}

/* A process with an engine whose commands run, in its main thread or another. */
static void *run_it(void *arg)
{
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 3, 0);

    (void)arg;
    crowd_add(&c, "sleep 1001.2 & sleep 1001.2 & wait");
    crowd_add(&c, "sleep 1001.2 | (sleep 1001.2; true)");
    crowd_add(&c, "trap '' HUP TERM INT; sleep 1001.2; sleep 1001.2");
    crowd_until(&c, engine, 3, NULL);
    return NULL;
}

static void parent_dies(int sig, bool in_thread)
{
    pid_t parent = fork();

    if (parent == 0) {
        pthread_t t;

        if (in_thread && pthread_create(&t, NULL, run_it, NULL) == 0)
            pthread_join(t, NULL);
        else
            run_it(NULL);
        _exit(0);
    }
    /* Of each command the shell, which has the number among its arguments too, and what it runs;
     * the brackets are a shell of their own. */
    ok(crowd_wait_count("1001.2", 3 + 2 + 3 + 1), "nine processes of three commands run");
    kill(parent, sig);
    waitpid(parent, NULL, 0);
    ok(crowd_wait_count("1001.2", 0), "none outlives its parent's signal %d%s", sig,
       in_thread ? ", started by a thread" : "");
}

static void *start_only(void *arg)
{
    hec_commands_step(arg, 0, NULL);
    return NULL;
}

/* The kernel's signal of a parent's death speaks of threads: a command must not end with the one
 * that started it. */
static void thread_ends(void)
{
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 1, 0);
    pthread_t t;

    crowd_add(&c, "sleep 0.3; exit 7");
    if (pthread_create(&t, NULL, start_only, engine) == 0)
        pthread_join(t, NULL);
    ok(crowd_until(&c, engine, 1, NULL) && c.ends[0].end.exit_status == 7,
       "a command outlives the thread that started it");
    hec_commands_destroy(engine, 0);
    crowd_fini(&c);
}

/* A copy of the engine in a forked child ends nothing. */
static void forked_copy(void)
{
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 1, 0);
    pid_t pid;

    crowd_add(&c, "echo begun; sleep 0.3; exit 8");
    hec_commands_step(engine, 0, NULL);
    pid = fork();
    if (pid == 0) {
        hec_commands_destroy(engine, 100);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    ok(crowd_until(&c, engine, 1, NULL) && c.ends[0].end.exit_status == 8,
       "what a forked copy destroys lives on");
    is_str(c.ends[0].out, "begun\n", "and is heard");
    hec_commands_destroy(engine, 0);
    crowd_fini(&c);
}

static uint64_t slice_of(pid_t pid)
{
    hec__slice s = {.size = sizeof s};

    return syscall(SYS_sched_getattr, pid, &s, sizeof s, 0) == 0 ? s.runtime_ns : UINT64_MAX;
}

/* What starting asks of the scheduler is asked for the start alone. */
static void slices(void)
{
    crowd c = {0};
    hec_commands *engine = crowd_start(&c, 1, 0);
    hec__slice before = {.size = sizeof before};
    uint64_t usual = slice_of(0), theirs;
    char path[64];
    FILE *f = NULL;
    int pid = 0;

    crowd_add(&c, "sleep 1001.3");
    hec_commands_step(engine, 0, NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    f = fopen(path, "re");
    if (f) {
        ok(fscanf(f, "%d", &pid) == 1, "a command runs");
        fclose(f);
    }
    theirs = pid ? slice_of(pid) : 0;
    ok(usual != UINT64_MAX && slice_of(0) == usual, "the starter's slice is as it was");
    ok(theirs == usual, "and so is that of what it started: %llu", (unsigned long long)theirs);
    hec_commands_destroy(engine, 0);
    crowd_fini(&c);
    ok(hec__slice_shorten(&before) && before.runtime_ns == usual && slice_of(0) <= usual,
       "a short one can be had");
    syscall(SYS_sched_setattr, 0, &before, 0);
    ok(slice_of(0) == usual, "and given back");
}

/* ---- many ---- */

typedef struct tally {
    uint64_t n, told, done;
} tally;

static int next_true(void *ctx, uint64_t task, hec_command *command)
{
    static const char *const argv[] = {"/bin/true", NULL};
    const tally *t = ctx;

    if (task >= t->n)
        return 0;
    command->argv = argv;
    command->out.kind = command->err.kind = HEC_STREAM_MEMORY;
    return 1;
}

static int count_end(void *ctx, const hec_command_end *e)
{
    tally *t = ctx;

    t->told++;
    t->done += e->verdict == HEC_TASK_DONE;
    return 0;
}

static void many(uint64_t n, uint32_t width)
{
    const hec_command_ops ops = {.next = next_true, .end = count_end};
    tally t = {.n = n};
    hec_commands_options o = {.width = width, .ops = &ops, .ctx = &t};
    hec_commands *engine = NULL;
    int before = crowd_descriptors(), r = hec_commands_create(&o, &engine, NULL), during = 0;

    while (r >= 0 && t.told < n) {
        r = hec_commands_step(engine, -1, NULL);
        if (t.told > n / 2 && !during)
            during = crowd_descriptors();
    }
    hec_commands_destroy(engine, 0);
    ok(r >= 0 && t.told == n && t.done == n, "%llu commands, %u at a time", (unsigned long long)n,
       width);
    ok(during <= before + 8 + 4 * (int)width && crowd_descriptors() == before,
       "no descriptor leaks: %d before, %d meanwhile", before, during);
}

int main(void)
{
    destroyed(0, "at once");
    destroyed(200, "with a grace");
    forked_copy();
    parent_dies(SIGKILL, false);
    parent_dies(SIGKILL,
                true); /* its child starts a thread: the thread sanitizer wants none here */
    parent_dies(SIGTERM, false);
    thread_ends();
    slices();
    many(10000, 4);
    many(200, 64);
    setenv("HEC_NO_PIDFD", "1", 1);
    destroyed(200, "no pidfd");
    parent_dies(SIGKILL, false);
    many(1000, 4);
    ok(crowd_no_children(), "no child is left");
    return done_testing();
}
