/* SPDX-License-Identifier: MIT
 *
 * What a call adds to its journal, as it arrives.
 *
 * Such a call knows the keys of its tasks as *marks*: for each the 16 bytes of the key and 8 of its
 * number in the user's call, in one run of bytes for all tasks, or in a dict by the engine's
 * number.
 */
#include "journal.h"

#include <string.h>

#define MARK_SIZE (HEC_KEY_SIZE + sizeof(uint64_t))
#define TEXT_MAX  4096

static int take_mark(const hecmod_call *c, uint64_t task, hec_journal_entry *e)
{
    const char *mark = NULL;
    PyObject *key, *bytes;

    if (PyBytes_CheckExact(c->marks)) {
        if (task < (uint64_t)PyBytes_GET_SIZE(c->marks) / MARK_SIZE)
            mark = PyBytes_AS_STRING(c->marks) + task * MARK_SIZE;
    } else {
        key = PyLong_FromUnsignedLongLong(task);
        bytes = key ? PyDict_GetItemWithError(c->marks, key) : NULL;
        Py_XDECREF(key);
        if (bytes && PyBytes_CheckExact(bytes) && PyBytes_GET_SIZE(bytes) == MARK_SIZE)
            mark = PyBytes_AS_STRING(bytes);
    }
    if (!mark) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_RuntimeError, "task %llu has no key", (unsigned long long)task);
        return -1;
    }
    memcpy(e->key, mark, HEC_KEY_SIZE);
    memcpy(&e->task, mark + HEC_KEY_SIZE, sizeof e->task);
    return 0;
}

static int forget_marks(hecmod_call *c, uint64_t first, uint32_t count)
{
    if (PyBytes_CheckExact(c->marks))
        return 0;
    for (uint32_t k = 0; k < count; k++) {
        PyObject *key = PyLong_FromUnsignedLongLong(first + k);
        int r = key ? PyDict_DelItem(c->marks, key) : -1;

        Py_XDECREF(key);
        if (r < 0)
            return -1;
    }
    return 0;
}

int hecmod_journal_mark(PyObject *marks, PyObject *index, const unsigned char *key, uint64_t number)
{
    PyObject *mark = PyBytes_FromStringAndSize(NULL, MARK_SIZE);
    int r;

    if (!mark)
        return -1;
    memcpy(PyBytes_AS_STRING(mark), key, HEC_KEY_SIZE);
    memcpy(PyBytes_AS_STRING(mark) + HEC_KEY_SIZE, &number, sizeof number);
    r = PyDict_SetItem(marks, index, mark);
    Py_DECREF(mark);
    return r;
}

/* marks(keys, numbers) -> bytes: of tasks that run, of all of which there are keys. */
PyObject *hecmod_marks(PyObject *module, PyObject *args)
{
    PyObject *numbers, *out;
    const char *keys;
    Py_ssize_t size;
    char *to;

    (void)module;
    if (!PyArg_ParseTuple(args, "y#O!:marks", &keys, &size, &PyList_Type, &numbers))
        return NULL;
    out = PyBytes_FromStringAndSize(NULL, PyList_GET_SIZE(numbers) * (Py_ssize_t)MARK_SIZE);
    to = out ? PyBytes_AS_STRING(out) : NULL;
    for (Py_ssize_t i = 0; out && i < PyList_GET_SIZE(numbers); i++, to += MARK_SIZE) {
        uint64_t number = PyLong_AsUnsignedLongLong(PyList_GET_ITEM(numbers, i));

        if (PyErr_Occurred() || number >= (uint64_t)size / HEC_KEY_SIZE) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_IndexError, "a task that has no key");
            Py_CLEAR(out);
            break;
        }
        memcpy(to, keys + number * HEC_KEY_SIZE, HEC_KEY_SIZE);
        memcpy(to + HEC_KEY_SIZE, &number, sizeof number);
    }
    return out;
}

/* The bytes of blocks as parts, from parts[1] on; their views go to `views`. */
static int buffer_parts(PyObject *blocks, hec_journal_part *parts)
{
    for (Py_ssize_t i = 0; blocks && i < PyList_GET_SIZE(blocks); i++) {
        const hec_view *view = hecmod_block_view(PyList_GET_ITEM(blocks, i));

        parts[1 + i] = (hec_journal_part){.kind = HEC_PART_BUFFER,
                                          .format = HEC_FORMAT_BYTES,
                                          .data = view->data,
                                          .size = view->size};
    }
    return 0;
}

