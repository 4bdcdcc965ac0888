/* SPDX-License-Identifier: MIT
 *
 * A zygote, at both ends of a socket: a program that forks children for this process, with
 * descriptors that this process hands it. <hec/zygote.h> says what for. Knows nothing of workers.
 *
 * The zygote is the children's parent, so it keeps a child that has ended until it is asked for its
 * status: a child's number cannot become another's before. When the zygote dies the kernel kills
 * the children.
 */
#ifndef HEC_SYS_ZYGOTE_H
#define HEC_SYS_ZYGOTE_H

#include "sys/child.h"

#include <hec/zygote.h>

#include <stdalign.h>

#define HEC__ZYGOTE_FDS  12
#define HEC__ZYGOTE_WHAT 1024 /* bytes */

/* ---- in the process that has the zygote ---- */

/* Has it fork a child, and says to that what it is to be: `size` (at most HEC__ZYGOTE_WHAT) bytes,
 * and copies of descriptors. On success *ret is as after hec__child_fork() in the parent; the
 * zygote must live as long as the child. A zygote that has died is started again, once.
 * HEC_ESYS, HEC_ENOMEM. */
int hec__zygote_fork(hec_zygote *z, const void *what, size_t size, const int *fds, int nfds,
                     hec__child *ret, hec_error *err);

/* For child.c, whose functions are the ones to use: they take children of either kind. */
int hec__zygote_reap(const hec__child *child, bool wait, int *ret_status, hec__spent *ret_spent);
bool hec__zygote_ended(const hec__child *child);
void hec__zygote_kill(const hec__child *child, int sig);

/* ---- in the zygote ---- */

/* What a new child was told. */
typedef struct hec__summons {
    alignas(8) char what[HEC__ZYGOTE_WHAT];
    size_t size;
    int fds[HEC__ZYGOTE_FDS];
    int nfds;
} hec__summons;

/* Serves. Returns 1 in each child, with *ret filled, descriptors the child's; 0 in the zygote when
 * nobody needs it any more; negative on failure. Forks happen between before(ctx) and after(ctx),
 * the latter in the zygote only. */
int hec__zygote_serve(void (*before)(void *ctx), void (*after)(void *ctx), void *ctx,
                      hec__summons *ret, hec_error *err);

#endif
