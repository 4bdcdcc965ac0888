/* SPDX-License-Identifier: MIT
 *
 * The child runs in this process's memory, with this thread's errno and locks, while this thread
 * stands still. So it makes system calls and nothing else: through syscall(), which no sanitizer
 * intercepts and at which no thread is cancelled.
 */
#include "sys/spawn.h"

#include "base/error.h"
#include "sys/shm.h"
#include "sys/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the thread sanitizer has put in place of clone() takes the child for a fork, and then keeps
 * this process's signals to itself. */
#ifdef __SANITIZE_THREAD__
extern int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

#define STACK_BYTES ((size_t)64 << 10)
#define SIGNALS     64 /* the kernel's, on every machine that hec runs on */

int hec__spawner_init(hec__spawner *s, size_t nreports, hec_error *err)
{
    size_t page = hec__page_size();

    *s = (hec__spawner){.stack_size = STACK_BYTES + page,
                        .reports_size = hec__page_round(nreports * sizeof *s->reports)};
    s->stack = mmap(NULL, s->stack_size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    s->reports =
        mmap(NULL, s->reports_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->stack == MAP_FAILED || s->reports == MAP_FAILED ||
        mprotect(s->stack, page, PROT_NONE) < 0) {
        int sys = errno;

        hec__spawner_fini(s);
        return hec__fail(err, HEC_ENOMEM, sys, "no memory to start commands with");
    }
    return 0;
}

void hec__spawner_fini(hec__spawner *s)
{
    if (s->stack && s->stack != MAP_FAILED)
        munmap(s->stack, s->stack_size);
    if (s->reports && s->reports != MAP_FAILED)
        munmap(s->reports, s->reports_size);
    *s = (hec__spawner){0};
}

int hec__guard_create(int *ret_hold, int *ret_pass, hec_error *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot start a command (pipe)");
    *ret_pass = hec__above_stdio(fds[0]);
    *ret_hold = hec__above_stdio(fds[1]);
    return 0;
}

bool hec__guard_released(int hold)
{
    struct pollfd p = {.fd = hold};

    return poll(&p, 1, 0) == 1 && p.revents & POLLERR;
}

/* ---- in the child ---- */

typedef struct birth {
    const hec__program *s;
    bool from_main_thread;
    const hec__slice *slice; /* to go back to; NULL: it is the right one */
} birth;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BARE __attribute__((no_sanitize("address", "thread", "undefined")))
#elif defined(__clang__)
#define BARE __attribute__((no_sanitize("address", "thread", "undefined")))
#else
#define BARE
#endif

/* The kernel's struct sigaction begins with the handler everywhere and is smaller than this. Every
 * signal, since a handler of this process that ran in the child would run in this memory. */
BARE static void reset_signals(void)
{
    unsigned long action[16] = {(unsigned long)SIG_DFL};
    unsigned long ignore[16] = {(unsigned long)SIG_IGN};

    for (int sig = 1; sig <= SIGNALS; sig++)
        syscall(SYS_rt_sigaction, sig, sig == SIGTTIN || sig == SIGTTOU ? ignore : action, NULL,
                SIGNALS / 8);
}

/* Ties the child and its group to the parent. The signal of the parent's death covers the child
 * alone, and only where the thread that starts it lives as long as the process; the guard covers
 * the whole group. False: the parent is gone already. */
BARE static bool bind(const birth *b)
{
    struct pollfd p = {.fd = b->s->guard};
    struct timespec at_once = {0};

    syscall(SYS_setpgid, 0, 0);
    if (b->from_main_thread)
        syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    /* In this order: a guard that sends its signal has somebody to send it to. */
    syscall(SYS_fcntl, p.fd, F_SETOWN, -(long)syscall(SYS_getpid));
    syscall(SYS_fcntl, p.fd, F_SETSIG, SIGKILL);
    syscall(SYS_fcntl, p.fd, F_SETFL, O_ASYNC);
    syscall(SYS_fcntl, p.fd, F_SETFD, 0);
    syscall(SYS_ppoll, &p, 1, &at_once, NULL, 0);
    return !(p.revents & POLLHUP);
}

/* The streams to their places. One that lies in another's place is moved out of the way first. */
BARE static int place_streams(const int *streams)
{
    int from[3];

    for (int i = 0; i < 3; i++) {
        from[i] = streams[i];
        if (from[i] < 3 && from[i] != i) {
            from[i] = (int)syscall(SYS_fcntl, from[i], F_DUPFD_CLOEXEC, 3);
            if (from[i] < 0)
                return -1;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (from[i] != i) {
            if (syscall(SYS_dup3, from[i], i, 0) < 0)
                return -1;
        } else {
            syscall(SYS_fcntl, i, F_SETFD, 0); /* one that is closed stays closed */
        }
    }
    return 0;
}

/* Does not return when it works. As execvp() has it: a place where the program is not is passed
 * over, and one where it may not be executed is remembered. */
BARE static int execute(const hec__program *s)
{
    int sys = ENOENT;
    bool forbidden = false;

    for (const char *path = s->paths; *path; path++) {
        syscall(SYS_execve, path, s->argv, s->envp);
        sys = errno;
        if (sys == EACCES)
            forbidden = true;
        else if (sys != ENOENT && sys != ENOTDIR && sys != ENAMETOOLONG && sys != ESTALE &&
                 sys != ENODEV && sys != ETIMEDOUT && sys != ELOOP)
            return sys;
        while (*path)
            path++;
    }
    return forbidden ? EACCES : sys;
}

BARE static int be_born(void *arg)
{
    const birth *b = arg;
    const hec__program *s = b->s;
    uint64_t none = 0;
    int step, sys;

    reset_signals();
    if (b->slice)
        syscall(SYS_sched_setattr, 0, b->slice, 0);
    if (!bind(b))
        syscall(SYS_exit_group, 128 + SIGKILL);
    if (s->cwd && syscall(SYS_chdir, s->cwd) < 0) {
        step = HEC__SPAWN_FOLDER;
        sys = errno;
    } else if (place_streams(s->streams) < 0) {
        step = HEC__SPAWN_STREAMS;
        sys = errno;
    } else {
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNALS / 8);
        step = HEC__SPAWN_PROGRAM;
        sys = execute(s);
    }
    s->report->sys = sys;
    __atomic_store_n(&s->report->step, step, __ATOMIC_RELEASE);
    syscall(SYS_exit_group, 127);
    return 127;
}

/* ---- in the parent ---- */

/* No handler of this process may run in the child, which would be in this memory. But a child's
 * end that nobody handles is not blocked: for a signal that is, the kernel looks for another thread
 * to wake, and each end of a command would wake a thread of some library. By the bare call, because
 * the library's spares the two signals that it uses itself. */
static void block_signals(uint64_t *ret_before)
{
    struct sigaction a = {.sa_handler = SIG_DFL};
    uint64_t all = UINT64_MAX;

    sigaction(SIGCHLD, NULL, &a);
    if (!(a.sa_flags & SA_SIGINFO) && (a.sa_handler == SIG_DFL || a.sa_handler == SIG_IGN))
        all &= ~(UINT64_C(1) << (SIGCHLD - 1));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, ret_before, SIGNALS / 8);
}

int hec__spawn(const hec__spawner *spawner, const hec__program *s, pid_t *ret_pid, hec_error *err)
{
    birth b = {.s = s, .from_main_thread = getpid() == (pid_t)syscall(SYS_gettid)};
    uint64_t before;
    hec__slice slice = {.size = sizeof slice};
    char *top = (char *)spawner->stack + spawner->stack_size;
    pid_t pid;
    int sys;

    s->report->sys = 0;
    __atomic_store_n(&s->report->step, 0, __ATOMIC_RELAXED);
    block_signals(&before);
    b.slice = hec__slice_shorten(&slice) ? &slice : NULL;
    pid = clone(be_born, top, CLONE_VM | CLONE_VFORK | SIGCHLD, &b);
    sys = errno;
    if (b.slice)
        syscall(SYS_sched_setattr, 0, &slice, 0);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNALS / 8);
    if (pid < 0)
        return hec__fail(err, HEC_ESYS, sys, "cannot start a process");
    *ret_pid = pid;
    return 0;
}

enum hec__ended hec__spawn_ended(pid_t pid)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return HEC__ENDED_UNHEARD;
    return info.si_pid == pid ? HEC__ENDED : HEC__RUNS;
}
