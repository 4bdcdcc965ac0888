/* SPDX-License-Identifier: MIT
 *
 * A short cut past the pickler for what small tasks are made of: None, booleans, integers, floats,
 * text, bytes, functions that can be named, tuples of those, and tasks made of them. A pickle of
 * protocol 5 begins with the byte 0x80, a plain payload with another.
 *
 *     payload  MARK value
 *     value    'N' | 'T' | 'F'                       None, True, False
 *              'i' int64 | 'd' double
 *              'u' kind:u8 length:u32 characters     text, as Python stores it (1, 2 or 4 bytes)
 *              'b' length:u32 bytes
 *              '(' n:u32 value*n | '[' n:u32 value*n tuple; list (only as the whole payload)
 *              'g' length:u32 bytes                  a function; the bytes are a pickle of its name
 *              '{' n:u32 (value value)*n             a call's keywords, see put_task()
 *
 * In the byte order of the machine: both ends are on it. Whatever does not fit in here goes to the
 * pickler, which keeps what this loses: that two places hold one and the same object. That does not
 * matter for values that cannot change.
 */
#include "state.h"

#include <string.h>

#define MARK        0x01
#define TEXT_MAX    4096 /* longer text may be shared between tasks, which the pickler would see */
#define DEPTH_MAX   8
#define FUNCS_MAX   1024
#define SCRATCH_MAX (1u << 20) /* memory that is kept for the next message */

typedef struct writer {
    hecmod_state *st;
    char *data;
    size_t used, size;
    PyObject *known; /* what the receiver's __main__ has, or NULL */
    PyObject *last;  /* the function written last, and where: tasks of a batch mostly share it */
    size_t last_at, last_size;
} writer;

/* Room for n more bytes; NULL when there is no memory, then pickle says so. */
static char *room(writer *w, size_t n)
{
    char *at;

    if (w->size - w->used < n) {
        size_t size = 2 * w->size + n;
        char *data = PyMem_Realloc(w->data, size);

        if (!data)
            return NULL;
        w->data = data;
        w->size = size;
    }
    at = w->data + w->used;
    w->used += n;
    return at;
}

static bool put_tag(writer *w, char tag)
{
    char *to = room(w, 1);

    if (to)
        *to = tag;
    return to;
}

static bool put_word(writer *w, char tag, const void *word)
{
    char *to = room(w, 9);

    if (!to)
        return false;
    to[0] = tag;
    memcpy(to + 1, word, 8);
    return true;
}

static bool put_count(writer *w, char tag, size_t n)
{
    uint32_t count = (uint32_t)n;
    char *to = n > UINT32_MAX ? NULL : room(w, 5);

    if (!to)
        return false;
    to[0] = tag;
    memcpy(to + 1, &count, 4);
    return true;
}

static bool put_bytes(writer *w, char tag, const void *data, size_t n)
{
    char *to = put_count(w, tag, n) ? room(w, n) : NULL;

    if (to)
        memcpy(to, data, n);
    return to;
}

static bool put_text(writer *w, PyObject *text)
{
    uint32_t length = (uint32_t)PyUnicode_GET_LENGTH(text);
    size_t bytes;
    char *to;

    if (PyUnicode_GET_LENGTH(text) > TEXT_MAX)
        return false;
    bytes = (size_t)length * PyUnicode_KIND(text);
    to = room(w, 6 + bytes);
    if (!to)
        return false;
    to[0] = 'u';
    to[1] = (char)PyUnicode_KIND(text);
    memcpy(to + 2, &length, 4);
    memcpy(to + 6, PyUnicode_DATA(text), bytes);
    return true;
}

static bool put_int(writer *w, PyObject *o)
{
    int over = 0;
    long long value = PyLong_AsLongLongAndOverflow(o, &over);

    return !over && put_word(w, 'i', &value);
}

/* Follows "outer.inner" from a module on. New reference; NULL, without an exception, where it leads
 * nowhere. */
static PyObject *follow(PyObject *module, const char *path)
{
    PyObject *at = Py_NewRef(module);

    while (at && *path) {
        size_t n = strcspn(path, ".");
        PyObject *name = PyUnicode_FromStringAndSize(path, (Py_ssize_t)n);

        Py_XSETREF(at, name ? PyObject_GetAttr(at, name) : NULL);
        Py_XDECREF(name);
        path += path[n] ? n + 1 : n;
    }
    if (!at)
        PyErr_Clear();
    return at;
}

