/* SPDX-License-Identifier: MIT
 *
 * Sizes and durations as people write them: the library's grammar, for Python.
 */
#include "state.h"

#include "base/units.h"

PyObject *hecmod_parse_bytes(PyObject *module, PyObject *text)
{
    const char *s = PyUnicode_AsUTF8(text);
    hec_error err = {0};
    uint64_t bytes;

    (void)module;
    if (!s)
        return NULL;
    if (hec__parse_bytes(s, &bytes, &err) < 0)
        return hecmod_raise(&err);
    return PyLong_FromUnsignedLongLong(bytes);
}

PyObject *hecmod_parse_seconds(PyObject *module, PyObject *text)
{
    const char *s = PyUnicode_AsUTF8(text);
    hec_error err = {0};
    uint64_t seconds;

    (void)module;
    if (!s)
        return NULL;
    if (hec__parse_seconds(s, &seconds, &err) < 0)
        return hecmod_raise(&err);
    return PyLong_FromUnsignedLongLong(seconds);
}

PyObject *hecmod_format_bytes(PyObject *module, PyObject *bytes)
{
    unsigned long long n = PyLong_AsUnsignedLongLong(bytes);
    char text[32];

    (void)module;
    if (n == (unsigned long long)-1 && PyErr_Occurred())
        return NULL;
    return PyUnicode_FromString(hec__format_bytes(n, text, sizeof text));
}
