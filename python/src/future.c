/* SPDX-License-Identifier: MIT
 *
 * Future: what pyhec's futures are made of. A class of Python's adds this to
 * concurrent.futures.Future, and what that one has in an instance's dict is here in the struct,
 * under the same names, so that its methods, wait(), as_completed() and asyncio find what they look
 * for.
 *
 * What is here can be had for less, by the interpreter's lock: a change of a struct's members is
 * nothing that another thread could see half of. So there is a lock only in name (_condition): it
 * keeps an end back while wait() or as_completed() look at many futures.
 */
#include "state.h"

#include <math.h>
#include <structmember.h>
#include <time.h>

/* The first are concurrent.futures' states. */
static const char *const texts[HECMOD_WORDS] = {
    [HECMOD_PENDING] = "PENDING",
    [HECMOD_RUNNING] = "RUNNING",
    [HECMOD_CANCELLED] = "CANCELLED",
    [HECMOD_NOTIFIED] = "CANCELLED_AND_NOTIFIED",
    [HECMOD_FINISHED] = "FINISHED",
    [HECMOD_ADD_RESULT] = "add_result",
    [HECMOD_ADD_EXCEPTION] = "add_exception",
    [HECMOD_ADD_CANCELLED] = "add_cancelled",
    [HECMOD_INVOKE] = "_invoke_callbacks",
    [HECMOD_EXTEND] = "extend",
};

/* A thread that sleeps until it is told. Not on its stack: of a thread that the end of the
 * interpreter stops in its sleep, nothing is left. */
typedef struct sleeper {
    PyThread_type_lock lock;
    struct sleeper *next;
} sleeper;

typedef struct hecmod_future {
    PyObject_HEAD hecmod_state *st;
    PyObject *tasks; /* where it comes from */
    uint64_t index;
    PyObject *result, *exception;
    PyObject *waiters, *callbacks; /* lists; NULL while nobody has asked for one */
    sleeper *waiting;              /* for the end */
    sleeper *queueing;             /* for the lock */
    unsigned long owner;           /* the thread that holds the lock, 0: none */
    unsigned depth;                /* how many times it does */
    enum hecmod_word state;
} hecmod_future;

/* The lock as an object: made for each use, and gone after it, so that a future needs none. */
typedef struct hecmod_future_lock {
    PyObject_HEAD hecmod_future *of;
} hecmod_future_lock;

static bool is_over(const hecmod_future *f)
{
    return f->state == HECMOD_FINISHED || f->state == HECMOD_CANCELLED ||
           f->state == HECMOD_NOTIFIED;
}

/* ---- sleeping ---- */

#define FOREVER INT64_MAX

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void tell(sleeper **all)
{
    while (*all) {
        sleeper *s = *all;

        *all = s->next;
        PyThread_release_lock(s->lock);
    }
}

/* Takes a sleeper off a list; whether it was there: who has been told is not. */
static bool leave_list(sleeper **all, const sleeper *me)
{
    while (*all && *all != me)
        all = &(*all)->next;
    if (!*all)
        return false;
    *all = me->next;
    return true;
}

