/* SPDX-License-Identifier: MIT
 *
 * Block: a run of shared memory that came with a message, as a buffer. Arrays that were unpickled
 * stand on it; when the last of them goes, so does the block.
 */
#include "state.h"

typedef struct block {
    PyObject_HEAD hec_view view;
} block;

PyObject *hecmod_block_new(hecmod_state *st, hec_view *view)
{
    block *b = PyObject_New(block, st->block_type);

    if (!b) {
        hec_view_release(view);
        return NULL;
    }
    b->view = *view;
    *view = (hec_view){0};
    return (PyObject *)b;
}

hec_view *hecmod_block_view(PyObject *o)
{
    return &((block *)o)->view;
}

static void block_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    hec_view_release(&((block *)self)->view);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int block_getbuffer(PyObject *self, Py_buffer *buffer, int flags)
{
    block *b = (block *)self;

    return PyBuffer_FillInfo(buffer, self, b->view.data, (Py_ssize_t)b->view.size, 0, flags);
}

static Py_ssize_t block_len(PyObject *self)
{
    return (Py_ssize_t)((block *)self)->view.size;
}

static PyType_Slot block_slots[] = {
    {Py_tp_doc, "Shared memory of a pool, as a writable buffer that is private to this process."},
    {Py_tp_dealloc, block_dealloc},
    {Py_bf_getbuffer, block_getbuffer},
    {Py_sq_length, block_len},
    {0, NULL},
};

PyType_Spec hecmod_block_spec = {
    .name = "pyhec._hec.Block",
    .basicsize = sizeof(block),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = block_slots,
};
