/* SPDX-License-Identifier: MIT
 *
 * Whether a worker may find a function of __main__ by its name.
 *
 * A worker has the __main__ that its parent had when it was forked. What has changed since, or may
 * have, must travel by value. But most functions of a script are defined before its pool, use
 * nothing but modules, constants and each other, and stay as they are: for those the name will do,
 * and cloudpickle, whose import alone takes longer than a small script, is not needed.
 */
#include "state.h"

#include <string.h>

#define TEXT_MAX  4096
#define DEPTH_MAX 16

static PyObject *main_dict(void)
{
    PyObject *module = PyImport_AddModule("__main__"); /* borrowed, as is its dict */

    return module ? PyModule_GetDict(module) : NULL;
}

static bool is_constant(PyObject *o)
{
    return o == Py_None || PyBool_Check(o) || PyLong_CheckExact(o) || PyFloat_CheckExact(o) ||
           (PyUnicode_CheckExact(o) && PyUnicode_GET_LENGTH(o) <= TEXT_MAX) ||
           (PyBytes_CheckExact(o) && PyBytes_GET_SIZE(o) <= TEXT_MAX);
}

PyObject *hecmod_known_main(void)
{
    PyObject *from = main_dict(), *known = from ? PyDict_New() : NULL, *name, *value;
    Py_ssize_t at = 0;

    /* Nothing large: what the user deletes must not live on in here. */
    while (known && PyDict_Next(from, &at, &name, &value))
        if ((is_constant(value) || PyFunction_Check(value) || PyCFunction_Check(value) ||
             PyModule_Check(value)) &&
            PyDict_SetItem(known, name, value) < 0)
            Py_CLEAR(known);
    return known;
}

typedef struct look {
    PyObject *now, *known; /* __main__ as it is, and as the workers have it */
    PyObject *seen;        /* a list of functions that are being looked at */
} look;

static bool is_steady(look *l, PyObject *func, int depth);

/* Names through which a function could reach what cannot be seen from here. */
static bool is_loophole(PyObject *name)
{
    static const char *const names[] = {"globals", "locals", "vars", "eval", "exec", "__import__"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_name_steady(look *l, PyObject *name, int depth)
{
    PyObject *value = PyDict_GetItemWithError(l->now, name);

    if (value != PyDict_GetItemWithError(l->known, name) || is_loophole(name))
        return false;
    return !value || !PyFunction_Check(value) || is_steady(l, value, depth + 1);
}

/* The names that code mentions, also those of the functions inside it. */
static bool is_code_steady(look *l, PyObject *code, int depth)
{
    PyObject *names = PyObject_GetAttrString(code, "co_names");
    PyObject *consts = PyObject_GetAttrString(code, "co_consts");
    bool good = names && consts && depth < DEPTH_MAX;

    for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(names); i++)
        good = is_name_steady(l, PyTuple_GET_ITEM(names, i), depth);
    for (Py_ssize_t i = 0; good && i < PyTuple_GET_SIZE(consts); i++)
        if (PyCode_Check(PyTuple_GET_ITEM(consts, i)))
            good = is_code_steady(l, PyTuple_GET_ITEM(consts, i), depth + 1);
    Py_XDECREF(names);
    Py_XDECREF(consts);
    return good;
}

/* Default values of arguments live as long as the function, and can be changed. */
static bool has_state(PyObject *func)
{
    PyObject *defaults = PyFunction_GET_DEFAULTS(func), *dict;
    bool some = PyFunction_GET_CLOSURE(func) || PyFunction_GET_KW_DEFAULTS(func);

    for (Py_ssize_t i = 0; defaults && !some && i < PyTuple_GET_SIZE(defaults); i++)
        some = !is_constant(PyTuple_GET_ITEM(defaults, i));
    dict = some ? NULL : PyObject_GetAttrString(func, "__dict__");
    some = some || !dict || PyDict_GET_SIZE(dict) > 0;
    Py_XDECREF(dict);
    return some;
}

static bool is_steady(look *l, PyObject *func, int depth)
{
    int seen = PySequence_Contains(l->seen, func);
    PyObject *name;
    bool good;

    if (seen)
        return seen ==
               1; /* of functions that call each other the first will be looked at to the end */
    if (PyFunction_GET_GLOBALS(func) != l->now)
        return true; /* another module's: found by its name, or it will not be pickled */
    if (has_state(func) || PyList_Append(l->seen, func) < 0)
        return false;
    name = PyObject_GetAttrString(func, "__qualname__");
    good = name && PyDict_GetItemWithError(l->now, name) == func &&
           PyDict_GetItemWithError(l->known, name) == func &&
           is_code_steady(l, PyFunction_GET_CODE(func), depth);
    Py_XDECREF(name);
    return good;
}

bool hecmod_is_steady(PyObject *func, PyObject *known)
{
    look l = {.now = main_dict(), .known = known, .seen = PyList_New(0)};
    bool good = l.now && l.seen && PyFunction_Check(func) &&
                PyFunction_GET_GLOBALS(func) == l.now && is_steady(&l, func, 0);

    Py_XDECREF(l.seen);
    PyErr_Clear();
    return good;
}
