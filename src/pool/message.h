/* SPDX-License-Identifier: MIT
 *
 * Messages: an outbox turns a payload and blocks into a record of a ring, an inbox turns the record
 * back. Both processes of a pool use both. Knows nothing of who runs what.
 */
#ifndef HEC_POOL_MESSAGE_H
#define HEC_POOL_MESSAGE_H

#include "pool/store.h"
#include "pool/ring.h"

struct hec_outbox {
    hec__ring *ring;   /* borrowed */
    hec__store *store; /* borrowed */
    uint32_t holder;   /* who receives: a worker's number or HEC__PARENT */
    /* Called when the ring has no room: returns when it may have, true to try again; false when
     * there is no use in waiting. NULL: there is always room (the caller has looked). */
    bool (*wait_for_room)(void *ctx, uint64_t bytes);
    void *wait_ctx;
    uint32_t nrefs;
    bool in_block;    /* the payload is the last ref */
    uint64_t payload; /* bytes added */
    /* How the tasks ran that the reply is about; borrowed until it is sent. */
    const hec__used *used;
    uint32_t nused;
    hec__rec *rec; /* reserved and filled, or NULL */
    hec__ref refs[HEC_BLOCKS_MAX + 1];
};

/* Publishes what is in the outbox as one record; the header fields other than kind are taken from
 * `like`. Sends an empty payload if none was added. Returns the record's position, its address in
 * *ret_rec if not NULL. UINT64_MAX when waiting for room was in vain. */
uint64_t hec__outbox_send(struct hec_outbox *o, const hec__rec *like, hec__rec **ret_rec);

/* A message as received: views of blocks that nobody takes are given back by fini. */
typedef struct hec__inbox {
    hec_message message;
    hec__segment *segment;
    const hec__ref *refs;
    uint64_t taken[HEC_BLOCKS_MAX / 64 + 1]; /* bit i: block i was taken */
    hec_view body;                           /* the payload's block, if it came in one */
} hec__inbox;

/* How the tasks ran that a sound record is about, rec->nused of them. Borrowed from the record, may
 * be unaligned to anything but 8. */
const hec__used *hec__rec_used(const hec__rec *rec);

/* Opens a record. HEC_ENOMEM when its payload cannot be mapped; then all its blocks were given
 * back. HEC_EFORMAT when sizes or blocks of the record cannot be; then nothing was touched. */
int hec__inbox_open(hec__inbox *in, hec__segment *s, const hec__rec *rec, hec_error *err);
void hec__inbox_fini(hec__inbox *in);

#endif
