/* SPDX-License-Identifier: MIT
 *
 * Objects to messages and back: pickle protocol 5, whose large buffers travel beside the stream.
 */
#include "state.h"

#include <string.h>

/* The pickler's buffer callback: keeps the large contiguous buffers in the list `self[0]`, which
 * makes them travel out of band; answers true for the others, which go into the stream. */
static PyObject *keep_buffer(PyObject *self, PyObject *buffer)
{
    const Py_buffer *view = PyPickleBuffer_GetBuffer(buffer);
    PyObject *list = PyTuple_GET_ITEM(self, 0);
    hecmod_state *st = PyType_GetModuleState((PyTypeObject *)PyTuple_GET_ITEM(self, 1));

    if (!view)
        return NULL;
    /* A shared array is not copied however small it is: it would not be shared any more. */
    if (PyList_GET_SIZE(list) >= (Py_ssize_t)HEC_BLOCKS_MAX || !PyBuffer_IsContiguous(view, 'A') ||
        view->len == 0 || ((size_t)view->len < HEC_BLOCK_MIN && !hecmod_is_shared(st, view->obj)))
        Py_RETURN_TRUE;
    if (PyList_Append(list, buffer) < 0)
        return NULL;
    Py_RETURN_FALSE;
}

static PyMethodDef keep_buffer_def = {"keep_buffer", keep_buffer, METH_O, NULL};

/* The C pickler, imported when it is first needed: it brings functools and collections along, which
 * a script that sends numbers about can do without. 0, or -1 with an exception set. */
static int need_pickle(hecmod_state *st)
{
    PyObject *pickle = st->loads ? NULL : PyImport_ImportModule("_pickle");

    if (st->loads)
        return 0;
    if (pickle) {
        Py_XSETREF(st->dumps, PyObject_GetAttrString(pickle, "dumps"));
        if (st->dumps)
            st->loads = PyObject_GetAttrString(pickle, "loads");
        Py_DECREF(pickle);
    }
    return st->loads ? 0 : -1;
}

void hecmod_prepare_pickle(hecmod_state *st)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */

    if (PyDict_GetItemString(modules, "_pickle") && need_pickle(st) < 0)
        PyErr_Clear(); /* whoever needs it will be told */
}

/* dumps(obj, 5, buffer_callback=…); the large buffers are appended to `buffers`. */
static PyObject *dump(hecmod_state *st, PyObject *dumps, PyObject *obj, PyObject *buffers)
{
    PyObject *self = PyTuple_Pack(2, buffers, st->shared_type);
    PyObject *callback = self ? PyCFunction_New(&keep_buffer_def, self) : NULL;
    PyObject *args[4] = {NULL, obj, st->protocol, callback};
    PyObject *bytes = NULL;

    if (callback)
        bytes = PyObject_Vectorcall(dumps, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                    st->kw_callback);
    Py_XDECREF(callback);
    Py_XDECREF(self);
    if (!bytes) /* what a failed attempt kept must not travel with the next */
        PyList_SetSlice(buffers, 0, PyList_GET_SIZE(buffers), NULL);
    return bytes;
}

static PyObject *cloud_dumps(hecmod_state *st)
{
    if (!st->cloud_dumps) {
        PyObject *m = PyImport_ImportModule("cloudpickle");

        if (m)
            st->cloud_dumps = PyObject_GetAttrString(m, "dumps");
        Py_XDECREF(m);
    }
    return st->cloud_dumps;
}

bool hecmod_mentions_main(PyObject *bytes)
{
    static const char word[] = "__main__";

    return memmem(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes), word,
                  sizeof word - 1) != NULL;
}

/* Plain pickle where it will do, else cloudpickle; if both fail its error stands, since plain
 * pickle has nothing to say of a lambda but that it is one. */
static PyObject *dump_somehow(hecmod_state *st, PyObject *obj, bool main_by_value,
                              PyObject *buffers)
{
    PyObject *type, *value, *traceback, *bytes, *cloud;

    if (need_pickle(st) < 0)
        return NULL;
    bytes = dump(st, st->dumps, obj, buffers);
    if (bytes && !(main_by_value && hecmod_mentions_main(bytes)))
        return bytes;
    PyErr_Fetch(&type, &value, &traceback);
    /* An interrupt, or no memory, is no reason to try again. */
    if (type && (!PyErr_GivenExceptionMatches(type, PyExc_Exception) ||
                 PyErr_GivenExceptionMatches(type, PyExc_MemoryError))) {
        PyErr_Restore(type, value, traceback);
        return NULL;
    }
    PyList_SetSlice(buffers, 0, PyList_GET_SIZE(buffers), NULL);
    cloud = cloud_dumps(st);
    cloud = cloud ? dump(st, cloud, obj, buffers) : NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return cloud;
}

int hecmod_pack_plain(hecmod_state *st, PyObject *const *values, Py_ssize_t n, bool as_list,
                      hecmod_way way, hec_outbox *out, uint64_t *ret_bytes)
{
    hecmod_bytes plain;
    hec_error err = {0};
    int r;

    if (!hecmod_plain_write(st, values, n, as_list, way.known, &plain))
        return 0;
    r = hec_outbox_payload(out, plain.data, plain.used, &err);
    if (ret_bytes)
        *ret_bytes = plain.used;
    hecmod_plain_done(st, &plain);
    if (r < 0) {
        hecmod_raise(&err);
        hec_outbox_clear(out);
    }
    return r < 0 ? -1 : 1;
}

