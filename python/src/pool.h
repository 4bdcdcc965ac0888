/* SPDX-License-Identifier: MIT
 *
 * What the two halves of Pool share: step.c uses the engine, pool.c makes and ends it.
 */
#ifndef PYHEC_POOL_H
#define PYHEC_POOL_H

#include "state.h"

#include <pthread.h>
#include <unistd.h>

typedef struct hecmod_pool {
    PyObject_HEAD hecmod_state *st;
    PyObject *module; /* whose state st is: it must not go first, however the interpreter ends */
    hec_pool *pool;   /* NULL: closed */
    hecmod_worker worker;
    PyObject *calls;               /* list of the open calls */
    PyObject *known;               /* what the workers' __main__ has */
    struct hecmod_pool *next_pool; /* of all that there are, see state.h */
    PyThread_type_lock lock;
    unsigned long owner; /* the thread that holds the lock, 0: none */
    pid_t pid;           /* of the process that made it; a forked copy is of no use */
    bool stepping, closing, dropped;
    pthread_mutex_t mutex; /* for `news` */
    pthread_cond_t news;   /* a step has ended */
    uint64_t steps;        /* how many have, under the mutex */
} hecmod_pool;

/* The engine's lock; taking it gives up the interpreter's while it waits. */
void hecmod_pool_take_lock(hecmod_pool *p);
void hecmod_pool_drop_lock(hecmod_pool *p);

/* Waits, a short time at most, for the thread that steps to have news. */
void hecmod_pool_wait_for_stepper(hecmod_pool *p);

/* The object as a Call; NULL with an exception set when it is none. */
hecmod_call *hecmod_pool_as_call(hecmod_pool *p, PyObject *o);

/* When the tasks of a call have to be over, of CLOCK_MONOTONIC; 0: whenever. */
uint64_t hecmod_pool_deadline(hecmod_pool *p, const hecmod_call *c);

/* The methods that use the engine. */
PyObject *hecmod_pool_open(PyObject *self, PyObject *o);
PyObject *hecmod_pool_extend(PyObject *self, PyObject *args);
PyObject *hecmod_pool_end(PyObject *self, PyObject *o);
PyObject *hecmod_pool_run(PyObject *self, PyObject *o);
PyObject *hecmod_pool_step(PyObject *self, PyObject *args);
PyObject *hecmod_pool_gather(PyObject *self, PyObject *args);
PyObject *hecmod_pool_drive(PyObject *self, PyObject *args, PyObject *kwargs);

#endif
