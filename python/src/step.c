/* SPDX-License-Identifier: MIT
 *
 * Pool, the half that uses the engine: calls, and the steps that move them.
 *
 * Threads. The interpreter's lock alone would not do: packing a task runs the user's code, which
 * may let another thread in. So a lock of its own goes around every use of the engine, and is given
 * up while the engine waits. One thread at a time steps; others that wait for a call of theirs
 * sleep until that one has news.
 */
#include "pool.h"

#include <time.h>

/* ---- the lock ---- */

void hecmod_pool_take_lock(hecmod_pool *p)
{
    if (PyThread_acquire_lock(p->lock, NOWAIT_LOCK) != PY_LOCK_ACQUIRED) {
        Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(p->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS
    }
    p->owner = PyThread_get_thread_ident();
}

void hecmod_pool_drop_lock(hecmod_pool *p)
{
    p->owner = 0;
    PyThread_release_lock(p->lock);
}

static int enter(hecmod_pool *p)
{
    if (p->pid != getpid()) {
        PyErr_SetString(PyExc_RuntimeError, "this pool belongs to the parent process: a task that "
                                            "needs a pool makes one of its own");
        return -1;
    }
    if (p->owner == PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "a pool was used from inside itself: by code that runs "
                                            "while one of its inputs or results is being pickled");
        return -1;
    }
    hecmod_pool_take_lock(p);
    if (!p->pool || p->closing) {
        hecmod_pool_drop_lock(p);
        PyErr_SetString(PyExc_RuntimeError, "the pool is closed");
        return -1;
    }
    return 0;
}

/* Called by the runner in the middle of a step, with the interpreter's lock held. */
void hecmod_pool_wait_begin(void *pool)
{
    hecmod_pool_drop_lock(pool);
}

void hecmod_pool_wait_end(void *pool)
{
    hecmod_pool_take_lock(pool);
}

/* ---- steps ---- */

static void tell_news(hecmod_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->steps++;
    pthread_cond_broadcast(&p->news);
    pthread_mutex_unlock(&p->mutex);
}

/* Another thread steps: sleeps until it has news. */
void hecmod_pool_wait_for_stepper(hecmod_pool *p)
{
    struct timespec until;
    uint64_t seen = p->steps;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += HECMOD_WAIT_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&p->mutex);
    while (p->steps == seen && pthread_cond_timedwait(&p->news, &p->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&p->mutex);
    Py_END_ALLOW_THREADS
}

static void close_call(hecmod_pool *p, hecmod_call *c)
{
    Py_ssize_t i = PySequence_Index(p->calls, (PyObject *)c);

    hec_call_close(c->call);
    c->call = NULL;
    hecmod_forget_lent(c);
    if (i < 0 || PyList_SetSlice(p->calls, i, i + 1, NULL) < 0)
        PyErr_WriteUnraisable(NULL);
}

/* Ends a use of the engine. Calls that were dropped meanwhile are closed now. */
static void leave(hecmod_pool *p)
{
    while (p->dropped) {
        p->dropped = false;
        for (Py_ssize_t i = PyList_GET_SIZE(p->calls); i-- > 0;) {
            hecmod_call *c = (hecmod_call *)PyList_GET_ITEM(p->calls, i);

            if (c->dropped && c->call) {
                close_call(p, c);
                i = PyList_GET_SIZE(p->calls);
            }
        }
    }
    hecmod_pool_drop_lock(p);
}

static int raise_error_of(hecmod_call *c)
{
    PyErr_SetObject(PyExceptionInstance_Class(c->error), c->error);
    Py_CLEAR(c->error);
    return -1;
}

/* A callback failed. What a callback of `mine` left is raised (-1), and so is an interrupt, which
 * is this thread's. Another call that failed is ended, and its own thread will find out why (0):
 * its error is no news here, and kept open it would be in the way of the others. */
static int settle_errors(hecmod_pool *p, const hecmod_call *mine, const hec_error *err)
{
    bool others = false;

    for (Py_ssize_t i = PyList_GET_SIZE(p->calls); i-- > 0;) {
        hecmod_call *c = (hecmod_call *)PyList_GET_ITEM(p->calls, i);

        if (!c->error)
            continue;
        if (c == mine || !PyErr_GivenExceptionMatches(c->error, PyExc_Exception))
            return raise_error_of(c);
        close_call(p, c);
        others = true;
    }
    if (!others)
        hecmod_raise(err);
    return others ? 0 : -1;
}

static void drain(hecmod_call *c)
{
    if (c->call && !c->drained)
        hec_call_drain(c->call);
    c->drained = true;
}

