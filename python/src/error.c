/* SPDX-License-Identifier: MIT
 *
 * From the library's errors to Python's.
 */
#include "state.h"

static PyObject *class_of(const hec_error *err)
{
    const char *name = hec_error_python(err->code);
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    PyObject *class = builtins ? PyMapping_GetItemString(builtins, name) : NULL;

    if (!class) {
        PyErr_Clear();
        class = PyExc_RuntimeError;
        Py_INCREF(class);
    }
    return class;
}

PyObject *hecmod_raise(const hec_error *err)
{
    PyObject *class = class_of(err);

    /* An OSError carries errno where there is one. */
    if (err->sys && PyObject_IsSubclass(class, PyExc_OSError) == 1) {
        PyObject *args = Py_BuildValue("(is)", (int)err->sys, err->text);

        if (args)
            PyErr_SetObject(class, args);
        Py_XDECREF(args);
    } else {
        PyErr_SetString(class, err->text);
    }
    Py_DECREF(class);
    return NULL;
}

PyObject *hecmod_errors(hecmod_state *st)
{
    if (!st->errors) {
        PyObject *m = PyImport_ImportModule("pyhec._errors");
        PyObject *unsendable = m ? PyObject_GetAttrString(m, "Unsendable") : NULL;

        if (!unsendable) {
            Py_XDECREF(m);
            return NULL;
        }
        st->errors = m;
        st->unsendable = unsendable;
    }
    return st->errors;
}
