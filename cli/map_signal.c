/* SPDX-License-Identifier: MIT
 *
 * What signals mean: Ctrl-C and a closed terminal end what runs in order, and at once the second
 * time; SIGTERM, SIGUSR1 and SIGUSR2, with which batch systems warn of the end, let it come to its
 * own end, and a second SIGTERM is a Ctrl-C.
 */
#include "map.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

enum { N_SIGNALS = 5 };

static const int signals[N_SIGNALS] = {SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2};

static struct {
    hec_commands *engine;
    struct sigaction before[N_SIGNALS], pipe_before;
    volatile sig_atomic_t ends, terms, warnings, last;
} state;

static void hear(int sig)
{
    int sys = errno;

    if (sig == SIGINT || sig == SIGHUP)
        state.ends++;
    else if (sig == SIGTERM)
        state.terms++;
    else
        state.warnings++;
    if (sig == SIGINT || sig == SIGHUP || (sig == SIGTERM && state.terms > 1))
        state.last = sig;
    if (state.engine)
        hec_commands_wake(state.engine);
    errno = sys;
}

void map_signals_catch(hec_commands *engine)
{
    struct sigaction sa = {.sa_handler = hear}, ignore = {.sa_handler = SIG_IGN};

    state.engine = engine;
    state.ends = state.terms = state.warnings = state.last = 0;
    sigemptyset(&sa.sa_mask);
    sigemptyset(&ignore.sa_mask);
    for (int i = 0; i < N_SIGNALS; i++) {
        sigaction(signals[i], NULL, &state.before[i]);
        /* Who had it ignored, as nohup does with SIGHUP, meant that. */
        if (state.before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &sa, NULL);
    }
    /* A reader that has gone away is an error of a write, and what runs ends in order. */
    sigaction(SIGPIPE, &ignore, &state.pipe_before);
}

void map_signals_restore(void)
{
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &state.before[i], NULL);
    sigaction(SIGPIPE, &state.pipe_before, NULL);
    state.engine = NULL;
}

enum map_stop map_signals_asked(void)
{
    int ends = state.ends + (state.terms > 1 ? state.terms - 1 : 0);

    if (ends > 0)
        return ends > 1 ? MAP_KILL : MAP_CEASE;
    return state.terms || state.warnings ? MAP_DRAIN : MAP_GO;
}

int map_signals_last(void)
{
    return state.last;
}

void map_signals_wait(int fd, int ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    sigset_t ours, before;

    sigemptyset(&ours);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaddset(&ours, signals[i]);
    sigprocmask(SIG_BLOCK, &ours, &before);
    if (map_signals_asked() == MAP_GO)
        ppoll(&p, fd >= 0, ms < 0 ? NULL : &ts, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
