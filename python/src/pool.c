/* SPDX-License-Identifier: MIT
 *
 * Pool, the half that is the type: how the engine is made and how it ends.
 */
#include "pool.h"

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
    p->module = Py_NewRef(PyType_GetModule(type));
    p->worker.st = p->st;
    p->worker.pool = p;
    p->lock = PyThread_allocate_lock();
    p->calls = PyList_New(0);
    p->next_pool = p->st->pools;
    p->st->pools = p;
    if (!p->lock || !p->calls) {
        bool no_lock = !p->lock;

        Py_DECREF(p);
        return no_lock ? PyErr_NoMemory() : NULL;
    }
    return (PyObject *)p;
}

/* Whether workers are forked from here, or, with bytes to start with, by the zygote. */
static int choose_start(hecmod_pool *p, PyObject *start, hec_pool_options *o)
{
    Py_ssize_t size;
    char *data;

    if (start == Py_None) {
        p->known = hecmod_known_main();
        return p->known ? 0 : -1;
    }
    /* The zygote's workers know nothing of this __main__. */
    o->zygote = hecmod_zygote(p->st);
    if (!o->zygote || PyBytes_AsStringAndSize(start, &data, &size) < 0)
        return -1;
    o->start_data = data;
    o->start_size = (size_t)size;
    return 0;
}

static void tell_inherited(hecmod_pool *p, hecmod_call *c, hec_pool_options *o)
{
    p->worker.inherited = c;
    o->inherit = &hecmod_call_ops;
    o->inherit_ctx = c;
    o->inherit_total = c->total;
    o->inherit_limits = c->limits;
    o->inherit_measured = c->judge != NULL;
    o->inherit_deadline_ns = hecmod_pool_deadline(p, c);
}

/* The engine, for the machine as it is now. c: the inherited call, or NULL. */
static int create_engine(hecmod_pool *p, hec_pool_options *o, hecmod_call *c)
{
    hec_topology *t = NULL;
    hec_error err = {0};
    int r = hec_topology_read(NULL, &t, &err);

    if (r == 0) {
        o->topology = t;
        hecmod_learn_deadline(p->st, t);
        if (c)
            tell_inherited(p, c, o);
        hecmod_pool_take_lock(p);
        r = hec_pool_create(o, &p->pool, &err);
        if (r == 0 && c)
            hec_call_set_patient(c->call = hec_pool_inherited(p->pool));
        hecmod_pool_drop_lock(p);
        hec_topology_destroy(p->st->topology);
        p->st->topology = t;
    }
    if (r < 0)
        hecmod_raise(&err);
    return r;
}

static int pool_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"workers", "call", "start", NULL};
    hecmod_pool *p = (hecmod_pool *)self;
    hec_runner runner = hecmod_runner(&p->worker);
    hec_pool_options o = {.runner = &runner, .capture_stderr = 1};
    PyObject *call = Py_None, *start = Py_None;
    hecmod_call *c = NULL;
    int workers;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|OO:Pool", names, &workers, &call, &start))
        return -1;
    if (p->pool || !hecmod_report(p->st)) {
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
        c = hecmod_pool_as_call(p, call);
        if (!c || PyList_Append(p->calls, call) < 0)
            return -1;
    }
    if (choose_start(p, start, &o) < 0)
        return -1;
    hecmod_prepare_pickle(p->st);
    if (create_engine(p, &o, c) < 0)
        return -1;
    /* In a worker it is the cores that may be few, and nothing is wrong. */
    if (hec_pool_workers(p->pool) < o.workers && !p->st->in_worker)
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
    Py_END_ALLOW_THREADS;
    for (Py_ssize_t i = 0; p->calls && i < PyList_GET_SIZE(p->calls); i++) {
        hecmod_call *c = (hecmod_call *)PyList_GET_ITEM(p->calls, i);

        c->call = NULL;
        hecmod_forget_lent(c);
    }
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
        hecmod_pool_wait_for_stepper(p);
    }
    hecmod_pool_take_lock(p); /* whoever opens or extends is through after this */
    hecmod_pool_drop_lock(p);
    if (p->pool)
        end_pool(p, now ? HEC_POOL_NOW : HEC_POOL_FINISH);
    Py_RETURN_NONE;
}

static int pool_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((hecmod_pool *)self)->module); /* not cleared: dealloc needs the state */
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
    PyObject *module = p->module;
    hecmod_pool **at = &p->st->pools;

    PyObject_GC_UnTrack(self);
    pool_clear(self);
    while (*at != p)
        at = &(*at)->next_pool;
    *at = p->next_pool;
    if (p->lock)
        PyThread_free_lock(p->lock);
    pthread_cond_destroy(&p->news);
    pthread_mutex_destroy(&p->mutex);
    type->tp_free(self);
    Py_DECREF(type);
    Py_DECREF(module);
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
    {"open", hecmod_pool_open, METH_O, "open(call)\n\nLets the workers begin with a call's tasks."},
    {"extend", hecmod_pool_extend, METH_VARARGS,
     "extend(call, total)\n\nA stream has more tasks now."},
    {"end", hecmod_pool_end, METH_O,
     "end(call)\n\nForgets a call: its tasks that have not begun are dropped."},
    {"run", hecmod_pool_run, METH_O,
     "run(call)\n\nOpens a call, drives it to its end, and ends it."},
    {"step", hecmod_pool_step, METH_VARARGS,
     "step(timeout_ms=-1)\n\nMoves what can be moved, or waits for something to move."},
    {"gather", hecmod_pool_gather, METH_VARARGS,
     "gather(call, total, ms, each=None)\n\nWorks so long for all open calls, or until the first "
     "`total` tasks of this one are over; each() is called now and then."},
    {"drive", (PyCFunction)(void (*)(void))hecmod_pool_drive, METH_VARARGS | METH_KEYWORDS,
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
    {Py_tp_doc, "Pool(workers, call=None, start=None)\n\nWorker processes; with a call they "
                "inherit its input. "
                "start: bytes for workers that this process's zygote forks."},
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
