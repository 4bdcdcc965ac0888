/* SPDX-License-Identifier: MIT
 *
 * The blocks that one process makes: allocated here, filled, sent to another process, and used
 * again once that one has given them back. Fresh pages cost several times what copying into warm
 * ones does, so blocks are kept warm up to a limit and only then returned to the system.
 *
 * One store per process, used by it alone. All of its state that must survive the process lies in
 * the shared table (layout.h); what is here can be made anew from it.
 */
#ifndef HEC_POOL_STORE_H
#define HEC_POOL_STORE_H

#include "pool/segment.h"

#include <hec/array.h>

#define HEC__SIZE_CLASSES 96 /* four per doubling, from 256 KiB on */

/* What a lease keeps alive: one of the two. */
typedef struct hec__lent {
    hec_array *array;
    hec__hold *hold;
} hec__lent;

typedef struct hec__store {
    hec__segment *segment; /* borrowed */
    hec__table *table;
    uint32_t number;         /* 0: the parent's, k + 1: worker k's */
    uint64_t warm, warm_max; /* bytes of free blocks that keep their pages */
    void **maps;             /* [maps_cap]; where this process has mapped block i, or NULL */
    uint32_t *links;         /* [maps_cap]; in the lists below: index + 1, 0 ends it */
    hec__lent *lent;         /* [maps_cap]; of entries that are leases */
    uint32_t maps_cap;
    uint32_t lease_list;                   /* entries that were leases and are free: index + 1 */
    uint32_t warm_list[HEC__SIZE_CLASSES]; /* free, mapped and with pages: index + 1 */
    uint32_t cold_list[HEC__SIZE_CLASSES]; /* free, without pages */
    uint64_t (*available)(void); /* bytes that may still be allocated; NULL: do not look */
} hec__store;

/* Takes over the table as it is: blocks that a dead predecessor had made and not sent are free,
 * those it had sent stay with their receivers. warm_max in bytes. */
int hec__store_init(hec__store *a, hec__segment *s, uint32_t number, uint64_t warm_max,
                    hec_error *err);
void hec__store_fini(hec__store *a); /* unmaps; the table stays */

/* A block of at least `size` bytes, mapped for writing. HEC_ENOMEM with a text that names both the
 * size and what is left. */
int hec__store_make(hec__store *a, size_t size, hec__ref *ret_ref, void **ret_data, hec_error *err);

/* Names memory that is lent: `size` bytes from `offset` of its file on, seen as lease_class (one of
 * HEC__LEASE_...) says. On success `lent` is the store's, to be let go when the receiver gives it
 * back. HEC_ENOMEM. */
int hec__store_lend(hec__store *a, uint32_t lease_class, uint64_t offset, size_t size,
                    hec__lent lent, hec__ref *ret_ref, hec_error *err);

/* Marks a block as sent to `holder`. */
void hec__store_sent(hec__store *a, const hec__ref *ref, uint32_t holder);

/* Takes back a block that was made and not sent. */
void hec__store_drop(hec__store *a, const hec__ref *ref);

/* The holder is dead: what it held of ours is free. */
void hec__store_bury(hec__store *a, uint32_t holder);

/* Gives the pages of free blocks back to the system. Worth it when nothing was asked for in a
 * while.
 */
void hec__store_trim(hec__store *a);

/* Collects what was given back. Called by make; worth calling when idle. */
void hec__store_collect(hec__store *a);

#endif