/* "module\0qualname" of a function that is found by that, as the pickler would name it; NULL where
 * it is not, with or without an exception. New reference. */
static PyObject *find_name(PyObject *func, bool of_main)
{
    PyObject *module = PyObject_GetAttrString(func, "__module__");
    PyObject *qualname = PyObject_GetAttrString(func, "__qualname__"), *found = NULL, *name = NULL;
    PyObject *home = module && PyUnicode_Check(module) && qualname && PyUnicode_Check(qualname)
                         ? PyImport_GetModule(module)
                         : NULL;
    const char *text = home ? PyUnicode_AsUTF8(module) : NULL;
    const char *path = text ? PyUnicode_AsUTF8(qualname) : NULL;

    if (path && (strcmp(text, "__main__") == 0) == of_main)
        found = follow(home, path);
    if (found == func)
        name = PyBytes_FromFormat("%s%c%s", text, 0, path);
    Py_XDECREF(found);
    Py_XDECREF(home);
    Py_XDECREF(qualname);
    Py_XDECREF(module);
    return name;
}

/* The name of a function of another module than __main__, borrowed. NULL, without an exception,
 * where it has to travel otherwise. */
static PyObject *name_of(writer *w, PyObject *func)
{
    hecmod_state *st = w->st;
    PyObject *name = PyDict_GetItemWithError(st->named, func);

    if (!name && !PyErr_Occurred()) {
        name = find_name(func, false);
        if (name && PyDict_SetItem(st->named, func, name) < 0)
            Py_CLEAR(name);
        Py_XDECREF(name); /* the dict's */
    }
    PyErr_Clear();
    return name;
}

static bool put_new_function(writer *w, PyObject *func)
{
    PyObject *name;
    bool good;

    if (PyDict_GET_SIZE(w->st->named) >= FUNCS_MAX)
        PyDict_Clear(w->st->named);
    name = name_of(w, func);
    if (name)
        return put_bytes(w, 'g', PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name));
    if (!w->known || !hecmod_is_steady(func, w->known))
        return false;
    /* Not kept: what is steady now need not be so at the next call. */
    name = find_name(func, true);
    good = name && put_bytes(w, 'g', PyBytes_AS_STRING(name), (size_t)PyBytes_GET_SIZE(name));
    PyErr_Clear();
    Py_XDECREF(name);
    return good;
}

static bool put_function(writer *w, PyObject *func)
{
    size_t at = w->used;

    if (func == w->last) {
        char *to = room(w, w->last_size);

        if (to)
            memcpy(to, w->data + w->last_at, w->last_size);
        return to;
    }
    if (!put_new_function(w, func))
        return false;
    Py_XSETREF(w->last, Py_NewRef(func));
    w->last_at = at;
    w->last_size = w->used - at;
    return true;
}

/* A function of a module, not one that is bound to an object, which would have to travel too. */
static bool is_function(PyObject *o)
{
    PyObject *self;

    if (PyFunction_Check(o))
        return true;
    if (!PyCFunction_Check(o))
        return false;
    self = PyCFunction_GET_SELF(o);
    return !self || PyModule_Check(self);
}

static bool put(writer *w, PyObject *o, int depth)
{
    if (PyLong_CheckExact(o))
        return put_int(w, o);
    if (PyFloat_CheckExact(o))
        return put_word(w, 'd', &((PyFloatObject *)o)->ob_fval);
    if (PyUnicode_CheckExact(o))
        return put_text(w, o);
    if (o == Py_None || o == Py_True || o == Py_False)
        return put_tag(w, o == Py_None ? 'N' : o == Py_True ? 'T' : 'F');
    if (PyBytes_CheckExact(o))
        return PyBytes_GET_SIZE(o) <= TEXT_MAX &&
               put_bytes(w, 'b', PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o));
    if (is_function(o))
        return put_function(w, o);
    if (!PyTuple_CheckExact(o) || depth == DEPTH_MAX ||
        !put_count(w, '(', (size_t)PyTuple_GET_SIZE(o)))
        return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); i++)
        if (!put(w, PyTuple_GET_ITEM(o, i), depth + 1))
            return false;
    return true;
}

/* A task (function, args, kwargs): as a tuple, but the dict of keywords is a value too, since
 * nobody but the call will ever see it. */
