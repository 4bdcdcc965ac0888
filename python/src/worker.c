/* SPDX-License-Identifier: MIT
 *
 * A worker process: a forked interpreter that runs tasks. All of this but the fork's two halves
 * runs in the child.
 */
#include "state.h"

#include <signal.h>
#include <unistd.h>

/* ---- around the fork, in the parent ---- */

static void flush_stdio(void)
{
    static const char *const names[] = {"stdout", "stderr"};

    for (int i = 0; i < 2; i++) {
        PyObject *file = PySys_GetObject(names[i]); /* borrowed */
        PyObject *r = file && file != Py_None ? PyObject_CallMethod(file, "flush", NULL) : NULL;

        /* A closed or broken stream is the user's business, and no reason not to work. */
        if (!r) {
            if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
                PyErr_SetInterrupt(); /* comes again, where it can be raised */
            PyErr_Clear();
        }
        Py_XDECREF(r);
    }
    fflush(NULL); /* what C and Fortran have printed */
}

long hecmod_call_gc(const char *name)
{
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *r = gc ? PyObject_CallMethod(gc, name, NULL) : NULL;
    long n = r && PyLong_Check(r) ? PyLong_AsLong(r) : -1;

    if (!r)
        PyErr_Clear();
    Py_XDECREF(r);
    Py_XDECREF(gc);
    return n;
}

/* Around a fork the interpreter runs hooks whose exceptions it prints and forgets. A signal whose
 * handler raises, Ctrl-C above all, must not be forgotten: it is held back until the fork is over.
 * Held by a handler and not by a mask, because another thread would take a masked signal. */
static const int held_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGUSR2};
#define N_HELD (int)(sizeof held_signals / sizeof *held_signals)
static volatile sig_atomic_t came[N_HELD];

static void on_held(int sig)
{
    for (int i = 0; i < N_HELD; i++)
        if (held_signals[i] == sig)
            came[i] = 1;
}

static void hold_signals(hecmod_worker *w)
{
    struct sigaction hold = {.sa_handler = on_held};

    for (int i = 0; i < N_HELD; i++) {
        came[i] = 0;
        w->held[i] = sigaction(held_signals[i], NULL, &w->before[i]) == 0 &&
                     w->before[i].sa_handler != SIG_DFL && w->before[i].sa_handler != SIG_IGN &&
                     sigaction(held_signals[i], &hold, NULL) == 0;
    }
    /* One may have come a moment ago, and wait for Python to look. */
    if (PyErr_CheckSignals() < 0) {
        PyErr_Clear();
        came[0] = 1;
    }
}

static void restore_signals(hecmod_worker *w)
{
    for (int i = 0; i < N_HELD; i++) {
        if (!w->held[i])
            continue;
        sigaction(held_signals[i], &w->before[i], NULL);
        if (came[i])
            raise(held_signals[i]);
    }
}

static void before_fork(void *ctx)
{
    hecmod_worker *w = ctx;

    hold_signals(w);
    /* What is buffered now would be written once by each process. */
    flush_stdio();
    /* A collection in a child writes to the header of every object that it looks at, and so
     * copies their pages. Frozen objects are not looked at. */
    w->unfreeze = hecmod_call_gc("get_freeze_count") <= w->st->frozen_at_start;
    hecmod_newborn_prepare(w->st);
    if (w->unfreeze)
        hecmod_call_gc("freeze");
    PyOS_BeforeFork();
}

static void after_fork(void *ctx)
{
    hecmod_worker *w = ctx;

    PyOS_AfterFork_Parent();
    if (w->unfreeze)
        hecmod_call_gc("unfreeze");
    restore_signals(w);
}

/* ---- in the child ---- */

/* On this signal the faulthandler says where the worker is: see newborn.c. */
static int stack_signal(void)
{
    return SIGRTMIN + 7;
}

static void start(void *ctx, uint32_t number, int report)
{
    hecmod_worker *w = ctx;

    (void)number;
    PyOS_AfterFork_Child(); /* with the signals held: what comes now is for the parent */
    w->st->in_worker = true;
    w->st->draining = false; /* a task that has begun may come to its end, with calls of its own, */
    w->st->asked_walltime = true;
    w->st->deadline_ns = 0;   /* in whatever time */
    w->pool = NULL;           /* the parent's */
    hecmod_zygote_end(w->st); /* likewise */
    w->opened = PyDict_New();
    if (!w->opened || hecmod_newborn_start(w->st, report, stack_signal()) < 0) {
        PyErr_Print();
        _exit(1);
    }
}

static void stop(void *ctx)
{
    (void)ctx;
    flush_stdio();
}

static void wait_begin(void *ctx)
{
    hecmod_worker *w = ctx;

    if (!w->pool) /* a worker's own; the parent of a nested pool has one */
        flush_stdio();
    else
        hecmod_pool_wait_begin(w->pool);
    w->saved = PyEval_SaveThread();
}

