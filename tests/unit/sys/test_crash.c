/* SPDX-License-Identifier: MIT
 *
 * Handlers of fatal signals, in processes that die of them.
 */
#include "tap.h"

#include "sys/crash.h"
#include "sys/shm.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int report;
static volatile int told;

static void count(void *ctx)
{
    told += ctx == &report;
}

static void before(int sig)
{
    if (write(report, "before\n", 7) < 0)
        _exit(90);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void asked(int sig)
{
    if (write(report, "asked\n", 6) < 0)
        _exit(91);
}

/* In a child: what it dies of, after the handlers are set over one that was there. */
static int die(void (*deed)(void), char *text, size_t size)
{
    struct sigaction sa = {.sa_handler = before, .sa_flags = SA_NODEFER};
    hec__crash how = {.ask_signal = SIGUSR1, .told = count, .ctx = &report};
    int status = 0;
    ssize_t n;
    pid_t pid;

    if (hec__shm_create("report", 65536, &report, NULL) < 0)
        return -1;
    how.fd = report;
    hec__crash_prime();
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        sigaction(SIGSEGV, &sa, NULL);
        sigaction(SIGABRT, &sa, NULL);
        sa.sa_handler = asked;
        sigaction(SIGUSR1, &sa, NULL);
        hec__crash_install(&how);
        deed();
        _exit(7);
    }
    waitpid(pid, &status, 0);
    n = pread(report, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(report);
    return status;
}

static void is_sent(void)
{
    kill(getpid(), SIGSEGV);
}

static void faults(void)
{
    static int *volatile nowhere = (int *)8;

    *nowhere = 1;
}

static void is_asked(void)
{
    raise(SIGUSR1);
    raise(SIGUSR1);
    _exit(told == 2 ? 5 : 6);
}

/* A child of the process: its crash is not the worker's. */
static void child_faults(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        faults();
    waitpid(pid, &status, 0);
    _exit(WIFSIGNALED(status) ? 3 : 4);
}

int main(void)
{
    char text[65536];
    int status;

    alarm(50);
    status = die(is_sent, text, sizeof text);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && strstr(text, "before\n"),
       "a signal that was sent goes on to the handler before, and kills");
#ifdef __GLIBC__
    ok(strstr(text, "kill") || strstr(text, "test_sys_crash"), "after the C stack was written");
#endif
    status = die(faults, text, sizeof text);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && strstr(text, "before\n"),
       "so does a fault");
    status = die(abort, text, sizeof text);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, "before\n"),
       "and abort()");
    status = die(is_asked, text, sizeof text);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 5 && strncmp(text, "asked\n", 6) == 0,
       "the ask signal does what it did, then writes the stack, then tells, as often as it comes");
    status = die(child_faults, text, sizeof text);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 3 && strcmp(text, "before\n") == 0,
       "a forked child writes no stack");
    return done_testing();
}
