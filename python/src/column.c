/* SPDX-License-Identifier: MIT
 *
 * Columns of text as numbers: a column repeats itself (a station's name, a flag, the same hours for
 * every station), so it travels as a table of its distinct values and a number per row. The
 * receiver makes each distinct value once, and fills the column with references to it.
 */
#include "state.h"

#define PROBE 16384 /* rows after which a column that does not repeat itself is given up */

/* A one-dimensional contiguous array of object references, through the buffer protocol. */
static int get_objects(PyObject *array, int flags, Py_buffer *view)
{
    if (PyObject_GetBuffer(array, view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | flags) < 0)
        return -1;
    if (view->ndim == 1 && view->itemsize == (Py_ssize_t)sizeof(PyObject *) && view->format &&
        strcmp(view->format, "O") == 0)
        return 0;
    PyBuffer_Release(view);
    PyErr_SetString(PyExc_TypeError, "an array of objects in one dimension is needed");
    return -1;
}

/* The number of a value in the table, which it is added to if it is new. -1 with an exception set,
 * -2 when it is of a kind that must not be shared between rows. */
static Py_ssize_t number_of(PyObject *seen, PyObject *table, PyObject *value)
{
    PyObject *key = value, *number;
    Py_ssize_t n = -1;

    if (PyFloat_CheckExact(value) && value == PyList_GET_ITEM(table, 0))
        return 0;
    if (!PyUnicode_CheckExact(value) && value != Py_None && !PyFloat_CheckExact(value))
        return -2;
    number = PyDict_GetItemWithError(seen, key);
    if (number)
        return PyLong_AsSsize_t(number);
    if (PyErr_Occurred())
        return -1;
    number = PyLong_FromSsize_t(PyList_GET_SIZE(table));
    if (number && PyDict_SetItem(seen, key, number) == 0 && PyList_Append(table, value) == 0)
        n = PyList_GET_SIZE(table) - 1;
    Py_XDECREF(number);
    return n;
}

/* Whether two strings are the same text. Cheaper than a hash, which reads all of a string that was
 * made a moment ago and never hashed. */
static bool same_text(PyObject *a, PyObject *b)
{
    return PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b) &&
           PyUnicode_GET_LENGTH(a) == PyUnicode_GET_LENGTH(b) &&
           PyUnicode_KIND(a) == PyUnicode_KIND(b) &&
           memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b),
                  (size_t)(PyUnicode_GET_LENGTH(a) * PyUnicode_KIND(a))) == 0;
}

/* The number of a value, tried first where it would be if the column goes on as it did before: with
 * the value it has just had, or with the one that followed that one the last time. */
static Py_ssize_t guess(PyObject *table, PyObject *value, Py_ssize_t last)
{
    for (Py_ssize_t n = last; n <= last + 1 && n < PyList_GET_SIZE(table); n++)
        if (value == PyList_GET_ITEM(table, n) || same_text(value, PyList_GET_ITEM(table, n)))
            return n;
    return -1;
}

/* Numbers the values into codes. 1: done; 0: not worth it or not possible; -1: exception. */
static int number_all(const Py_buffer *view, uint32_t *codes, PyObject *seen, PyObject *table)
{
    PyObject *const *values = view->buf;
    Py_ssize_t n = view->shape[0], code = 0, before = PyList_GET_SIZE(table);
    int r = 1;

    for (Py_ssize_t i = 0; r == 1 && i < n; i++) {
        PyObject *value = values[i] ? values[i] : Py_None;
        Py_ssize_t likely = guess(table, value, code);

        code = likely >= 0 ? likely : number_of(seen, table, value);
        if (code < 0)
            r = code == -1 ? -1 : 0;
        else
            codes[i] = (uint32_t)code;
        if (i == PROBE && PyList_GET_SIZE(table) - before > PROBE / 4 * 3)
            r = 0;
    }
    return r;
}

PyObject *hecmod_encode_column(PyObject *module, PyObject *args)
{
    PyObject *array, *seen, *table, *codes;
    Py_buffer view;
    int r = -1;

    (void)module;
    if (!PyArg_ParseTuple(args, "OO!O!:encode_column", &array, &PyDict_Type, &seen, &PyList_Type,
                          &table))
        return NULL;
    if (PyList_GET_SIZE(table) < 1) {
        PyErr_SetString(PyExc_ValueError, "the table begins with what stands for a missing value");
        return NULL;
    }
    if (get_objects(array, 0, &view) < 0)
        return NULL;
    codes = PyByteArray_FromStringAndSize(NULL, view.shape[0] * (Py_ssize_t)sizeof(uint32_t));
    if (codes)
        r = number_all(&view, (uint32_t *)(void *)PyByteArray_AS_STRING(codes), seen, table);
    PyBuffer_Release(&view);
    if (r == 1)
        return codes;
    Py_XDECREF(codes);
    return r == 0 ? Py_NewRef(Py_None) : NULL;
}

/* Fills out[0..n) with references to the values. -1: a code that is not in the table. */
static int fill(PyObject **out, const uint32_t *codes, Py_ssize_t n, PyObject *table)
{
    Py_ssize_t size = PyList_GET_SIZE(table);

    for (Py_ssize_t i = 0; i < n; i++) {
        if (codes[i] >= (size_t)size)
            return -1;
        Py_XSETREF(out[i], Py_NewRef(PyList_GET_ITEM(table, codes[i])));
    }
    return 0;
}

PyObject *hecmod_decode_column(PyObject *module, PyObject *args)
{
    PyObject *array, *table;
    Py_buffer codes, view;
    Py_ssize_t at, n;
    int bad = 1;

    (void)module;
    if (!PyArg_ParseTuple(args, "y*O!On:decode_column", &codes, &PyList_Type, &table, &array, &at))
        return NULL;
    if (get_objects(array, PyBUF_WRITABLE, &view) < 0) {
        PyBuffer_Release(&codes);
        return NULL;
    }
    n = codes.len / (Py_ssize_t)sizeof(uint32_t);
    if (at >= 0 && n <= view.shape[0] && at <= view.shape[0] - n)
        bad = fill((PyObject **)view.buf + at, codes.buf, n, table);
    if (bad)
        PyErr_SetString(PyExc_ValueError, "codes, table and array do not fit together");
    PyBuffer_Release(&view);
    PyBuffer_Release(&codes);
    if (bad)
        return NULL;
    Py_RETURN_NONE;
}
