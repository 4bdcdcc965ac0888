/* SPDX-License-Identifier: MIT
 *
 * Call: a function over inputs, as the parent sees it. Packs tasks for the workers and puts what
 * comes back where it belongs.
 */
#include "journal.h"

#include <structmember.h>

/* A message should not hold more than this of packed inputs, unless one task alone does. */
#define MESSAGE_BYTES (16u << 20)

PyObject *hecmod_call_item(hecmod_call *c, uint64_t i)
{
    PyObject *item, *key;

    if (PyList_CheckExact(c->items)) {
        if (i >= (uint64_t)PyList_GET_SIZE(c->items)) {
            PyErr_Format(PyExc_IndexError, "task %llu of %zd", (unsigned long long)i,
                         PyList_GET_SIZE(c->items));
            return NULL;
        }
        item = PyList_GET_ITEM(c->items, (Py_ssize_t)i);
        Py_INCREF(item);
        return item;
    }
    key = PyLong_FromUnsignedLongLong(i);
    if (!key)
        return NULL;
    item = PyDict_GetItemWithError(c->items, key);
    if (!item && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, key);
    Py_XINCREF(item);
    Py_DECREF(key);
    return item;
}

PyObject *hecmod_run_task(enum hecmod_kind kind, PyObject *func, PyObject *item)
{
    PyObject *args, *result;

    switch (kind) {
    case HECMOD_MAP:
        return PyObject_CallOneArg(func, item);
    case HECMOD_STAR:
        args = PySequence_Tuple(item);
        result = args ? PyObject_Call(func, args, NULL) : NULL;
        Py_XDECREF(args);
        return result;
    case HECMOD_TASKS:
        if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 3)
            return PyErr_Format(PyExc_TypeError, "a task must be (function, args, kwargs), not %R",
                                item);
        args = PySequence_Tuple(PyTuple_GET_ITEM(item, 1));
        result =
            args ? PyObject_Call(PyTuple_GET_ITEM(item, 0), args, PyTuple_GET_ITEM(item, 2)) : NULL;
        Py_XDECREF(args);
        return result;
    }
    Py_UNREACHABLE();
}

/* Keeps the present exception for the pool to raise, and tells the engine that something failed. */
static int leave_error(hecmod_call *c)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XSETREF(c->error, value);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return HEC_ECALLBACK;
}

static int pack_shared(void *ctx, hec_outbox *out, hec_error *err)
{
    hecmod_call *c = ctx;
    PyObject *shared =
        Py_BuildValue("(iOii)", (int)c->kind, c->func, c->judge != NULL, c->journal != NULL);
    int r =
        shared ? hecmod_pack(c->st, shared, (hecmod_way){true, c->known, c, true, false}, out, NULL)
               : -1;

    (void)err;
    Py_XDECREF(shared);
    return r < 0 ? leave_error(c) : 0;
}

/* Replaces those inputs of the list that cannot be packed by something that says so, so that the
 * others can go. */
static int mark_unsendable(hecmod_call *c, PyObject *list, uint64_t first, hec_outbox *out)
{
    PyObject *report = hecmod_report(c->st);

    for (Py_ssize_t k = 0; report && k < PyList_GET_SIZE(list); k++) {
        PyObject *mark, *type, *why, *traceback;

        if (hecmod_pack(c->st, PyList_GET_ITEM(list, k),
                        (hecmod_way){true, c->known, c, false, false}, out, NULL) == 0) {
            hec_outbox_clear(out);
            continue;
        }
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return -1;
        PyErr_Fetch(&type, &why, &traceback);
        PyErr_NormalizeException(&type, &why, &traceback);
        mark = PyObject_CallMethod(report, "unsendable", "KOOO", (unsigned long long)first + k,
                                   PyList_GET_ITEM(list, k), why ? why : Py_None,
                                   c->note ? c->note : Py_None);
        Py_XDECREF(type);
        Py_XDECREF(why);
        Py_XDECREF(traceback);
        if (!mark || PyList_SetItem(list, k, mark) < 0)
            return -1;
    }
    return report ? 0 : -1;
}

