/* SPDX-License-Identifier: MIT
 *
 * When no further tasks are to be begun: because the batch system is about to end the job, or
 * because somebody has said so.
 */
#include "pool.h"

#include <time.h>

/* What is kept of the time that is left, for what a program does after its last call: a twentieth,
 * and not more than this. */
#define MARGIN_PARTS  20
#define MARGIN_MOST_S 30.0

void hecmod_learn_deadline(hecmod_state *st, const hec_topology *t)
{
    struct timespec now;
    double left, margin;

    if (st->asked_walltime)
        return;
    st->asked_walltime = true;
    left = (double)hec_topology_walltime_left(t);
    if (left < 0)
        return;
    margin = left / MARGIN_PARTS < MARGIN_MOST_S ? left / MARGIN_PARTS : MARGIN_MOST_S;
    clock_gettime(CLOCK_MONOTONIC, &now);
    st->deadline_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
                      (uint64_t)((left - margin) * 1e9);
}

uint64_t hecmod_deadline(hecmod_state *st)
{
    hec_topology *t = NULL;

    /* Whoever asks for the CPUs is told why it cannot be read. */
    if (!st->asked_walltime && hec_topology_read(NULL, &t, NULL) == 0) {
        hecmod_learn_deadline(st, t);
        hec_topology_destroy(t);
    }
    return st->deadline_ns;
}

PyObject *hecmod_get_deadline(PyObject *module, PyObject *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(hecmod_deadline(PyModule_GetState(module)));
}

/* The calls are told by whoever steps, who has the engine: this may be a signal's function, in the
 * midst of a step. */
PyObject *hecmod_drain(PyObject *module, PyObject *on)
{
    hecmod_state *st = PyModule_GetState(module);
    int yes = PyObject_IsTrue(on);

    if (yes < 0)
        return NULL;
    st->draining = yes;
    for (hecmod_pool *p = st->pools; yes && p; p = p->next_pool)
        if (p->pool && p->pid == getpid())
            hec_pool_wake(p->pool);
    Py_RETURN_NONE;
}

PyObject *hecmod_draining(PyObject *module, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((hecmod_state *)PyModule_GetState(module))->draining);
}

PyObject *hecmod_drain_signals(PyObject *module, PyObject *unused)
{
    uint32_t signals = ((hecmod_state *)PyModule_GetState(module))->drain_signals;
    PyObject *list = PyList_New(0);

    (void)unused;
    for (int n = 1; list && n < 32; n++) {
        PyObject *number = signals & 1u << n ? PyLong_FromLong(n) : NULL;

        if (signals & 1u << n && (!number || PyList_Append(list, number) < 0))
            Py_CLEAR(list);
        Py_XDECREF(number);
    }
    return list;
}

PyObject *hecmod_drain_on(PyObject *module, PyObject *signum)
{
    long n = PyLong_AsLong(signum);

    if (n == -1 && PyErr_Occurred())
        return NULL;
    if (n > 0 && n < 32)
        ((hecmod_state *)PyModule_GetState(module))->drain_signals |= 1u << n;
    Py_RETURN_NONE;
}