/* Somebody has said that no further tasks are to be begun. */
static void drain_all(hecmod_pool *p)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(p->calls); i++)
        drain((hecmod_call *)PyList_GET_ITEM(p->calls, i));
}

/* One step, or a wait for the thread that steps, a short time at most. -1 with an exception set. */
static int step(hecmod_pool *p, const hecmod_call *mine, int timeout_ms)
{
    hec_error err = {0};
    bool entered = false;
    int r;

    if (timeout_ms < 0 || timeout_ms > HECMOD_WAIT_MS)
        timeout_ms = HECMOD_WAIT_MS;
    if (!p->stepping) {
        if (enter(p) < 0)
            return -1;
        entered = !p->stepping; /* another may have begun while this one waited for the lock */
        if (!entered)
            leave(p);
    }
    if (!entered) {
        hecmod_pool_wait_for_stepper(p);
        return PyErr_CheckSignals();
    }
    p->stepping = true;
    if (p->st->draining)
        drain_all(p);
    r = hec_pool_step(p->pool, timeout_ms, &err);
    p->stepping = false;
    if (r < 0 && r != HEC_EINTR)
        r = settle_errors(p, mine, &err);
    else
        r = 0;
    leave(p);
    tell_news(p);
    return r < 0 ? -1 : PyErr_CheckSignals();
}

