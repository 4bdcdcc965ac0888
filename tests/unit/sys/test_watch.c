/* SPDX-License-Identifier: MIT
 *
 * The place where a pool's parent sleeps.
 */
#include "tap.h"

#include "sys/clock.h"
#include "sys/watch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_alarm(int sig)
{
    (void)sig;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    hec__watch w = {-1, -1};
    hec_error err = {0};
    uint32_t tags[4] = {0};
    int fds[2] = {-1, -1};
    pid_t child;
    uint64_t began;

    ok(hec__watch_init(&w, &err) == 0 && pipe(fds) == 0, "a watch is made %s", err.text);
    ok(hec__watch_wait(&w, tags, 4, 0, &err) == 0, "nothing is up");
    hec__watch_ring(&w);
    hec__watch_ring(&w);
    ok(hec__watch_wait(&w, tags, 4, 0, &err) == 1 && tags[0] == HEC__WATCH_BELL,
       "the bell is heard, also when nobody slept");
    ok(hec__watch_wait(&w, tags, 4, 0, &err) == 0, "once");
    hec__watch_ring(&w);
    ok(hec__watch_wait(&w, tags, 4, 0, &err) == 1, "and again when it rings again");

    child = fork();
    if (child == 0) {
        hec__watch_in_child(&w);
        hec__watch_ring(&w);
        _exit(w.epoll == -1 ? 0 : 1);
    }
    ok(hec__watch_wait(&w, tags, 4, 10000, &err) == 1 && tags[0] == HEC__WATCH_BELL,
       "a child rings the bell of its parent");
    waitpid(child, NULL, 0);

    ok(hec__watch_add(&w, fds[0], 5, &err) == 0, "a descriptor is added");
    ok(hec__watch_add(&w, fds[0], 6, &err) == HEC_ESYS, "twice is an error: %s", err.text);
    ok(write(fds[1], "x", 1) == 1 && hec__watch_wait(&w, tags, 4, 0, &err) == 1 && tags[0] == 5,
       "its tag comes back");
    ok(hec__watch_wait(&w, tags, 4, 0, &err) == 1, "as long as it is readable");
    hec__watch_remove(&w, fds[0]);
    ok(hec__watch_wait(&w, tags, 4, 0, &err) == 0, "not after it was removed");

    began = hec__now_ns();
    ok(hec__watch_wait(&w, tags, 4, 20, &err) == 0 && hec__now_ns() - began >= 19000000,
       "the time limit holds");
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    ok(hec__watch_wait(&w, tags, 4, 5000, &err) == HEC_EINTR, "a signal interrupts");
    hec__watch_fini(&w);
    ok(w.epoll == -1 && w.bell == -1, "it ends");
    return done_testing();
}
