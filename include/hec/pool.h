/* SPDX-License-Identifier: MIT
 *
 * The engine of one node: worker processes over shared memory.
 *
 * Workers are forked from the calling process, or, where that must not be, from a zygote
 * (hec/zygote.h). A pool may be created around one *inherited* call:
 * its workers were forked after the input existed, so nothing of it has to travel, and they take
 * ranges of task numbers from a shared counter. Other calls may be opened and closed at any time;
 * their tasks are packed into messages.
 *
 * Threads: one thread at a time in any function of a pool, but for hec_pool_step() while it waits,
 * that is between wait_begin() and wait_end() of the runner: then others may use the pool, though
 * not step or destroy it.
 *
 * Lifetime: workers end with hec_pool_destroy(), and also when the parent process ends in whatever
 * way. Nothing has a name in the file system, so nothing is left behind.
 */
#ifndef HEC_POOL_H
#define HEC_POOL_H

#include <hec/topology.h>
#include <hec/zygote.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hec_pool hec_pool;
typedef struct hec_call hec_call;

typedef struct hec_pool_options {
    uint32_t workers;             /* 1 to 4096 */
    uint32_t cpus;                /* granted CPUs; 0: as the topology says. Decides who may spin. */
    const hec_topology *topology; /* as just read; borrowed. NULL: it is read. */
    const hec_runner *runner;     /* copied */
    const hec_call_ops *inherit;  /* the inherited call, or NULL; copied */
    void *inherit_ctx;
    uint64_t inherit_total; /* its number of tasks */
    /* Of the inherited call, from its first task on; see the functions hec_call_set_... */
    hec_limits inherit_limits;
    int inherit_measured;
    uint64_t inherit_deadline_ns;
    /* Workers, and what they start, write to a pipe instead of the parent's descriptor 2. All of it
     * is written to the parent's, unchanged and at once, by a thread of the pool, and before the
     * step that delivers what the worker answered after it; the last of it comes with a death. For
     * the worker descriptor 2 is no terminal. What outlives the pool and writes there gets SIGPIPE.
     * Not done where descriptor 2 is closed, or descriptors are short. */
    int capture_stderr;
    /* Workers are forked by this zygote, which must outlive the pool, and not from this process:
     * then there is no inherited call, and of the runner only the parent's functions count. What
     * they are told at their start; copied. NULL: from this process. */
    hec_zygote *zygote;
    const void *start_data;
    size_t start_size;
} hec_pool_options;

/* Starts the workers; in a worker of another pool no more than hec_cores_free() says. If not all of
 * them can be started, fewer do the work, as long as there is one. On success *ret_pool is the
 * caller's, to end with hec_pool_destroy(). HEC_EINVAL, HEC_ENOMEM, HEC_ESYS (no process,
 * descriptor or memory to be had). */
HEC_API int hec_pool_create(const hec_pool_options *options, hec_pool **ret_pool, hec_error *err);

typedef enum hec_pool_end {
    HEC_POOL_FINISH, /* workers that are idle leave in order, those that still run are killed */
    HEC_POOL_NOW,    /* all are killed */
} hec_pool_end;

/* Ends the workers and waits for their end. Returns within 5 s even when a worker cannot be
 * stopped in order. Views that were taken stay valid. NULL is fine. */
HEC_API void hec_pool_destroy(hec_pool *pool, hec_pool_end how);

/* Workers alive now. */
HEC_API uint32_t hec_pool_workers(const hec_pool *pool);

/* The process id of worker k, 0 while it has none. */
HEC_API int32_t hec_pool_pid(const hec_pool *pool, uint32_t k);

/* Bytes of shared memory that have pages now: arrays in flight or kept warm. */
HEC_API uint64_t hec_pool_memory(const hec_pool *pool);

/* The same of all pools of this process, and of views that outlive theirs. Any thread. */
HEC_API uint64_t hec_pools_memory(void);

