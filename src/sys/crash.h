/* SPDX-License-Identifier: MIT
 *
 * What a process says when it crashes: the C stack, written to a descriptor by a handler of the
 * fatal signals. Only for processes that are ours, workers: a handler is the process's, not a
 * library's.
 */
#ifndef HEC_SYS_CRASH_H
#define HEC_SYS_CRASH_H

#include <stdbool.h>

/* Loads what a handler needs and must not load itself; before the fork, once is enough. */
void hec__crash_prime(void);

typedef struct hec__crash {
    int fd;         /* for the stack; -1: nowhere */
    int ask_signal; /* makes the process write where it is, and go on; 0: none */
    /* Called in the handler after the answer to that signal has been written. */
    void (*told)(void *ctx);
    void *ctx;
} hec__crash;

/* From here on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write the C stack first, then do what
 * they did before, on a stack of their own (so that an overflow of the stack is told as well). The
 * ask signal does first what it did before. Once per process; forked children write nothing. */
void hec__crash_install(const hec__crash *how);

#endif
