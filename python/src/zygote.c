/* SPDX-License-Identifier: MIT
 *
 * What speaks against forking this interpreter, and the zygote that forks workers instead: at both
 * ends.
 */
#include "state.h"

#include "sys/forkable.h"

#include <signal.h>
#include <unistd.h>

#define LOOK_AT 256 /* threads */

PyObject *hecmod_fork_look(PyObject *module, PyObject *unused)
{
    hec__thread threads[LOOK_AT];
    const char *gpu = hec__gpu_in_use();
    int n = hec__other_threads(threads, LOOK_AT);
    PyObject *list;

    (void)module;
    (void)unused;
    if (!gpu && n == 0)
        Py_RETURN_NONE;
    list = PyList_New(0);
    for (int i = 0; list && i < n && i < LOOK_AT; i++) {
        PyObject *one = Py_BuildValue("(is)", (int)threads[i].tid, threads[i].name);

        if (!one || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    return list ? Py_BuildValue("(ziN)", gpu, n, list) : NULL;
}

/* ---- the process that has it ---- */

/* What a fork has left here is a copy: the zygote is the parent's. */
static void drop_copy(hecmod_state *st)
{
    if (!st->zygote || st->zygote_owner == getpid())
        return;
    hec_zygote_destroy(st->zygote);
    st->zygote = NULL;
}

void hecmod_zygote_end(hecmod_state *st)
{
    hec_zygote_destroy(st->zygote);
    st->zygote = NULL;
}

hec_zygote *hecmod_zygote(hecmod_state *st)
{
    drop_copy(st);
    if (!st->zygote)
        PyErr_SetString(PyExc_RuntimeError, "there is no zygote in this process");
    return st->zygote;
}

/* A list of bytes as C has it; the strings are the list's. */
static const char **as_argv(PyObject *list)
{
    Py_ssize_t n = PyList_GET_SIZE(list);
    const char **argv = PyMem_Calloc((size_t)n + 1, sizeof *argv);

    if (!argv)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; argv && i < n; i++) {
        argv[i] = PyBytes_AsString(PyList_GET_ITEM(list, i));
        if (!argv[i]) {
            PyMem_Free(argv);
            return NULL;
        }
    }
    return argv;
}

PyObject *hecmod_zygote_start(PyObject *module, PyObject *list)
{
    hecmod_state *st = PyModule_GetState(module);
    hec_error err = {0};
    hec_zygote *z = NULL;
    const char **argv;
    int r;

    if (!PyList_Check(list) || PyList_GET_SIZE(list) == 0) {
        PyErr_SetString(PyExc_TypeError, "zygote_start(argv: list of bytes)");
        return NULL;
    }
    drop_copy(st);
    if (st->zygote)
        Py_RETURN_NONE;
    argv = as_argv(list);
    if (!argv || !hecmod_report(st)) {
        PyMem_Free(argv);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS r = hec_zygote_create(argv, &z, &err);
    Py_END_ALLOW_THREADS PyMem_Free(argv);
    if (r < 0)
        return hecmod_raise(&err);
    if (st->zygote) {
        hec_zygote_destroy(z); /* another thread was as quick */
    } else {
        st->zygote = z;
        st->zygote_owner = getpid();
    }
    Py_RETURN_NONE;
}

PyObject *hecmod_zygote_pid(PyObject *module, PyObject *unused)
{
    hecmod_state *st = PyModule_GetState(module);

    (void)unused;
    drop_copy(st);
    return PyLong_FromLong(st->zygote ? hec_zygote_pid(st->zygote) : 0);
}

/* ---- the zygote itself ---- */

static void prepare(void *ctx, const void *data, size_t size)
{
    PyObject *zygote = PyImport_ImportModule("pyhec._zygote"), *threads, *r = NULL;

    (void)ctx;
    threads = zygote ? hecmod_thread_variables() : NULL;
    if (threads)
        r = PyObject_CallMethod(zygote, "prepare", "y#O", data, (Py_ssize_t)size, threads);
    if (!r) {
        PyErr_Print();
        _exit(1);
    }
    Py_DECREF(r);
    Py_DECREF(threads);
    Py_DECREF(zygote);
}

PyObject *hecmod_zygote_serve(PyObject *module, PyObject *unused)
{
    static hecmod_worker worker; /* as long as the process, in the zygote and in each worker */
    hecmod_state *st = PyModule_GetState(module);
    hec_error err = {0};
    hec_runner runner;

    (void)unused;
    if (!hecmod_report(st)) /* so that workers have it */
        return NULL;
    worker.st = st;
    runner = hecmod_runner(&worker);
    if (hec_zygote_serve(&runner, prepare, &err) < 0)
        return hecmod_raise(&err);
    Py_RETURN_NONE;
}
