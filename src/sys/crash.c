/* SPDX-License-Identifier: MIT
 *
 * Everything in the handlers is either a system call or was made ready before. The unwinder is
 * asked without the C library's backtrace(), which would load it from a file of its own at its
 * first call.
 */
#include "sys/crash.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#ifdef __GLIBC__
#include <execinfo.h>
#endif

#define FRAMES 64
/* Room for the frames of two handlers, with the registers of any processor, and an unwinder. */
#define STACK_BYTES (256u * 1024u)
/* A handler that got stuck (another thread holds what it needs, and waits for us) ends so late. */
#define STUCK_S 2

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define N_FATAL (int)(sizeof fatal / sizeof *fatal)

/* Handlers take no argument of ours, so what they need can only be a global. Written once, before
 * they are set. */
static struct {
    hec__crash how;
    pid_t pid;
    struct sigaction before[N_FATAL], asked_before;
    volatile sig_atomic_t crashing;
} state;

typedef struct frames {
    void *at[FRAMES];
    int n;
} frames;

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg)
{
    frames *f = arg;

    if (f->n == FRAMES)
        return _URC_END_OF_STACK;
    f->at[f->n++] = (void *)_Unwind_GetIP(context);
    return _URC_NO_REASON;
}

/* At its first call the unwinder makes tables. */
static void ready_unwinder(void)
{
    frames f = {.n = 0};

    _Unwind_Backtrace(note_frame, &f);
}

void hec__crash_prime(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, ready_unwinder);
}

/* Without the first frames: this function's, the handler's, and what the kernel put between. */
static __attribute__((noinline)) void write_stack(void)
{
#ifdef __GLIBC__
    frames f = {.n = 0};
    int skip = 3;

    _Unwind_Backtrace(note_frame, &f);
    if (f.n > skip)
        backtrace_symbols_fd(f.at + skip, f.n - skip, state.how.fd);
#endif
}

static void on_stuck(int sig)
{
    (void)sig;
    signal(state.crashing, SIG_DFL);
    raise(state.crashing);
}

/* Should writing the stack never end, the process does. */
static void set_alarm(bool on)
{
    struct sigaction stuck = {.sa_handler = on_stuck};
    sigset_t set;

    if (on) {
        sigemptyset(&set);
        sigaddset(&set, SIGALRM);
        sigaction(SIGALRM, &stuck, NULL);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    alarm(on ? STUCK_S : 0);
}

static void on_fatal(int sig, siginfo_t *info, void *context)
{
    int sys = errno, i = 0;

    (void)context;
    while (i < N_FATAL - 1 && fatal[i] != sig)
        i++;
    /* A second time: the stack is in ruins, and the unwinder has fallen into them. */
    if (!state.crashing && getpid() == state.pid) {
        state.crashing = sig;
        set_alarm(true);
        write_stack();
        set_alarm(false);
    }
    sigaction(sig, &state.before[i], NULL);
    /* A fault happens again when we return, with all that belongs to it, for whoever was there
     * before us; a signal that was sent has to be sent again. */
    if (info->si_code <= 0)
        raise(sig);
    errno = sys;
}

static void on_asked(int sig, siginfo_t *info, void *context)
{
    const struct sigaction *before = &state.asked_before;
    int sys = errno;

    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(sig, info, context);
    else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
        before->sa_handler(sig);
    if (getpid() == state.pid) {
        if (state.how.fd >= 0)
            write_stack();
        if (state.how.told)
            state.how.told(state.how.ctx);
    }
    errno = sys;
}

static void own_stack(void)
{
    stack_t stack = {.ss_size = STACK_BYTES};

    stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    /* Without one an overflow of the stack is not told, which is all that is lost. */
    if (stack.ss_sp != MAP_FAILED)
        sigaltstack(&stack, NULL);
}

void hec__crash_install(const hec__crash *how)
{
    struct sigaction sa = {.sa_sigaction = on_fatal,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    state.how = *how;
    state.pid = getpid();
    state.crashing = 0;
    own_stack();
    for (int i = 0; how->fd >= 0 && i < N_FATAL; i++)
        if (sigaction(fatal[i], NULL, &state.before[i]) == 0)
            sigaction(fatal[i], &sa, NULL);
    if (how->ask_signal) {
        sa.sa_sigaction = on_asked;
        sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        if (sigaction(how->ask_signal, NULL, &state.asked_before) == 0)
            sigaction(how->ask_signal, &sa, NULL);
    }
}
