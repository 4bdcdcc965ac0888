/* SPDX-License-Identifier: MIT
 *
 * Pool: the engine as an object.
 *
 * Threads. The interpreter's lock alone would not do: packing a task runs the user's code, which
 * may let another thread in. So a lock of its own goes around every use of the engine, and is given
 * up while the engine waits. One thread at a time steps; others that wait for a call of theirs
 * sleep until that one has news.
 */
#include "state.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

typedef struct hecmod_pool {
    PyObject_HEAD hecmod_state *st;
    hec_pool *pool; /* NULL: closed */
    hecmod_worker worker;
    PyObject *calls; /* list of the open calls */
    PyObject *known; /* what the workers' __main__ has */
    PyThread_type_lock lock;
    unsigned long owner; /* the thread that holds the lock, 0: none */
    pid_t pid;           /* of the process that made it; a forked copy is of no use */
    bool stepping, closing, dropped;
    pthread_mutex_t mutex; /* for `news` */
    pthread_cond_t news;   /* a step has ended */
    uint64_t steps;        /* how many have, under the mutex */
} hecmod_pool;

/* ---- the lock ---- */

static void take_lock(hecmod_pool *p)
{
    if (PyThread_acquire_lock(p->lock, NOWAIT_LOCK) != PY_LOCK_ACQUIRED) {
        Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(p->lock, WAIT_LOCK);
        Py_END_ALLOW_THREADS
    }
    p->owner = PyThread_get_thread_ident();
}

static void drop_lock(hecmod_pool *p)
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
    take_lock(p);
    if (!p->pool || p->closing) {
        drop_lock(p);
        PyErr_SetString(PyExc_RuntimeError, "the pool is closed");
        return -1;
    }
    return 0;
}

/* Called by the runner in the middle of a step, with the interpreter's lock held. */
void hecmod_pool_wait_begin(void *pool)
{
    drop_lock(pool);
}

void hecmod_pool_wait_end(void *pool)
{
    take_lock(pool);
}

/* ---- steps ---- */

static void tell_news(hecmod_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->steps++;
    pthread_cond_broadcast(&p->news);
    pthread_mutex_unlock(&p->mutex);
}

/* Another thread steps: sleeps until it has news, a short time at most, since Ctrl-C does not wake
 * us here. */
