/* SPDX-License-Identifier: MIT
 *
 * Digests of values: 128 bits that are the same for equal values in every process and every run,
 * and different for others. Addresses, hash randomisation and the order in which a set or a dict
 * was filled have no part in them.
 *
 * A value is written down in a form that can be read in one way only, and that is hashed (XXH3, 128
 * bits). What contains others is hashed by itself first and stands there with its digest:
 *
 *     value    'N' | 'T' | 'F'                        None, True, False
 *              'i' int64 | 'I' length hexadecimal     int
 *              'd' double | 'c' double double         float, complex
 *              'u' | 'b' | 'B' bytes                  str (kind and characters), bytes, bytearray
 *              'C' digest                             of one of these:
 *     inside   '(' n value*n | '[' n value*n          tuple; list
 *              '{' n (digest digest)*n                dict: sorted by the digests of the keys
 *              '<' n digest*n | '>' n digest*n        set; frozenset: sorted
 *              'm' text n bytes                       memoryview: format, shape, bytes in C order
 *              'o' n value*n                          any other object: what describe() says it is
 *              '^' n                                  the container that is n levels above
 *     bytes    length data, or, where that is long, length digest
 *
 * This is part of what keys of tasks are made of: a change makes all that journals hold unknown.
 */
#include "key.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define LONG        256u       /* bytes that are hashed where they are and not copied first */
#define WORTH       16u        /* visits that a container must have taken to be remembered */
#define DEPTH_MAX   1000u      /* containers inside each other */
#define TANGLED_MAX 1000000u   /* containers that refer to one which they are in */
#define NO_GIL      (1u << 20) /* bytes whose hashing others need not wait for */
#define NOWHERE     UINT32_MAX

/* A container that is being looked at, on the stack. */
typedef struct frame {
    const struct frame *up;
    PyObject *object;
    uint32_t depth;
} frame;

void hecmod_hash(const void *data, size_t size, hecmod_digest *ret)
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
    memcpy(ret->bytes, canonical.digest, sizeof ret->bytes);
}

void *hecmod_encoder_room(hecmod_encoder *e, size_t n)
{
    void *at;

    if (e->out.size - e->out.used < n) {
        size_t size = 2 * e->out.size + n + 512;
        char *data = PyMem_Realloc(e->out.data, size);

        if (!data) {
            PyErr_NoMemory();
            return NULL;
        }
        e->out.data = data;
        e->out.size = size;
    }
    at = e->out.data + e->out.used;
    e->out.used += n;
    return at;
}

/* A tag, and one word of 8 bytes after it. */
static int put_word(hecmod_encoder *e, char tag, const void *word)
{
    char *to = hecmod_encoder_room(e, 9);

    if (!to)
        return -1;
    *to = tag;
    memcpy(to + 1, word, 8);
    return 0;
}

int hecmod_encoder_count(hecmod_encoder *e, char tag, size_t n)
{
    uint64_t count = n;

    return put_word(e, tag, &count);
}

static int put_tag(hecmod_encoder *e, char tag)
{
    char *to = hecmod_encoder_room(e, 1);

    if (to)
        *to = tag;
    return to ? 0 : -1;
}

/* The digest of bytes that are somebody else's; o is whose, held by the caller. */
static int put_digest_of(hecmod_encoder *e, const void *data, size_t size)
{
    hecmod_digest digest;
    void *to;

    e->visits += size / 64;
    if (size < NO_GIL) {
        hecmod_hash(data, size, &digest);
    } else {
        Py_BEGIN_ALLOW_THREADS hecmod_hash(data, size, &digest);
        Py_END_ALLOW_THREADS
    }
    to = hecmod_encoder_room(e, sizeof digest);
    if (to)
        memcpy(to, &digest, sizeof digest);
    return to ? 0 : -1;
}

static int put_bytes(hecmod_encoder *e, char tag, const void *data, size_t size)
{
    void *to;

    if (hecmod_encoder_count(e, tag, size) < 0)
        return -1;
    if (size > LONG)
        return put_digest_of(e, data, size);
    to = hecmod_encoder_room(e, size);
    if (to)
        memcpy(to, data, size);
    return to ? 0 : -1;
}

