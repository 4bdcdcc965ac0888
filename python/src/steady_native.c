/* SPDX-License-Identifier: MIT
 *
 * NativeCall: what was found out when a native function was called before. A loop of short calls
 * would spend its time on checks whose outcome is known; here only what may differ is looked at,
 * and when anything does the call is made as if it were the first.
 */
#include "native.h"

typedef struct native_call {
    PyObject_HEAD hecmod_native like; /* without buffers */
    struct array {
        char format[4]; /* as the buffer has it */
        Py_ssize_t item;
    } arrays[HECMOD_ARRAYS_MAX];
} native_call;

static int native_call_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    native_call *c = (native_call *)self;
    unsigned long long address;
    const char *kind, *writes;
    PyObject *arrays;

    (void)kwargs;
    if (!PyArg_ParseTuple(args, "KsisiO!:NativeCall", &address, &kind, &c->like.nscalars, &writes,
                          &c->like.ninputs, &PyTuple_Type, &arrays))
        return -1;
    c->like.narrays = (int)PyTuple_GET_SIZE(arrays);
    if (c->like.narrays < 1 || c->like.narrays > HECMOD_ARRAYS_MAX ||
        c->like.narrays != (int)strlen(writes) || c->like.nscalars < 0 ||
        c->like.nscalars > HECMOD_SCALARS_MAX || c->like.ninputs < 0 ||
        c->like.narrays - c->like.ninputs < 0 || c->like.narrays - c->like.ninputs > 1) {
        PyErr_SetString(PyExc_ValueError, "NativeCall of numbers that do not fit together");
        return -1;
    }
    for (int i = 0; i < c->like.narrays; i++) {
        const char *format;

        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(arrays, i), "sn", &format, &c->arrays[i].item))
            return -1;
        if (strlen(format) >= sizeof c->arrays[i].format) {
            PyErr_SetString(PyExc_ValueError, "a format that is too long");
            return -1;
        }
        memcpy(c->arrays[i].format, format, strlen(format) + 1);
        c->like.writes[i] = writes[i];
        c->like.steps[i] = c->arrays[i].item;
    }
    c->like.function = (void (*)(void))(uintptr_t)address;
    return hecmod_native_choose(&c->like, kind);
}

/* Takes the buffer of array i of the call; whether it is like the one before. */
static bool take(const native_call *c, hecmod_native *f, PyObject *array)
{
    int i = f->narrays;
    Py_buffer *view = &f->views[i];
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (f->writes[i] == 'w' ? PyBUF_WRITABLE : 0);

    if (PyObject_GetBuffer(array, view, flags) < 0) {
        PyErr_Clear(); /* whatever it is, the long way says it better */
        return false;
    }
    f->narrays++;
    return view->ndim == 1 && view->shape[0] == f->views[0].shape[0] &&
           view->itemsize == c->arrays[i].item && view->format &&
           strcmp(view->format, c->arrays[i].format) == 0;
}

static bool take_number(hecmod_native *f, int i, PyObject *value)
{
    if (PyFloat_CheckExact(value))
        f->scalars[i] = PyFloat_AS_DOUBLE(value);
    else if (PyLong_CheckExact(value))
        f->scalars[i] = PyLong_AsDouble(value);
    else
        return false;
    if (f->scalars[i] != -1.0 || !PyErr_Occurred())
        return true;
    PyErr_Clear();
    return false;
}

/* Whether these arguments are like those before; the buffers that were taken count in f->narrays.
 */
static bool fits(const native_call *c, hecmod_native *f, PyObject *arguments, PyObject *out)
{
    Py_ssize_t n = PyTuple_GET_SIZE(arguments);
    bool good = n == c->like.nscalars + c->like.ninputs &&
                (out != Py_None) == (c->like.narrays > c->like.ninputs);

    *f = c->like;
    f->narrays = 0;
    for (Py_ssize_t i = 0; good && i < n; i++) {
        PyObject *value = PyTuple_GET_ITEM(arguments, i);

        good = i < f->nscalars ? take_number(f, (int)i, value) : take(c, f, value);
    }
    if (good && out != Py_None)
        good = take(c, f, out);
    return good && f->views[0].shape[0] > 0;
}

/* run(arguments, out, threads, signals) -> whether the call was like the one before, and was made
 */
static PyObject *native_call_run(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    native_call *c = (native_call *)self;
    hec_parallel_options options = {0};
    hecmod_native f;
    PyObject *result = NULL;

    if (nargs != 4 || !PyTuple_Check(args[0]) || !PyLong_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "run(arguments: tuple, out, threads, signals)");
        return NULL;
    }
    options.threads = (uint32_t)PyLong_AsUnsignedLong(args[2]);
    if (options.threads == (uint32_t)-1 && PyErr_Occurred())
        return NULL;
    options.check = args[3] == Py_True ? hecmod_native_check_signals : NULL;
    if (!fits(c, &f, args[0], args[1]))
        result = Py_NewRef(Py_False);
    else if (hecmod_native_check_overlap(&f) == 0 &&
             hecmod_native_run(&f, (uint64_t)f.views[0].shape[0], &options) == 0)
        result = Py_NewRef(Py_True);
    for (int i = 0; i < f.narrays; i++)
        PyBuffer_Release(&f.views[i]);
    return result;
}

static void native_call_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef native_call_methods[] = {
    {"run", (PyCFunction)(void (*)(void))native_call_run, METH_FASTCALL,
     "run(arguments, out, threads, signals) -> bool\n\nMakes the call, if it is like the one "
     "before."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot native_call_slots[] = {
    {Py_tp_doc, "NativeCall(address, kind, scalars, writes, inputs, arrays)\n\nA native function "
                "over arrays of one dimension, given as (format, size of an item)."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, native_call_init},
    {Py_tp_dealloc, native_call_dealloc},
    {Py_tp_methods, native_call_methods},
    {0, NULL},
};

PyType_Spec hecmod_native_call_spec = {
    .name = "pyhec._hec.NativeCall",
    .basicsize = sizeof(native_call),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = native_call_slots,
};
