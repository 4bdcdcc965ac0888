/* SPDX-License-Identifier: MIT
 *
 * What lies where in the shared memory of a pool. docs/formats/shm-layout.md says the same in
 * words.
 *
 * Two memfds. The first, "control", is mapped by every process: the head, one slot per worker, one
 * block table per process, and the rings. The second, "data", is sparse and holds the blocks; each
 * process maps of it what it makes or takes. Everything is reached by offsets: no pointer is ever
 * stored. Only the pool's parent and its workers ever map either.
 */
#ifndef HEC_POOL_LAYOUT_H
#define HEC_POOL_LAYOUT_H

#include "pool/ring.h"
#include "task/batch.h"

#include <hec/task.h>

#include <assert.h>

#define HEC__MAGIC        0x31636568u /* "hec1" */
#define HEC__RING_BYTES   (256u * 1024u)
#define HEC__INLINE_MAX   (HEC__RING_BYTES / 8) /* larger payloads travel in a block */
#define HEC__STORE_BLOCKS 65536u
#define HEC__STORE_BYTES  (UINT64_C(1) << 42) /* of sparse file per process at most: 4 TiB */
#define HEC__PARENT       UINT32_MAX          /* as the holder of a block */
#define HEC__WORKERS_MAX  4096u

typedef struct hec__head {
    uint32_t magic, nworkers;
    uint64_t size;        /* of the control file */
    uint64_t store_bytes; /* of the data file, for the blocks of one process */
    /* The inherited call: workers take ranges of task numbers from here by themselves. */
    alignas(64) _Atomic uint64_t next;
    uint64_t total;
    /* Of an outermost pool: cores that its workers and their nested calls share, and how many of
     * them nested calls have taken; see cores.h. */
    int32_t cores;
    _Atomic int32_t cores_taken;
    _Atomic uint64_t limits;   /* see task/limits.h */
    _Atomic uint32_t measured; /* its results come with their usage */
    /* How many of this pool's processes are awake, the parent included: decides who may spin. */
    alignas(64) _Atomic int32_t awake;
    _Atomic uint32_t parent_sleeps; /* HEC__SLEEPS_... */
    _Atomic uint32_t stop;
} hec__head;

enum {
    HEC__SLEEPS_NOT = 0,
    HEC__SLEEPS_LIGHTLY, /* every answer is to wake it */
    HEC__SLEEPS_DEEPLY,  /* a worker that has enough to do may leave that for later */
};

/* A worker's slot. Grouped by who writes. */
typedef struct hec__slot {
    hec__ring_ends tasks;   /* parent -> worker */
    hec__ring_ends results; /* worker -> parent */
    /* written by both: the doorbell */
    alignas(64) _Atomic uint32_t bell;
    _Atomic uint32_t sleeps;
    /* written by the worker, read by the parent when the worker has died */
    alignas(64) _Atomic uint64_t call;
    _Atomic uint64_t task;     /* the one that runs + 1; 0: none */
    _Atomic uint64_t since_ns; /* when it (limited or measured), or the claim it is of, began */
    _Atomic uint64_t limits;   /* of the batch that runs */
    _Atomic uint64_t own;      /* memory-limited: bytes of its own it had when the task began */
    _Atomic uint64_t cpu_ns;   /* measured: what it had used when the task began */
    _Atomic uint32_t told;     /* how often it has written where it is */
    _Atomic uint32_t awake;    /* counted in head.awake */
    _Atomic int32_t cores;     /* taken by its nested calls, and those of workers below it */
    /* The range this worker took from head.next by itself: where it begins, in turn t at t % 2, so
     * that what belongs to the word's turn is never overwritten, whenever the worker dies. */
    _Atomic uint32_t self_taking; /* it is asking head.next, and has not said yet what came of it */
    _Atomic uint32_t self_runs;   /* it asks head.next, or is not through with what it got there */
    _Atomic uint64_t self_first[2];
    hec__claim self;
} hec__slot;

/* Instead of a size class: the entry is a lease. It says where memory lies that is lent to a
 * receiver, and who has it; the receiver gives it back as it does a block. Only the parent lends.
 */