static bool put_task(writer *w, PyObject *task)
{
    PyObject *keywords, *key, *value;
    Py_ssize_t at = 0;

    if (!PyTuple_CheckExact(task) || PyTuple_GET_SIZE(task) != 3 ||
        !PyDict_CheckExact(keywords = PyTuple_GET_ITEM(task, 2)))
        return put(w, task, 0);
    if (!put_count(w, '(', 3) || !put(w, PyTuple_GET_ITEM(task, 0), 1) ||
        !put(w, PyTuple_GET_ITEM(task, 1), 1) ||
        !put_count(w, '{', (size_t)PyDict_GET_SIZE(keywords)))
        return false;
    while (PyDict_Next(keywords, &at, &key, &value))
        if (!put(w, key, 2) || !put(w, value, 2))
            return false;
    return true;
}

bool hecmod_plain_write(hecmod_state *st, PyObject *const *values, Py_ssize_t n, bool as_list,
                        PyObject *known, hecmod_bytes *ret)
{
    writer w = {.st = st, .data = st->scratch.data, .size = st->scratch.size, .known = known};
    char *mark;
    bool good;

    st->scratch = (hecmod_bytes){0}; /* looking at a function can let another thread in */
    mark = room(&w, 1);
    good = mark;
    if (mark)
        *mark = MARK;
    if (good && !as_list)
        good = put(&w, values[0], 0);
    else if (good)
        good = put_count(&w, '[', (size_t)n);
    for (Py_ssize_t i = 0; good && as_list && i < n; i++)
        good = put_task(&w, values[i]);
    Py_XDECREF(w.last);
    *ret = (hecmod_bytes){w.data, w.used, w.size};
    if (!good)
        hecmod_plain_done(st, ret);
    return good;
}

void hecmod_plain_done(hecmod_state *st, hecmod_bytes *bytes)
{
    if (st->scratch.data || bytes->size > SCRATCH_MAX)
        PyMem_Free(bytes->data);
    else
        st->scratch = *bytes;
    *bytes = (hecmod_bytes){0};
}

/* ---- and back ---- */

typedef struct reader {
    hecmod_state *st;
    const char *at;
    size_t left;
    size_t owed; /* items that are still to come by the counts of what is open */
} reader;

static const char *get(reader *r, size_t n)
{
    const char *at = r->at;

    if (r->left < n) {
        PyErr_SetString(PyExc_ValueError, "a message ends too early");
        return NULL;
    }
    r->at += n;
    r->left -= n;
    return at;
}

static bool get_count(reader *r, uint32_t *ret)
{
    const char *from = get(r, 4);

    if (from)
        memcpy(ret, from, 4);
    return from;
}

static bool are_characters(const char *from, uint32_t length)
{
    Py_UCS4 c;

    for (uint32_t i = 0; i < length; i++) {
        memcpy(&c, from + sizeof c * i, sizeof c);
        if (c > 0x10ffff)
            return false;
    }
    return true;
}

static PyObject *get_text(reader *r)
{
    const char *kind = get(r, 1), *from;
    uint32_t length;

    if (!kind || !get_count(r, &length))
        return NULL;
    if (*kind != 1 && *kind != 2 && *kind != 4) {
        PyErr_SetString(PyExc_ValueError, "a message has text of an unknown kind");
        return NULL;
    }
    from = get(r, (size_t)length * (size_t)*kind);
    if (from && *kind == 4 && !are_characters(from, length)) {
        PyErr_SetString(PyExc_ValueError, "a message has text of what are no characters");
        return NULL;
    }
    return from ? PyUnicode_FromKindAndData(*kind, from, (Py_ssize_t)length) : NULL;
}

static PyObject *get_bytes(reader *r)
{
    uint32_t length;
    const char *from = get_count(r, &length) ? get(r, length) : NULL;

    return from ? PyBytes_FromStringAndSize(from, (Py_ssize_t)length) : NULL;
}

/* Imports the module, should it not be there, and finds the function in it. New reference. */
static PyObject *find_function(PyObject *name)
{
    const char *text = PyBytes_AS_STRING(name);
    size_t n = strnlen(text, (size_t)PyBytes_GET_SIZE(name));
    PyObject *module, *func;

    if (n == (size_t)PyBytes_GET_SIZE(name)) {
        PyErr_SetString(PyExc_ValueError, "a message names a function without its module");
        return NULL;
    }
    module = PyImport_ImportModule(text);
    func = module ? follow(module, text + n + 1) : NULL;
    if (module && !func)
        PyErr_Format(PyExc_AttributeError, "there is no %s in module %s here", text + n + 1, text);
    Py_XDECREF(module);
    return func;
}