static PyObject *some_items(hecmod_call *c, uint64_t first, uint32_t n)
{
    PyObject *list = PyList_New(n);

    for (uint32_t k = 0; list && k < n; k++) {
        PyObject *item = hecmod_call_item(c, first + k);

        if (!item)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, k, item);
    }
    return list;
}

/* Packs n tasks as a list, or, when memory is short, the first of them; returns how many. */
static int64_t pack_list(hecmod_call *c, uint64_t first, uint32_t n, hec_outbox *out,
                         uint64_t *bytes)
{
    hecmod_way way = {true, c->known, c, false, false};
    PyObject *list = some_items(c, first, n);
    int r = list ? hecmod_pack(c->st, list, way, out, bytes) : -1;

    if (r < 0 && list && n > 1 && PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        r = PyList_SetSlice(list, 1, n, NULL); /* less at a time */
        n = 1;
        if (r == 0)
            r = hecmod_pack(c->st, list, way, out, bytes);
    }
    if (r < 0 && list && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        r = mark_unsendable(c, list, first, out);
        if (r == 0)
            r = hecmod_pack(c->st, list, way, out, bytes);
    }
    Py_XDECREF(list);
    return r < 0 ? -1 : (int64_t)n;
}

static int64_t pack(void *ctx, uint64_t first, uint32_t max, hec_outbox *out, hec_error *err)
{
    hecmod_call *c = ctx;
    uint32_t n = max;
    uint64_t bytes = 0;
    int64_t r = 0;

    (void)err;
    if (c->bytes && n > MESSAGE_BYTES / c->bytes)
        n = c->bytes > MESSAGE_BYTES ? 1 : (uint32_t)(MESSAGE_BYTES / c->bytes);
    if (first + n > c->sent) /* before user code can run: from here on it is too late */
        c->sent = first + n;
    if (PyList_CheckExact(c->items) && first + n <= (uint64_t)PyList_GET_SIZE(c->items)) {
        r = hecmod_pack_plain(c->st, PySequence_Fast_ITEMS(c->items) + first, n, true,
                              (hecmod_way){true, c->known, c, false, false}, out, &bytes);
        r = r > 0 ? n : r;
    }
    if (r == 0)
        r = pack_list(c, first, n, out, &bytes);
    if (r <= 0)
        return leave_error(c);
    c->bytes = bytes / (uint64_t)r;
    return r;
}

/* Forgets the inputs of tasks that are over, where they are kept only for the way. */
static int forget_items(hecmod_call *c, uint64_t first, uint32_t count)
{
    if (PyList_CheckExact(c->items))
        return 0;
    for (uint32_t k = 0; k < count; k++) {
        PyObject *key = PyLong_FromUnsignedLongLong(first + k);
        int r = key ? PyDict_DelItem(c->items, key) : -1;

        Py_XDECREF(key);
        if (r < 0)
            return -1;
    }
    return 0;
}

static int stream_out(hecmod_call *c, uint64_t first, PyObject *what)
{
    PyObject *entry = Py_BuildValue("(KO)", (unsigned long long)first, what);
    int r = entry ? PyList_Append(c->ready, entry) : -1;

    Py_XDECREF(entry);
    return r;
}