static int put_int(hecmod_encoder *e, PyObject *o)
{
    int over = 0, r;
    long long value = PyLong_AsLongLongAndOverflow(o, &over);
    PyObject *text;
    const char *digits;
    Py_ssize_t n;

    if (!over)
        return put_word(e, 'i', &value);
    text = PyNumber_ToBase(o, 16);
    digits = text ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
    r = digits ? put_bytes(e, 'I', digits, (size_t)n) : -1;
    Py_XDECREF(text);
    return r;
}

static int put_text(hecmod_encoder *e, PyObject *o)
{
    char kind;

#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(o) < 0)
        return -1;
#endif
    kind = (char)PyUnicode_KIND(o);
    return put_tag(e, kind) < 0 ? -1
                                : put_bytes(e, 'u', PyUnicode_DATA(o),
                                            (size_t)PyUnicode_GET_LENGTH(o) * (size_t)kind);
}

static int put_complex(hecmod_encoder *e, PyObject *o)
{
    Py_complex value = PyComplex_AsCComplex(o);
    char *to = hecmod_encoder_room(e, 17);

    if (!to)
        return -1;
    *to = 'c';
    memcpy(to + 1, &value.real, 8);
    memcpy(to + 9, &value.imag, 8);
    return 0;
}

static int put(hecmod_encoder *e, PyObject *o, const frame *up);

/* An item of a container that other code may change meanwhile. */
static int put_held(hecmod_encoder *e, PyObject *o, const frame *up)
{
    int r;

    Py_INCREF(o);
    r = put(e, o, up);
    Py_DECREF(o);
    return r;
}

static int changed(void)
{
    PyErr_SetString(PyExc_RuntimeError, "it was changed while its key was computed");
    return -1;
}

/* What was written from `start` on becomes its digest. */
static void fold(hecmod_encoder *e, size_t start, hecmod_digest *ret)
{
    hecmod_hash(e->out.data + start, e->out.used - start, ret);
    e->out.used = start;
}

/* The digest of one value, appended without a tag. */
static int put_folded(hecmod_encoder *e, PyObject *o, const frame *up)
{
    size_t start = e->out.used;
    hecmod_digest digest;
    void *to;

    if (put_held(e, o, up) < 0)
        return -1;
    fold(e, start, &digest);
    to = hecmod_encoder_room(e, sizeof digest);
    if (to)
        memcpy(to, &digest, sizeof digest);
    return to ? 0 : -1;
}

/* ---- containers ---- */

static int put_sequence(hecmod_encoder *e, char tag, PyObject *o, const frame *f)
{
    bool list = PyList_CheckExact(o);
    Py_ssize_t n = Py_SIZE(o);

    if (hecmod_encoder_count(e, tag, (size_t)n) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (Py_SIZE(o) != n)
            return changed();
        if (put_held(e, list ? PyList_GET_ITEM(o, i) : PyTuple_GET_ITEM(o, i), f) < 0)
            return -1;
    }
    return Py_SIZE(o) == n ? 0 : changed();
}

static int compare_one(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(hecmod_digest));
}

