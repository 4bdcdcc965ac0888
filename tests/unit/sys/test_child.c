/* SPDX-License-Identifier: MIT
 *
 * Children: their end is seen, with a pidfd and with a pipe, and none outlives its parent.
 */
#include "tap.h"

#include "sys/child.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child forked from one of several threads the thread sanitizer hands out no signals. */
#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER 0
#endif

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static void death_is_seen(const char *how, bool pidfd)
{
    hec__child c = {0, -1, false, NULL};
    hec_error err = {0};
    int hold[2], status = 0, r;

    if (pipe(hold) < 0)
        return;
    r = hec__child_fork(&c, &err);
    if (r == 1) {
        char byte;

        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 && !hec__child_orphaned() ? 7 : 8);
    }
    close(hold[0]);
    ok(r == 0 && c.pid > 0 && c.fd >= 0, "a child is forked (%s) %s", how, err.text);
    ok(!pidfd || c.is_pidfd, "its descriptor is what was asked for");
    ok(!readable(c.fd, 0) && hec__child_reap(&c, false, &status) == 0, "it lives (%s)", how);
    close(hold[1]);
    ok(readable(c.fd, 10000), "its end is seen (%s)", how);
    ok(hec__child_reap(&c, true, &status) == 1 && WIFEXITED(status) && WEXITSTATUS(status) == 7,
       "its exit status is told (%s)", how);
    ok(c.pid == 0 && c.fd >= 0 && hec__child_reap(&c, true, &status) == 0, "once (%s)", how);
    hec__child_forget(&c);
    ok(c.fd == -1, "its descriptor goes when it is forgotten (%s)", how);
}

static void stolen_status(void)
{
    hec__child c = {0, -1, false, NULL};
    int status = 0;

    if (hec__child_fork(&c, NULL) == 1)
        _exit(3);
    waitpid(c.pid, NULL, 0);
    ok(hec__child_reap(&c, true, &status) == 1 && status == -1,
       "a status that somebody else took is -1");
}

/* Forks a worker that holds the write end of `life`, tells so, and waits for ever. */
static bool thread_stays;

static void *fork_worker(void *arg)
{
    int *fds = arg;
    hec__child c = {0, -1, false, NULL};

    if (hec__child_fork(&c, NULL) == 1) {
        char must = hec__child_must_look() ? 'y' : 'n';

        if (write(fds[1], &must, 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    while (thread_stays)
        pause();
    return NULL;
}

/* A process forks a worker, from its main thread or another that goes on or ends, and is killed. */
static void parent_dies(bool from_thread, bool thread_ends)
{
    int told[2], life[2];
    char byte = 0;
    pid_t parent;

    if (pipe(told) < 0 || pipe(life) < 0)
        return;
    parent = fork();
    if (parent == 0) {
        pthread_t t;

        thread_stays = from_thread && !thread_ends;
        close(life[0]);
        close(told[0]);
        if (!from_thread)
            fork_worker(told);
        else if (pthread_create(&t, NULL, fork_worker, told) == 0 && thread_ends)
            pthread_join(t, NULL);
        for (;;)
            pause();
    }
    close(life[1]);
    close(told[1]);
    ok(read(told[0], &byte, 1) == 1 && byte == (from_thread ? 'y' : 'n'),
       "a worker forked by %s knows whether it must look for its parent",
       from_thread ? "a thread" : "the main thread");
    ok(!readable(life[0], 50), "it lives%s", thread_ends ? ", though the thread has ended" : "");
    kill(parent, SIGKILL);
    ok(readable(life[0], 10000) && read(life[0], &byte, 1) == 0, "it is gone with its parent");
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    close(life[0]);
    close(told[0]);
}

static void fork_history(void)
{
    uint64_t mark = hec__fork_mark(), later;
    hec__child c;
    pid_t pid;
    int status;

    ok(hec__fork_alone(mark), "without a fork a process is alone");
    if (hec__child_fork(&c, NULL) == 1) {
        pause();
        _exit(0);
    }
    later = hec__fork_mark();
    ok(!hec__fork_alone(mark), "with a child that lives it is not");
    ok(hec__fork_alone(later), "but for what came after the fork");
    kill(c.pid, SIGKILL);
    ok(hec__child_reap(&c, true, &status) == 1 && hec__fork_alone(mark),
       "once the child is reaped it is again");
    hec__child_forget(&c);
    pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    ok(!hec__fork_alone(mark) && !hec__fork_alone(later), "of a fork by others nothing is known");
    ok(hec__fork_alone(hec__fork_mark()), "a mark after it knows no child");
}

int main(void)
{
    alarm(50);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    death_is_seen("as the kernel can", false);
    stolen_status();
    parent_dies(false, false);
    if (!THREAD_SANITIZER) {
        parent_dies(true, false);
        parent_dies(true, true);
    }
    setenv("HEC_NO_PIDFD", "1", 1);
    death_is_seen("pipe", false);
    fork_history();
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
    return done_testing();
}