/* Task i has failed with this exception (stolen; NULL: one is set already). */
static int put_failure(hecmod_call *c, uint64_t i, PyObject *exception)
{
    PyObject *key, *type, *traceback;
    int r = -1;

    if (!exception && PyErr_ExceptionMatches(PyExc_Exception)) { /* saying it failed: say that */
        PyErr_Fetch(&type, &exception, &traceback);
        PyErr_NormalizeException(&type, &exception, &traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
    }
    key = exception ? PyLong_FromUnsignedLongLong(i) : NULL;
    if (key)
        r = c->ready ? stream_out(c, i, exception) : PyDict_SetItem(c->failures, key, exception);
    if (r == 0)
        r = forget_items(c, i, 1);
    c->done++;
    Py_XDECREF(key);
    Py_XDECREF(exception);
    return r;
}

static int put_values(hecmod_call *c, uint64_t first, uint32_t count, PyObject *values)
{
    if (!PyList_CheckExact(values) || PyList_GET_SIZE(values) != (Py_ssize_t)count) {
        PyErr_SetString(PyExc_RuntimeError, "a worker's reply is malformed");
        return -1;
    }
    c->done += count;
    if (c->ready)
        return stream_out(c, first, values) < 0 ? -1 : forget_items(c, first, count);
    for (uint32_t k = 0; k < count; k++) {
        PyObject *value = PyList_GET_ITEM(values, k);

        Py_INCREF(value);
        if (PyList_SetItem(c->results, (Py_ssize_t)(first + k), value) < 0)
            return -1;
    }
    return 0;
}

static int on_failure(hecmod_call *c, const hecmod_failure *f)
{
    PyObject *error = NULL;

    switch (hecmod_judge_failure(c, f, &error)) {
    case HECMOD_RETRIED:
        c->retried = true;
        return 0;
    case HECMOD_FAILED:
        if (c->journal && hecmod_journal_failed(c, f, error) < 0) {
            Py_DECREF(error);
            return -1;
        }
        c->failed += f->verdict != HEC_TASK_SKIPPED;
        return put_failure(c, f->task, error);
    case HECMOD_UNJUDGED: /* put_failure() takes the exception that is set */
        return put_failure(c, f->task, error);
    }
    Py_UNREACHABLE();
}

/* What arrived cannot be turned into an object: those tasks have failed, by name. */
static int put_unreadable(hecmod_call *c, const hec_result *r)
{
    PyObject *type, *value, *traceback;
    hecmod_failure f = {.verdict = HEC_TASK_REFUSED};
    int bad = 0;

    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    for (uint32_t k = 0; !bad && k < r->count; k++) {
        f.task = r->first + k;
        f.why = value;
        f.usage = r->usage ? &r->usage[k] : NULL;
        bad = on_failure(c, &f);
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return bad;
}

/* Tasks have come to their end: the judge need not remember their attempts any more. */
static int forget_attempts(hecmod_call *c, const hec_result *r)
{
    PyObject *left = PyObject_CallMethod(c->judge, "over", "KI", (unsigned long long)r->first,
                                         (unsigned)r->count);

    if (!left)
        return -1;
    c->retried = PyObject_IsTrue(left) == 1;
    Py_DECREF(left);
    return 0;
}

static int on_done(hecmod_call *c, const hec_result *r)
{
    PyObject *got, *values = NULL, *blocks = NULL;
    int bad;

    if (c->retried && !c->verdicts && forget_attempts(c, r) < 0)
        return -1;
    if (c->results && !c->verdicts && !c->journal && hecmod_is_plain(r->message)) {
        if (hecmod_plain_read_into(c->st, r->message, c->results, r->first, r->count) < 0)
            return put_unreadable(c, r);
        c->done += r->count;
        return 0;
    }
    got = hecmod_unpack_blocks(c->st, r->message, &blocks);
    if (!got)
        return put_unreadable(c, r);
    bad = c->journal ? hecmod_journal_done(c, r, blocks) : 0;
    Py_XDECREF(blocks);
    if (!bad)
        values = c->verdicts ? hecmod_verdicts(c, r, got) : Py_NewRef(got);
    bad = values ? put_values(c, r->first, r->count, values) : -1;
    Py_XDECREF(values);
    Py_DECREF(got);
    return bad;
}

static int on_result(void *ctx, const hec_result *r)
{
    hecmod_call *c = ctx;
    hecmod_failure f = {.verdict = r->verdict, .message = r->message};
    int bad = 0;

    if (r->verdict == HEC_TASK_DONE) {
        bad = on_done(c, r);
    } else {
        for (uint32_t k = 0; !bad && k < r->count; k++) {
            f.task = r->first + k;
            f.usage = r->usage ? &r->usage[k] : NULL;
            bad = on_failure(c, &f);
        }
    }
    return bad ? leave_error(c) : 0;
}

static int on_death(void *ctx, const hec_death *d)
{
    hecmod_failure f = {.task = d->task,
                        .verdict = d->verdict,
                        .detail = d->detail,
                        .usage = &d->usage,
                        .err = d->stderr_tail,
                        .python_stack = d->python_stack,
                        .c_stack = d->c_stack};

    return on_failure(ctx, &f) ? leave_error(ctx) : 0;
}

const hec_call_ops hecmod_call_ops = {pack_shared, pack, on_result, on_death};

/* ---- the type ---- */

/* What the options of a call are to the engine. */
static int take_limits(hecmod_call *c, PyObject *judge)
{
    unsigned long long timeout_ns, memory, deadline_ns;
    int walltime, verdicts, good;
    PyObject *limits = PyObject_CallMethod(judge, "limits", NULL);

    good = limits && PyArg_ParseTuple(limits, "KKKpp:limits", &timeout_ns, &memory, &deadline_ns,
                                      &walltime, &verdicts);
    Py_XDECREF(limits);
    if (!good)
        return -1;
    c->limits = (hec_limits){.timeout_ns = timeout_ns, .memory_bytes = memory};
    c->deadline_ns = deadline_ns;
    c->walltime = walltime;
    c->verdicts = verdicts;
    c->judge = Py_NewRef(judge);
    return 0;
}

static int call_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kind", "func", "items", "stream", "judge", NULL};
    hecmod_call *c = (hecmod_call *)self;
    PyObject *func, *items, *judge = Py_None;
    int kind, stream = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOO|pO:Call", names, &kind, &func, &items,
                                     &stream, &judge))
        return -1;
    if (kind < HECMOD_MAP || kind > HECMOD_TASKS ||
        (!PyList_CheckExact(items) && !(stream && PyDict_CheckExact(items)))) {
        PyErr_SetString(PyExc_TypeError, "Call(kind, func, items: list, or dict for a stream)");
        return -1;
    }
    if (c->func) {
        PyErr_SetString(PyExc_RuntimeError, "a Call is made once");
        return -1;
    }
    c->st = hecmod_of_type(Py_TYPE(self));
    c->walltime = true;
    if (judge != Py_None && take_limits(c, judge) < 0)
        return -1;
    c->kind = (enum hecmod_kind)kind;
    c->total = (uint64_t)PyObject_Size(items);
    c->func = Py_NewRef(func);
    c->items = Py_NewRef(items);
    c->failures = PyDict_New();
    if (stream)
        c->ready = PyList_New(0);
    else
        c->results = PyList_New((Py_ssize_t)c->total);
    if (!c->failures || (!c->ready && !c->results))
        return -1;
    for (Py_ssize_t i = 0; c->results && i < (Py_ssize_t)c->total; i++)
        PyList_SET_ITEM(c->results, i, Py_NewRef(Py_None));
    return 0;
}