/* Until told, until the time has come, or a signal's function raised: 1, 0, -1. */
static int sleep_until(const sleeper *me, int64_t until_us)
{
    for (;;) {
        int64_t left = until_us == FOREVER ? FOREVER : until_us - now_us();
        PyLockStatus got;

        if (left <= 0)
            return 0;
        if (left > HECMOD_WAIT_MS * 1000)
            left = HECMOD_WAIT_MS * 1000;
        Py_BEGIN_ALLOW_THREADS got = PyThread_acquire_lock_timed(me->lock, left, 1);
        Py_END_ALLOW_THREADS if (got == PY_LOCK_ACQUIRED) return 1;
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
}

static int sleep_in(sleeper **all, int64_t until_us)
{
    sleeper *me = PyMem_RawMalloc(sizeof *me);
    int r;

    if (me)
        me->lock = PyThread_allocate_lock();
    if (!me || !me->lock) {
        PyMem_RawFree(me);
        PyErr_NoMemory();
        return -1;
    }
    PyThread_acquire_lock(me->lock, NOWAIT_LOCK);
    me->next = *all;
    *all = me;
    r = sleep_until(me, until_us);
    if (r != 1 && !leave_list(all, me) && r == 0)
        r = 1; /* told at the last moment */
    PyThread_free_lock(me->lock);
    PyMem_RawFree(me);
    return r;
}

/* ---- the lock ---- */

static int lock(hecmod_future *f)
{
    unsigned long me = PyThread_get_thread_ident();

    while (f->depth && f->owner != me)
        if (sleep_in(&f->queueing, FOREVER) < 0)
            return -1;
    f->owner = me;
    f->depth++;
    return 0;
}

static void unlock(hecmod_future *f)
{
    if (--f->depth == 0)
        tell(&f->queueing);
}

static PyObject *lock_acquire(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (lock(((hecmod_future_lock *)self)->of) < 0)
        return NULL;
    Py_RETURN_TRUE;
}

static PyObject *lock_release(PyObject *self, PyObject *unused)
{
    hecmod_future *f = ((hecmod_future_lock *)self)->of;

    (void)unused;
    if (!f->depth || f->owner != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "cannot release a lock that is not held");
        return NULL;
    }
    unlock(f);
    Py_RETURN_NONE;
}

static PyObject *lock_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return lock_release(self, NULL);
}

static PyObject *lock_notify_all(PyObject *self, PyObject *unused)
{
    (void)unused;
    tell(&((hecmod_future_lock *)self)->of->waiting);
    Py_RETURN_NONE;
}

static void lock_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_XDECREF(((hecmod_future_lock *)self)->of);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef lock_methods[] = {
    {"acquire", lock_acquire, METH_NOARGS, "acquire()"},
    {"release", lock_release, METH_NOARGS, "release()"},
    {"__enter__", lock_acquire, METH_NOARGS, "acquire()"},
    {"__exit__", (PyCFunction)(void (*)(void))lock_exit, METH_FASTCALL, "release()"},
    {"notify_all", lock_notify_all, METH_NOARGS, "notify_all()\n\nWakes who waits for the end."},
    {NULL, NULL, 0, NULL},
};

static PyObject *not_by_hand(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    return PyErr_Format(PyExc_TypeError, "a %.80s is made by submitting a task", type->tp_name);
}

static PyType_Slot lock_slots[] = {
    {Py_tp_doc, "What concurrent.futures needs of a future's condition."},
    {Py_tp_new, not_by_hand},
    {Py_tp_dealloc, lock_dealloc},
    {Py_tp_methods, lock_methods},
    {0, NULL},
};

PyType_Spec hecmod_future_lock_spec = {
    .name = "pyhec._hec.FutureLock",
    .basicsize = sizeof(hecmod_future_lock),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = lock_slots,
};

/* ---- for Tasks ---- */

int hecmod_words_init(hecmod_state *st)
{
    for (int i = 0; i < HECMOD_WORDS; i++) {
        st->words[i] = PyUnicode_InternFromString(texts[i]);
        if (!st->words[i])
            return -1;
    }
    return 0;
}

PyObject *hecmod_future_new(hecmod_state *st, PyTypeObject *type, PyObject *tasks)
{
    hecmod_future *f = (hecmod_future *)type->tp_alloc(type, 0);

    if (!f)
        return NULL;
    f->st = st;
    f->tasks = Py_NewRef(tasks);
    f->state = HECMOD_PENDING;
    return (PyObject *)f;
}

void hecmod_future_number(PyObject *future, uint64_t index)
{
    ((hecmod_future *)future)->index = index;
}

/* Tells wait() and as_completed(). */
static void tell_waiters(hecmod_future *f, enum hecmod_word what)
{
    for (Py_ssize_t i = 0; f->waiters && i < PyList_GET_SIZE(f->waiters); i++) {
        PyObject *waiter = Py_NewRef(PyList_GET_ITEM(f->waiters, i));
        PyObject *r = PyObject_CallMethodOneArg(waiter, f->st->words[what], (PyObject *)f);

        if (!r)
            PyErr_WriteUnraisable((PyObject *)f);
        Py_XDECREF(r);
        Py_DECREF(waiter);
    }
}

