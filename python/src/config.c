/* SPDX-License-Identifier: MIT
 *
 * Parameters: values of libhec as Python objects, and its runs.
 */
#include "state.h"

#include <string.h>

static PyObject *from_value(const hec_value *value);

static PyObject *from_list(const hec_value *value)
{
    PyObject *list = PyList_New((Py_ssize_t)value->count);

    for (uint64_t i = 0; list && i < value->count; i++) {
        PyObject *item = from_value(&value->as.items[i]);

        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

/* Names come again in every run: one object each. */
static PyObject *from_key(const hec_value *key)
{
    PyObject *o = from_value(key);

    if (o && PyUnicode_CheckExact(o))
        PyUnicode_InternInPlace(&o);
    return o;
}

static PyObject *from_map(const hec_value *value)
{
    PyObject *dict = PyDict_New();

    for (uint64_t i = 0; dict && i < value->count; i++) {
        const hec_member *m = &value->as.members[i];
        PyObject *key = from_key(&m->key), *v = key ? from_value(&m->value) : NULL;

        if (!v || PyDict_SetItem(dict, key, v) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(v);
    }
    return dict;
}

static PyObject *from_value(const hec_value *value)
{
    switch ((enum hec_value_kind)value->kind) {
    case HEC_VALUE_NULL:
        Py_RETURN_NONE;
    case HEC_VALUE_BOOL:
        return PyBool_FromLong(value->as.boolean);
    case HEC_VALUE_INT:
        return PyLong_FromLongLong(value->as.integer);
    case HEC_VALUE_BIG:
        return PyLong_FromString(value->as.text, NULL, 10);
    case HEC_VALUE_REAL:
        return PyFloat_FromDouble(value->as.real);
    case HEC_VALUE_TEXT:
        return PyUnicode_FromStringAndSize(value->as.text, (Py_ssize_t)value->count);
    case HEC_VALUE_LIST:
        return from_list(value);
    case HEC_VALUE_MAP:
        return from_map(value);
    }
    PyErr_SetString(PyExc_SystemError, "a value of no known kind");
    return NULL;
}

PyObject *hecmod_read_yaml(PyObject *module, PyObject *name)
{
    PyObject *path = NULL, *list = NULL;
    hec_yaml *yaml = NULL;
    hec_error err = {0};
    int r;

    (void)module;
    if (!PyUnicode_FSConverter(name, &path))
        return NULL;
    Py_BEGIN_ALLOW_THREADS r = hec_yaml_read(PyBytes_AS_STRING(path), &yaml, &err);
    Py_END_ALLOW_THREADS if (r < 0)
    {
        hecmod_raise(&err);
        goto done;
    }
    list = PyList_New((Py_ssize_t)hec_yaml_documents(yaml));
    for (size_t i = 0; list && i < hec_yaml_documents(yaml); i++) {
        PyObject *document = from_value(hec_yaml_document(yaml, i));

        if (!document) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, document);
    }
done:
    hec_yaml_destroy(yaml);
    Py_DECREF(path);
    return list;
}

/* ---- patterns and the schema, as C wants them ---- */

typedef struct request {
    PyObject *paths;       /* a list of bytes, which own the texts */
    const char **patterns; /* an array of them */
    size_t n;
    PyObject *schema; /* bytes, or NULL */
} request;

static void request_fini(request *q)
{
    PyMem_Free(q->patterns);
    Py_CLEAR(q->paths);
    Py_CLEAR(q->schema);
}

static int request_init(request *q, PyObject *patterns, PyObject *schema)
{
    PyObject *items = PySequence_Fast(patterns, "patterns are a sequence");
    Py_ssize_t n = items ? PySequence_Fast_GET_SIZE(items) : 0;

    *q = (request){.n = (size_t)n};
    if (!items)
        return -1;
    q->paths = PyList_New(0);
    q->patterns = PyMem_New(const char *, n ? n : 1);
    if (!q->paths || !q->patterns) {
        PyErr_NoMemory();
        goto error;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *path;
        int r;

        if (!PyUnicode_FSConverter(PySequence_Fast_GET_ITEM(items, i), &path))
            goto error;
        q->patterns[i] = PyBytes_AS_STRING(path);
        r = PyList_Append(q->paths, path);
        Py_DECREF(path);
        if (r < 0)
            goto error;
    }
    if (schema != Py_None && !PyUnicode_FSConverter(schema, &q->schema))
        goto error;
    Py_DECREF(items);
    return 0;
error:
    Py_DECREF(items);
    request_fini(q);
    return -1;
}

static const char *request_schema(const request *q)
{
    return q->schema ? PyBytes_AS_STRING(q->schema) : NULL;
}

/* ---- runs ---- */

/* make(parameters, id, seed, row, file) */
static PyObject *from_run(PyObject *make, const hec_run *run, PyObject **file, const char **named)
{
    PyObject *parameters = from_value(run->parameters), *result;

    if (!parameters)
        return NULL;
    if (*named != run->file) {
        Py_CLEAR(*file);
        *named = NULL;
        *file = PyUnicode_DecodeFSDefault(run->file);
        if (!*file) {
            Py_DECREF(parameters);
            return NULL;
        }
        *named = run->file;
    }
    result =
        PyObject_CallFunction(make, "OsKKO", parameters, run->id, (unsigned long long)run->seed,
                              (unsigned long long)run->row, *file);
    Py_DECREF(parameters);
    return result;
}

static PyObject *collect(hec_runs *runs, PyObject *make)
{
    PyObject *list = PyList_New(0), *file = NULL;
    const char *named = NULL; /* what `file` is made of */

    for (uint64_t seen = 1; list; seen++) {
        const hec_run *run;
        PyObject *one = NULL;
        hec_error err = {0};
        int r;

        Py_BEGIN_ALLOW_THREADS r = hec_runs_next(runs, &run, &err);
        Py_END_ALLOW_THREADS if (r == 0) break;
        if (r < 0)
            hecmod_raise(&err);
        else if (seen % 1024 != 0 || PyErr_CheckSignals() == 0)
            one = from_run(make, run, &file, &named);
        if (!one || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    Py_XDECREF(file);
    return list;
}

PyObject *hecmod_read_runs(PyObject *module, PyObject *args)
{
    PyObject *patterns, *schema, *make, *list = NULL;
    hec_runs *runs = NULL;
    hec_error err = {0};
    request q;

    (void)module;
    if (!PyArg_ParseTuple(args, "OOO:read_runs", &patterns, &schema, &make) ||
        request_init(&q, patterns, schema) < 0)
        return NULL;
    if (hec_runs_open(q.patterns, q.n, request_schema(&q), &runs, &err) < 0)
        hecmod_raise(&err);
    else
        list = collect(runs, make);
    hec_runs_destroy(runs);
    request_fini(&q);
    return list;
}

/* ---- check ---- */

static void note(void *ctx, const char *text)
{
    PyObject **list = ctx;
    PyObject *line =
        *list ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "backslashreplace") : NULL;

    if (!line || PyList_Append(*list, line) < 0)
        Py_CLEAR(*list);
    Py_XDECREF(line);
}

PyObject *hecmod_check_runs(PyObject *module, PyObject *args)
{
    PyObject *patterns, *schema, *list;
    hec_error err = {0};
    int64_t found;
    request q;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO:check_runs", &patterns, &schema) ||
        request_init(&q, patterns, schema) < 0)
        return NULL;
    list = PyList_New(0);
    if (list) {
        found = hec_runs_check(q.patterns, q.n, request_schema(&q), note, &list, NULL, &err);
        if (found < 0 && list) {
            hecmod_raise(&err);
            Py_CLEAR(list);
        }
    }
    request_fini(&q);
    return list;
}

/* ---- conversion ---- */

PyObject *hecmod_save_runs(PyObject *module, PyObject *args)
{
    PyObject *patterns, *path = NULL;
    const char *kind;
    hec_error err = {0};
    request q;
    int r;

    (void)module;
    if (!PyArg_ParseTuple(args, "sOO&:save_runs", &kind, &patterns, PyUnicode_FSConverter, &path))
        return NULL;
    if (request_init(&q, patterns, Py_None) < 0) {
        Py_DECREF(path);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS r =
        hec_runs_save(strcmp(kind, "csv") == 0 ? hec_runs_write_csv : hec_runs_write_yaml,
                      q.patterns, q.n, PyBytes_AS_STRING(path), &err);
    Py_END_ALLOW_THREADS if (r < 0) hecmod_raise(&err);
    request_fini(&q);
    Py_DECREF(path);
    if (r < 0)
        return NULL;
    Py_RETURN_NONE;
}
