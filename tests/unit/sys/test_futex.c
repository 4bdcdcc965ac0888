/* SPDX-License-Identifier: MIT
 *
 * A word one can sleep on, within a process and between two.
 */
#include "tap.h"

#include "sys/clock.h"
#include "sys/futex.h"

#include <hec/error.h>

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_alarm(int sig)
{
    (void)sig;
}

static void *wake_later(void *arg)
{
    _Atomic uint32_t *word = arg;

    while (atomic_load(&word[1]) == 0)
        usleep(1000);
    atomic_store(word, 2);
    hec__futex_wake(word, 1);
    return NULL;
}

int main(void)
{
    _Atomic uint32_t *word =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t began = hec__now_ns();
    struct sigaction sa = {.sa_handler = on_alarm};
    pthread_t t;
    pid_t child;
    int status = 0;

    alarm(30);
    atomic_store(word, 1);
    ok(hec__futex_wait(word, 0, -1) == 0, "a word that has changed is not slept on");
    ok(hec__futex_wait(word, 1, 20) == HEC_EAGAIN && hec__now_ns() - began >= 20000000,
       "the time limit holds");
    ok(hec__futex_wait(word, 1, 0) == HEC_EAGAIN, "a limit of 0 does not wait");

    pthread_create(&t, NULL, wake_later, (void *)word);
    atomic_store(&word[1], 1);
    while (atomic_load(word) == 1)
        hec__futex_wait(word, 1, -1);
    pthread_join(t, NULL);
    ok(atomic_load(word) == 2, "another thread wakes");

    child = fork();
    if (child == 0) {
        while (atomic_load(word) == 2)
            hec__futex_wait(word, 2, -1);
        _exit(atomic_load(word) == 3 ? 0 : 1);
    }
    atomic_store(word, 3);
    hec__futex_wake(word, 1);
    ok(waitpid(child, &status, 0) == child && status == 0, "another process wakes");

    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    ok(hec__futex_wait(word, 3, 5000) == HEC_EINTR, "a signal interrupts");
    return done_testing();
}
