/* SPDX-License-Identifier: MIT
 *
 * Workers that die: the task that ran is blamed, every other one is answered once.
 */
#include "squares.h"
#include "tap.h"

#include "sys/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static hec_pool *make(uint32_t workers, squares *s, bool inherited, hec_call **ret_call)
{
    hec_runner runner = squares_runner(s);
    hec_pool_options o = {.workers = workers, .runner = &runner};
    hec_error err = {0};
    hec_pool *p = NULL;

    if (inherited) {
        o.inherit = &squares_ops;
        o.inherit_ctx = s;
        o.inherit_total = s->n;
    }
    if (hec_pool_create(&o, &p, &err) < 0)
        printf("# create: %s\n", err.text);
    else if (!inherited)
        hec_call_open(p, &squares_ops, s, s->n, ret_call, &err);
    return p;
}

static void misdeed(unsigned char deed, uint64_t at, uint64_t n, bool inherited)
{
    unsigned char *deeds = calloc(n, 1);
    hec_call *c = NULL;
    hec_error err = {0};
    squares s;
    hec_pool *p;

    deeds[at] = deed;
    squares_init(&s, n, deeds);
    p = make(2, &s, inherited, &c);
    ok(squares_finish(p, &s, &err) && squares_right(&s),
       "deed %d in task %llu of %llu (%s): that one is named, the others are answered once %s",
       deed, (unsigned long long)at, (unsigned long long)n, inherited ? "inherited" : "sent",
       err.text);
    if (deed == DIE_BY_SIGNAL)
        ok(s.deaths == 1 && s.last_dead == at && s.last_signal == SIGSEGV, "by signal 11");
    if (deed == EXIT)
        ok(s.deaths == 1 && s.last_dead == at && s.last_status == 7, "with exit status 7");
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&s);
    free(deeds);
}

/* Workers killed from outside at random, again and again: nothing is lost or answered twice, and
 * no more tasks are blamed than workers were killed. */
static void massacre(bool inherited)
{
    enum { N = 3000 };
    unsigned char deeds[N];
    uint64_t kills = 0, end = hec__now_ns() + 30 * UINT64_C(1000000000);
    unsigned seed = 7;
    hec_call *c = NULL;
    hec_error err = {0};
    squares s;
    hec_pool *p;
    bool once = true;

    memset(deeds, SLEEP_1MS, sizeof deeds);
    squares_init(&s, N, deeds);
    p = make(4, &s, inherited, &c);
    while (s.done < N && hec__now_ns() < end) {
        int r = hec_pool_step(p, 5, &err);

        if (r < 0 && r != HEC_EINTR)
            break;
        if (rand_r(&seed) % 8 == 0) {
            int32_t pid = hec_pool_pid(p, (uint32_t)rand_r(&seed) % 4);

            if (pid && kill(pid, SIGKILL) == 0)
                kills++;
        }
    }
    for (int i = 0; i < N; i++)
        once = once && s.counts[i] == 1;
    ok(s.done == N && once, "%llu kills (%s): every task is answered once %s",
       (unsigned long long)kills, inherited ? "inherited" : "sent", err.text);
    ok(kills > 10 && s.deaths <= kills, "%llu tasks are blamed", (unsigned long long)s.deaths);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&s);
}

/* Tasks of very different length behind each other: they do not wait for each other when another
 * worker is idle. */
static void take_back(bool inherited)
{
    enum { N = 400 };
    unsigned char deeds[N] = {0};
    uint64_t began;
    hec_call *c = NULL;
    hec_error err = {0};
    squares s;
    hec_pool *p;

    /* Quick ones first, so that the batches grow; then slow ones. */
    for (int i = N - 40; i < N; i++)
        deeds[i] = SLEEP_20MS;
    squares_init(&s, N, deeds);
    began = hec__now_ns();
    p = make(4, &s, inherited, &c);
    ok(squares_finish(p, &s, &err) && squares_right(&s), "slow tasks after quick ones %s",
       err.text);
    /* 40 x 20 ms on 4 workers are 200 ms; 800 if one worker had kept them. Sleeps need no CPU. */
    ok(hec__now_ns() - began < 500 * UINT64_C(1000000), "they are shared out: %.0f ms",
       (double)(hec__now_ns() - began) / 1e6);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&s);
}

static void killed_at_the_end(void)
{
    unsigned char deeds[8];
    uint64_t began;
    squares s;
    hec_pool *p;

    memset(deeds, SLEEP_20MS, sizeof deeds);
    squares_init(&s, 8, deeds);
    p = make(2, &s, true, NULL);
    began = hec__now_ns();
    hec_pool_destroy(p, HEC_POOL_NOW);
    ok(hec__now_ns() - began < 500 * UINT64_C(1000000), "a pool that is busy ends at once");
    squares_fini(&s);
}

/* The parent is killed: its workers must be gone as well. */
static void parent_killed(void)
{
    int pids[2] = {-1, -1}, life[2] = {-1, -1};
    pid_t parent;
    char byte;
    bool gone;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    ok(pipe(pids) == 0 && pipe(life) == 0, "pipes");
    parent = fork();
    if (parent == 0) {
        unsigned char deeds[8];
        squares s;

        memset(deeds, SLEEP_20MS, sizeof deeds);
        squares_init(&s, 8, deeds);
        make(2, &s, true, NULL);
        close(life[0]);
        if (write(pids[1], "x", 1) == 1)
            pause();
        _exit(0);
    }
    close(life[1]);
    ok(read(pids[0], &byte, 1) == 1, "the pool runs");
    kill(parent, SIGKILL);
    /* The workers hold the write end: it closes when the last of them is gone. */
    gone = read(life[0], &byte, 1) == 0;
    ok(gone, "the workers of a killed parent are gone");
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

int main(void)
{
    alarm(100); /* a hang fails */
    for (int inherited = 0; inherited < 2; inherited++) {
        misdeed(RAISE, 5, 10, inherited);
        misdeed(DIE_BY_SIGNAL, 0, 1, inherited);
        misdeed(DIE_BY_SIGNAL, 7777, 10000, inherited);
        misdeed(EXIT, 9999, 10000, inherited);
        misdeed(EXIT, 0, 10000, inherited);
        take_back(inherited);
        massacre(inherited);
    }
    killed_at_the_end();
    parent_killed();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