int hecmod_future_settle(PyObject *future, PyObject *value, PyObject *exception)
{
    hecmod_future *f = (hecmod_future *)future;

    if (lock(f) < 0)
        return -1;
    if (is_over(f)) {
        if (f->state == HECMOD_CANCELLED) {
            f->state = HECMOD_NOTIFIED;
            tell_waiters(f, HECMOD_ADD_CANCELLED);
        }
        unlock(f);
        return 0;
    }
    Py_XINCREF(value);
    Py_XSETREF(f->result, value);
    Py_XINCREF(exception);
    Py_XSETREF(f->exception, exception);
    f->state = HECMOD_FINISHED;
    tell_waiters(f, exception ? HECMOD_ADD_EXCEPTION : HECMOD_ADD_RESULT);
    tell(&f->waiting);
    unlock(f);
    if (f->callbacks && PyList_GET_SIZE(f->callbacks) > 0) {
        PyObject *r = PyObject_CallMethodNoArgs(future, f->st->words[HECMOD_INVOKE]);

        if (!r) /* SystemExit, say: the other futures need us */
            PyErr_WriteUnraisable(future);
        Py_XDECREF(r);
    }
    return 0;
}

/* ---- the type ---- */

/* When a wait that lasts this long ends: None for ever, else seconds. */
static int until_of(PyObject *timeout, int64_t *ret_until_us)
{
    double seconds;

    *ret_until_us = FOREVER;
    if (timeout == Py_None)
        return 0;
    seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred())
        return -1;
    if (isnan(seconds)) {
        PyErr_SetString(PyExc_ValueError, "timeout must not be NaN");
        return -1;
    }
    if (seconds <= 0)
        *ret_until_us = 0;
    else if (seconds < 1e12) /* and not 30,000 years */
        *ret_until_us = now_us() + (int64_t)ceil(seconds * 1e6);
    return 0;
}

static int raise_by_name(const char *name)
{
    PyObject *module = PyImport_ImportModule("concurrent.futures");
    PyObject *type = module ? PyObject_GetAttrString(module, name) : NULL;

    if (type)
        PyErr_SetNone(type);
    Py_XDECREF(type);
    Py_XDECREF(module);
    return -1;
}

/* Until there is a result or an exception; -1 where there will be none, or not in time. */
static int await_end(hecmod_future *f, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    Py_ssize_t given = nargs + (names ? PyTuple_GET_SIZE(names) : 0);
    int64_t until_us = FOREVER;

    if (given > 1 || (names && PyTuple_GET_SIZE(names) == 1 &&
                      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "timeout"))) {
        PyErr_SetString(PyExc_TypeError, "only timeout can be given");
        return -1;
    }
    if (given && !is_over(f) && until_of(args[0], &until_us) < 0)
        return -1;
    while (!is_over(f)) {
        int r = sleep_in(&f->waiting, until_us);

        if (r < 0)
            return -1;
        if (r == 0 && !is_over(f))
            return raise_by_name("TimeoutError");
    }
    return f->state == HECMOD_FINISHED ? 0 : raise_by_name("CancelledError");
}

static PyObject *future_result(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *names)
{
    hecmod_future *f = (hecmod_future *)self;

    if (await_end(f, args, nargs, names) < 0)
        return NULL;
    if (f->exception && f->exception != Py_None) {
        PyErr_SetObject((PyObject *)Py_TYPE(f->exception), f->exception);
        return NULL;
    }
    return Py_NewRef(f->result ? f->result : Py_None);
}

static PyObject *future_exception(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                                  PyObject *names)
{
    hecmod_future *f = (hecmod_future *)self;

    if (await_end(f, args, nargs, names) < 0)
        return NULL;
    return Py_NewRef(f->exception ? f->exception : Py_None);
}

static PyObject *future_done(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(is_over((hecmod_future *)self));
}