static void wait_for_stepper(hecmod_pool *p)
{
    struct timespec until;
    uint64_t seen = p->steps;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 50000000;
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
    drop_lock(p);
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

/* One step, or a wait for the thread that steps. -1 with an exception set. */
static int step(hecmod_pool *p, const hecmod_call *mine, int timeout_ms)
{
    hec_error err = {0};
    bool entered = false;
    int r;

    if (!p->stepping) {
        if (enter(p) < 0)
            return -1;
        entered = !p->stepping; /* another may have begun while this one waited for the lock */
        if (!entered)
            leave(p);
    }
    if (!entered) {
        wait_for_stepper(p);
        return PyErr_CheckSignals();
    }
    p->stepping = true;
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

static PyObject *pool_step(PyObject *self, PyObject *args)
{
    int timeout_ms = -1;

    if (!PyArg_ParseTuple(args, "|i:step", &timeout_ms) ||
        step((hecmod_pool *)self, NULL, timeout_ms) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Whether there is something of a call to look at: others may have stepped since its owner did. */
static bool has_news(const hecmod_call *c, uint64_t began)
{
    return c->done > began || (c->ready ? PyList_GET_SIZE(c->ready) : PyDict_Size(c->failures)) > 0;
}

static PyObject *pool_drive(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"call", "once", "progress", NULL};
    hecmod_pool *p = (hecmod_pool *)self;
    PyObject *call, *progress = Py_None, *r;
    hecmod_call *c;
    uint64_t began;
    int once = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|pO:drive", names, p->st->call_type, &call,
                                     &once, &progress))
        return NULL;
    c = (hecmod_call *)call;
    began = c->done;
    while (c->done < c->total && !(once && has_news(c, began))) {
        uint64_t before = c->done;

        if (!c->call && c->error) {
            raise_error_of(c);
            return NULL;
        }
        if (!c->call) {
            PyErr_SetString(PyExc_RuntimeError, "the call is not open");
            return NULL;
        }
        if (step(p, c, -1) < 0)
            return NULL;
        if (progress != Py_None && c->done != before) {
            r = PyObject_CallFunction(progress, "K", (unsigned long long)c->done);
            if (!r)
                return NULL;
            Py_DECREF(r);
        }
    }
    Py_RETURN_NONE;
}

/* ---- calls ---- */

static hecmod_call *as_call(hecmod_pool *p, PyObject *o)
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

static PyObject *pool_open(PyObject *self, PyObject *o)
{
    hecmod_pool *p = (hecmod_pool *)self;
    hecmod_call *c = as_call(p, o);
    hec_error err = {0};
    int r;

    if (!c || enter(p) < 0)
        return NULL;
    if (c->call) {
        PyErr_SetString(PyExc_RuntimeError, "the call is open already");
        r = -1;
    } else if ((r = PyList_Append(p->calls, o)) == 0) {
        Py_XSETREF(c->known, Py_NewRef(p->known));
        r = hec_call_open(p->pool, &hecmod_call_ops, c, c->total, &c->call, &err);
        if (r < 0) {
            hecmod_raise(&err);
            PyList_SetSlice(p->calls, PyList_GET_SIZE(p->calls) - 1, PyList_GET_SIZE(p->calls),
                            NULL);
        } else {
            r = kick(p, c);
            if (r < 0) { /* nobody will end a call that did not open */
                PyObject *type, *value, *traceback;

                PyErr_Fetch(&type, &value, &traceback);
                close_call(p, c);
                PyErr_Restore(type, value, traceback);
            }
        }
    }
    leave(p);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *pool_extend(PyObject *self, PyObject *args)
{
    hecmod_pool *p = (hecmod_pool *)self;
    unsigned long long total;
    hecmod_call *c;
    PyObject *o;
    int r = 0;

    if (!PyArg_ParseTuple(args, "OK:extend", &o, &total) || !(c = as_call(p, o)) || enter(p) < 0)
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

static PyObject *pool_end(PyObject *self, PyObject *o)
{
    hecmod_pool *p = (hecmod_pool *)self;
    hecmod_call *c = as_call(p, o);

    if (!c)
        return NULL;
    /* Nothing left to end: a stream may well outlive its pool, and is copied by forks. */
    if (!c->call || p->pid != getpid() || p->closing)
        Py_RETURN_NONE;
    if (p->owner == PyThread_get_thread_ident()) {
        /* A generator that was dropped is ended by whoever collects it, in the middle of anything.
         */
        c->dropped = p->dropped = true;
        Py_RETURN_NONE;
    }
    if (enter(p) < 0)
        return NULL;
    if (c->call)
        close_call(p, c);
    leave(p);
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static PyObject *pool_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    hecmod_pool *p = (hecmod_pool *)type->tp_alloc(type, 0);

    (void)args;
    (void)kwargs;
    if (!p)
        return NULL;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->news, NULL);
    p->pid = getpid();
    p->st = hecmod_of_type(type);
    p->worker.st = p->st;
    p->worker.pool = p;
    p->lock = PyThread_allocate_lock();
    p->calls = PyList_New(0);
    if (!p->lock || !p->calls) {
        bool no_lock = !p->lock;

        Py_DECREF(p);
        return no_lock ? PyErr_NoMemory() : NULL;
    }
    return (PyObject *)p;
}

static int pool_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"workers", "call", NULL};
    hecmod_pool *p = (hecmod_pool *)self;
    hec_runner runner = hecmod_runner(&p->worker);
    hec_pool_options o = {.runner = &runner};
    PyObject *call = Py_None;
    hecmod_call *c = NULL;
    hec_error err = {0};
    int workers;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|O:Pool", names, &workers, &call))
        return -1;
    if (p->pool || !hecmod_errors(p->st)) {
        if (p->pool)
            PyErr_SetString(PyExc_RuntimeError, "a Pool is made once");
        return -1;
    }
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        /* Python does not survive a fork anywhere else. */
        PyErr_SetString(PyExc_RuntimeError, "workers can be forked from the main interpreter only");
        return -1;
    }
    o.workers = workers < 0 ? 0 : (uint32_t)workers;
    if (call != Py_None) {
        c = as_call(p, call);
        if (!c || PyList_Append(p->calls, call) < 0)
            return -1;
        p->worker.inherited = c;
        o.inherit = &hecmod_call_ops;
        o.inherit_ctx = c;
        o.inherit_total = c->total;
    }
    p->known = hecmod_known_main();
    if (!p->known)
        return -1;
    take_lock(p);
    if (hec_pool_create(&o, &p->pool, &err) < 0)
        hecmod_raise(&err);
    else if (c)
        c->call = hec_pool_inherited(p->pool);
    drop_lock(p);
    if (!p->pool)
        return -1;
    if (hec_pool_workers(p->pool) < o.workers)
        return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                                "only %u of %d workers could be started: ask for fewer, or raise "
                                "the limit on processes (ulimit -u) or on open files (ulimit -n)",
                                hec_pool_workers(p->pool), workers);
    return 0;
}

