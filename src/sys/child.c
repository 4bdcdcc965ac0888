/* SPDX-License-Identifier: MIT */
#include "sys/child.h"

#include "base/error.h"
#include "sys/shm.h"
#include "sys/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

void hec__child_bind(pid_t parent, bool from_main)
{
    parent_pid = parent;
    parent_is_thread = !from_main;
    if (from_main) {
        /* Where that is forbidden there is no signal: then it has to look now and then. */
        parent_is_thread = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0;
    } else {
        struct sigaction sa = {.sa_handler = on_parent_thread_end, .sa_flags = SA_RESTART};

        sigaction(SIGURG, &sa, NULL);
        prctl(PR_SET_PDEATHSIG, SIGURG);
    }
    /* It may have ended before prctl() was heard. */
    if (getppid() != parent)
        _exit(128 + SIGKILL);
}

/* The history of this process's forks can only be a global. All forks are counted, by the atfork
 * handler; of ours the serial number is kept while the child lives. A mark is the two counts, all
 * forks and those that were not ours, in halves of a word. */
static struct history {
    pthread_mutex_t mutex;
    uint32_t all, ours;
    bool counting;
    struct living {
        pid_t pid;
        uint32_t serial;
    } * living;
    uint32_t n, cap;
} history = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void count_fork(void)
{
    pthread_mutex_lock(&history.mutex);
    history.all++;
}

static void fork_done(void)
{
    pthread_mutex_unlock(&history.mutex);
}

static void start_over(void)
{
    history.n = 0; /* they are our parent's children */
    pthread_mutex_unlock(&history.mutex);
}

static void start_counting(void)
{
    history.counting = pthread_atfork(count_fork, fork_done, start_over) == 0;
}

uint64_t hec__fork_mark(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t mark;

    pthread_once(&once, start_counting);
    pthread_mutex_lock(&history.mutex);
    mark = (uint64_t)(history.all - history.ours) << 32 | history.all;
    pthread_mutex_unlock(&history.mutex);
    return mark;
}

bool hec__fork_alone(uint64_t mark)
{
    uint32_t all = (uint32_t)mark, others = (uint32_t)(mark >> 32);
    bool alone;

    pthread_mutex_lock(&history.mutex);
    alone = history.counting && history.all - history.ours == others;
    for (uint32_t i = 0; alone && i < history.n; i++)
        alone = history.living[i].serial <= all;
    pthread_mutex_unlock(&history.mutex);
    return alone;
}

/* One of ours was forked. Without memory to note it, it counts as somebody else's. */
static void note_child(pid_t pid)
{
    struct history *h = &history;

    pthread_mutex_lock(&h->mutex);
    if (h->n == h->cap) {
        uint32_t cap = h->cap ? 2 * h->cap : 16;
        struct living *living = realloc(h->living, cap * sizeof *living);

        if (living) {
            h->living = living;
            h->cap = cap;
        }
    }
    if (h->n < h->cap) {
        h->living[h->n++] = (struct living){pid, h->all};
        h->ours++;
    }
    pthread_mutex_unlock(&h->mutex);
}

static void forget_child(pid_t pid)
{
    struct history *h = &history;

    pthread_mutex_lock(&h->mutex);
    for (uint32_t i = 0; i < h->n; i++)
        if (h->living[i].pid == pid)
            h->living[i--] = h->living[--h->n];
    pthread_mutex_unlock(&h->mutex);
}

int hec__pidfd_open(pid_t pid)
{
#ifdef SYS_pidfd_open
    const char *off = getenv("HEC_NO_PIDFD");

    if (!off || strcmp(off, "1") != 0)
        return hec__above_stdio((int)syscall(SYS_pidfd_open, pid, 0));
#endif
    (void)pid;
    return -1;
}

int hec__child_fork(hec__child *child, hec_error *err)
{
    bool from_main = getpid() == (pid_t)syscall(SYS_gettid);
    pid_t parent = getpid(), pid;
    int life[2];

    hec__fork_mark(); /* the history begins, at the latest, here */
    /* The pipe is made in any case: only after the fork is it known whether a pidfd can be had. */
    if (pipe2(life, O_CLOEXEC) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot start a worker (pipe)");
    life[0] = hec__above_stdio(life[0]);
    life[1] = hec__above_stdio(life[1]);
    pid = fork();
    if (pid < 0) {
        int sys = errno;

        close(life[0]);
        close(life[1]);
        return hec__fail(err, HEC_ESYS, sys, "cannot start a worker (fork)");
    }
    if (pid == 0) {
        hec__child_bind(parent, from_main); /* first of all */
        close(life[0]); /* life[1] stays open until the process ends: that is its job */
        child->pid = 0;
        child->fd = -1;
        return 1;
    }
    close(life[1]);
    note_child(pid);
    child->zygote = NULL;
    child->pid = pid;
    child->fd = hec__pidfd_open(pid);
    child->is_pidfd = child->fd >= 0;
    if (!child->is_pidfd)
        child->fd = life[0];
    else
        close(life[0]);
    return 0;
}

int hec__child_reap(hec__child *child, bool wait, int *ret_status)
{
    return hec__child_reap_spent(child, wait, ret_status, &(hec__spent){0});
}

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

int hec__child_reap_spent(hec__child *child, bool wait, int *ret_status, hec__spent *ret_spent)
{
    struct rusage used = {0};
    int status;
    pid_t r;

    if (!child->pid)
        return 0;
    if (child->zygote) {
        r = hec__zygote_reap(child, wait, ret_status, ret_spent);
        if (r == 1)
            child->pid = 0;
        return r;
    }
    if (wait && !child->is_pidfd)
        kill(child->pid, SIGKILL); /* changes nothing for one that is ending already */
    do
        r = wait4(child->pid, &status, wait ? 0 : WNOHANG, &used);
    while (r < 0 && errno == EINTR);
    if (r == 0)
        return 0;
    ret_spent->cpu_ns = ns_of(used.ru_utime) + ns_of(used.ru_stime);
    ret_spent->max_rss = (uint64_t)used.ru_maxrss * 1024;
    *ret_status = r < 0 ? -1 : status;
    forget_child(child->pid);
    child->pid = 0;
    return 1;
}

void hec__child_kill(const hec__child *child, int sig)
{
    if (child->zygote)
        hec__zygote_kill(child, sig);
    else if (child->pid)
        kill(child->pid, sig);
}

bool hec__child_ended(const hec__child *child)
{
    siginfo_t info = {0};
    int r;

    if (!child->pid)
        return false;
    if (child->zygote)
        return hec__zygote_ended(child);
    r = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);

    return r < 0 ? errno == ECHILD : info.si_pid == child->pid;
}

bool hec__child_heard(const hec__child *child)
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