static int call_traverse(PyObject *self, visitproc visit, void *arg)
{
    hecmod_call *c = (hecmod_call *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(c->func);
    Py_VISIT(c->items);
    Py_VISIT(c->results);
    Py_VISIT(c->ready);
    Py_VISIT(c->failures);
    Py_VISIT(c->known);
    Py_VISIT(c->judge);
    Py_VISIT(c->error);
    Py_VISIT(c->note);
    Py_VISIT(c->journal);
    Py_VISIT(c->marks);
    return 0;
}

static int call_clear(PyObject *self)
{
    hecmod_call *c = (hecmod_call *)self;

    hecmod_forget_lent(c);
    Py_CLEAR(c->func);
    Py_CLEAR(c->items);
    Py_CLEAR(c->results);
    Py_CLEAR(c->ready);
    Py_CLEAR(c->failures);
    Py_CLEAR(c->known);
    Py_CLEAR(c->judge);
    Py_CLEAR(c->error);
    Py_CLEAR(c->note);
    Py_CLEAR(c->journal);
    Py_CLEAR(c->marks);
    return 0;
}

static void call_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    /* An open call is held by its pool, so this one is not open. */
    PyObject_GC_UnTrack(self);
    call_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* take() -> list: what the stream has so far; the call goes on with an empty one. */
static PyObject *call_take(PyObject *self, PyObject *unused)
{
    hecmod_call *c = (hecmod_call *)self;
    PyObject *taken = c->ready, *fresh;

    (void)unused;
    if (!taken) {
        PyErr_SetString(PyExc_RuntimeError, "not a stream");
        return NULL;
    }
    fresh = PyList_New(0);
    if (!fresh)
        return NULL;
    c->ready = fresh;
    return taken;
}

/* set_journal(journal, marks): what the tasks of this call come to is written there, too. */
static PyObject *call_set_journal(PyObject *self, PyObject *args)
{
    hecmod_call *c = (hecmod_call *)self;
    PyObject *journal, *marks;

    if (!PyArg_ParseTuple(args, "O!O:set_journal", c->st->journal_type, &journal, &marks))
        return NULL;
    if (c->call || !(PyBytes_CheckExact(marks) || PyDict_CheckExact(marks))) {
        PyErr_SetString(PyExc_TypeError, "set_journal(journal, bytes or dict), before it is open");
        return NULL;
    }
    Py_XSETREF(c->journal, Py_NewRef(journal));
    Py_XSETREF(c->marks, Py_NewRef(marks));
    Py_RETURN_NONE;
}

static PyMethodDef call_methods[] = {
    {"set_journal", call_set_journal, METH_VARARGS,
     "set_journal(journal, marks)\n\nHas results written there as they arrive. marks: 16 bytes of "
     "a key and 8 of a number for each task, in a row, or as a dict by the task's number."},
    {"take", call_take, METH_NOARGS,
     "take() -> list\n\nWhat a stream has ready: (first, [values]) and (index, exception)."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef call_members[] = {
    {"results", T_OBJECT, offsetof(hecmod_call, results), READONLY,
     "A place for each task; None where there is no value (yet)."},
    {"failures", T_OBJECT, offsetof(hecmod_call, failures), READONLY,
     "Exceptions by the number of their task."},
    {"note", T_OBJECT, offsetof(hecmod_call, note), 0,
     "Why its inputs have to be sent, for the error of one that cannot be."},
    {"total", T_ULONGLONG, offsetof(hecmod_call, total), READONLY, "Tasks there are."},
    {"sent", T_ULONGLONG, offsetof(hecmod_call, sent), READONLY,
     "Tasks before this one have been packed for a worker."},
    {"failed", T_ULONGLONG, offsetof(hecmod_call, failed), READONLY,
     "Tasks that are over and have failed; those that were not begun do not count."},
    {"drained", T_BOOL, offsetof(hecmod_call, drained), READONLY, "No further task is begun."},
    {"done", T_ULONGLONG, offsetof(hecmod_call, done), READONLY, "Tasks that are over."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot call_slots[] = {
    {Py_tp_doc,
     "Call(kind, func, items, stream=False, judge=None)\n\nA function over inputs. The "
     "judge says what limits it has, and what becomes of a failure: see _verdicts.Judge."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, call_init},
    {Py_tp_dealloc, call_dealloc},
    {Py_tp_traverse, call_traverse},
    {Py_tp_clear, call_clear},
    {Py_tp_methods, call_methods},
    {Py_tp_members, call_members},
    {0, NULL},
};

PyType_Spec hecmod_call_spec = {
    .name = "pyhec._hec.Call",
    .basicsize = sizeof(hecmod_call),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = call_slots,
};