#define HEC__LEASE_VIEW   0xfffffff0u /* a block of a worker, that the parent has as a view */
#define HEC__LEASE_SHARED 0xfffffff1u /* part of the parent's file of arrays */
#define HEC__LEASE_COPY   0xfffffff2u /* the same, to be seen privately */

enum hec__block_state {
    HEC__BLOCK_FREE = 0, /* nobody's; may hold pages */
    HEC__BLOCK_MADE,     /* being filled by its maker */
    HEC__BLOCK_SENT,     /* in a message or taken; the receiver's to give back */
};

typedef struct hec__block {
    _Atomic uint32_t state;
    _Atomic uint32_t next; /* in the stack of blocks given back: index + 1, 0 ends it */
    uint32_t holder;       /* SENT: to which worker, or HEC__PARENT */
    uint32_t size_class;   /* or HEC__LEASE_... */
    uint64_t offset;       /* in the data file, or the file of arrays */
    uint64_t committed;    /* bytes that have pages */
} hec__block;

/* The blocks one process has made. Written by it alone, but for `given_back`, which receivers push
 * to, and the state of blocks they give back. A worker that replaces a dead one takes its table
 * over. */
typedef struct hec__table {
    alignas(64) _Atomic uint32_t given_back; /* index + 1 of the first, 0: none */
    alignas(64) _Atomic uint32_t used;       /* blocks[0..used) exist */
    uint64_t end; /* data file used so far, relative to its maker's part */
    hec__block blocks[HEC__STORE_BLOCKS];
} hec__table;

static_assert(sizeof(hec__block) == 32, "a block's entry is half a cache line");
static_assert(sizeof(hec__slot) % 64 == 0, "slots do not share cache lines");

/* A block, as a message names it. */
typedef struct hec__ref {
    uint32_t maker; /* store number: 0 the parent, k + 1 worker k */
    uint32_t block;
    uint64_t size : 48; /* bytes in use */
    uint64_t skip : 16; /* of a lease: where they begin, less than a page */
} hec__ref;

enum hec__rec_kind {
    HEC__REC_OPEN = 1, /* a call's shared part */
    HEC__REC_BATCH,    /* tasks to run */
    HEC__REC_CLOSE,    /* the call is over, forget it */
    HEC__REC_RESULT,   /* replies to tasks */
};

#define HEC__REC_IN_BLOCK  1u /* the payload is the block named by the last ref */
#define HEC__REC_INHERITED 2u /* no message at all: the worker has its input */
#define HEC__REC_SELF      4u /* a result of a range that the worker took by itself */
#define HEC__REC_MEASURED  8u /* of BATCH: results are to come with their usage */

/* How one task ran, as its worker says it. */
typedef struct hec__used {
    uint64_t began_ns; /* CLOCK_MONOTONIC; 0: not known, nor is the rest */
    uint64_t duration_ns, cpu_ns, max_rss;
} hec__used;

/* One record of a ring: this header, `nrefs` refs, then `payload` bytes unless IN_BLOCK, then, of a
 * RESULT, from the next multiple of 8 on, `nused` times hec__used. */
typedef struct hec__rec {
    uint32_t size; /* of the whole record, multiple of 64 */
    uint16_t kind, flags;
    uint64_t call, first;
    hec__claim claim; /* BATCH: in the ring itself, so that the parent can take tasks back */
    uint32_t count, nrefs;
    uint32_t verdict, nused;
    uint64_t payload;
    union {
        uint64_t elapsed_ns; /* RESULT: what the tasks took */
        uint64_t limits;     /* BATCH: what each may take */
    };
} hec__rec;

static_assert(sizeof(hec__rec) == 64, "a record's header is one cache line");
static_assert(sizeof(hec__ref) == 16, "refs follow the header without gaps");

#define HEC__REC_MAX    (sizeof(hec__rec) + HEC__INLINE_MAX + 64 + 16 * 1025)
#define HEC__RESULT_MAX (HEC__REC_MAX + HEC_MEASURED_MAX * sizeof(hec__used))
static_assert(HEC__RESULT_MAX <= HEC__RING_BYTES / 2, "two records of any size fit a ring");
static_assert(sizeof(hec__used) == 32, "usages follow each other without gaps");

#endif
