/* SPDX-License-Identifier: MIT
 *
 * Shared: memory that several processes see, as a buffer. The arrays of pyhec.empty() stand on it.
 */
#include "state.h"

typedef struct shared {
    PyObject_HEAD hec_array *array;
} shared;

hec_array *hecmod_shared_array(PyObject *o)
{
    return ((shared *)o)->array;
}

static PyObject *shared_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"size", NULL};
    hec_error err = {0};
    Py_ssize_t size;
    shared *s;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n:Shared", names, &size))
        return NULL;
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "a size cannot be negative");
        return NULL;
    }
    s = (shared *)type->tp_alloc(type, 0);
    if (s && hec_array_create((size_t)size, &s->array, &err) < 0) {
        Py_DECREF(s);
        return hecmod_raise(&err);
    }
    return (PyObject *)s;
}

static void shared_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    hec_array_unref(((shared *)self)->array);
    type->tp_free(self);
    Py_DECREF(type);
}

static int shared_getbuffer(PyObject *self, Py_buffer *buffer, int flags)
{
    const hec_array *a = ((shared *)self)->array;

    return PyBuffer_FillInfo(buffer, self, hec_array_data(a), (Py_ssize_t)hec_array_size(a), 0,
                             flags);
}

static Py_ssize_t shared_len(PyObject *self)
{
    return (Py_ssize_t)hec_array_size(((shared *)self)->array);
}

PyObject *hecmod_array_memory(PyObject *module, PyObject *unused)
{
    hec_array_memory m;

    (void)module;
    (void)unused;
    hec_array_memory_read(&m);
    return Py_BuildValue("(KKKK)", (unsigned long long)m.arrays, (unsigned long long)m.held,
                         (unsigned long long)m.warm, (unsigned long long)m.given_back);
}

static PyType_Slot shared_slots[] = {
    {Py_tp_doc, "Shared(size)\n\nMemory that several processes see, as a writable buffer."},
    {Py_tp_new, shared_new},
    {Py_tp_dealloc, shared_dealloc},
    {Py_bf_getbuffer, shared_getbuffer},
    {Py_sq_length, shared_len},
    {0, NULL},
};

PyType_Spec hecmod_shared_spec = {
    .name = "pyhec._hec.Shared",
    .basicsize = sizeof(shared),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = shared_slots,
};