static PyObject *get_condition(PyObject *self, void *unused)
{
    hecmod_future *f = (hecmod_future *)self;
    PyTypeObject *type = f->st->future_lock_type;
    hecmod_future_lock *made = (hecmod_future_lock *)type->tp_alloc(type, 0);

    (void)unused;
    if (made)
        made->of = (hecmod_future *)Py_NewRef(self);
    return (PyObject *)made;
}

static PyObject *get_state(PyObject *self, void *unused)
{
    hecmod_future *f = (hecmod_future *)self;

    (void)unused;
    return Py_NewRef(f->st->words[f->state]);
}

static int set_state(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    for (int i = HECMOD_PENDING; value && PyUnicode_Check(value) && i <= HECMOD_FINISHED; i++)
        if (PyUnicode_CompareWithASCIIString(value, texts[i]) == 0) {
            ((hecmod_future *)self)->state = (enum hecmod_word)i;
            return 0;
        }
    PyErr_SetString(PyExc_ValueError, "not a state of a future");
    return -1;
}

/* A list that is made when it is asked for; closure: where in the struct. */
static PyObject *get_list(PyObject *self, void *offset)
{
    PyObject **list = (PyObject **)(void *)((char *)self + (size_t)offset);

    if (!*list)
        *list = PyList_New(0);
    Py_XINCREF(*list);
    return *list;
}

static int future_traverse(PyObject *self, visitproc visit, void *arg)
{
    hecmod_future *f = (hecmod_future *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(f->tasks);
    Py_VISIT(f->result);
    Py_VISIT(f->exception);
    Py_VISIT(f->waiters);
    Py_VISIT(f->callbacks);
    return 0;
}

static int future_clear(PyObject *self)
{
    hecmod_future *f = (hecmod_future *)self;

    Py_CLEAR(f->tasks);
    Py_CLEAR(f->result);
    Py_CLEAR(f->exception);
    Py_CLEAR(f->waiters);
    Py_CLEAR(f->callbacks);
    return 0;
}

static void future_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    future_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef future_methods[] = {
    {"result", (PyCFunction)(void (*)(void))future_result, METH_FASTCALL | METH_KEYWORDS,
     "result(timeout=None)\n\nWaits for the task: its result, or the exception that it raised.\n"
     "TimeoutError when it is not over in time, CancelledError when it was cancelled."},
    {"exception", (PyCFunction)(void (*)(void))future_exception, METH_FASTCALL | METH_KEYWORDS,
     "exception(timeout=None)\n\nWaits for the task: the exception that it raised, or None."},
    {"done", future_done, METH_NOARGS, "done() -> bool\n\nWhether it is over or was cancelled."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef future_members[] = {
    {"_tasks", T_OBJECT, offsetof(hecmod_future, tasks), READONLY, NULL},
    {"_index", T_ULONGLONG, offsetof(hecmod_future, index), READONLY, NULL},
    {"_result", T_OBJECT, offsetof(hecmod_future, result), 0, NULL},
    {"_exception", T_OBJECT, offsetof(hecmod_future, exception), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef future_getset[] = {
    {"_condition", get_condition, NULL, NULL, NULL},
    {"_state", get_state, set_state, NULL, NULL},
    {"_waiters", get_list, NULL, NULL, (void *)offsetof(hecmod_future, waiters)},
    {"_done_callbacks", get_list, NULL, NULL, (void *)offsetof(hecmod_future, callbacks)},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot future_slots[] = {
    {Py_tp_doc, "The future of a task, as far as it is not concurrent.futures' own."},
    {Py_tp_new, not_by_hand},
    {Py_tp_dealloc, future_dealloc},
    {Py_tp_traverse, future_traverse},
    {Py_tp_clear, future_clear},
    {Py_tp_methods, future_methods},
    {Py_tp_members, future_members},
    {Py_tp_getset, future_getset},
    {0, NULL},
};

PyType_Spec hecmod_future_spec = {
    .name = "pyhec._hec.Future",
    .basicsize = sizeof(hecmod_future),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = future_slots,
};