/* Ends the engine. The lock is not held; no thread is in a step. */
static void end_pool(hecmod_pool *p, hec_pool_end how)
{
    hec_pool *pool = p->pool;

    p->pool = NULL;
    Py_BEGIN_ALLOW_THREADS hec_pool_destroy(pool, how);
    Py_END_ALLOW_THREADS for (Py_ssize_t i = 0; p->calls && i < PyList_GET_SIZE(p->calls);
                              i++)((hecmod_call *)PyList_GET_ITEM(p->calls, i))
        ->call = NULL;
    if (p->calls)
        PyList_SetSlice(p->calls, 0, PyList_GET_SIZE(p->calls), NULL);
    p->worker.inherited = NULL;
}

static PyObject *pool_close(PyObject *self, PyObject *args)
{
    hecmod_pool *p = (hecmod_pool *)self;
    int now = 0;

    if (!PyArg_ParseTuple(args, "|p:close", &now))
        return NULL;
    if (p->pid != getpid())
        Py_RETURN_NONE;
    if (p->owner == PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "a pool was closed from inside its own pickling");
        return NULL;
    }
    p->closing = true;
    /* A thread that steps is sent home first; it will find the pool closing. */
    while (p->stepping) {
        hec_pool_wake(p->pool);
        wait_for_stepper(p);
    }
    take_lock(p); /* whoever opens or extends is through after this */
    drop_lock(p);
    if (p->pool)
        end_pool(p, now ? HEC_POOL_NOW : HEC_POOL_FINISH);
    Py_RETURN_NONE;
}

static int pool_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((hecmod_pool *)self)->calls);
    Py_VISIT(((hecmod_pool *)self)->known);
    return 0;
}

static int pool_clear(PyObject *self)
{
    hecmod_pool *p = (hecmod_pool *)self;

    if (p->pool)
        end_pool(p, HEC_POOL_NOW);
    Py_CLEAR(p->calls);
    Py_CLEAR(p->known);
    return 0;
}

static void pool_dealloc(PyObject *self)
{
    hecmod_pool *p = (hecmod_pool *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    pool_clear(self);
    if (p->lock)
        PyThread_free_lock(p->lock);
    pthread_cond_destroy(&p->news);
    pthread_mutex_destroy(&p->mutex);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *pool_pids(PyObject *self, PyObject *unused)
{
    hecmod_pool *p = (hecmod_pool *)self;
    PyObject *list = PyList_New(0);

    (void)unused;
    for (uint32_t k = 0; list && p->pool && k < 4096; k++) {
        int32_t pid = hec_pool_pid(p->pool, k);
        PyObject *n = pid ? PyLong_FromLong(pid) : NULL;

        if (pid && (!n || PyList_Append(list, n) < 0))
            Py_CLEAR(list);
        Py_XDECREF(n);
    }
    return list;
}

static PyObject *pool_memory(PyObject *self, PyObject *unused)
{
    hecmod_pool *p = (hecmod_pool *)self;

    (void)unused;
    return PyLong_FromUnsignedLongLong(p->pool ? hec_pool_memory(p->pool) : 0);
}

static PyMethodDef pool_methods[] = {
    {"open", pool_open, METH_O, "open(call)\n\nLets the workers begin with a call's tasks."},
    {"extend", pool_extend, METH_VARARGS, "extend(call, total)\n\nA stream has more tasks now."},
    {"end", pool_end, METH_O,
     "end(call)\n\nForgets a call: its tasks that have not begun are dropped."},
    {"step", pool_step, METH_VARARGS,
     "step(timeout_ms=-1)\n\nMoves what can be moved, or waits for something to move."},
    {"drive", (PyCFunction)(void (*)(void))pool_drive, METH_VARARGS | METH_KEYWORDS,
     "drive(call, once=False, progress=None)\n\nSteps until the call is done, or, with once, until "
     "something of it is. progress(done) is called as tasks end."},
    {"close", pool_close, METH_VARARGS,
     "close(now=False)\n\nEnds the workers; those that are busy are killed, with now all of them."},
    {"pids", pool_pids, METH_NOARGS, "pids() -> list\n\nThe workers' process ids."},
    {"memory", pool_memory, METH_NOARGS,
     "memory() -> int\n\nBytes of shared memory that the pool holds now."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot pool_slots[] = {
    {Py_tp_doc,
     "Pool(workers, call=None)\n\nWorker processes; with a call they inherit its input."},
    {Py_tp_new, pool_new},
    {Py_tp_init, pool_init},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_traverse, pool_traverse},
    {Py_tp_clear, pool_clear},
    {Py_tp_methods, pool_methods},
    {0, NULL},
};

PyType_Spec hecmod_pool_spec = {
    .name = "pyhec._hec.Pool",
    .basicsize = sizeof(hecmod_pool),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = pool_slots,
};
