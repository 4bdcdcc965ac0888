/* SPDX-License-Identifier: MIT
 *
 * From the library's errors to Python's.
 */
#include "state.h"

#include <string.h>

static PyObject *kind_of(const hec_error *err)
{
    const char *name = hec_error_python(err->code);
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    PyObject *kind = builtins ? PyMapping_GetItemString(builtins, name) : NULL;

    if (!kind) {
        PyErr_Clear();
        kind = PyExc_RuntimeError;
        Py_INCREF(kind);
    }
    return kind;
}

/* A text may have been cut within a character, and names of files are bytes. */
static PyObject *text_of(const hec_error *err)
{
    return PyUnicode_DecodeUTF8(err->text, (Py_ssize_t)strlen(err->text), "backslashreplace");
}

PyObject *hecmod_raise(const hec_error *err)
{
    PyObject *kind = kind_of(err), *text = text_of(err);

    /* An OSError carries errno where there is one. */
    if (text && err->sys && PyObject_IsSubclass(kind, PyExc_OSError) == 1) {
        PyObject *args = Py_BuildValue("(iO)", (int)err->sys, text);

        if (args)
            PyErr_SetObject(kind, args);
        Py_XDECREF(args);
    } else if (text) {
        PyErr_SetObject(kind, text);
    }
    Py_XDECREF(text);
    Py_DECREF(kind);
    return NULL;
}

PyObject *hecmod_report(hecmod_state *st)
{
    if (!st->report) {
        PyObject *m = PyImport_ImportModule("pyhec._report");
        PyObject *unsendable = m ? PyObject_GetAttrString(m, "Unsendable") : NULL;

        if (!unsendable) {
            Py_XDECREF(m);
            return NULL;
        }
        st->report = m;
        st->unsendable = unsendable;
    }
    return st->report;
}
