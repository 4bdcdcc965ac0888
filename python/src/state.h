/* SPDX-License-Identifier: MIT
 *
 * What the files of the extension share: the module's state and its types.
 *
 *   module.c   the table of functions, the state
 *   error.c    hec_error -> Python exception
 *   block.c    Block: shared memory as a buffer
 *   codec.c    objects <-> messages
 *   lend.c     large buffers -> messages, without copies where that is possible
 *   shared.c   Shared: memory that several processes see
 *   plain.c    the same for small plain values, without the pickler
 *   steady.c   which functions of __main__ a worker has
 *   call.c     Call: the parent's half of a call (packs tasks, takes results)
 *   failure.c  what becomes of a task that failed
 *   worker.c   the worker's half (runs tasks, replies)
 *   pool.c     Pool: the engine as an object
 *   step.c     Pool: the lock around the engine, calls and steps
 *   future.c   Future: a task's future, as far as it is not Python's
 *   tasks.c    Tasks: what was submitted, from its submission to its end
 *   command.c  Commands: the engine of commands
 *   column.c   columns of text as numbers
 *   zygote.c   whether to fork, and the zygote for when not
 *   host.c     what may be used here
 *   config.c   parameters and runs
 *   job.c      batch jobs: scripts and checks
 *   time.c     when no further tasks are to be begun
 *   units.c    sizes and durations as text
 *   native.c   native functions over arrays, on threads
 *   journal.c  Journal: results on disk
 *   log.c      what a call writes into its journal
 *   key.c      digests of values
 *   keyer.c    Keyer: the keys of tasks
 *   steady_native.c   NativeCall: the same again, without the checks whose outcome is known
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

/* A signal that comes just before a wait begins does not end it, and Python's function for it runs
 * only when the waiting thread is back in the interpreter. So no wait is longer than this. */
#define HECMOD_WAIT_MS 100

/* Texts that are looked up by, made once. */
enum hecmod_word {
    HECMOD_PENDING,
    HECMOD_RUNNING,
    HECMOD_CANCELLED,
    HECMOD_NOTIFIED,
    HECMOD_FINISHED, /* so far: the states of a future */
    HECMOD_ADD_RESULT,
    HECMOD_ADD_EXCEPTION,
    HECMOD_ADD_CANCELLED,
    HECMOD_INVOKE,
    HECMOD_EXTEND,
    HECMOD_WORDS,
};

typedef struct hecmod_bytes {
    char *data;
    size_t used, size;
} hecmod_bytes;

typedef struct hecmod_state {
    PyTypeObject *block_type, *call_type, *pool_type, *shared_type;
    PyTypeObject *future_type, *future_lock_type, *tasks_type;
    PyObject *words[HECMOD_WORDS];
    PyTypeObject *commands_type, *keyer_type, *native_call_type, *journal_type;
    PyObject *dumps, *loads; /* of _pickle, once it was needed */
    PyObject *protocol;      /* 5 */
    PyObject *kw_buffers;    /* ("buffers",) */
    PyObject *kw_callback;   /* ("buffer_callback",) */
    PyObject *cloud_dumps;   /* cloudpickle.dumps, once it was needed */
    PyObject *faulthandler;  /* the module, once workers were started */
    PyObject *fresh_stdin;   /* a worker's sys.stdin */
    PyObject *report;        /* the module pyhec._report, once it was needed */
    PyObject *unsendable; /* its class Unsendable: stands for an input that could not be packed */
    PyObject *named;      /* dict: function -> "module\0name", of those that are found by it */
    PyObject *found;      /* dict: such a name -> function */
    hecmod_bytes scratch; /* memory to write messages in, while nobody does */
    long frozen_at_start; /* objects that the interpreter itself has frozen: some hundred in 3.12 */
    bool in_worker;       /* this process is a worker of a pool */
    hec_zygote *zygote;   /* that of the process `zygote_owner`, or NULL */
    pid_t zygote_owner;
    struct hecmod_pool *pools; /* all there are */
    hec_topology *topology;    /* what the last pool was made for, or NULL */
    bool draining;             /* no further tasks are to be begun */
    bool asked_walltime;       /* whether deadline_ns is known */
    uint64_t deadline_ns;      /* when tasks have to be over, of CLOCK_MONOTONIC; 0: whenever */
    uint32_t drain_signals;    /* bit n: signal n makes the parent drain */
} hecmod_state;

extern struct PyModuleDef hecmod_def;