static int put_dict(hecmod_encoder *e, PyObject *o, const frame *f)
{
    Py_ssize_t n = PyDict_GET_SIZE(o), at = 0, seen = 0;
    PyObject *key, *value;
    size_t start;
    int r = 0;

    if (hecmod_encoder_count(e, '{', (size_t)n) < 0)
        return -1;
    start = e->out.used;
    while (r == 0 && PyDict_GET_SIZE(o) == n && PyDict_Next(o, &at, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        r = put_folded(e, key, f) < 0 || put_folded(e, value, f) < 0 ? -1 : 0;
        Py_DECREF(key);
        Py_DECREF(value);
        seen++;
    }
    if (r < 0)
        return -1;
    if (seen != n || PyDict_GET_SIZE(o) != n)
        return changed();
    if (n > 1)
        qsort(e->out.data + start, (size_t)n, 2 * sizeof(hecmod_digest), compare_one);
    return 0;
}

static int put_set(hecmod_encoder *e, char tag, PyObject *o, const frame *f)
{
    PyObject *items = PySequence_List(o);
    Py_ssize_t n = items ? PyList_GET_SIZE(items) : 0;
    int r = items ? hecmod_encoder_count(e, tag, (size_t)n) : -1;
    size_t start = e->out.used;

    e->sets++;
    for (Py_ssize_t i = 0; r == 0 && i < n; i++)
        r = put_folded(e, PyList_GET_ITEM(items, i), f);
    e->sets--;
    if (r == 0 && n > 1)
        qsort(e->out.data + start, (size_t)n, sizeof(hecmod_digest), compare_one);
    Py_XDECREF(items);
    return r;
}

static int put_memory(hecmod_encoder *e, PyObject *o)
{
    Py_buffer *view = PyMemoryView_GET_BUFFER(o);
    const char *format = view->format ? view->format : "B";
    char *copy = NULL;
    int r = put_bytes(e, 'm', format, strlen(format));

    if (r == 0)
        r = hecmod_encoder_count(e, 'x', (size_t)view->ndim);
    for (int i = 0; r == 0 && i < view->ndim; i++)
        r = hecmod_encoder_count(e, 'x', (size_t)view->shape[i]);
    if (r < 0)
        return -1;
    if (PyBuffer_IsContiguous(view, 'C'))
        return put_bytes(e, 'y', view->buf, (size_t)view->len);
    copy = PyMem_Malloc((size_t)view->len);
    if (!copy)
        PyErr_NoMemory();
    r = copy && PyBuffer_ToContiguous(copy, view, view->len, 'C') == 0
            ? put_bytes(e, 'y', copy, (size_t)view->len)
            : -1;
    PyMem_Free(copy);
    return r;
}

/* What no branch here knows: as the tuple that describe() makes of it. */
static int put_other(hecmod_encoder *e, PyObject *o, const frame *f)
{
    PyObject *parts =
        PyObject_CallFunctionObjArgs(e->describe, o, e->sets ? Py_True : Py_False, NULL);
    int r = -1;

    e->visits += WORTH;
    if (parts && !PyTuple_CheckExact(parts))
        PyErr_SetString(PyExc_TypeError, "describe() must return a tuple");
    else if (parts)
        r = put_sequence(e, 'o', parts, f);
    Py_XDECREF(parts);
    return r;
}

static int put_inside(hecmod_encoder *e, PyObject *o, const frame *f)
{
    PyTypeObject *type = Py_TYPE(o);

    if (type == &PyTuple_Type)
        return put_sequence(e, '(', o, f);
    if (type == &PyList_Type)
        return put_sequence(e, '[', o, f);
    if (type == &PyDict_Type)
        return put_dict(e, o, f);
    if (type == &PySet_Type)
        return put_set(e, '<', o, f);
    if (type == &PyFrozenSet_Type)
        return put_set(e, '>', o, f);
    if (type == &PyMemoryView_Type)
        return put_memory(e, o);
    return put_other(e, o, f);
}

/* The container above that `o` is, by how far it is; 0 when it is none of them. */
static uint32_t distance(PyObject *o, const frame *up)
{
    for (uint32_t n = 1; up; up = up->up, n++)
        if (up->object == o)
            return n;
    return 0;
}

static int put_known(hecmod_encoder *e, char tag, const hecmod_digest *digest)
{
    char *to = hecmod_encoder_room(e, 1 + sizeof *digest);

    if (!to)
        return -1;
    *to = tag;
    memcpy(to + 1, digest, sizeof *digest);
    return 0;
}

/* 1 with the digest if this object was seen before, 0, or -1. */
static int recall(hecmod_encoder *e, PyObject *o, hecmod_digest *ret)
{
    PyObject *key, *entry;

    if (!e->memo)
        return 0;
    key = PyLong_FromVoidPtr(o);
    entry = key ? PyDict_GetItemWithError(e->memo, key) : NULL;
    Py_XDECREF(key);
    if (!entry)
        return PyErr_Occurred() ? -1 : 0;
    memcpy(ret, PyBytes_AS_STRING(PyTuple_GET_ITEM(entry, 1)), sizeof *ret);
    return 1;
}

/* Keeps the object, too: another one must not get its address. */
static int remember(hecmod_encoder *e, PyObject *o, const hecmod_digest *digest)
{
    PyObject *key = PyLong_FromVoidPtr(o), *entry;
    int r = -1;

    if (!e->memo)
        e->memo = PyDict_New();
    entry = Py_BuildValue("(Oy#)", o, (const char *)digest, (Py_ssize_t)sizeof *digest);
    if (key && entry && e->memo)
        r = PyDict_SetItem(e->memo, key, entry);
    Py_XDECREF(key);
    Py_XDECREF(entry);
    return r;
}

static int too(const char *what)
{
    PyErr_Format(PyExc_RecursionError, "it is too %s for a key", what);
    return -1;
}

/* After a container: what is now known of it. `shared`: other places may hold it, too. */
static int settle(hecmod_encoder *e, PyObject *o, const frame *f, uint64_t visits, bool shared,
                  const hecmod_digest *digest)
{
    if (e->lowest < f->depth) /* its digest holds in this place only */
        return ++e->tangled > TANGLED_MAX ? too("entangled") : 0;
    e->lowest = NOWHERE;
    return shared && e->visits - visits > WORTH ? remember(e, o, digest) : 0;
}

static int put_container(hecmod_encoder *e, PyObject *o, const frame *up)
{
    frame f = {up, o, up ? up->depth + 1 : 0};
    /* One reference is the caller's, one that of the container which it lies in. */
    bool shared = Py_REFCNT(o) > 2;
    uint32_t n = distance(o, up), outer = e->lowest;
    uint64_t visits = e->visits;
    size_t start = e->out.used;
    hecmod_digest digest;
    int r;

    if (n > 0) {
        if (f.depth - n < e->lowest)
            e->lowest = f.depth - n;
        return hecmod_encoder_count(e, '^', n);
    }
    r = shared ? recall(e, o, &digest) : 0;
    if (r != 0)
        return r < 0 ? -1 : put_known(e, 'C', &digest);
    if (f.depth >= DEPTH_MAX)
        return too("deeply nested");
    if (Py_EnterRecursiveCall(" while the key of a task is computed"))
        return -1;
    e->lowest = NOWHERE;
    r = put_inside(e, o, &f);
    Py_LeaveRecursiveCall();
    if (r < 0)
        return -1;
    fold(e, start, &digest);
    if (settle(e, o, &f, visits, shared, &digest) < 0)
        return -1;
    if (outer < e->lowest)
        e->lowest = outer;
    return put_known(e, 'C', &digest);
}

static int put(hecmod_encoder *e, PyObject *o, const frame *up)
{
    PyTypeObject *type = Py_TYPE(o);

    e->visits++;
    if (type == &PyLong_Type)
        return put_int(e, o);
    if (type == &PyFloat_Type)
        return put_word(e, 'd', &((PyFloatObject *)o)->ob_fval);
    if (type == &PyUnicode_Type)
        return put_text(e, o);
    if (o == Py_None || type == &PyBool_Type)
        return put_tag(e, o == Py_None ? 'N' : o == Py_True ? 'T' : 'F');
    if (type == &PyBytes_Type)
        return put_bytes(e, 'b', PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o));
    if (type == &PyByteArray_Type)
        return put_bytes(e, 'B', PyByteArray_AS_STRING(o), (size_t)PyByteArray_GET_SIZE(o));
    if (type == &PyComplex_Type)
        return put_complex(e, o);
    return put_container(e, o, up);
}

