/* SPDX-License-Identifier: MIT
 *
 * Workers of a process that must not be forked: because it has initialised a GPU, or because other
 * threads of it may hold locks that nobody would release in a child.
 *
 * A *zygote* is a program that was started once, with nothing of its parent but its environment and
 * folder; it forks workers when it is asked to, in a millisecond or two. They serve the pool that
 * asked exactly as forked ones do, but inherit no input: a call's tasks are sent to them. A zygote
 * and its workers end with the process that started it, in whatever way that ends.
 */
#ifndef HEC_ZYGOTE_H
#define HEC_ZYGOTE_H

#include <hec/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hec_zygote hec_zygote;

/* Starts a program (argv[0] is its path, NULL ends the list) and waits until it has called
 * hec_zygote_serve(), a minute at most. It has this process's environment, output and errors, no
 * input, and no other descriptor. Should it end later it is started again when it is next needed:
 * argv is copied. Any thread may use it. On success *ret_zygote is the caller's, to end with
 * hec_zygote_destroy(). HEC_EINVAL: argv is empty; HEC_ENOMEM; HEC_ESYS: it could not be started,
 * or ended before it served.
 */
HEC_API int hec_zygote_create(const char *const *argv, hec_zygote **ret_zygote, hec_error *err);

/* Its process id; 0 while it has ended. */
HEC_API int32_t hec_zygote_pid(hec_zygote *zygote);

/* Ends it, and with it what workers it still has. In a forked child only the child's copy goes.
 * NULL is fine. */
HEC_API void hec_zygote_destroy(hec_zygote *zygote);

/* In the program: serves the process that started it. Returns 0 once that is gone; then it is to
 * exit at once. Workers are forked here, between before_fork() and after_fork() of the runner, and
 * run it; after its start() they call prepare(ctx, data, size) with what the pool has for its
 * workers (hec_pool_options.start_data); prepare may be NULL. The environment is by then that of
 * the pool's process, and the folder too. HEC_ESYS, HEC_ENOMEM: it was not started by
 * hec_zygote_create(), or has no memory. One thread, and no others should be there. */
HEC_API int hec_zygote_serve(const hec_runner *runner,
                             void (*prepare)(void *ctx, const void *data, size_t size),
                             hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
