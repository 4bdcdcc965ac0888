/* SPDX-License-Identifier: MIT
 *
 * Tasks: single tasks that were submitted to a pool, from their submission to their end.
 *
 * There is no lock: numbers, inputs and futures change together while the interpreter's lock is
 * held and nothing is called that could give it up.
 */
#include "state.h"

#include <structmember.h>
#include <unistd.h>

typedef struct hecmod_tasks {
    PyObject_HEAD hecmod_state *st;
    PyObject *pool;
    hecmod_call *call;
    PyObject *futures; /* dict: number -> future of a task that is not over */
    PyObject *wake;    /* called when a task came while `asleep` */
    PyObject *ring;    /* tells the thread that delivers; NULL while there is none */
    PyObject *close;   /* ends the pool, where there is no thread to do it */
    PyTypeObject *future_type;
    PyObject *no_kwargs; /* what most tasks have, once for all */
    uint64_t count;      /* tasks so far */
    pid_t pid;
    char closing; /* no more are taken */
    char asleep;  /* nobody waits for results */
} hecmod_tasks;

/* Tells the engine of all tasks that it does not know yet. */
static int extend(hecmod_tasks *t)
{
    PyObject *total, *r = NULL;

    if (t->count <= t->call->total)
        return 0;
    total = PyLong_FromUnsignedLongLong(t->count);
    if (total)
        r = PyObject_CallMethodObjArgs(t->pool, t->st->words[HECMOD_EXTEND], t->call, total, NULL);
    Py_XDECREF(total);
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static PyObject *tasks_extend(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (extend((hecmod_tasks *)self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* What a worker does for a task that was cancelled in time. */
static PyObject *nothing_to_do(hecmod_tasks *t)
{
    return Py_BuildValue("(O()O)", (PyObject *)&PyDict_Type, t->no_kwargs);
}

/* Makes a task do nothing whose future nobody will see; its number stays. Keeps the exception. */
static void withdraw(hecmod_tasks *t, PyObject *key)
{
    PyObject *type, *value, *traceback, *nothing;
    int r;

    PyErr_Fetch(&type, &value, &traceback);
    nothing = nothing_to_do(t);
    r = nothing ? PyDict_Contains(t->call->items, key) : -1;
    if (r > 0)
        r = PyDict_SetItem(t->call->items, key, nothing);
    if (r == 0 && PyDict_Contains(t->futures, key) > 0)
        r = PyDict_DelItem(t->futures, key);
    if (r < 0)
        PyErr_WriteUnraisable((PyObject *)t);
    Py_XDECREF(nothing);
    PyErr_Restore(type, value, traceback);
}

static PyObject *cannot_take(const hecmod_tasks *t)
{
    if (t->pid != getpid())
        PyErr_SetString(PyExc_RuntimeError, "this executor belongs to the parent process");
    else
        PyErr_SetString(PyExc_RuntimeError, "cannot schedule new futures after shutdown");
    return NULL;
}

/* Has a task run. While the engine has tasks that it could not send, all workers have more than
 * enough, and a result is sure to come: then extend() will be called by who takes it. */
static int start(hecmod_tasks *t)
{
    PyObject *r;

    if (t->call->sent >= t->call->total && extend(t) < 0)
        return -1;
    if (!t->asleep)
        return 0;
    t->asleep = 0;
    r = PyObject_CallNoArgs(t->wake);
    if (!r)
        t->asleep = 1;
    Py_XDECREF(r);
    return r ? 0 : -1;
}

static PyObject *tasks_submit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    hecmod_tasks *t = (hecmod_tasks *)self;
    PyObject *task, *future, *key = NULL;
    int r = -1;

    if (nargs != 3 || !PyTuple_Check(args[1]) || !PyDict_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "submit(function, args: tuple, kwargs: dict)");
        return NULL;
    }
    task = PyTuple_Pack(3, args[0], args[1], PyDict_GET_SIZE(args[2]) ? args[2] : t->no_kwargs);
    future = task ? hecmod_future_new(t->st, t->future_type, self) : NULL;
    /* Nothing is collected from here to the next call, so no one's __del__ comes between. */
    if (future && (t->closing || t->pid != getpid())) {
        cannot_take(t);
    } else if (future) {
        key = PyLong_FromUnsignedLongLong(t->count);
        if (key && PyDict_SetItem(t->call->items, key, task) == 0) {
            r = PyDict_SetItem(t->futures, key, future);
            if (r < 0)
                withdraw(t, key);
            hecmod_future_number(future, t->count++);
        }
    }
    if (r == 0) {
        r = start(t);
        if (r < 0)
            withdraw(t, key);
    }
    if (r < 0)
        Py_CLEAR(future);
    Py_XDECREF(task);
    Py_XDECREF(key);
    return future;
}

static int settle_one(hecmod_tasks *t, uint64_t index, PyObject *value, PyObject *exception)
{
    PyObject *key = PyLong_FromUnsignedLongLong(index);
    PyObject *future = key ? PyDict_GetItemWithError(t->futures, key) : NULL;
    int r = key && !PyErr_Occurred() ? 0 : -1;

    if (future) {
        Py_INCREF(future);
        r = hecmod_future_settle(future, value, exception);
        if (r == 0)
            r = PyDict_DelItem(t->futures, key);
        Py_DECREF(future);
    }
    Py_XDECREF(key);
    return r;
}

static PyObject *tasks_settle(PyObject *self, PyObject *taken)
{
    hecmod_tasks *t = (hecmod_tasks *)self;

    if (!PyList_CheckExact(taken)) {
        PyErr_SetString(PyExc_TypeError, "settle(list)");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(taken); i++) {
        unsigned long long first;
        PyObject *what;
        int r = 0;

        if (!PyArg_ParseTuple(PyList_GET_ITEM(taken, i), "KO:settle", &first, &what))
            return NULL;
        if (!PyList_CheckExact(what))
            r = settle_one(t, first, NULL, what);
        for (Py_ssize_t k = 0; !r && PyList_CheckExact(what) && k < PyList_GET_SIZE(what); k++)
            r = settle_one(t, first + (uint64_t)k, PyList_GET_ITEM(what, k), NULL);
        if (r < 0)
            return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *tasks_is_sent(PyObject *self, PyObject *index)
{
    uint64_t i = PyLong_AsUnsignedLongLong(index);

    if (i == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(i < ((hecmod_tasks *)self)->call->sent);
}

static PyObject *tasks_recall(PyObject *self, PyObject *index)
{
    hecmod_tasks *t = (hecmod_tasks *)self;
    uint64_t i = PyLong_AsUnsignedLongLong(index);
    PyObject *nothing;
    int r;

    if (i == (uint64_t)-1 && PyErr_Occurred())
        return NULL;
    nothing = nothing_to_do(t);
    if (!nothing)
        return NULL;
    if (i < t->call->sent) {
        Py_DECREF(nothing);
        Py_RETURN_FALSE;
    }
    r = PyDict_Contains(t->call->items, index);
    if (r == 1 && PyDict_SetItem(t->call->items, index, nothing) < 0)
        r = -1;
    Py_DECREF(nothing);
    return r < 0 ? NULL : PyBool_FromLong(r);
}

/* let_go(ref): the callback of a weak reference to whoever offers these tasks. In C, and with a
 * ring that is C, because an interrupt that is raised while Python's own code runs in a finalizer
 * is ignored, and this runs wherever the last reference goes. */
static PyObject *tasks_let_go(PyObject *self, PyObject *ref)
{
    hecmod_tasks *t = (hecmod_tasks *)self;

    (void)ref;
    /* In a forked copy there is no thread. */
    if (t->pid != getpid() || t->closing)
        Py_RETURN_NONE;
    if (!t->ring)
        return PyObject_CallNoArgs(t->close);
    t->closing = 1;
    return PyObject_CallFunctionObjArgs(t->ring, Py_None, NULL);
}

/* ---- the type ---- */

static int tasks_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"pool", "call", "future_type", "wake", "close", NULL};
    hecmod_tasks *t = (hecmod_tasks *)self;
    hecmod_state *st = hecmod_of_type(Py_TYPE(self));
    PyObject *pool, *call, *type, *wake, *close;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!OO:Tasks", names, st->pool_type, &pool,
                                     st->call_type, &call, &PyType_Type, &type, &wake, &close))
        return -1;
    if (t->st || !PyDict_CheckExact(((hecmod_call *)call)->items) ||
        !PyType_IsSubtype((PyTypeObject *)type, st->future_type)) {
        PyErr_SetString(PyExc_TypeError,
                        "Tasks(pool, call with a dict, subclass of Future, wake, close)");
        return -1;
    }
    t->futures = PyDict_New();
    t->no_kwargs = PyDict_New();
    if (!t->futures || !t->no_kwargs)
        return -1;
    t->st = st;
    t->pool = Py_NewRef(pool);
    t->call = (hecmod_call *)Py_NewRef(call);
    t->future_type = (PyTypeObject *)Py_NewRef(type);
    t->wake = Py_NewRef(wake);
    t->close = Py_NewRef(close);
    t->pid = getpid();
    t->asleep = 1;
    return 0;
}

static int tasks_traverse(PyObject *self, visitproc visit, void *arg)
{
    hecmod_tasks *t = (hecmod_tasks *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(t->pool);
    Py_VISIT((PyObject *)t->call);
    Py_VISIT(t->futures);
    Py_VISIT(t->wake);
    Py_VISIT(t->ring);
    Py_VISIT(t->close);
    Py_VISIT((PyObject *)t->future_type);
    Py_VISIT(t->no_kwargs);
    return 0;
}

static int tasks_clear(PyObject *self)
{
    hecmod_tasks *t = (hecmod_tasks *)self;

    Py_CLEAR(t->futures);
    Py_CLEAR(t->wake);
    Py_CLEAR(t->ring);
    Py_CLEAR(t->close);
    return 0;
}

static void tasks_dealloc(PyObject *self)
{
    hecmod_tasks *t = (hecmod_tasks *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    tasks_clear(self);
    Py_CLEAR(t->pool);
    Py_CLEAR(t->call);
    Py_CLEAR(t->future_type);
    Py_CLEAR(t->no_kwargs);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef tasks_methods[] = {
    {"submit", (PyCFunction)(void (*)(void))tasks_submit, METH_FASTCALL,
     "submit(function, args, kwargs) -> future\n\nTakes a task, and sees to it that it starts."},
    {"extend", tasks_extend, METH_NOARGS,
     "extend()\n\nTells the engine of the tasks that it does not know yet."},
    {"settle", tasks_settle, METH_O,
     "settle(taken)\n\nEnds the futures of what Call.take() returned, in that order."},
    {"is_sent", tasks_is_sent, METH_O,
     "is_sent(index) -> bool\n\nWhether a task has been packed for a worker."},
    {"recall", tasks_recall, METH_O,
     "recall(index) -> bool\n\nMakes a task that was not sent yet do nothing; whether in time."},
    {"let_go", tasks_let_go, METH_O,
     "let_go(ref)\n\nNobody will submit any more: the pool ends when all tasks are over."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef tasks_members[] = {
    {"futures", T_OBJECT, offsetof(hecmod_tasks, futures), READONLY,
     "The futures of tasks that are not over, by their number."},
    {"count", T_ULONGLONG, offsetof(hecmod_tasks, count), READONLY, "Tasks that were submitted."},
    {"ring", T_OBJECT, offsetof(hecmod_tasks, ring), 0,
     "ring(None) wakes the thread that delivers; None while there is none."},
    {"closing", T_BOOL, offsetof(hecmod_tasks, closing), 0, "No more tasks are taken."},
    {"asleep", T_BOOL, offsetof(hecmod_tasks, asleep), 0, "A task that comes must call wake()."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot tasks_slots[] = {
    {Py_tp_doc, "Tasks(pool, call, future_type, wake, close)\n\nSingle tasks and their futures."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, tasks_init},
    {Py_tp_dealloc, tasks_dealloc},
    {Py_tp_traverse, tasks_traverse},
    {Py_tp_clear, tasks_clear},
    {Py_tp_methods, tasks_methods},
    {Py_tp_members, tasks_members},
    {0, NULL},
};

PyType_Spec hecmod_tasks_spec = {
    .name = "pyhec._hec.Tasks",
    .basicsize = sizeof(hecmod_tasks),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = tasks_slots,
};