int hecmod_pack(hecmod_state *st, PyObject *obj, hecmod_way way, hec_outbox *out,
                uint64_t *ret_bytes)
{
    PyObject *buffers, *stream = NULL;
    hec_error err = {0};
    uint64_t bytes = 0;
    int r = way.pickled ? 0
            : PyList_CheckExact(obj)
                ? hecmod_pack_plain(st, PySequence_Fast_ITEMS(obj), PyList_GET_SIZE(obj), true, way,
                                    out, ret_bytes)
                : hecmod_pack_plain(st, &obj, 1, false, way, out, ret_bytes);

    if (r != 0)
        return r < 0 ? -1 : 0;
    r = -1;
    buffers = PyList_New(0);
    if (buffers)
        stream = dump_somehow(st, obj, way.main_by_value, buffers);
    if (stream && hecmod_add_buffers(st, buffers, way, out, &bytes) == 0) {
        bytes += (uint64_t)PyBytes_GET_SIZE(stream);
        r = hec_outbox_payload(out, PyBytes_AS_STRING(stream), (size_t)PyBytes_GET_SIZE(stream),
                               &err);
        if (r < 0)
            hecmod_raise(&err);
        else if (ret_bytes)
            *ret_bytes = bytes;
    }
    if (r < 0)
        hec_outbox_clear(out);
    Py_XDECREF(stream);
    Py_XDECREF(buffers);
    return r < 0 ? -1 : 0;
}

/* The message's blocks as a list of buffers. */
static PyObject *take_blocks(hecmod_state *st, const hec_message *m)
{
    PyObject *list = PyList_New(m->nblocks);

    for (uint32_t i = 0; list && i < m->nblocks; i++) {
        hec_error err = {0};
        hec_view view;
        PyObject *block = NULL;

        if (hec_message_take(m, i, &view, &err) < 0)
            hecmod_raise(&err);
        else
            block = hecmod_block_new(st, &view);
        if (!block)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, block);
    }
    return list;
}

PyObject *hecmod_unpickle(hecmod_state *st, PyObject *stream, PyObject *buffers)
{
    PyObject *args[3] = {NULL, stream, buffers};

    if (need_pickle(st) < 0)
        return NULL;
    return PyObject_Vectorcall(st->loads, args + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                               buffers ? st->kw_buffers : NULL);
}

PyObject *hecmod_unpack(hecmod_state *st, const hec_message *m)
{
    PyObject *blocks = NULL, *obj = hecmod_unpack_blocks(st, m, &blocks);

    Py_XDECREF(blocks);
    return obj;
}

PyObject *hecmod_unpack_blocks(hecmod_state *st, const hec_message *m, PyObject **ret_blocks)
{
    PyObject *stream, *blocks = NULL, *obj = NULL;
    bool with_blocks = m->nblocks > 0;

    if (hecmod_is_plain(m))
        return hecmod_plain_read(st, m);
    stream = PyMemoryView_FromMemory((char *)m->payload, (Py_ssize_t)m->size, PyBUF_READ);
    if (stream && with_blocks)
        blocks = take_blocks(st, m);
    if (stream && (blocks || !with_blocks))
        obj = hecmod_unpickle(st, stream, blocks);
    if (obj)
        *ret_blocks = blocks;
    else
        Py_XDECREF(blocks);
    Py_XDECREF(stream);
    return obj;
}

/* ---- for tests ---- */

PyObject *hecmod_write_plain(PyObject *module, PyObject *list)
{
    hecmod_state *st = PyModule_GetState(module);
    PyObject *values, *bytes;
    hecmod_bytes plain;

    if (!PyList_CheckExact(list))
        return PyErr_Format(PyExc_TypeError, "a list is needed");
    values = PyList_AsTuple(list);
    if (!values)
        return NULL;
    if (!hecmod_plain_write(st, &PyTuple_GET_ITEM(values, 0), PyTuple_GET_SIZE(values), true, NULL,
                            &plain)) {
        Py_DECREF(values);
        Py_RETURN_NONE;
    }
    bytes = PyBytes_FromStringAndSize(plain.data, (Py_ssize_t)plain.used);
    hecmod_plain_done(st, &plain);
    Py_DECREF(values);
    return bytes;
}

PyObject *hecmod_read_plain(PyObject *module, PyObject *args)
{
    hec_message m = {0};
    unsigned count = 0;
    PyObject *bytes, *list = NULL;
    hecmod_state *st = PyModule_GetState(module);

    if (!PyArg_ParseTuple(args, "S|O!I:read_plain", &bytes, &PyList_Type, &list, &count))
        return NULL;
    m.payload = PyBytes_AS_STRING(bytes);
    m.size = (size_t)PyBytes_GET_SIZE(bytes);
    if (!hecmod_is_plain(&m))
        return PyErr_Format(PyExc_ValueError, "no plain message");
    if (!list)
        return hecmod_plain_read(st, &m);
    if ((Py_ssize_t)count > PyList_GET_SIZE(list))
        return PyErr_Format(PyExc_ValueError, "the list has too few places");
    if (hecmod_plain_read_into(st, &m, list, 0, count) < 0)
        return NULL;
    Py_RETURN_NONE;
}