int hecmod_encoder_put(hecmod_encoder *e, PyObject *o)
{
    e->lowest = NOWHERE;
    e->tangled = 0;
    return put(e, o, NULL);
}

void hecmod_encoder_done(hecmod_encoder *e)
{
    PyMem_Free(e->out.data);
    e->out = (hecmod_bytes){0};
    Py_CLEAR(e->memo);
}

/* ---- for Python ---- */

PyObject *hecmod_digest_bytes(const hecmod_digest *digest)
{
    return PyBytes_FromStringAndSize((const char *)digest, sizeof *digest);
}

/* digest(value, describe) -> bytes */
PyObject *hecmod_digest_of(PyObject *module, PyObject *args)
{
    hecmod_encoder e = {0};
    hecmod_digest digest;
    PyObject *value, *bytes = NULL;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO:digest", &value, &e.describe))
        return NULL;
    if (hecmod_encoder_put(&e, value) == 0) {
        fold(&e, 0, &digest);
        bytes = hecmod_digest_bytes(&digest);
    }
    hecmod_encoder_done(&e);
    return bytes;
}

/* hash128(bytes) -> bytes */
PyObject *hecmod_hash_bytes(PyObject *module, PyObject *data)
{
    hecmod_digest digest;
    Py_buffer view;

    (void)module;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    hecmod_hash(view.buf, (size_t)view.len, &digest);
    PyBuffer_Release(&view);
    return hecmod_digest_bytes(&digest);
}
