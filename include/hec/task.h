/* SPDX-License-Identifier: MIT
 *
 * The nouns that every engine shares: tasks, their verdicts, and the two halves of a program that
 * an engine brings together.
 *
 * A *call* is a function over n inputs: n *tasks*, numbered from 0. The parent's half of the
 * program (hec_call_ops) packs tasks into messages and takes results; the worker's half
 * (hec_runner) unpacks them, runs them one by one, and replies. Between them the engine decides how
 * many tasks travel together (a *batch*), where they run, and what happens when a worker dies. How
 * tasks travel is the engine's business, each task is the user's: it is counted, blamed and
 * reported singly.
 */
#ifndef HEC_TASK_H
#define HEC_TASK_H

#include <hec/error.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a task ended. X(name, value, word). Numbers are permanent: files have them. */
#define HEC_VERDICTS(X)                                                                            \
    X(HEC_TASK_DONE, 1, "done")       /* it returned; the payload is its result */                 \
    X(HEC_TASK_RAISED, 2, "raised")   /* it failed by its own means; the payload says how */       \
    X(HEC_TASK_KILLED, 3, "killed")   /* its worker was killed by a signal while it ran */         \
    X(HEC_TASK_EXITED, 4, "exited")   /* it ended its worker by exit() */                          \
    X(HEC_TASK_REFUSED, 5, "refused") /* its worker could not take its input; the payload is text; \
                                       * or the command could not be started */                    \
    X(HEC_TASK_TIMED_OUT, 6, "timed out")         /* it was ended because its time was up */       \
    X(HEC_TASK_CANCELLED, 7, "cancelled")         /* it was ended because somebody said so */      \
    X(HEC_TASK_OVER_MEMORY, 8, "over memory")     /* it was ended, or failed, because it took more \
                                                   * memory than its limit */                      \
    X(HEC_TASK_OUT_OF_MEMORY, 9, "out of memory") /* the kernel ended it: the memory of its        \
                                                   * control group, or of the machine, ran out */  \
    X(HEC_TASK_LOST, 10, "lost")                  /* its node was lost */                          \
    X(HEC_TASK_SKIPPED, 11, "skipped")            /* it was not begun: the time left was too short \
                                                   * for it, or its call was drained */

typedef enum hec_verdict {
#define HEC_VERDICT_ENUM(name, value, word) name = (value),
    HEC_VERDICTS(HEC_VERDICT_ENUM)
#undef HEC_VERDICT_ENUM
} hec_verdict;

/* "done", "killed"…; "?" for a number that is none of ours. Static storage. */
HEC_API const char *hec_verdict_word(int verdict);

/* A large run of bytes that came in shared memory. The receiver's view is private: it may write to
 * it, nobody else sees that. Plain data; ends with hec_view_release(). */
typedef struct hec_view {
    void *data;
    size_t size;    /* bytes */
    void *owner;    /* the engine's */
    uint64_t id;    /* the engine's */
    uint64_t forks; /* the engine's */
    void *hold;     /* the engine's */
} hec_view;

/* Unmaps the view and gives its memory back to whoever made it. May come after the engine's end,
 * from any thread that may use the engine, and in a forked child (there it only unmaps). A view
 * that was there when this process forked a child which is still alive may be looked at by that
 * child: its memory is not used again, it goes when the engine and all its views are gone. */
HEC_API void hec_view_release(hec_view *view);

/* What arrived. Payload and message are valid during the callback only. */
typedef struct hec_message {
    const void *payload;
    size_t size;      /* of the payload, bytes */
    uint32_t nblocks; /* large buffers beside it, in the order in which they were added */
    void *engine;     /* the engine's */
    const void *refs; /* the engine's */
} hec_message;

/* Takes block i (< nblocks) of a message; each block can be taken once. Blocks that nobody took
 * are given back after the callback. HEC_ENOMEM. */
HEC_API int hec_message_take(const hec_message *m, uint32_t i, hec_view *ret_view, hec_error *err);

/* A message being made. First the large buffers, if any, then the payload, once. */
typedef struct hec_outbox hec_outbox;