int hecmod_journal_done(hecmod_call *c, const hec_result *r, PyObject *blocks)
{
    uint32_t nparts = 1 + (blocks ? (uint32_t)PyList_GET_SIZE(blocks) : 0);
    hec_journal_entry *entries = PyMem_Calloc(r->count, sizeof *entries);
    hec_journal_part *parts = PyMem_Calloc(nparts, sizeof *parts);
    int bad = entries && parts ? 0 : -1;

    if (bad)
        PyErr_NoMemory();
    for (uint32_t k = 0; !bad && k < r->count; k++) {
        bad = take_mark(c, r->first + k, &entries[k]);
        entries[k].verdict = HEC_TASK_DONE;
        if (r->usage)
            entries[k].usage = r->usage[k];
    }
    if (!bad) {
        parts[0] = (hec_journal_part){.kind = HEC_PART_RESULT,
                                      .format = HEC_FORMAT_PICKLE,
                                      .data = r->message->payload,
                                      .size = r->message->size};
        bad = buffer_parts(blocks, parts);
    }
    if (!bad)
        bad = hecmod_journal_append(c->journal, entries, r->count, parts, nparts);
    if (!bad)
        bad = forget_marks(c, r->first, r->count);
    PyMem_Free(entries);
    PyMem_Free(parts);
    return bad;
}

/* A text of the user's objects, as UTF-8, shortened; "" where there is none to be had. Borrowed
 * from *ret_owner, a new reference or NULL. */
static const char *text_of(PyObject *o, PyObject **ret_owner, size_t *ret_size)
{
    PyObject *text = o ? PyObject_Str(o) : NULL;
    PyObject *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "replace") : NULL;

    if (!bytes)
        PyErr_Clear(); /* a __str__ of the user's may fail in any way */
    Py_XDECREF(text);
    *ret_owner = bytes;
    *ret_size = bytes ? (size_t)PyBytes_GET_SIZE(bytes) : 0;
    if (*ret_size > TEXT_MAX)
        *ret_size = TEXT_MAX;
    return bytes ? PyBytes_AS_STRING(bytes) : "";
}

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

/* What the task would be written as: fib(35). New reference; NULL, without an exception, if that
 * cannot be had. */
static PyObject *call_text(hecmod_call *c, uint64_t task)
{
    PyObject *report = hecmod_report(c->st), *item = report ? hecmod_call_item(c, task) : NULL;
    PyObject *text =
        item ? PyObject_CallMethod(report, "describe", "OiO", c->func, (int)c->kind, item) : NULL;

    if (!text)
        PyErr_Clear();
    Py_XDECREF(item);
    return text;
}

/* What a person is told: of an exception of the task's the name, too, as a traceback has it. */
static PyObject *message_of(const hecmod_failure *f, PyObject *error)
{
    PyObject *name, *text;

    if (f->verdict != HEC_TASK_RAISED)
        return Py_NewRef(error);
    name = PyObject_GetAttrString((PyObject *)Py_TYPE(error), "__name__");
    text = name ? PyUnicode_FromFormat("%S: %S", name, error) : NULL;
    Py_XDECREF(name);
    if (text)
        return text;
    PyErr_Clear(); /* a __str__ of the user's may fail in any way */
    return PyUnicode_FromString(Py_TYPE(error)->tp_name);
}

