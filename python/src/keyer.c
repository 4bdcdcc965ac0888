/* SPDX-License-Identifier: MIT
 *
 * Keyer: the keys of the tasks of a call.
 *
 *     site = hash(prefix of the function, arguments)     which task of which function this is
 *     key  = hash(site, code of the function[, n])       and what it would run
 *
 * The prefix stands for the function's name, what it closes over, and the tag. Two tasks of a call
 * that are the same in all this are computed both, since a function may well draw random numbers:
 * the n-th after the first has its n in the key.
 */
#include "key.h"

#include "journal.h"

#include <string.h>

/* A key, and how often it was made; count 0: a free place. */
typedef struct place {
    hecmod_digest key;
    uint32_t count;
} place;

typedef struct hecmod_keyer {
    PyObject_HEAD PyObject *describe;
    PyObject *prefix;     /* prefix(function) -> 16 bytes and the 16 of its code */
    hecmod_bytes scratch; /* to write in, while nobody does */
    place *places;        /* a power of two of them */
    size_t nplaces, taken;
    PyTypeObject *journal_type;        /* borrowed: the module's */
    hecmod_digest last_site, last_key; /* what note() made last */
    uint32_t last_n;
} hecmod_keyer;

/* The place of a key: its own or a free one. There always is one. */
static place *find_place(place *places, size_t n, const hecmod_digest *key)
{
    uint64_t at;

    memcpy(&at, key, sizeof at);
    for (;; at++) {
        place *p = &places[at & (n - 1)];

        if (p->count == 0 || memcmp(&p->key, key, sizeof *key) == 0)
            return p;
    }
}

static int grow(hecmod_keyer *k)
{
    size_t n = k->nplaces ? 2 * k->nplaces : 256;
    place *places = PyMem_Calloc(n, sizeof *places);

    if (!places) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < k->nplaces; i++)
        if (k->places[i].count)
            *find_place(places, n, &k->places[i].key) = k->places[i];
    PyMem_Free(k->places);
    k->places = places;
    k->nplaces = n;
    return 0;
}

/* How many tasks had this key before. -1 with an exception set. */
static int64_t count_key(hecmod_keyer *k, const hecmod_digest *key)
{
    place *p;

    if (2 * k->taken >= k->nplaces && grow(k) < 0)
        return -1;
    p = find_place(k->places, k->nplaces, key);
    if (p->count == 0) {
        p->key = *key;
        k->taken++;
    }
    if (p->count == UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "too many tasks that are all the same");
        return -1;
    }
    return p->count++;
}

/* ---- arguments ---- */

static int put_tuple(hecmod_encoder *e, PyObject *args)
{
    int r = hecmod_encoder_count(e, '(', (size_t)PyTuple_GET_SIZE(args));

    for (Py_ssize_t i = 0; r == 0 && i < PyTuple_GET_SIZE(args); i++)
        r = hecmod_encoder_put(e, PyTuple_GET_ITEM(args, i));
    return r;
}

/* The same whichever call runs the task: what the function will get. */
static int put_arguments(hecmod_encoder *e, enum hecmod_kind kind, PyObject *item)
{
    PyObject *args;
    int r;

    if (kind == HECMOD_MAP)
        return hecmod_encoder_count(e, '(', 1) < 0 ? -1 : hecmod_encoder_put(e, item);
    if (kind == HECMOD_STAR) {
        args = PySequence_Tuple(item);
    } else {
        if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 3 ||
            !PyDict_CheckExact(PyTuple_GET_ITEM(item, 2))) {
            PyErr_SetString(PyExc_TypeError, "a task must be (function, args, kwargs)");
            return -1;
        }
        args = PySequence_Tuple(PyTuple_GET_ITEM(item, 1));
    }
    r = args ? put_tuple(e, args) : -1;
    Py_XDECREF(args);
    if (r == 0 && kind == HECMOD_TASKS && PyDict_GET_SIZE(PyTuple_GET_ITEM(item, 2)) > 0)
        r = hecmod_encoder_put(e, PyTuple_GET_ITEM(item, 2));
    return r;
}

/* What is being made of the tasks of one call of keys(). */
typedef struct job {
    hecmod_keyer *k;
    enum hecmod_kind kind;
    hecmod_encoder e;
    PyObject *func; /* the last one, held */
    PyObject
        *prefixes; /* dict: address of a function -> its prefix; the items hold the functions */
    unsigned char prefix[32];
} job;

