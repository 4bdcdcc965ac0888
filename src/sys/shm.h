/* SPDX-License-Identifier: MIT
 *
 * Shared memory without a name: memfds. Nothing can be left behind in /dev/shm, because nothing
 * was ever there; the memory goes with the last process that maps it.
 *
 * All sizes and offsets are multiples of hec__page_size().
 */
#ifndef HEC_SYS_SHM_H
#define HEC_SYS_SHM_H

#include <hec/error.h>

#include <stdbool.h>
#include <stddef.h>

size_t hec__page_size(void);
size_t hec__page_round(size_t n); /* up */

/* Where standard input, output or error are closed, a new descriptor takes their place, and what
 * somebody prints would go into it. Returns the descriptor, or a copy above those three of which
 * the original is closed; negative (errno set) stays negative. */
int hec__above_stdio(int fd);

/* The largest file that this process may make, memory files included; UINT64_MAX: no limit. */
uint64_t hec__file_size_limit(void);

/* A sparse file of `size` bytes, closed on exec; pages exist once touched. `what` names it in
 * /proc and in errors. On success *ret_fd is the caller's. HEC_ENOMEM: over the limit on the size
 * of files. */
int hec__shm_create(const char *what, uint64_t size, int *ret_fd, hec_error *err);

enum hec__shm_view {
    HEC__SHM_SHARED,  /* writes are seen by every process */
    HEC__SHM_PRIVATE, /* what is there now; writes stay with this process (copy on write) */
};

/* Maps part of the file. The caller ends it with munmap(). */
int hec__shm_map(int fd, uint64_t offset, size_t size, enum hec__shm_view view, void **ret_addr,
                 hec_error *err);

/* Maps the same `size` bytes twice in a row, so that a record that begins before the end of a ring
 * goes on behind it. Ended with munmap(addr, 2 * size). */
int hec__shm_map_twice(int fd, uint64_t offset, size_t size, void **ret_addr, hec_error *err);

/* Whether a private view still is what the file has: nothing in these bytes was written to. False
 * also where the system does not tell. */
bool hec__shm_is_clean(const void *data, size_t size);

/* Makes the pages of a range exist, so that running out of memory is an error here and not a
 * SIGBUS later; zeroing them all at once is also several times faster than by page faults.
 * HEC_ENOMEM when the system has no more. */
int hec__shm_commit(int fd, uint64_t offset, size_t size, hec_error *err);

/* Gives the pages of a range back to the system; they read as zero afterwards. */
int hec__shm_release(int fd, uint64_t offset, size_t size, hec_error *err);

#endif