int hecmod_journal_failed(hecmod_call *c, const hecmod_failure *f, PyObject *error)
{
    hec_journal_entry e = {.verdict = f->verdict, .detail = f->detail};
    PyObject *arguments = NULL, *said = NULL, *message, *call;
    hec_journal_part parts[6];
    uint32_t m = 0;
    const char *text;
    size_t size;
    int r;

    if (take_mark(c, f->task, &e) < 0)
        return -1;
    if (f->verdict == HEC_TASK_SKIPPED || f->verdict == HEC_TASK_CANCELLED)
        return forget_marks(c, f->task, 1); /* nothing is known of it that would help */
    if (f->usage)
        e.usage = *f->usage;
    if (f->message && f->verdict != HEC_TASK_REFUSED)
        hecmod_add_part(parts, &m, HEC_PART_ERROR, HEC_FORMAT_PICKLE, f->message->payload,
                        f->message->size);
    message = message_of(f, error);
    text = text_of(message, &said, &size);
    hecmod_add_part(parts, &m, HEC_PART_MESSAGE, HEC_FORMAT_TEXT, text, size);
    call = call_text(c, f->task);
    text = text_of(call, &arguments, &size);
    hecmod_add_part(parts, &m, HEC_PART_ARGS, HEC_FORMAT_TEXT, text, size);
    hecmod_add_part(parts, &m, HEC_PART_STDERR, HEC_FORMAT_TEXT, f->err, length_of(f->err));
    hecmod_add_part(parts, &m, HEC_PART_PYTHON_STACK, HEC_FORMAT_TEXT, f->python_stack,
                    length_of(f->python_stack));
    hecmod_add_part(parts, &m, HEC_PART_C_STACK, HEC_FORMAT_TEXT, f->c_stack,
                    length_of(f->c_stack));
    r = hecmod_journal_append(c->journal, &e, 1, parts, m);
    if (r == 0)
        r = forget_marks(c, f->task, 1);
    Py_XDECREF(arguments);
    Py_XDECREF(said);
    Py_XDECREF(message);
    Py_XDECREF(call);
    return r;
}

/* ---- numbers ---- */

/* Takes a task's number in the user's call out of `numbers`. New reference. */
static PyObject *pop_number(PyObject *numbers, PyObject *index)
{
    PyObject *number = PyDict_GetItemWithError(numbers, index);

    if (!number) {
        if (!PyErr_Occurred())
            PyErr_SetObject(PyExc_KeyError, index);
        return NULL;
    }
    Py_INCREF(number);
    if (PyDict_DelItem(numbers, index) < 0)
        Py_CLEAR(number);
    return number;
}

/* (index, exception) of Call.take() by the user's number: to `out`, where that is not NULL. */
static int renumber_one(PyObject *numbers, PyObject *index, PyObject *what, PyObject *out)
{
    PyObject *number = pop_number(numbers, index), *pair = NULL;
    int r = number ? 0 : -1;

    if (number && out) {
        pair = PyTuple_Pack(2, number, what);
        r = pair ? PyList_Append(out, pair) : -1;
    }
    Py_XDECREF(number);
    Py_XDECREF(pair);
    return r;
}

/* (first, [values]): each becomes a (number, [value]), since neighbours need not be any more. */
static int renumber_values(PyObject *numbers, PyObject *first, PyObject *values, PyObject *out)
{
    uint64_t at = PyLong_AsUnsignedLongLong(first);
    int r = PyErr_Occurred() ? -1 : 0;

    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(values); i++) {
        PyObject *index = PyLong_FromUnsignedLongLong(at + (uint64_t)i), *one = NULL;

        if (index && out) {
            one = PyList_New(1);
            if (one)
                PyList_SET_ITEM(one, 0, Py_NewRef(PyList_GET_ITEM(values, i)));
        }
        r = index && (one || !out) ? renumber_one(numbers, index, one, out) : -1;
        Py_XDECREF(index);
        Py_XDECREF(one);
    }
    return r;
}

/* What Call.take() gave is over: its numbers go, and with `out` it is noted there by them. */
static int renumber(PyObject *args, const char *format, PyObject *out)
{
    PyObject *numbers, *taken;
    int r = 0;

    if (!PyArg_ParseTuple(args, format, &PyDict_Type, &numbers, &PyList_Type, &taken))
        return -1;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(taken); i++) {
        PyObject *pair = PyList_GET_ITEM(taken, i), *first, *what;

        if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "pairs are needed, as Call.take() makes them");
            return -1;
        }
        first = PyTuple_GET_ITEM(pair, 0);
        what = PyTuple_GET_ITEM(pair, 1);
        r = PyList_CheckExact(what) ? renumber_values(numbers, first, what, out)
                                    : renumber_one(numbers, first, what, out);
    }
    return r;
}

/* renumber(numbers, taken) -> list */
PyObject *hecmod_renumber(PyObject *module, PyObject *args)
{
    PyObject *out = PyList_New(0);

    (void)module;
    if (out && renumber(args, "O!O!:renumber", out) < 0)
        Py_CLEAR(out);
    return out;
}

/* forget(numbers, taken) */
PyObject *hecmod_forget(PyObject *module, PyObject *args)
{
    (void)module;
    if (renumber(args, "O!O!:forget", NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
}
