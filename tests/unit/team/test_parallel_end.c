/* SPDX-License-Identifier: MIT
 *
 * A process that ends while threads sleep, spin or work: at once, and with its own status.
 */
#include "tap.h"

#include "sys/clock.h"

#include <hec/parallel.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const hec_parallel_options four = {.threads = 4};

static int nothing(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    (void)begin;
    (void)end;
    return 0;
}

static int long_work(void *ctx, uint64_t begin, uint64_t end)
{
    (void)begin;
    (void)end;
    if (ctx)
        atomic_store((_Atomic int *)ctx, 1);
    usleep(2000);
    return 0;
}

static int leave_from_within(void *ctx, uint64_t begin, uint64_t end)
{
    (void)ctx;
    (void)end;
    if (begin > 0)
        exit(3);
    usleep(100000);
    return 0;
}

static void *forever(void *arg)
{
    hec_parallel_for(1000000, long_work, arg, &four, NULL);
    return NULL;
}

static void end_after_loop(void)
{
    hec_parallel_for(1000, nothing, NULL, &four, NULL);
    exit(3);
}

static void end_after_sleep(void)
{
    hec_parallel_for(1000, nothing, NULL, &four, NULL);
    usleep(50000);
    exit(3);
}

static void end_during_loop(void)
{
    static _Atomic int began;
    pthread_t t;

    pthread_create(&t, NULL, forever, (void *)&began);
    while (!atomic_load(&began))
        usleep(1000);
    exit(3);
}

static void end_within_loop(void)
{
    const hec_parallel_options o = {.threads = 4, .grain = 1};

    hec_parallel_for(8, leave_from_within, NULL, &o, NULL);
}

static void ends(void (*how)(void), const char *text)
{
    uint64_t began = hec__now_ns();
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        how();
        _exit(9);
    }
    waitpid(child, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 3 && hec__now_ns() - began < 2000000000u, "%s",
       text);
}

int main(void)
{
    ends(end_after_loop, "right after a loop");
    ends(end_after_sleep, "when the threads sleep");
    ends(end_during_loop, "while another thread is in a loop");
    ends(end_within_loop, "from within a loop");
    return done_testing();
}