/* The function of that name: looked up once. */
static PyObject *get_function(reader *r)
{
    hecmod_state *st = r->st;
    PyObject *name = get_bytes(r), *func = NULL;

    if (name)
        func = PyDict_GetItemWithError(st->found, name);
    if (func) {
        Py_INCREF(func);
    } else if (name && !PyErr_Occurred()) {
        func = find_function(name);
        if (PyDict_GET_SIZE(st->found) >= FUNCS_MAX)
            PyDict_Clear(st->found);
        if (func && PyDict_SetItem(st->found, name, func) < 0)
            Py_CLEAR(func);
    }
    Py_XDECREF(name);
    return func;
}

static PyObject *get_value(reader *r);

static PyObject *get_items(reader *r, bool list)
{
    uint32_t n = 0;
    PyObject *o;

    /* Every item takes a byte at least, also those of what this is in: a length that cannot be is
     * not believed, and a message takes no more memory than in proportion to its size. */
    if (!get_count(r, &n))
        return NULL;
    if (r->owed + n > r->left) {
        PyErr_SetString(PyExc_ValueError, "a message has fewer items than it says");
        return NULL;
    }
    o = list ? PyList_New(n) : PyTuple_New(n);
    r->owed += n;
    for (uint32_t i = 0; o && i < n; i++) {
        PyObject *item;

        r->owed--;
        item = get_value(r);

        if (!item)
            Py_CLEAR(o);
        else if (list)
            PyList_SET_ITEM(o, i, item);
        else
            PyTuple_SET_ITEM(o, i, item);
    }
    return o;
}

static PyObject *get_keywords(reader *r)
{
    uint32_t n = 0;
    PyObject *dict = get_count(r, &n) ? PyDict_New() : NULL;

    while (dict && n--) {
        PyObject *key = get_value(r), *value = key ? get_value(r) : NULL;

        if (!value || PyDict_SetItem(dict, key, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *get_word(reader *r, char tag)
{
    const char *from = get(r, 8);
    long long whole;
    double real;

    if (!from)
        return NULL;
    if (tag == 'i') {
        memcpy(&whole, from, 8);
        return PyLong_FromLongLong(whole);
    }
    memcpy(&real, from, 8);
    return PyFloat_FromDouble(real);
}

static PyObject *get_value(reader *r)
{
    const char *tag = get(r, 1);
    PyObject *o = NULL;

    if (!tag)
        return NULL;
    switch (*tag) {
    case 'i':
    case 'd':
        return get_word(r, *tag);
    case 'u':
        return get_text(r);
    case 'b':
        return get_bytes(r);
    case 'g':
        return get_function(r);
    case '{':
    case '(':
    case '[':
        if (Py_EnterRecursiveCall(" while reading a message"))
            return NULL;
        o = *tag == '{' ? get_keywords(r) : get_items(r, *tag == '[');
        Py_LeaveRecursiveCall();
        return o;
    case 'N':
    case 'T':
    case 'F':
        o = *tag == 'N' ? Py_None : *tag == 'T' ? Py_True : Py_False;
        Py_INCREF(o);
        return o;
    }
    return PyErr_Format(PyExc_ValueError, "a message has an unknown tag (%d)", (int)*tag);
}

bool hecmod_is_plain(const hec_message *m)
{
    return m->size > 0 && *(const char *)m->payload == MARK;
}

int hecmod_plain_read_into(hecmod_state *st, const hec_message *m, PyObject *list, uint64_t first,
                           uint32_t count)
{
    reader r = {st, (const char *)m->payload + 1, m->size - 1, 0};
    const char *tag = get(&r, 1);
    uint32_t n = 0;

    if (!tag || !get_count(&r, &n))
        return -1;
    if (*tag != '[' || n != count) {
        PyErr_SetString(PyExc_ValueError, "a message does not hold as many results as it says");
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        PyObject *value = get_value(&r);

        if (!value || PyList_SetItem(list, (Py_ssize_t)(first + i), value) < 0)
            return -1;
    }
    return 0;
}

PyObject *hecmod_plain_read(hecmod_state *st, const hec_message *m)
{
    reader r = {st, (const char *)m->payload + 1, m->size - 1, 0};

    return get_value(&r);
}