static void wait_end(void *ctx)
{
    hecmod_worker *w = ctx;

    PyEval_RestoreThread(w->saved);
    if (w->pool)
        hecmod_pool_wait_end(w->pool);
}

static void on_open(void *ctx, uint64_t call, const hec_message *shared)
{
    hecmod_worker *w = ctx;
    PyObject *key = PyLong_FromUnsignedLongLong(call), *got = hecmod_unpack(w->st, shared);

    if (!got) {
        /* Every task of the call will fail with it, and say why. */
        PyObject *type, *traceback;

        PyErr_Fetch(&type, &got, &traceback);
        PyErr_NormalizeException(&type, &got, &traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
    }
    if (!key || !got || PyDict_SetItem(w->opened, key, got) < 0)
        PyErr_WriteUnraisable(NULL);
    Py_XDECREF(key);
    Py_XDECREF(got);
}

static void on_close(void *ctx, uint64_t call)
{
    hecmod_worker *w = ctx;
    PyObject *key = PyLong_FromUnsignedLongLong(call);

    if (!key || PyDict_DelItem(w->opened, key) < 0)
        PyErr_Clear();
    Py_XDECREF(key);
}

/* ---- replies ---- */

/* The present exception, as the reply to task i. */
static void reply_failure(hecmod_worker *w, hec_worker *hw, uint64_t i)
{
    PyObject *type, *value, *traceback, *report, *packed = NULL;
    const char *text = "the task failed, and so did the attempt to say how";
    bool over = hec_worker_limits(hw)->memory_bytes && PyErr_ExceptionMatches(PyExc_MemoryError);

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    report = hecmod_report(w->st);
    if (report)
        packed = PyObject_CallMethod(report, "pack_failure", "O", value);
    if (!packed || !PyBytes_Check(packed) ||
        hec_outbox_payload(hec_worker_outbox(hw), PyBytes_AS_STRING(packed),
                           (size_t)PyBytes_GET_SIZE(packed), NULL) < 0) {
        PyErr_Clear();
        hec_outbox_clear(hec_worker_outbox(hw));
        hec_outbox_payload(hec_worker_outbox(hw), text, strlen(text), NULL);
    }
    hec_worker_reply(hw, i, 1, over ? HEC_TASK_OVER_MEMORY : HEC_TASK_RAISED);
    Py_XDECREF(packed);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* Results that cannot be packed together: one by one, so that the bad one is named. */
static void reply_singly(hecmod_worker *w, hec_worker *hw, uint64_t first, PyObject *results)
{
    for (Py_ssize_t k = 0; k < PyList_GET_SIZE(results); k++) {
        PyObject *value = PyList_GET_ITEM(results, k);
        PyObject *one = PyList_New(1), *report, *r;

        if (one)
            PyList_SET_ITEM(one, 0, Py_NewRef(value));
        if (one && hecmod_pack(w->st, one, (hecmod_way){.pickled = w->pickled},
                               hec_worker_outbox(hw), NULL) == 0) {
            hec_worker_reply(hw, first + (uint64_t)k, 1, HEC_TASK_DONE);
        } else {
            PyObject *type, *why, *traceback;

            PyErr_Fetch(&type, &why, &traceback);
            PyErr_NormalizeException(&type, &why, &traceback);
            report = hecmod_report(w->st);
            /* Raises, always: the exception that says which part of which result is to blame. */
            r = report
                    ? PyObject_CallMethod(report, "blame_result", "KOO",
                                          (unsigned long long)first + k, value, why ? why : Py_None)
                    : NULL;
            Py_XDECREF(r);
            Py_XDECREF(type);
            Py_XDECREF(why);
            Py_XDECREF(traceback);
            reply_failure(w, hw, first + (uint64_t)k);
        }
        Py_XDECREF(one);
    }
}

/* Replies to the tasks whose results were gathered, and empties the list. */
static void reply_results(hecmod_worker *w, hec_worker *hw, uint64_t first, PyObject *results)
{
    Py_ssize_t n = PyList_GET_SIZE(results);

    if (n == 0)
        return;
    if (n > 1) /* should packing end this process, nobody knows yet which of them is to blame */
        hec_worker_between(hw);
    if (hecmod_pack(w->st, results, (hecmod_way){.pickled = w->pickled}, hec_worker_outbox(hw),
                    NULL) == 0) {
        hec_worker_reply(hw, first, (uint32_t)n, HEC_TASK_DONE);
    } else {
        PyErr_Clear();
        reply_singly(w, hw, first, results);
    }
    if (PyList_SetSlice(results, 0, n, NULL) < 0)
        PyErr_WriteUnraisable(NULL);
}

/* ---- tasks ---- */

typedef struct source {
    hecmod_call *inherited; /* or: */
    PyObject *items;
    uint64_t first;
    enum hecmod_kind kind;
    PyObject *func; /* borrowed */
    bool measured;  /* a reply must not be to more tasks than the engine measures */
} source;

/* Opens a batch. -1 with an exception set: every task of it fails with that. */
static int open_batch(hecmod_worker *w, const hec_batch *b, source *s)
{
    PyObject *key, *opened;
    int kind, measured, pickled;

    *s = (source){.first = b->first};
    if (!b->message) {
        s->inherited = w->inherited;
        s->kind = w->inherited->kind;
        s->func = w->inherited->func;
        s->measured = w->inherited->judge != NULL;
        w->pickled = w->inherited->journal != NULL;
        return 0;
    }
    key = PyLong_FromUnsignedLongLong(b->call);
    opened = key ? PyDict_GetItemWithError(w->opened, key) : NULL;
    Py_XDECREF(key);
    if (!opened) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "the function did not arrive");
        return -1;
    }
    if (PyExceptionInstance_Check(opened)) {
        PyErr_SetObject(PyExceptionInstance_Class(opened), opened);
        return -1;
    }
    if (!PyArg_ParseTuple(opened, "iOii", &kind, &s->func, &measured, &pickled))
        return -1;
    s->measured = measured;
    w->pickled = pickled;
    s->kind = (enum hecmod_kind)kind;
    s->items = hecmod_unpack(w->st, b->message);
    return s->items ? 0 : -1;
}

