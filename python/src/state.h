/* SPDX-License-Identifier: MIT
 *
 * What the files of the extension share: the module's state and its types.
 *
 *   module.c   the table of functions, the state
 *   error.c    hec_error -> Python exception
 *   block.c    Block: shared memory as a buffer
 *   codec.c    objects <-> messages
 *   call.c     Call: the parent's half of a call (packs tasks, takes results)
 *   worker.c   the worker's half (runs tasks, replies)
 *   pool.c     Pool: the engine, and the lock around it
 *   command.c  Commands: the engine of commands
 *   column.c   columns of text as numbers
 *   host.c     what may be used here
 */
#ifndef PYHEC_STATE_H
#define PYHEC_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <hec/hec.h>

#include <signal.h>
#include <stdbool.h>

#if PY_VERSION_HEX < 0x030A0000
static inline PyObject *Py_NewRef(PyObject *o)
{
    Py_INCREF(o);
    return o;
}
#endif

typedef struct hecmod_state {
    PyTypeObject *block_type, *call_type, *pool_type, *commands_type;
    PyObject *dumps, *loads; /* of _pickle */
    PyObject *protocol;      /* 5 */
    PyObject *kw_buffers;    /* ("buffers",) */
    PyObject *kw_callback;   /* ("buffer_callback",) */
    PyObject *cloud_dumps;   /* cloudpickle.dumps, once it was needed */
    PyObject *errors;        /* the module pyhec._errors, once it was needed */
    PyObject *unsendable; /* its class Unsendable: stands for an input that could not be packed */
    bool in_worker;       /* this process is a worker of a pool */
} hecmod_state;

extern struct PyModuleDef hecmod_def;

static inline hecmod_state *hecmod_of_type(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

/* error.c */
PyObject *hecmod_raise(const hec_error *err); /* sets the exception, returns NULL */
/* The module pyhec._errors (borrowed), NULL with an exception set. */
PyObject *hecmod_errors(hecmod_state *st);

/* block.c */
extern PyType_Spec hecmod_block_spec;
PyObject *hecmod_block_new(hecmod_state *st, hec_view *view); /* takes the view over, always */

/* codec.c */
/* Packs obj into the outbox: large buffers as blocks, the rest as payload. What the plain pickler
 * cannot do, or would do by a reference to __main__ that the receiver may not have, cloudpickle
 * does by value. 0, or -1 with an exception set; then the outbox is empty. */
int hecmod_pack(hecmod_state *st, PyObject *obj, bool main_by_value, hec_outbox *out,
                uint64_t *ret_bytes);
/* The other way. New reference; the object's large buffers are views of shared memory. */
PyObject *hecmod_unpack(hecmod_state *st, const hec_message *m);

/* call.c */
enum hecmod_kind {
    HECMOD_MAP,   /* func(item) */
    HECMOD_STAR,  /* func(*item) */
    HECMOD_TASKS, /* item is (func, args, kwargs) */
};

typedef struct hecmod_call {
    PyObject_HEAD hecmod_state *st;
    enum hecmod_kind kind;
    PyObject *func;     /* None for HECMOD_TASKS */
    PyObject *items;    /* a list, or a dict of those that are on their way */
    PyObject *results;  /* a list with a place for each task, or NULL: a stream */
    PyObject *ready;    /* a stream's list of (first, [values]) and (index, exception) */
    PyObject *failures; /* dict: index -> exception */
    uint64_t total, done;
    uint64_t sent;   /* tasks below this have been packed */
    uint64_t bytes;  /* mean size of a packed task */
    hec_call *call;  /* while it is open in a pool */
    bool dropped;    /* it is to be closed when the engine is free */
    PyObject *error; /* an exception that a callback left, to be raised by the pool */
} hecmod_call;

extern PyType_Spec hecmod_call_spec;
extern const hec_call_ops hecmod_call_ops;
/* Task i's input, new reference. */
PyObject *hecmod_call_item(hecmod_call *c, uint64_t i);
/* Runs one task. New reference, NULL with the exception of the function set. */
PyObject *hecmod_run_task(enum hecmod_kind kind, PyObject *func, PyObject *item);

/* worker.c */
typedef struct hecmod_worker {
    hecmod_state *st;
    hecmod_call *inherited; /* or NULL */
    PyObject *opened;       /* dict: call -> (kind, func or the exception that it became) */
    PyThreadState *saved;   /* while waiting */
    bool unfreeze;          /* the parent froze the collector for the fork */
    void *pool;             /* the parent's hecmod_pool, for its lock; NULL in the worker */
    bool held[6];           /* signals that are held back during a fork, and what they do else */
    struct sigaction before[6];
} hecmod_worker;

hec_runner hecmod_runner(hecmod_worker *ctx);

/* pool.c */
extern PyType_Spec hecmod_pool_spec;
void hecmod_pool_wait_begin(void *pool);
void hecmod_pool_wait_end(void *pool);

/* command.c */
extern PyType_Spec hecmod_commands_spec;

/* column.c */
PyObject *hecmod_encode_column(PyObject *module, PyObject *args);
PyObject *hecmod_decode_column(PyObject *module, PyObject *args);

/* host.c */
PyObject *hecmod_cpus(PyObject *module, PyObject *unused);
PyObject *hecmod_host_json(PyObject *module, PyObject *root);

#endif