/* The inherited call, NULL when the pool has none. Borrowed. */
HEC_API hec_call *hec_pool_inherited(const hec_pool *pool);

/* Opens a call of `total` tasks; ops is copied. On success *ret_call is the pool's, to end with
 * hec_call_close(). HEC_ENOMEM. */
HEC_API int hec_call_open(hec_pool *pool, const hec_call_ops *ops, void *ctx, uint64_t total,
                          hec_call **ret_call, hec_error *err);

/* There are more tasks than was said: `total` of them now. */
HEC_API void hec_call_extend(hec_call *call, uint64_t total);

/* Nobody looks at single results of this call before all are there: the engine may deliver them
 * late, by some milliseconds mostly and a second at most, and so disturb the workers less often.
 * Failures are delivered at once. */
HEC_API void hec_call_set_patient(hec_call *call);

/* What each task may take; tasks sent from now on have these limits: to be called right after
 * opening. Who is over is ended with its worker and all processes that come from it, whatever it
 * does, by a thread of the pool: nobody needs to be in hec_pool_step() for that. When that thread
 * cannot be started, the next step fails with HEC_ESYS. */
HEC_API void hec_call_set_limits(hec_call *call, const hec_limits *limits);

/* Results of tasks sent from now on come with their usage. */
HEC_API void hec_call_set_measured(hec_call *call);

/* From result() or death() of the call, for the task that it is about: it is to be run again, not
 * before delay_ns have passed. limits: what it may take then; NULL: what it might before. Returns
 * 1; 0 when it will not be run again because the call is drained; HEC_ENOMEM. */
HEC_API int hec_call_retry(hec_call *call, uint64_t task, uint64_t delay_ns,
                           const hec_limits *limits, hec_error *err);

/* No task is begun that would not end before this time of CLOCK_MONOTONIC, if it took as long as
 * the longest of the call so far (those that run now included); then the call is drained. 0: none.
 */
HEC_API void hec_call_set_deadline(hec_call *call, uint64_t deadline_ns);

/* No further task of the call is begun. Those that run go on to their end; the others, and those
 * that wait to be run again, come back as HEC_TASK_SKIPPED from the next steps. Tasks that the call
 * is extended by come back as well. */
HEC_API void hec_call_drain(hec_call *call);

/* Ends a call: tasks that have not begun are dropped, results still to come are ignored. */
HEC_API void hec_call_close(hec_call *call);

/* Sends what can be sent without waiting; cheap. Useful after hec_call_extend() from a thread that
 * is not the one in hec_pool_step(). */
HEC_API int hec_pool_kick(hec_pool *pool, hec_error *err);

/* Does what there is to do: sends tasks, delivers results and deaths through the calls' functions,
 * replaces dead workers. If there is nothing, waits for at most timeout_ms (-1: no limit).
 * Returns how many deliveries there were (0: none within the time, or a spurious wake-up);
 * HEC_EINTR when a signal came; HEC_ECALLBACK when a function of a call failed;
 * HEC_EFORMAT when a worker wrote nonsense where its answers go: it is killed, the pool goes on;
 * HEC_ESYS, HEC_ENOMEM when no worker is left and none can be started. */
HEC_API int hec_pool_step(hec_pool *pool, int timeout_ms, hec_error *err);

/* How many threads or processes a call may use that wants `wanted`: all of them in a process that
 * is no worker. In a worker its own core, and those of the outermost pool that no worker uses at
 * present and no other nested call has. Pools ask by themselves. Any thread. */
HEC_API uint32_t hec_cores_free(uint32_t wanted);

/* Takes them: how many it got, at least 1, is to be given back by hec_cores_give(). What a worker
 * had taken comes back with its end. */
HEC_API uint32_t hec_cores_take(uint32_t wanted);
HEC_API void hec_cores_give(uint32_t taken);

/* Makes a step that waits in another thread return soon. Any thread. */
HEC_API void hec_pool_wake(hec_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
