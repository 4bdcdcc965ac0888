/* SPDX-License-Identifier: MIT
 *
 * The shared memory of one pool as one process sees it, and the views it hands out. Counted: a
 * view keeps the memory alive when the pool is long gone.
 */
#ifndef HEC_POOL_SEGMENT_H
#define HEC_POOL_SEGMENT_H

#include "pool/layout.h"

#include <hec/task.h>

#include <sys/types.h>

typedef struct hec__segment {
    struct hec__segment *next; /* in the list of this process's */
    _Atomic uint32_t refs;
    _Atomic uint32_t closed; /* the pool is gone: who gives a block back also frees its pages */
    pid_t pid;               /* the process whose views these are; a forked copy is nobody's */
    int control_fd, data_fd;
    int arrays_fd;        /* the parent's file of arrays, borrowed */
    uint64_t arrays_size; /* how far that may reach */
    uint32_t nworkers;    /* as head has it, where no other process can write */
    uint64_t store_bytes; /* likewise */
    size_t size;          /* of the control mapping */
    hec__head *head;      /* mapped; what follows points into the same mapping */
    hec__slot *slots;     /* [nworkers] */
    hec__table *tables;   /* [nworkers + 1]; 0 is the parent's */
    uint64_t rings_at;    /* offset of the first ring in the control file */
} hec__segment;

/* Views that are mapped now, of all pools: the limit on mappings is the process's, so the count can
 * only be a global. */
extern _Atomic uint32_t hec__segment_views;

int hec__segment_create(uint32_t nworkers, hec__segment **ret, hec_error *err);

/* In a worker that a zygote forked: the segment of a pool whose files, and numbers, it was given.
 * The descriptors are the segment's then. HEC_ENOMEM, HEC_ESYS; HEC_EFORMAT: it is none. */
int hec__segment_attach(const hec__segment *like, hec__segment **ret, hec_error *err);

/* In a forked worker: a segment of its own over the same mappings, so that views which it inherited
 * from the parent are told from those it takes itself. NULL when out of memory. */
hec__segment *hec__segment_of_child(const hec__segment *parents);

void hec__segment_unref(hec__segment *s); /* NULL is fine */

/* Bytes of the data file that have pages now. */
uint64_t hec__segment_memory(const hec__segment *s);

/* Maps a worker's rings, each twice in a row. Ended with hec__segment_unmap_ring(). */
int hec__segment_map_ring(const hec__segment *s, uint32_t worker, bool results, void **ret_data,
                          hec_error *err);
void hec__segment_unmap_ring(void *data);

/* Whether a ref that another process wrote names a block that is on its way to somebody, and no
 * more bytes than it has. */
bool hec__segment_is_ref(const hec__segment *s, const hec__ref *ref);

/* Takes a block as a private view. On failure the block is given back at once. */
int hec__segment_view(hec__segment *s, const hec__ref *ref, hec_view *ret_view, hec_error *err);

/* Where a view's bytes lie in the data file; false when they do not. */
bool hec__segment_view_offset(const hec_view *view, uint64_t *ret_offset);

/* A view that is lent out: it lives until the last of those who hold it has let it go. */
typedef struct hec__hold hec__hold;

/* One holder more. NULL when out of memory. Ended with hec__hold_release(), in any order with the
 * view's own hec_view_release(). */
hec__hold *hec__segment_hold(hec_view *view);
void hec__hold_release(hec__hold *hold);

/* Gives a block back to its maker, or, after close, its pages to the system. */
void hec__segment_give_back(hec__segment *s, const hec__ref *ref);

/* The pool ends: frees all pages but those of blocks that are held by the parent. No other process
 * may use the segment any more. */
void hec__segment_close(hec__segment *s);

#endif