/* Buffers smaller than this are better put into the payload. Bytes. */
#define HEC_BLOCK_MIN (256u * 1024u)
/* At most so many blocks fit beside one message. */
#define HEC_BLOCKS_MAX 1024u

/* Room for `size` bytes in shared memory, to be filled before the payload is added.
 * HEC_ENOMEM with a text that names both sizes when there is not that much. */
HEC_API int hec_outbox_block(hec_outbox *o, size_t size, void **ret_data, hec_error *err);

/* Copies the payload in. HEC_ENOMEM as above. */
HEC_API int hec_outbox_payload(hec_outbox *o, const void *data, size_t size, hec_error *err);

/* Drops what was added so far, so that something smaller can be sent instead. */
HEC_API void hec_outbox_clear(hec_outbox *o);

/* How one attempt at one task ran. 0 where a number is not known. */
typedef struct hec_usage {
    uint64_t started_ns; /* nanoseconds since 1970 */
    uint64_t duration_ns,
        cpu_ns;       /* cpu: of the worker, and of what it had started and waited for */
    uint64_t max_rss; /* bytes; the largest seen of the worker while the task ran */
    int32_t pid;      /* of the worker */
    uint32_t attempt; /* 1 for the first */
} hec_usage;

/* What a task may take. Zeros: no limit. */
typedef struct hec_limits {
    /* Of a clock on the wall, from when the task begins; counted in milliseconds, rounded up. */
    uint64_t timeout_ns;
    /* Bytes that the worker, with all processes that come from it, may have more than when the task
     * began; of memory that is its own, not shared (arrays in shared memory do not count, nor what
     * a fork shares); rounded up to 64 KiB. Enforced by looking, often enough for what is left, and
     * by the kernel (RLIMIT_DATA) at twice the limit and a gigabyte, reserved addresses included.
     */
    uint64_t memory_bytes;
} hec_limits;

/* ---- the parent's half ---- */

typedef struct hec_result {
    uint64_t first; /* of the tasks that this is about */
    uint32_t count; /* how many; always 1 unless HEC_TASK_DONE or HEC_TASK_SKIPPED */
    /* HEC_TASK_DONE, HEC_TASK_RAISED, HEC_TASK_REFUSED, HEC_TASK_OVER_MEMORY (it failed by its own
     * means, at its limit), HEC_TASK_SKIPPED */
    hec_verdict verdict;
    const hec_message *message; /* NULL: HEC_TASK_SKIPPED */
    /* [count]; NULL unless the call is measured, of SKIPPED, and where the worker replied to more
     * than HEC_MEASURED_MAX tasks at once */
    const hec_usage *usage;
} hec_result;

/* A task took its worker with it, or was taken out with its worker. Texts are "" where there is
 * none; all is valid during the callback only. */
typedef struct hec_death {
    uint64_t task; /* the one that ran */
    /* HEC_TASK_KILLED, HEC_TASK_EXITED; HEC_TASK_TIMED_OUT, HEC_TASK_OVER_MEMORY: by us, at its
     * limit; HEC_TASK_OUT_OF_MEMORY */
    hec_verdict verdict;
    int32_t detail;  /* the signal, or the exit status; -1 when the system did not say */
    int32_t pid;     /* of the worker */
    uint32_t worker; /* its number */
    uint64_t ran_ns; /* how long the task had run */
    hec_usage usage; /* cpu_ns only where the call is measured */
    /* The last of what was written to descriptor 2 while the task ran, at most 4 KiB; may begin
     * with what came shortly before. Only where the pool captures it: hec_pool_options. */
    const char *stderr_tail;
    const char *python_stack; /* what the runner left in its report; see hec_runner.start */
    const char *c_stack;      /* one function a line, the innermost first */
} hec_death;

