/* SPDX-License-Identifier: MIT
 *
 * Large buffers on their way into a message: lent where they are in shared memory already, copied
 * once where many tasks of a call have the same, else copied.
 */
#include "state.h"

#include <string.h>

/* An array that so many hold is in several tasks: the caller's list, ours, the message's and the
 * buffer make four of one that is in one task only. Where fewer hold it, its second coming tells.
 */
#define HELD_BY_MANY 8

/* A buffer of a call that was copied once, for all tasks that have it. */
typedef struct kept {
    const void *data;
    Py_ssize_t size;
    PyObject *buffer; /* keeps the data where it is, so that no other array can come to lie there */
    hec_array *copy;
} kept;

#define HINTS 16u

struct hecmod_lent {
    kept *kept;
    size_t n, cap;
    /* Buffers that were copied once and may come again. */
    struct {
        const void *data;
        Py_ssize_t size;
    } hints[HINTS];
    uint32_t next_hint;
};

/* What the memory of a buffer belongs to: a Shared, a Block, or something that is neither. New
 * reference, or NULL without an exception. */
static PyObject *owner_of(hecmod_state *st, PyObject *o)
{
    Py_XINCREF(o);
    for (int depth = 0; o && depth < 16; depth++) {
        PyObject *base;

        if (Py_TYPE(o) == st->shared_type || Py_TYPE(o) == st->block_type)
            return o;
        if (PyMemoryView_Check(o)) {
            base = PyMemoryView_GET_BASE(o);
            Py_XINCREF(base);
        } else {
            base = PyObject_GetAttrString(o, "base"); /* an array's */
            PyErr_Clear();
        }
        Py_SETREF(o, base);
    }
    Py_XDECREF(o);
    return NULL;
}

bool hecmod_is_shared(hecmod_state *st, PyObject *o)
{
    PyObject *owner = owner_of(st, o);
    bool yes = owner && Py_TYPE(owner) == st->shared_type;

    Py_XDECREF(owner);
    return yes;
}

/* Lends the buffer if it lies in memory that can be lent. 1, 0 when not, negative: a failure. */
static int lend(hecmod_state *st, const Py_buffer *view, hec_outbox *out, hec_error *err)
{
    PyObject *owner = owner_of(st, view->obj);
    int r = 0;

    if (owner && Py_TYPE(owner) == st->shared_type) {
        hec_array *a = hecmod_shared_array(owner);

        r = hec_outbox_lend_array(out, a, (size_t)((char *)view->buf - (char *)hec_array_data(a)),
                                  (size_t)view->len, HEC_LEND_SHARED, err);
    } else if (owner) {
        hec_view *v = hecmod_block_view(owner);

        r = hec_outbox_lend_view(out, v, (size_t)((char *)view->buf - (char *)v->data),
                                 (size_t)view->len, err);
    }
    Py_XDECREF(owner);
    return r;
}

static int copy(const Py_buffer *view, hec_outbox *out, hec_error *err)
{
    void *to;
    int r = hec_outbox_block(out, (size_t)view->len, &to, err);

    if (r < 0)
        return r;
    Py_BEGIN_ALLOW_THREADS;
    memcpy(to, view->buf, (size_t)view->len);
    Py_END_ALLOW_THREADS;
    return 1;
}

static bool was_seen(struct hecmod_lent *l, const Py_buffer *view)
{
    for (uint32_t i = 0; i < HINTS; i++)
        if (l->hints[i].data == view->buf && l->hints[i].size == view->len)
            return true;
    l->hints[l->next_hint % HINTS].data = view->buf;
    l->hints[l->next_hint++ % HINTS].size = view->len;
    return false;
}

/* Copies the buffer to where all tasks of the call can have it. NULL when that is not possible. */
static kept *keep(struct hecmod_lent *l, const Py_buffer *view, PyObject *buffer)
{
    hec_array *a;
    kept *k;

    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;

        k = PyMem_Realloc(l->kept, cap * sizeof *k);
        if (!k)
            return NULL;
        l->kept = k;
        l->cap = cap;
    }
    if (hec_array_create((size_t)view->len, &a, NULL) < 0)
        return NULL;
    k = &l->kept[l->n++];
    *k = (kept){view->buf, view->len, Py_NewRef(buffer), a};
    Py_BEGIN_ALLOW_THREADS;
    memcpy(hec_array_data(a), view->buf, (size_t)view->len);
    Py_END_ALLOW_THREADS;
    return k;
}

/* The same for a buffer that other tasks of the call have as well. 1, 0 when it is not known to be
 * one, negative: a failure. */
static int lend_once_copied(hecmod_way way, const Py_buffer *view, PyObject *buffer,
                            hec_outbox *out, hec_error *err)
{
    struct hecmod_lent *l = way.call->lent;
    kept *k = NULL;

    if (!l)
        l = way.call->lent = PyMem_Calloc(1, sizeof *l);
    if (!l)
        return 0;
    for (size_t i = 0; i < l->n && !k; i++)
        if (l->kept[i].data == view->buf && l->kept[i].size == view->len)
            k = &l->kept[i];
    if (!k && (way.for_all || Py_REFCNT(view->obj) >= HELD_BY_MANY || was_seen(l, view)))
        k = keep(l, view, buffer);
    return k ? hec_outbox_lend_array(out, k->copy, 0, (size_t)view->len, HEC_LEND_PRIVATE, err) : 0;
}

int hecmod_add_buffers(hecmod_state *st, PyObject *buffers, hecmod_way way, hec_outbox *out,
                       uint64_t *bytes)
{
    hec_error err = {0};

    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(buffers); i++) {
        PyObject *buffer = PyList_GET_ITEM(buffers, i);
        const Py_buffer *view = PyPickleBuffer_GetBuffer(buffer);
        int r;

        if (!view)
            return -1;
        r = way.call ? lend(st, view, out, &err) : 0;
        if (r == 0 && way.call && way.call->results)
            r = lend_once_copied(way, view, buffer, out, &err);
        if (r == 0)
            r = copy(view, out, &err);
        if (r < 0) {
            hecmod_raise(&err);
            return -1;
        }
        *bytes += (uint64_t)view->len;
    }
    return 0;
}

void hecmod_forget_lent(hecmod_call *c)
{
    struct hecmod_lent *l = c->lent;

    c->lent = NULL;
    for (size_t i = 0; l && i < l->n; i++) {
        hec_array_unref(l->kept[i].copy);
        Py_DECREF(l->kept[i].buffer);
    }
    if (l)
        PyMem_Free(l->kept);
    PyMem_Free(l);
}