static inline hecmod_state *hecmod_of_type(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

/* error.c */
PyObject *hecmod_raise(const hec_error *err); /* sets the exception, returns NULL */
/* The module pyhec._report (borrowed), NULL with an exception set. */
PyObject *hecmod_report(hecmod_state *st);

/* block.c */
extern PyType_Spec hecmod_block_spec;
PyObject *hecmod_block_new(hecmod_state *st, hec_view *view); /* takes the view over, always */
hec_view *hecmod_block_view(PyObject *o);                     /* borrowed */

/* codec.c */

/* How objects are packed. */
typedef struct hecmod_way {
    bool main_by_value;       /* __main__ may be another one where they go */
    PyObject *known;          /* what it has of this one, see hecmod_known_main(), or NULL */
    struct hecmod_call *call; /* on the way to workers: the call, or NULL */
    bool for_all;             /* every worker gets this */
    bool pickled;             /* others than this program's processes will read it */
} hecmod_way;

/* Before workers are forked: gets the pickler, where Python has it, so that they have it. */
void hecmod_prepare_pickle(hecmod_state *st);

/* Packs obj into the outbox: large buffers as blocks, the rest as payload. What the plain pickler
 * cannot do, or would do by a reference to __main__ that the receiver may not have, cloudpickle
 * does by value. 0, or -1 with an exception set; then the outbox is empty. */
int hecmod_pack(hecmod_state *st, PyObject *obj, hecmod_way way, hec_outbox *out,
                uint64_t *ret_bytes);
/* The other way. New reference; the object's large buffers are views of shared memory. */
PyObject *hecmod_unpack(hecmod_state *st, const hec_message *m);
/* An object from a pickle; buffers: a list of those beside it, or NULL. New reference. */
PyObject *hecmod_unpickle(hecmod_state *st, PyObject *stream, PyObject *buffers);
/* The same as hecmod_unpack(); *ret_blocks are its large buffers, a list that is the caller's, or
 * NULL. */
PyObject *hecmod_unpack_blocks(hecmod_state *st, const hec_message *m, PyObject **ret_blocks);

/* The same of values that stand in a row, as a list of n or a single one, where they are plain:
 * 1; 0 when they are not, then nothing was packed. */
int hecmod_pack_plain(hecmod_state *st, PyObject *const *values, Py_ssize_t n, bool as_list,
                      hecmod_way way, hec_outbox *out, uint64_t *ret_bytes);

/* lend.c */

/* Adds the buffers of a list to a message. -1 with an exception set. */
int hecmod_add_buffers(hecmod_state *st, PyObject *buffers, hecmod_way way, hec_outbox *out,
                       uint64_t *bytes);
/* Whether the memory of an array or another buffer is a Shared's. */
bool hecmod_is_shared(hecmod_state *st, PyObject *o);
/* Forgets what was copied for all tasks of a call. */
void hecmod_forget_lent(struct hecmod_call *c);

/* shared.c */
extern PyType_Spec hecmod_shared_spec;
hec_array *hecmod_shared_array(PyObject *o); /* borrowed */
PyObject *hecmod_array_memory(PyObject *module, PyObject *unused);

/* The ways of plain.c, for tests alone, see _hec.pyi. */
PyObject *hecmod_write_plain(PyObject *module, PyObject *list);
PyObject *hecmod_read_plain(PyObject *module, PyObject *args);

/* Whether a pickle has something to say of __main__. */
bool hecmod_mentions_main(PyObject *bytes);

/* plain.c */

/* Writes values, if they are plain: one, or n values or tasks as a list. False when they are not,
 * without an exception. *ret is to be ended with hecmod_plain_done(). `known` as in hecmod_way. The
 * values must stay where they are, whatever other threads do. */
bool hecmod_plain_write(hecmod_state *st, PyObject *const *values, Py_ssize_t n, bool as_list,
                        PyObject *known, hecmod_bytes *ret);
void hecmod_plain_done(hecmod_state *st, hecmod_bytes *bytes);
bool hecmod_is_plain(const hec_message *m);
PyObject *hecmod_plain_read(hecmod_state *st, const hec_message *m); /* new reference */
/* Puts the items of a list of `count` into another one, from `first` on. */
int hecmod_plain_read_into(hecmod_state *st, const hec_message *m, PyObject *list, uint64_t first,
                           uint32_t count);

/* steady.c */

/* What __main__ has now of functions, modules and constants: a new dict. */
PyObject *hecmod_known_main(void);
/* Whether a function of __main__ can be named to a process whose __main__ was like that. */
bool hecmod_is_steady(PyObject *func, PyObject *known);

/* call.c */
enum hecmod_kind {
    HECMOD_MAP,   /* func(item) */
    HECMOD_STAR,  /* func(*item) */
    HECMOD_TASKS, /* item is (func, args, kwargs) */
};

typedef struct hecmod_call {
    PyObject_HEAD hecmod_state *st;
    enum hecmod_kind kind;
    PyObject *func;           /* None for HECMOD_TASKS */
    PyObject *items;          /* a list, or a dict of those that are on their way */
    PyObject *results;        /* a list with a place for each task, or NULL: a stream */
    PyObject *ready;          /* a stream's list of (first, [values]) and (index, exception) */
    PyObject *failures;       /* dict: index -> exception */
    struct hecmod_lent *lent; /* see lend.c */
    PyObject *known;          /* of the pool in which it is open, see hecmod_known_main() */
    uint64_t total, done;
    uint64_t sent;             /* tasks below this have been packed */
    uint64_t bytes;            /* mean size of a packed task */
    hec_call *call;            /* while it is open in a pool */
    PyObject *journal, *marks; /* see log.c; NULL where there is none */
    PyObject *judge;           /* what has the options, NULL where there are none to speak of */
    hec_limits limits;
    uint64_t deadline_ns;    /* of its own; 0: none */
    bool walltime, verdicts; /* the batch system's end counts; verdicts are wanted, not values */
    bool drained;            /* the engine was told to */
    bool retried;            /* tasks are, or were, to be run again */
    uint64_t failed;         /* tasks that are over and have failed, those not begun not counted */
    bool dropped;            /* it is to be closed when the engine is free */
    PyObject *error;         /* an exception that a callback left, to be raised by the pool */
    PyObject *note;          /* why its inputs have to be sent, as text, or NULL */
} hecmod_call;

extern PyType_Spec hecmod_call_spec;
extern const hec_call_ops hecmod_call_ops;
/* Task i's input, new reference. */
PyObject *hecmod_call_item(hecmod_call *c, uint64_t i);
/* Runs one task. New reference, NULL with the exception of the function set. */
PyObject *hecmod_run_task(enum hecmod_kind kind, PyObject *func, PyObject *item);

/* failure.c */

/* What is known of a task that failed. */
typedef struct hecmod_failure {
    uint64_t task;
    hec_verdict verdict;
    const hec_message *message; /* or NULL */
    PyObject *why;              /* what unpickling raised, or NULL */
    int detail;                 /* of a death */
    const hec_usage *usage;     /* or NULL */
    const char *err, *python_stack, *c_stack;
} hecmod_failure;

enum hecmod_judged {
    HECMOD_UNJUDGED, /* an exception is set */
    HECMOD_FAILED,   /* for good, with *ret_error, a new reference */
    HECMOD_RETRIED,  /* it will be run again */
};

/* Has a failure judged, and the task run again where that is the judgement. */
enum hecmod_judged hecmod_judge_failure(hecmod_call *c, const hecmod_failure *f,
                                        PyObject **ret_error);
/* The verdicts of tasks that are done and have these values: a new list. */
PyObject *hecmod_verdicts(hecmod_call *c, const hec_result *r, PyObject *values);

/* worker.c */
typedef struct hecmod_worker {
    hecmod_state *st;
    hecmod_call *inherited; /* or NULL */
    PyObject *opened;       /* dict: call -> (kind, func or the exception that it became) */
    PyThreadState *saved;   /* while waiting */
    bool pickled;           /* the present batch's results are for a journal, too */
    bool unfreeze;          /* the parent froze the collector for the fork */
    void *pool;             /* the parent's hecmod_pool, for its lock; NULL in the worker */
    bool held[6];           /* signals that are held back during a fork, and what they do else */
    struct sigaction before[6];
} hecmod_worker;

hec_runner hecmod_runner(hecmod_worker *ctx);
/* Calls gc.name(); its result as a number, -1 when there is none. */
long hecmod_call_gc(const char *name);

/* newborn.c */

/* Before workers are forked: gets what each of them will need. */
void hecmod_newborn_prepare(hecmod_state *st);
/* First thing in a worker, after Python's own hooks: makes its own what it inherited. report: a
 * descriptor, or -1: what Python does when the worker crashes, or gets ask_signal, is written
 * there. 0, or -1 with an exception set. */
int hecmod_newborn_start(hecmod_state *st, int report, int ask_signal);
/* What the engine has set for libraries of numbers: a new dict, for those that ask os.environ,
 * which is a copy of the environment and knows nothing of it. */
PyObject *hecmod_thread_variables(void);

/* zygote.c */
PyObject *hecmod_fork_look(PyObject *module, PyObject *unused);
PyObject *hecmod_zygote_start(PyObject *module, PyObject *list);
PyObject *hecmod_zygote_pid(PyObject *module, PyObject *unused);
PyObject *hecmod_zygote_serve(PyObject *module, PyObject *unused);
/* This process's, borrowed; NULL with an exception set when there is none. */
hec_zygote *hecmod_zygote(hecmod_state *st);
/* Ends it, or, in a forked process, lets the copy go. */
void hecmod_zygote_end(hecmod_state *st);

/* pool.c */
extern PyType_Spec hecmod_pool_spec;
void hecmod_pool_wait_begin(void *pool);
void hecmod_pool_wait_end(void *pool);

/* future.c */
extern PyType_Spec hecmod_future_spec, hecmod_future_lock_spec;
int hecmod_words_init(hecmod_state *st);
/* A future of a subclass of Future that belongs to `tasks`; it gets its number when it has one. */
PyObject *hecmod_future_new(hecmod_state *st, PyTypeObject *type, PyObject *tasks);
void hecmod_future_number(PyObject *future, uint64_t index);
/* The task is over, with a value or an exception; who waits is told, callbacks are called. What
 * they raise is reported and does not matter. 0, or -1 with an exception set: it is not settled. */
int hecmod_future_settle(PyObject *future, PyObject *value, PyObject *exception);

/* tasks.c */
extern PyType_Spec hecmod_tasks_spec;
/* command.c */
extern PyType_Spec hecmod_commands_spec;

/* steady_native.c */
extern PyType_Spec hecmod_native_call_spec;

/* column.c */
PyObject *hecmod_encode_column(PyObject *module, PyObject *args);
PyObject *hecmod_decode_column(PyObject *module, PyObject *args);

/* host.c */
PyObject *hecmod_cpus(PyObject *module, PyObject *unused);
PyObject *hecmod_grant(PyObject *module, PyObject *unused);
PyObject *hecmod_host_json(PyObject *module, PyObject *root);

/* config.c */
PyObject *hecmod_read_yaml(PyObject *module, PyObject *name);
PyObject *hecmod_read_runs(PyObject *module, PyObject *args);
PyObject *hecmod_check_runs(PyObject *module, PyObject *args);
PyObject *hecmod_save_runs(PyObject *module, PyObject *args);

/* job.c */
PyObject *hecmod_job_script(PyObject *module, PyObject *args);
PyObject *hecmod_job_parts(PyObject *module, PyObject *args);
PyObject *hecmod_job_check(PyObject *module, PyObject *args);
PyObject *hecmod_script_check(PyObject *module, PyObject *args);
PyObject *hecmod_site_json(PyObject *module, PyObject *name);
PyObject *hecmod_sites(PyObject *module, PyObject *unused);

/* rundir.c */
PyObject *hecmod_run_plan(PyObject *module, PyObject *args);
PyObject *hecmod_run_submit(PyObject *module, PyObject *args);
PyObject *hecmod_run_open(PyObject *module, PyObject *name);
PyObject *hecmod_run_jobs(PyObject *module, PyObject *args);
PyObject *hecmod_run_wait(PyObject *module, PyObject *args);
PyObject *hecmod_run_cancel(PyObject *module, PyObject *args);
PyObject *hecmod_run_remove(PyObject *module, PyObject *name);

/* time.c */

/* When the tasks of this process have to be over because the batch system ends the job; asked once.
 * 0: not known, or no batch job. */
uint64_t hecmod_deadline(hecmod_state *st);
/* Takes it from what was read of the machine, if it was not asked for before. */
void hecmod_learn_deadline(hecmod_state *st, const hec_topology *t);
PyObject *hecmod_get_deadline(PyObject *module, PyObject *unused);
PyObject *hecmod_drain(PyObject *module, PyObject *on);
PyObject *hecmod_draining(PyObject *module, PyObject *unused);
PyObject *hecmod_drain_on(PyObject *module, PyObject *signum);
PyObject *hecmod_drain_signals(PyObject *module, PyObject *unused);

/* units.c */
PyObject *hecmod_parse_bytes(PyObject *module, PyObject *text);
PyObject *hecmod_parse_seconds(PyObject *module, PyObject *text);
PyObject *hecmod_format_bytes(PyObject *module, PyObject *bytes);

/* native.c */
PyObject *hecmod_run_native(PyObject *module, PyObject *args);
PyObject *hecmod_capsule_function(PyObject *module, PyObject *capsule);

#endif
