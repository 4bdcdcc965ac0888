/* SPDX-License-Identifier: MIT
 *
 * Journal: what has been finished, on disk. A record holds the results of a batch as its worker
 * sent them: one pickle of a list, and its large buffers as they are.
 */
#include "journal.h"

#include <string.h>
#include <structmember.h>

#define PATIENCE 100 /* milliseconds between looks whether a signal came */

typedef struct hecmod_journal {
    PyObject_HEAD hec_journal *journal; /* NULL: closed */
    hecmod_state *st;
    uint64_t seq; /* of what was appended last */
    int busy;     /* threads that are inside, without the interpreter's lock */
} hecmod_journal;

static hec_journal *open_one(hecmod_journal *j)
{
    if (!j->journal)
        PyErr_SetString(PyExc_ValueError, "the journal is closed");
    return j->journal;
}

/* ---- writing ---- */

int hecmod_journal_append(PyObject *self, const hec_journal_entry *entries, uint32_t n,
                          const hec_journal_part *parts, uint32_t m)
{
    hecmod_journal *j = (hecmod_journal *)self;
    hec_error err = {0};
    uint64_t seq = 0;
    int r;

    if (!open_one(j))
        return -1;
    j->busy++;
    Py_BEGIN_ALLOW_THREADS r = hec_journal_append(j->journal, entries, n, parts, m, &seq, &err);
    Py_END_ALLOW_THREADS;
    j->busy--;
    if (r < 0) {
        hecmod_raise(&err);
        return -1;
    }
    if (seq > j->seq)
        j->seq = seq;
    return 0;
}

void hecmod_add_part(hec_journal_part *parts, uint32_t *m, int kind, int format, const void *data,
                     size_t size)
{
    if (size > 0)
        parts[(*m)++] = (hec_journal_part){.kind = (uint16_t)kind,
                                           .format = (uint16_t)format,
                                           .entry = 1,
                                           .data = data,
                                           .size = size};
}

/* append(key, task, verdict, detail, usage, parts): one entry; usage as verdicts have it, or None;
 * parts: [(kind, format, bytes)]. */
static PyObject *journal_append(PyObject *self, PyObject *args)
{
    unsigned long long task, max_rss = 0;
    double started = 0, seconds = 0, cpu = 0;
    hec_journal_entry e = {0};
    PyObject *usage, *list;
    hec_journal_part parts[8];
    unsigned attempt = 1;
    Py_buffer key;
    uint32_t m = 0;
    int pid = 0, r = -1;

    if (!PyArg_ParseTuple(args, "y*KiiOO!:append", &key, &task, &e.verdict, &e.detail, &usage,
                          &PyList_Type, &list))
        return NULL;
    e.task = task;
    if (key.len != HEC_KEY_SIZE || PyList_GET_SIZE(list) > 8)
        PyErr_SetString(PyExc_ValueError, "append(16 bytes, ..., at most 8 parts)");
    else if (usage == Py_None || PyArg_ParseTuple(usage, "dddKiI:usage", &started, &seconds, &cpu,
                                                  &max_rss, &pid, &attempt))
        r = 0;
    if (r == 0)
        memcpy(e.key, key.buf, HEC_KEY_SIZE);
    PyBuffer_Release(&key);
    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(list); i++) {
        int kind, format;
        const char *data;
        Py_ssize_t size;

        if (PyArg_ParseTuple(PyList_GET_ITEM(list, i), "iiy#:part", &kind, &format, &data, &size))
            hecmod_add_part(parts, &m, kind, format, data, (size_t)size);
        else
            r = -1;
    }
    e.usage = (hec_usage){.started_ns = (uint64_t)(started * 1e9),
                          .duration_ns = (uint64_t)(seconds * 1e9),
                          .cpu_ns = (uint64_t)(cpu * 1e9),
                          .max_rss = max_rss,
                          .pid = pid,
                          .attempt = attempt};
    if (r == 0)
        r = hecmod_journal_append(self, &e, 1, parts, m);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *journal_sync(PyObject *self, PyObject *unused)
{
    hecmod_journal *j = (hecmod_journal *)self;
    hec_error err = {0};
    bool signalled;
    int r = 0;

    (void)unused;
    if (!open_one(j))
        return NULL;
    if (hec_journal_durable(j->journal) >= j->seq)
        Py_RETURN_NONE;
    j->busy++;
    do {
        Py_BEGIN_ALLOW_THREADS r = hec_journal_sync(j->journal, j->seq, PATIENCE, &err);
        Py_END_ALLOW_THREADS;
        signalled = r == HEC_EAGAIN && PyErr_CheckSignals() < 0;
    } while (r == HEC_EAGAIN && !signalled);
    j->busy--;
    if (r < 0)
        return signalled ? NULL : hecmod_raise(&err);
    Py_RETURN_NONE;
}