PyObject *hecmod_pool_step(PyObject *self, PyObject *args)
{
    int timeout_ms = -1;

    if (!PyArg_ParseTuple(args, "|i:step", &timeout_ms) ||
        step((hecmod_pool *)self, NULL, timeout_ms) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* gather(call, total, ms, each): steps for so long that there is something to look at; not longer
 * than there are tasks below total under way. each() is called after each step. */
PyObject *hecmod_pool_gather(PyObject *self, PyObject *args)
{
    hecmod_pool *p = (hecmod_pool *)self;
    PyObject *o, *each = Py_None, *r;
    unsigned long long total;
    hecmod_call *c;
    uint64_t until;
    int ms;

    if (!PyArg_ParseTuple(args, "OKi|O:gather", &o, &total, &ms, &each) ||
        !(c = hecmod_pool_as_call(p, o)))
        return NULL;
    until = now_ns() + (uint64_t)(ms > 0 ? ms : 0) * 1000000u;
    do {
        if (step(p, NULL, ms) < 0)
            return NULL;
        if (each != Py_None) {
            r = PyObject_CallNoArgs(each);
            if (!r)
                return NULL;
            Py_DECREF(r);
        }
    } while (c->call && c->done < total && now_ns() < until);
    Py_RETURN_NONE;
}

/* Whether there is something of a call to look at: others may have stepped since its owner did. */
static bool has_news(const hecmod_call *c, uint64_t began)
{
    return c->done > began || (c->ready ? PyList_GET_SIZE(c->ready) > 0 : c->failed > 0);
}

/* Steps until the call is over, or, with once, until something of it is. */
static int drive(hecmod_pool *p, hecmod_call *c, bool once, PyObject *progress)
{
    uint64_t began = c->done;
    PyObject *r;

    while (c->done < c->total && !(once && has_news(c, began))) {
        uint64_t before = c->done;

        if (!c->call && c->error)
            return raise_error_of(c);
        if (!c->call) {
            PyErr_SetString(PyExc_RuntimeError, "the call is not open");
            return -1;
        }
        if (step(p, c, -1) < 0)
            return -1;
        if (progress != Py_None && c->done != before) {
            r = PyObject_CallFunction(progress, "K", (unsigned long long)c->done);
            if (!r)
                return -1;
            Py_DECREF(r);
        }
    }
    return 0;
}

PyObject *hecmod_pool_drive(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"call", "once", "progress", NULL};
    hecmod_pool *p = (hecmod_pool *)self;
    PyObject *call, *progress = Py_None;
    int once = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|pO:drive", names, p->st->call_type, &call,
                                     &once, &progress) ||
        drive(p, (hecmod_call *)call, once, progress) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- calls ---- */

hecmod_call *hecmod_pool_as_call(hecmod_pool *p, PyObject *o)
{
    if (!PyObject_TypeCheck(o, p->st->call_type)) {
        PyErr_Format(PyExc_TypeError, "a Call is needed, not %.80s", Py_TYPE(o)->tp_name);
        return NULL;
    }
    return (hecmod_call *)o;
}

static int kick(hecmod_pool *p, const hecmod_call *mine)
{
    hec_error err = {0};
    int r = hec_pool_kick(p->pool, &err);

    return r < 0 ? settle_errors(p, mine, &err) : 0;
}

uint64_t hecmod_pool_deadline(hecmod_pool *p, const hecmod_call *c)
{
    uint64_t walltime_ns = c->walltime ? hecmod_deadline(p->st) : 0;

    if (!c->deadline_ns || !walltime_ns)
        return c->deadline_ns ? c->deadline_ns : walltime_ns;
    return c->deadline_ns < walltime_ns ? c->deadline_ns : walltime_ns;
}

/* Tells the engine what the options of a call are. */
static void tell_options(hecmod_pool *p, hecmod_call *c)
{
    uint64_t deadline_ns = hecmod_pool_deadline(p, c);

    if (c->limits.timeout_ns || c->limits.memory_bytes)
        hec_call_set_limits(c->call, &c->limits);
    if (c->judge)
        hec_call_set_measured(c->call);
    if (deadline_ns)
        hec_call_set_deadline(c->call, deadline_ns);
    if (p->st->draining)
        drain(c);
}

/* Opens a call. The engine is entered. -1 with an exception set. */
static int open_call(hecmod_pool *p, hecmod_call *c)
{
    hec_error err = {0};
    Py_ssize_t n = PyList_GET_SIZE(p->calls);
    PyObject *type, *value, *traceback;

    if (c->call) {
        PyErr_SetString(PyExc_RuntimeError, "the call is open already");
        return -1;
    }
    if (PyList_Append(p->calls, (PyObject *)c) < 0)
        return -1;
    Py_XINCREF(p->known);
    Py_XSETREF(c->known, p->known);
    if (hec_call_open(p->pool, &hecmod_call_ops, c, c->total, &c->call, &err) < 0) {
        PyList_SetSlice(p->calls, n, n + 1, NULL);
        hecmod_raise(&err);
        return -1;
    }
    if (c->results)
        hec_call_set_patient(c->call);
    tell_options(p, c);
    if (kick(p, c) == 0)
        return 0;
    PyErr_Fetch(&type, &value, &traceback); /* nobody will end a call that did not open */
    close_call(p, c);
    PyErr_Restore(type, value, traceback);
    return -1;
}

PyObject *hecmod_pool_open(PyObject *self, PyObject *o)
{
    hecmod_pool *p = (hecmod_pool *)self;
    hecmod_call *c = hecmod_pool_as_call(p, o);
    int r;

    if (!c || enter(p) < 0)
        return NULL;
    r = open_call(p, c);
    leave(p);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *hecmod_pool_extend(PyObject *self, PyObject *args)
{
    hecmod_pool *p = (hecmod_pool *)self;
    unsigned long long total;
    hecmod_call *c;
    PyObject *o;
    int r = 0;

    if (!PyArg_ParseTuple(args, "OK:extend", &o, &total) || !(c = hecmod_pool_as_call(p, o)) ||
        enter(p) < 0)
        return NULL;
    if (c->call && c->ready && total > c->total) {
        c->total = total;
        hec_call_extend(c->call, total);
        r = kick(p, c);
    }
    leave(p);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Ends a call, unless there is nothing left to end: a stream may well outlive its pool, and is
 * copied by forks. -1 with an exception set. */
static int end_call(hecmod_pool *p, hecmod_call *c)
{
    if (!c->call || p->pid != getpid() || p->closing)
        return 0;
    if (p->owner == PyThread_get_thread_ident()) {
        /* A generator that was dropped is ended by whoever collects it, in the middle of anything.
         */
        c->dropped = p->dropped = true;
        return 0;
    }
    if (enter(p) < 0)
        return -1;
    if (c->call)
        close_call(p, c);
    leave(p);
    return 0;
}

PyObject *hecmod_pool_end(PyObject *self, PyObject *o)
{
    hecmod_pool *p = (hecmod_pool *)self;
    hecmod_call *c = hecmod_pool_as_call(p, o);

    if (!c || end_call(p, c) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Open, drive and end in one: what a single call costs is counted in microseconds. */
PyObject *hecmod_pool_run(PyObject *self, PyObject *o)
{
    hecmod_pool *p = (hecmod_pool *)self;
    hecmod_call *c = hecmod_pool_as_call(p, o);
    PyObject *type, *value, *traceback;
    int r;

    if (!c || enter(p) < 0)
        return NULL;
    r = open_call(p, c);
    leave(p);
    if (r < 0)
        return NULL;
    r = drive(p, c, false, Py_None);
    PyErr_Fetch(&type, &value, &traceback);
    if (end_call(p, c) < 0) {
        if (!type)
            return NULL;
        PyErr_Clear(); /* what ended the call is the news */
    }
    PyErr_Restore(type, value, traceback);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}