static int take_prefix(job *j, PyObject *func)
{
    PyObject *key = PyLong_FromVoidPtr(func), *bytes = NULL;
    int r = -1;

    if (!j->prefixes)
        j->prefixes = PyDict_New();
    if (key && j->prefixes)
        bytes = PyDict_GetItemWithError(j->prefixes, key);
    Py_XINCREF(bytes);
    if (!bytes && !PyErr_Occurred()) {
        bytes = PyObject_CallFunctionObjArgs(j->k->prefix, func, NULL);
        if (bytes && (!PyBytes_CheckExact(bytes) || PyBytes_GET_SIZE(bytes) != sizeof j->prefix)) {
            PyErr_SetString(PyExc_TypeError, "prefix() must return 32 bytes");
            Py_CLEAR(bytes);
        }
        if (bytes && PyDict_SetItem(j->prefixes, key, bytes) < 0)
            Py_CLEAR(bytes);
    }
    if (bytes) {
        memcpy(j->prefix, PyBytes_AS_STRING(bytes), sizeof j->prefix);
        Py_XSETREF(j->func, Py_NewRef(func));
        r = 0;
    }
    Py_XDECREF(key);
    Py_XDECREF(bytes);
    return r;
}

/* 0, or -1 with an exception set. */
static int make_key(job *j, PyObject *func, PyObject *item, hecmod_digest *ret_site,
                    hecmod_digest *ret_key, uint32_t *ret_n)
{
    struct {
        hecmod_digest site;
        unsigned char code[16];
        uint64_t n;
    } whole;
    int64_t n;
    void *to;

    if (j->kind == HECMOD_TASKS && PyTuple_CheckExact(item) && PyTuple_GET_SIZE(item) == 3)
        func = PyTuple_GET_ITEM(item, 0);
    if (func != j->func && take_prefix(j, func) < 0)
        return -1;
    j->e.out.used = 0;
    to = hecmod_encoder_room(&j->e, 16);
    if (!to)
        return -1;
    memcpy(to, j->prefix, 16);
    if (put_arguments(&j->e, j->kind, item) < 0)
        return -1;
    hecmod_hash(j->e.out.data, j->e.out.used, &whole.site);
    memcpy(whole.code, j->prefix + 16, sizeof whole.code);
    hecmod_hash(&whole, 32, ret_key);
    n = count_key(j->k, ret_key);
    if (n < 0)
        return -1;
    if (n > 0) {
        whole.n = (uint64_t)n;
        hecmod_hash(&whole, 40, ret_key);
    }
    *ret_site = whole.site;
    *ret_n = (uint32_t)n;
    return 0;
}

/* ---- the type ---- */

static job begin(hecmod_keyer *k, int kind)
{
    job j = {.k = k, .kind = (enum hecmod_kind)kind, .e = {.describe = k->describe}};

    j.e.out = k->scratch; /* describing an object can let another thread in */
    k->scratch = (hecmod_bytes){0};
    return j;
}

static void end(job *j)
{
    if (!j->k->scratch.data && j->e.out.size < (1u << 20)) {
        j->k->scratch = j->e.out;
        j->e.out = (hecmod_bytes){0};
    }
    hecmod_encoder_done(&j->e);
    Py_CLEAR(j->func);
    Py_CLEAR(j->prefixes);
}

static bool is_kind(long kind)
{
    if (kind >= HECMOD_MAP && kind <= HECMOD_TASKS)
        return true;
    PyErr_SetString(PyExc_ValueError, "an unknown kind of call");
    return false;
}

/* keys(kind, func, items) -> (sites, keys, ns); an error names the item in `at`. */
static PyObject *keyer_keys(PyObject *self, PyObject *args)
{
    hecmod_keyer *k = (hecmod_keyer *)self;
    PyObject *func, *items, *sites = NULL, *keys = NULL, *ns = NULL, *all = NULL;
    Py_ssize_t n, i;
    int kind, r;
    job j;

    if (!PyArg_ParseTuple(args, "iOO!:keys", &kind, &func, &PyList_Type, &items) || !is_kind(kind))
        return NULL;
    n = PyList_GET_SIZE(items);
    sites = PyBytes_FromStringAndSize(NULL, n * 16);
    keys = PyBytes_FromStringAndSize(NULL, n * 16);
    ns = PyBytes_FromStringAndSize(NULL, n * 4);
    r = sites && keys && ns ? 0 : -1;
    j = begin(k, kind);
    for (i = 0; r == 0 && i < n && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        uint32_t nth = 0;

        Py_INCREF(item);
        r = make_key(&j, func, item, (hecmod_digest *)PyBytes_AS_STRING(sites) + i,
                     (hecmod_digest *)PyBytes_AS_STRING(keys) + i, &nth);
        memcpy(PyBytes_AS_STRING(ns) + i * 4, &nth, 4);
        Py_DECREF(item);
    }
    end(&j);
    if (r == 0 && i != PyList_GET_SIZE(items))
        PyErr_SetString(PyExc_RuntimeError, "the inputs changed while their keys were computed");
    else if (r == 0)
        all = PyTuple_Pack(3, sites, keys, ns);
    Py_XDECREF(sites);
    Py_XDECREF(keys);
    Py_XDECREF(ns);
    return all;
}

