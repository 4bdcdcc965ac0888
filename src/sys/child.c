/* SPDX-License-Identifier: MIT */
#include "sys/child.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What this process, as a child, must remember of its parent. A signal handler reads it, and it is
 * written once, before the handler is set: the one place where state cannot be passed in. */
static pid_t parent_pid;
static bool parent_is_thread;

bool hec__child_orphaned(void)
{
    return parent_pid && getppid() != parent_pid;
}

bool hec__child_must_look(void)
{
    return parent_is_thread;
}

static void on_parent_thread_end(int sig)
{
    (void)sig;
    if (getppid() != parent_pid)
        _exit(128 + SIGKILL);
}

/* First thing in the child: die with the parent. */
static void bind_to_parent(pid_t parent, bool from_main_thread)
{
    parent_pid = parent;
    parent_is_thread = !from_main_thread;
    if (from_main_thread) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    } else {
        struct sigaction sa = {.sa_handler = on_parent_thread_end, .sa_flags = SA_RESTART};

        sigaction(SIGURG, &sa, NULL);
        prctl(PR_SET_PDEATHSIG, SIGURG);
    }
    /* It may have ended before prctl() was heard. */
    if (getppid() != parent)
        _exit(128 + SIGKILL);
}

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
    const char *off = getenv("HEC_NO_PIDFD");

    if (!off || strcmp(off, "1") != 0)
        return (int)syscall(SYS_pidfd_open, pid, 0);
#endif
    (void)pid;
    return -1;
}

int hec__child_fork(hec__child *child, hec_error *err)
{
    bool from_main = getpid() == (pid_t)syscall(SYS_gettid);
    pid_t parent = getpid(), pid;
    int life[2];

    /* The pipe is made in any case: only after the fork is it known whether a pidfd can be had. */
    if (pipe2(life, O_CLOEXEC) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot start a worker (pipe)");
    pid = fork();
    if (pid < 0) {
        int sys = errno;

        close(life[0]);
        close(life[1]);
        return hec__fail(err, HEC_ESYS, sys, "cannot start a worker (fork)");
    }
    if (pid == 0) {
        bind_to_parent(parent, from_main);
        close(life[0]); /* life[1] stays open until the process ends: that is its job */
        child->pid = 0;
        child->fd = -1;
        return 1;
    }
    close(life[1]);
    child->pid = pid;
    child->fd = open_pidfd(pid);
    child->is_pidfd = child->fd >= 0;
    if (!child->is_pidfd)
        child->fd = life[0];
    else
        close(life[0]);
    return 0;
}

int hec__child_reap(hec__child *child, bool wait, int *ret_status)
{
    int status;
    pid_t r;

    if (!child->pid)
        return 0;
    if (wait && !child->is_pidfd)
        kill(child->pid, SIGKILL); /* changes nothing for one that is ending already */
    do
        r = waitpid(child->pid, &status, wait ? 0 : WNOHANG);
    while (r < 0 && errno == EINTR);
    if (r == 0)
        return 0;
    *ret_status = r < 0 ? -1 : status;
    hec__child_forget(child);
    return 1;
}

bool hec__child_ended(const hec__child *child)
{
    struct pollfd p = {.fd = child->fd, .events = POLLIN};

    return child->pid && poll(&p, 1, 0) == 1;
}

void hec__child_forget(hec__child *child)
{
    if (child->fd >= 0)
        close(child->fd);
    child->pid = 0;
    child->fd = -1;
}

/* A count of the process, so it can only be a global; it is written by the atfork handler alone. */
static _Atomic uint64_t forks;
static bool counting;

static void count_fork(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void start_counting(void)
{
    counting = pthread_atfork(count_fork, NULL, NULL) == 0;
}

uint64_t hec__fork_count(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start_counting);
    /* Where forks cannot be counted (out of memory at the start), no two answers are the same, as
     * if there had been one in between: the safe side. */
    if (!counting)
        count_fork();
    return atomic_load_explicit(&forks, memory_order_relaxed);
}
