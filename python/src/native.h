/* SPDX-License-Identifier: MIT
 *
 * A native function together with the arrays of one call: native.c makes it from what was checked
 * in Python, steady_native.c from a call that was like it.
 */
#ifndef PYHEC_NATIVE_H
#define PYHEC_NATIVE_H

#include "state.h"

#define HECMOD_ARRAYS_MAX  6
#define HECMOD_SCALARS_MAX 3

typedef struct hecmod_native hecmod_native;

struct hecmod_native {
    void (*function)(void);
    int narrays, nscalars, ninputs; /* the first ninputs arrays are not named "out" */
    Py_buffer views[HECMOD_ARRAYS_MAX];
    char writes[HECMOD_ARRAYS_MAX];      /* 'w' or 'r' */
    Py_ssize_t steps[HECMOD_ARRAYS_MAX]; /* bytes from one index to the next; 0: the same for all */
    double scalars[HECMOD_SCALARS_MAX];
    int (*call_block)(const hecmod_native *f, void **p, size_t n);
    void (*call_elements)(void (*f)(void), void **p, const Py_ssize_t *steps, size_t n);
    PyThreadState *thread; /* of the caller, while the lock is given up */
};

/* Looks the kind of call up ("f8", "v,i8"); 0, or -1 with an exception set. */
int hecmod_native_choose(hecmod_native *f, const char *kind);

/* Elements that are written must not be those that another index reads: what came out would depend
 * on who was first. 0, or -1 with an exception set. */
int hecmod_native_check_overlap(const hecmod_native *f);

/* Runs the loop without the interpreter's lock; 0, or -1 with an exception set. */
int hecmod_native_run(hecmod_native *f, uint64_t n, const hec_parallel_options *options);

/* As a loop's check: whether Ctrl-C, or another signal whose handler raises, has come meanwhile. */
int hecmod_native_check_signals(void *ctx);

#endif