/* progress(ask) -> int: up to which seq it is on disk; with ask, has the rest brought there,
 * without waiting for it. */
static PyObject *journal_progress(PyObject *self, PyObject *ask)
{
    hecmod_journal *j = (hecmod_journal *)self;
    hec_error err = {0};
    int r = 0;

    if (!open_one(j))
        return NULL;
    if (PyObject_IsTrue(ask) == 1 && hec_journal_durable(j->journal) < j->seq)
        r = hec_journal_sync(j->journal, j->seq, 0, &err);
    if (r < 0 && r != HEC_EAGAIN)
        return hecmod_raise(&err);
    return PyLong_FromUnsignedLongLong(hec_journal_durable(j->journal));
}

/* ---- reading ---- */

/* A task that is done: its number, and where its result is. */
typedef struct hit {
    hec_journal_place place;
    Py_ssize_t index;
} hit;

static int compare_hits(const void *a, const void *b)
{
    const hec_journal_place *p = &((const hit *)a)->place, *q = &((const hit *)b)->place;

    if (p->file != q->file)
        return p->file < q->file ? -1 : 1;
    return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* The results of a record: a list, one for each entry. NULL with an exception set. */
static PyObject *results_of(hecmod_state *st, const hec_journal_content *content)
{
    PyObject *buffers = PyList_New(0), *pickle = NULL, *got = NULL;

    for (uint32_t i = 0; buffers && i < content->nparts; i++) {
        const hec_journal_part *p = &content->parts[i];
        PyObject *copy = NULL;

        if (p->kind == HEC_PART_RESULT && p->format == HEC_FORMAT_PICKLE && !pickle)
            pickle = PyMemoryView_FromMemory((char *)p->data, (Py_ssize_t)p->size, PyBUF_READ);
        if (p->kind != HEC_PART_BUFFER)
            continue;
        copy = PyByteArray_FromStringAndSize(p->data, (Py_ssize_t)p->size);
        if (!copy || PyList_Append(buffers, copy) < 0)
            Py_CLEAR(buffers);
        Py_XDECREF(copy);
    }
    if (buffers && !pickle && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "no pickle of pyhec");
    if (buffers && pickle)
        got = hecmod_unpickle(st, pickle, buffers);
    if (got && (!PyList_CheckExact(got) || PyList_GET_SIZE(got) != (Py_ssize_t)content->nentries)) {
        PyErr_SetString(PyExc_ValueError, "not as many results as it says");
        Py_CLEAR(got);
    }
    Py_XDECREF(buffers);
    Py_XDECREF(pickle);
    return got;
}

static PyObject *usage_of(const hec_usage *u)
{
    return Py_BuildValue("(dddKiI)", (double)u->started_ns / 1e9, (double)u->duration_ns / 1e9,
                         (double)u->cpu_ns / 1e9, (unsigned long long)u->max_rss, (int)u->pid,
                         (unsigned)u->attempt);
}

/* What load() works on. */
typedef struct loading {
    hecmod_journal *j;
    PyObject *results, *usages; /* lists; usages may be None */
    PyObject *missing, *failed; /* lists of numbers */
} loading;

static int add_number(PyObject *list, Py_ssize_t i)
{
    PyObject *n = PyLong_FromSsize_t(i);
    int r = n ? PyList_Append(list, n) : -1;

    Py_XDECREF(n);
    return r;
}

static int put_hit(loading *l, const hit *h, const hec_journal_content *content, PyObject *values)
{
    uint32_t at = h->place.position;
    PyObject *value = PyList_GET_ITEM(values, at), *usage;

    Py_INCREF(value);
    if (PyList_SetItem(l->results, h->index, value) < 0)
        return -1;
    if (l->usages == Py_None)
        return 0;
    usage = usage_of(&content->entries[at].usage);
    return usage ? PyList_SetItem(l->usages, h->index, usage) : -1;
}

/* The present exception is why results cannot be read: their tasks will be run again. */
static int put_unreadable(loading *l, const hit *hits, Py_ssize_t n)
{
    PyObject *type, *value, *traceback;
    int r = 0;

    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
        return -1;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    r = PyErr_WarnFormat(PyExc_RuntimeWarning, 2,
                         "results in the journal cannot be read back (%S): their tasks, %zd of "
                         "them, are run again",
                         value ? value : type, n);
    for (Py_ssize_t i = 0; r == 0 && i < n; i++)
        r = add_number(l->missing, hits[i].index);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return r;
}

/* Takes the results of n hits that are in one record. */
static int take_record(loading *l, const hit *hits, Py_ssize_t n)
{
    hec_journal_content *content = NULL;
    PyObject *values = NULL;
    hec_error err = {0};
    int r;

    Py_BEGIN_ALLOW_THREADS r =
        hec_journal_load(l->j->journal, &hits[0].place, HEC_LOAD_ALL, &content, &err);
    Py_END_ALLOW_THREADS;
    if (r < 0)
        hecmod_raise(&err);
    else
        values = results_of(l->j->st, content);
    r = values ? 0 : put_unreadable(l, hits, n);
    for (Py_ssize_t i = 0; values && r == 0 && i < n; i++)
        r = put_hit(l, &hits[i], content, values);
    Py_XDECREF(values);
    hec_journal_content_destroy(content);
    return r;
}

/* Sorts the tasks: those that are done go to `hits`, whose number is returned. */
static Py_ssize_t find_all(loading *l, const unsigned char *keys, Py_ssize_t n, hit *hits)
{
    Py_ssize_t found = 0;

    for (Py_ssize_t i = 0; i < n; i++) {
        hec_journal_place place;
        int r = hec_journal_find(l->j->journal, keys + i * (Py_ssize_t)HEC_KEY_SIZE, &place);

        if (r > 0 && place.verdict == HEC_TASK_DONE)
            hits[found++] = (hit){place, i};
        else if (r < 0) {
            PyErr_SetString(PyExc_RuntimeError, "the journal is the parent process's");
            return -1;
        } else if (add_number(l->missing, i) < 0 || (r > 0 && add_number(l->failed, i) < 0))
            return -1;
    }
    return found;
}

static int load(loading *l, const Py_buffer *keys)
{
    Py_ssize_t n = keys->len / (Py_ssize_t)HEC_KEY_SIZE, found, end;
    hit *hits = PyMem_Calloc((size_t)n + 1, sizeof *hits);
    int r = 0;

    if (!hits) {
        PyErr_NoMemory();
        return -1;
    }
    l->j->busy++;
    found = find_all(l, keys->buf, n, hits);
    if (found > 1)
        qsort(hits, (size_t)found, sizeof *hits, compare_hits);
    for (Py_ssize_t i = 0; r == 0 && i < found; i = end) {
        for (end = i + 1; end < found && compare_hits(&hits[i], &hits[end]) == 0; end++)
            continue;
        r = take_record(l, hits + i, end - i);
    }
    l->j->busy--;
    PyMem_Free(hits);
    return found < 0 ? -1 : r;
}

/* load(keys, results, usages) -> (missing, failed) */
static PyObject *journal_load(PyObject *self, PyObject *args)
{
    loading l = {.j = (hecmod_journal *)self};
    PyObject *all = NULL;
    Py_buffer keys;

    if (!PyArg_ParseTuple(args, "y*O!O:load", &keys, &PyList_Type, &l.results, &l.usages))
        return NULL;
    l.missing = PyList_New(0);
    l.failed = PyList_New(0);
    if (PyList_GET_SIZE(l.results) * (Py_ssize_t)HEC_KEY_SIZE != keys.len ||
        (l.usages != Py_None &&
         (!PyList_CheckExact(l.usages) || PyList_GET_SIZE(l.usages) != PyList_GET_SIZE(l.results))))
        PyErr_SetString(PyExc_ValueError, "load(): a place in the lists for each key");
    else if (l.missing && l.failed && open_one(l.j) && load(&l, &keys) == 0 &&
             PyList_Sort(l.missing) == 0)
        all = PyTuple_Pack(2, l.missing, l.failed);
    PyBuffer_Release(&keys);
    Py_XDECREF(l.missing);
    Py_XDECREF(l.failed);
    return all;
}

int hecmod_journal_has(PyObject *self, const unsigned char *key)
{
    hecmod_journal *j = (hecmod_journal *)self;
    hec_journal_place place;

    if (!open_one(j))
        return -1;
    return hec_journal_find(j->journal, key, &place) > 0 && place.verdict == HEC_TASK_DONE;
}

/* is_done(key) -> bool */
static PyObject *journal_is_done(PyObject *self, PyObject *key)
{
    int r;

    if (!PyBytes_Check(key) || PyBytes_GET_SIZE(key) != HEC_KEY_SIZE) {
        PyErr_SetString(PyExc_TypeError, "a key is 16 bytes");
        return NULL;
    }
    r = hecmod_journal_has(self, (const unsigned char *)PyBytes_AS_STRING(key));
    return r < 0 ? NULL : PyBool_FromLong(r);
}

static PyObject *journal_noted(PyObject *self, PyObject *name)
{
    hecmod_journal *j = (hecmod_journal *)self;
    const char *text = PyUnicode_AsUTF8(name), *value;

    if (!text || !open_one(j))
        return NULL;
    value = hec_journal_noted(j->journal, text);
    if (!value)
        Py_RETURN_NONE;
    return PyUnicode_FromString(value);
}

static PyObject *journal_note(PyObject *self, PyObject *args)
{
    hecmod_journal *j = (hecmod_journal *)self;
    const char *name, *value;
    hec_error err = {0};
    uint64_t seq = 0;

    if (!PyArg_ParseTuple(args, "ss:note", &name, &value) || !open_one(j))
        return NULL;
    if (hec_journal_note(j->journal, name, value, &seq, &err) < 0)
        return hecmod_raise(&err);
    if (seq > j->seq)
        j->seq = seq;
    Py_RETURN_NONE;
}

/* info() -> dict */
static PyObject *journal_info(PyObject *self, PyObject *unused)
{
    hecmod_journal *j = (hecmod_journal *)self;
    hec_journal_info i;

    (void)unused;
    if (!open_one(j))
        return NULL;
    hec_journal_info_get(j->journal, &i);
    return Py_BuildValue("{sKsKsKsKsIsIsKsKsd}", "results", (unsigned long long)i.done, "failures",
                         (unsigned long long)(i.keys - i.done), "bytes",
                         (unsigned long long)i.bytes, "records", (unsigned long long)i.records,
                         "sessions", (unsigned)i.sessions, "files", (unsigned)i.files,
                         "damaged_bytes", (unsigned long long)i.bad_bytes, "commits",
                         (unsigned long long)i.commits, "waited", (double)i.waited_ns / 1e9);
}

/* ---- the type ---- */

static int journal_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", "read_only", "folder", NULL};
    hecmod_journal *j = (hecmod_journal *)self;
    hec_journal_options o = {.program = "pyhec " HEC_VERSION};
    hec_error err = {0};
    PyObject *path;
    int r = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&|pp:Journal", names, PyUnicode_FSConverter,
                                     &path, &o.read_only, &o.folder))
        return -1;
    if (j->journal) {
        Py_DECREF(path);
        PyErr_SetString(PyExc_RuntimeError, "a Journal is opened once");
        return -1;
    }
    j->st = hecmod_of_type(Py_TYPE(self));
    do {
        Py_BEGIN_ALLOW_THREADS r = hec_journal_open(PyBytes_AS_STRING(path), &o, &j->journal, &err);
        Py_END_ALLOW_THREADS;
        if (r == HEC_EINTR && PyErr_CheckSignals() < 0) {
            Py_DECREF(path);
            return -1;
        }
    } while (r == HEC_EINTR);
    Py_DECREF(path);
    if (r < 0)
        hecmod_raise(&err);
    return r < 0 ? -1 : 0;
}

