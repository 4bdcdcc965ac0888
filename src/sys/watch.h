/* SPDX-License-Identifier: MIT
 *
 * The place where a pool's parent sleeps: a doorbell that other processes ring, and descriptors of
 * children, all in one epoll.
 */
#ifndef HEC_SYS_WATCH_H
#define HEC_SYS_WATCH_H

#include <hec/error.h>

typedef struct hec__watch {
    int epoll, bell;
} hec__watch;

#define HEC__WATCH_BELL UINT32_MAX /* the tag of the doorbell */

int hec__watch_init(hec__watch *w, hec_error *err);
void hec__watch_fini(hec__watch *w);

/* Adds a descriptor; its tag comes back from wait. */
int hec__watch_add(hec__watch *w, int fd, uint32_t tag, hec_error *err);

/* Before the descriptor is closed: closing alone would not do, since children hold copies. */
void hec__watch_remove(hec__watch *w, int fd);

/* Sleeps until something is up or timeout_ms have passed (-1: no limit). Fills tags[0..max).
 * Returns how many, 0 at the timeout, HEC_EINTR by a signal. The bell is heard once per ring. */
int hec__watch_wait(hec__watch *w, uint32_t *tags, int max, int timeout_ms, hec_error *err);

/* Rings the bell; from any process that inherited it, any thread, a signal handler. */
void hec__watch_ring(const hec__watch *w);

/* In a forked child: keeps the bell, gives up the rest, which is the parent's. */
void hec__watch_in_child(hec__watch *w);

#endif