/* last() -> (site, key, n) */
static PyObject *keyer_last(PyObject *self, PyObject *unused)
{
    hecmod_keyer *k = (hecmod_keyer *)self;

    (void)unused;
    return Py_BuildValue("(y#y#I)", (const char *)&k->last_site, (Py_ssize_t)sizeof k->last_site,
                         (const char *)&k->last_key, (Py_ssize_t)sizeof k->last_key,
                         (unsigned)k->last_n);
}

/* What note() is given. */
enum { JOURNAL, KIND, FUNC, ITEM, NUMBER, INDEX, NUMBERS, MARKS, NOTE_ARGS };

static bool are_for_note(const hecmod_keyer *k, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs == NOTE_ARGS &&
        (args[JOURNAL] == Py_None || PyObject_TypeCheck(args[JOURNAL], k->journal_type)) &&
        PyLong_Check(args[KIND]) && PyLong_Check(args[NUMBER]) && PyLong_Check(args[INDEX]) &&
        PyDict_CheckExact(args[NUMBERS]) && PyDict_CheckExact(args[MARKS]))
        return is_kind(PyLong_AsLong(args[KIND]));
    PyErr_SetString(PyExc_TypeError,
                    "note(journal or None, kind, func, item, number, index, numbers, marks)");
    return false;
}

/* note(journal, kind, func, item, number, index, numbers, marks) -> bool: the key of a task; unless
 * the journal has its result it becomes the engine's task `index`. This is done for each task of a
 * stream, so all of it is here. */
static PyObject *keyer_note(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    hecmod_keyer *k = (hecmod_keyer *)self;
    uint64_t number;
    int r, known = 0;
    job j;

    if (!are_for_note(k, args, nargs))
        return NULL;
    number = PyLong_AsUnsignedLongLong(args[NUMBER]);
    if (PyErr_Occurred())
        return NULL;
    j = begin(k, (int)PyLong_AsLong(args[KIND]));
    r = make_key(&j, args[FUNC], args[ITEM], &k->last_site, &k->last_key, &k->last_n);
    end(&j);
    if (r == 0 && args[JOURNAL] != Py_None)
        known = hecmod_journal_has(args[JOURNAL], k->last_key.bytes);
    if (r < 0 || known < 0)
        return NULL;
    if (!known && (PyDict_SetItem(args[NUMBERS], args[INDEX], args[NUMBER]) < 0 ||
                   hecmod_journal_mark(args[MARKS], args[INDEX], k->last_key.bytes, number) < 0))
        return NULL;
    return PyBool_FromLong(!known);
}

static int keyer_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"describe", "prefix", NULL};
    hecmod_keyer *k = (hecmod_keyer *)self;
    PyObject *describe, *prefix;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:Keyer", names, &describe, &prefix))
        return -1;
    k->journal_type = hecmod_of_type(Py_TYPE(self))->journal_type;
    Py_XSETREF(k->describe, Py_NewRef(describe));
    Py_XSETREF(k->prefix, Py_NewRef(prefix));
    return 0;
}

static int keyer_traverse(PyObject *self, visitproc visit, void *arg)
{
    hecmod_keyer *k = (hecmod_keyer *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(k->describe);
    Py_VISIT(k->prefix);
    return 0;
}

static int keyer_clear(PyObject *self)
{
    hecmod_keyer *k = (hecmod_keyer *)self;

    Py_CLEAR(k->describe);
    Py_CLEAR(k->prefix);
    return 0;
}

static void keyer_dealloc(PyObject *self)
{
    hecmod_keyer *k = (hecmod_keyer *)self;
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    keyer_clear(self);
    PyMem_Free(k->scratch.data);
    PyMem_Free(k->places);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef keyer_methods[] = {
    {"keys", keyer_keys, METH_VARARGS,
     "keys(kind, func, items) -> (sites, keys, ns)\n\n16, 16 and 4 bytes for each item."},
    {"note", (PyCFunction)(void (*)(void))keyer_note, METH_FASTCALL,
     "note(journal, kind, func, item, number, index, numbers, marks) -> bool\n\nMakes the key of "
     "one "
     "task, and, unless the journal has its result, notes the task under its index. True: it did."},
    {"last", keyer_last, METH_NOARGS,
     "last() -> (site, key, n)\n\nOf the task that note() was last called for."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot keyer_slots[] = {
    {Py_tp_doc, "Keyer(describe, prefix)\n\nMakes the keys of the tasks of one call."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, keyer_init},
    {Py_tp_dealloc, keyer_dealloc},
    {Py_tp_traverse, keyer_traverse},
    {Py_tp_clear, keyer_clear},
    {Py_tp_methods, keyer_methods},
    {0, NULL},
};

PyType_Spec hecmod_keyer_spec = {
    .name = "pyhec._hec.Keyer",
    .basicsize = sizeof(hecmod_keyer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = keyer_slots,
};