static PyObject *run_one(hecmod_worker *w, const source *s, uint64_t i)
{
    PyObject *item, *result;

    if (s->inherited)
        item = hecmod_call_item(s->inherited, i);
    else
        item = PySequence_GetItem(s->items, (Py_ssize_t)(i - s->first));
    if (!item)
        return NULL;
    if ((PyObject *)Py_TYPE(item) == w->st->unsendable) {
        result = PyObject_CallMethod(item, "fail", NULL); /* raises */
        Py_XDECREF(result);
        result = NULL;
    } else {
        result = hecmod_run_task(s->kind, s->func, item);
    }
    Py_DECREF(item);
    return result;
}

/* Every task of a batch that could not be opened fails with the present exception. */
static void fail_batch(hecmod_worker *w, hec_worker *hw)
{
    PyObject *type, *value, *traceback;
    uint64_t first;
    uint32_t count;

    PyErr_Fetch(&type, &value, &traceback);
    while (hec_worker_claim(hw, &first, &count))
        for (uint32_t k = 0; k < count; k++) {
            Py_XINCREF(type);
            Py_XINCREF(value);
            Py_XINCREF(traceback);
            PyErr_Restore(type, value, traceback);
            reply_failure(w, hw, first + k);
        }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static void run(void *ctx, hec_worker *hw, const hec_batch *b)
{
    hecmod_worker *w = ctx;
    PyObject *results = PyList_New(0);
    uint64_t first, from = b->first;
    uint32_t count;
    source s = {0};

    if (!results || open_batch(w, b, &s) < 0) {
        fail_batch(w, hw);
        Py_XDECREF(results);
        return;
    }
    while (hec_worker_claim(hw, &first, &count)) {
        for (uint64_t i = first; i < first + count; i++) {
            PyObject *result;

            /* Somebody may wait for a future, and the next task for that somebody. */
            if ((s.kind == HECMOD_TASKS && !s.inherited) ||
                (s.measured && PyList_GET_SIZE(results) == (Py_ssize_t)HEC_MEASURED_MAX))
                reply_results(w, hw, from, results);
            if (PyList_GET_SIZE(results) == 0)
                from = i;
            hec_worker_at(hw, i);
            result = run_one(w, &s, i);
            if (result && PyList_Append(results, result) < 0)
                Py_CLEAR(result);
            if (!result) {
                PyObject *type, *value, *traceback;

                PyErr_Fetch(&type, &value, &traceback);
                reply_results(w, hw, from, results);
                PyErr_Restore(type, value, traceback);
                reply_failure(w, hw, i);
            }
            Py_XDECREF(result);
        }
        if (hec_worker_due(hw))
            reply_results(w, hw, from, results);
    }
    reply_results(w, hw, from, results);
    Py_DECREF(results);
    Py_XDECREF(s.items);
}

hec_runner hecmod_runner(hecmod_worker *ctx)
{
    return (hec_runner){.ctx = ctx,
                        .before_fork = before_fork,
                        .after_fork = after_fork,
                        .start = start,
                        .open = on_open,
                        .run = run,
                        .close = on_close,
                        .stop = stop,
                        .wait_begin = wait_begin,
                        .wait_end = wait_end,
                        .stack_signal = stack_signal()};
}