static PyObject *journal_close(PyObject *self, PyObject *unused)
{
    hecmod_journal *j = (hecmod_journal *)self;
    hec_journal *journal = j->journal;
    hec_error err = {0};
    int r;

    (void)unused;
    if (j->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the journal is being used by another thread");
        return NULL;
    }
    j->journal = NULL;
    Py_BEGIN_ALLOW_THREADS r = hec_journal_close(journal, &err);
    Py_END_ALLOW_THREADS;
    if (r < 0)
        return hecmod_raise(&err);
    Py_RETURN_NONE;
}

static void journal_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    hecmod_journal *j = (hecmod_journal *)self;
    hec_error err = {0};

    if (hec_journal_close(j->journal, &err) < 0) { /* nobody is there to be told otherwise */
        PyObject *t, *v, *tb;

        PyErr_Fetch(&t, &v, &tb);
        hecmod_raise(&err);
        PyErr_WriteUnraisable(NULL);
        PyErr_Restore(t, v, tb);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef journal_methods[] = {
    {"load", journal_load, METH_VARARGS,
     "load(keys, results, usages) -> (missing, failed)\n\nPuts the results of tasks that are done "
     "into a list; the numbers of the others, and of those of them that have failed."},
    {"is_done", journal_is_done, METH_O, "is_done(key) -> bool\n\nWhether there is its result."},
    {"append", journal_append, METH_VARARGS,
     "append(key, task, verdict, detail, usage, parts)\n\nAdds one task: [(kind, format, bytes)]."},
    {"noted", journal_noted, METH_O, "noted(name) -> str or None\n\nThe last note of this name."},
    {"note", journal_note, METH_VARARGS, "note(name, value)\n\nAdds a note."},
    {"sync", journal_sync, METH_NOARGS, "sync()\n\nReturns when all that was added is on disk."},
    {"progress", journal_progress, METH_O,
     "progress(ask) -> int\n\nUp to which `seq` it is on disk; with ask, has the rest brought "
     "there."},
    {"info", journal_info, METH_NOARGS, "info() -> dict\n\nWhat is in it."},
    {"close", journal_close, METH_NOARGS, "close()\n\nBrings all to disk and lets others write."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef journal_members[] = {
    {"seq", T_ULONGLONG, offsetof(hecmod_journal, seq), READONLY, "What was added last."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot journal_slots[] = {
    {Py_tp_doc, "Journal(path, read_only=False, folder=False)\n\nWhat has been finished, on disk."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, journal_init},
    {Py_tp_dealloc, journal_dealloc},
    {Py_tp_methods, journal_methods},
    {Py_tp_members, journal_members},
    {0, NULL},
};

PyType_Spec hecmod_journal_spec = {
    .name = "pyhec._hec.Journal",
    .basicsize = sizeof(hecmod_journal),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = journal_slots,
};