typedef struct hec_call_ops {
    /* Adds what all tasks of the call share (the function), once per worker, before its first
     * batch. NULL: nothing. */
    int (*pack_shared)(void *ctx, hec_outbox *out, hec_error *err);
    /* Adds tasks first, first+1, …, at most max of them. Returns how many it added; 0 when there is
     * none at present (then more come after hec_call_extend()); negative: the call has failed.
     * A task may be asked for again after its worker died before it began. */
    int64_t (*pack)(void *ctx, uint64_t first, uint32_t max, hec_outbox *out, hec_error *err);
    /* Results of tasks. A negative return makes the engine's step end with HEC_ECALLBACK. */
    int (*result)(void *ctx, const hec_result *result);
    /* A task took its worker with it. It is not run again, unless this function asks for that by
     * hec_call_retry(). */
    int (*death)(void *ctx, const hec_death *death);
} hec_call_ops;

/* ---- the worker's half ---- */

typedef struct hec_worker hec_worker;

typedef struct hec_batch {
    uint64_t call;  /* which call; what pack_shared() added was given to open() before */
    uint64_t first; /* number of its first task */
    uint32_t count; /* tasks packed in the message; fewer may be left to run */
    const hec_message *message; /* NULL: the worker inherited its input, there is nothing to send */
} hec_batch;

/* A worker process is forked from the parent, calls start(), then open/run/close as work arrives,
 * then stop(), and ends by _exit(). Any of them but run may be NULL. */
typedef struct hec_runner {
    void *ctx;
    void (*before_fork)(void *ctx); /* in the parent, before one or more forks in a row */
    void (*after_fork)(void *ctx);  /* in the parent, after them */
    /* `report`: a descriptor for what is to be known of a worker that dies: what was written there
     * comes as hec_death.python_stack. Empty at the start; -1 where there is none. For a handler
     * of fatal signals; the engine's own, for the C stack, is set after start() and calls on to
     * whatever it finds. */
    void (*start)(void *ctx, uint32_t worker, int report);
    void (*open)(void *ctx, uint64_t call, const hec_message *shared);
    void (*run)(void *ctx, hec_worker *worker, const hec_batch *batch);
    void (*close)(void *ctx, uint64_t call);
    void (*stop)(void *ctx);
    /* Around every wait, in parent and worker: give up and take back what others may need
     * meanwhile (an interpreter's lock). */
    void (*wait_begin)(void *ctx);
    void (*wait_end)(void *ctx);
    /* A signal that makes a worker write where it is to its report, by a handler that start() sets
     * and that comes back; 0: none. It is sent to a worker that is about to be killed for its time
     * or its memory, and then the worker has 100 ms. */
    int stack_signal;
} hec_runner;

/* Claims the next tasks of the batch: *ret_count of them from *ret_first on. Returns 1, or 0 when
 * the batch is over, be it because all was claimed or because the rest was given to another worker.
 * Only what was claimed may be run. */
HEC_API int hec_worker_claim(hec_worker *w, uint64_t *ret_first, uint32_t *ret_count);

/* Says which claimed task runs from now on; cheap enough for every task: some nanoseconds; a
 * microsecond where the call is measured, two where its memory is limited. Time and memory of a
 * task count from here to the next call of at, between or reply. */
HEC_API void hec_worker_at(hec_worker *w, uint64_t task);

/* What the batch's tasks may take; zeros where there is no limit. Valid while the batch runs. A
 * task that fails for want of memory while it has a limit is replied to as HEC_TASK_OVER_MEMORY. */
HEC_API const hec_limits *hec_worker_limits(const hec_worker *w);

/* Says that no task runs: should the process end now, none is blamed, and those that were not
 * replied to are sent again one by one, so that the next time the right one is. */
HEC_API void hec_worker_between(hec_worker *w);

/* True when it is time to reply with what is finished: because enough has gathered, or because
 * someone may be waiting for it. */
HEC_API int hec_worker_due(hec_worker *w);

/* The outbox for the reply to come; fill it, then reply. Replies go in the order of the tasks:
 * `first` is the first task not replied to yet. In a measured call a reply to more
 * than HEC_MEASURED_MAX tasks comes without usages. */
#define HEC_MEASURED_MAX 512u
HEC_API hec_outbox *hec_worker_outbox(hec_worker *w);
HEC_API void hec_worker_reply(hec_worker *w, uint64_t first, uint32_t count, hec_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
