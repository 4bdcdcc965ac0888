/* SPDX-License-Identifier: MIT */
#include "pool/message.h"

#include "base/error.h"
#include "pool/array.h"
#include "sys/shm.h"

#include <assert.h>

/* Where usages begin: behind refs and payload. */
static uint64_t used_at(uint32_t nrefs, bool in_block, uint64_t payload)
{
    uint64_t n = sizeof(hec__rec) + nrefs * sizeof(hec__ref) + (in_block ? 0 : payload);

    return (n + 7) & ~UINT64_C(7);
}

static uint64_t record_size(const struct hec_outbox *o)
{
    uint64_t n = used_at(o->nrefs, o->in_block, o->payload) + o->nused * sizeof(hec__used);

    return (n + 63) & ~UINT64_C(63);
}

static int check_room(const hec_outbox *o, hec_error *err)
{
    if (!o->rec && o->nrefs < HEC_BLOCKS_MAX)
        return 0;
    return hec__fail(err, HEC_EINVAL, 0,
                     o->rec ? "a block must be added before the payload"
                            : "more than %u blocks in one message",
                     HEC_BLOCKS_MAX);
}

int hec_outbox_block(hec_outbox *o, size_t size, void **ret_data, hec_error *err)
{
    int r = check_room(o, err);

    if (r < 0)
        return r;
    r = hec__store_make(o->store, size, &o->refs[o->nrefs], ret_data, err);
    if (r == 0)
        o->nrefs++;
    return r;
}

int hec_outbox_lend_array(hec_outbox *o, hec_array *array, size_t offset, size_t size, hec_lend how,
                          hec_error *err)
{
    int r = check_room(o, err);

    if (r < 0)
        return r;
    if (offset > hec_array_size(array) || size > hec_array_size(array) - offset)
        return hec__fail(err, HEC_EINVAL, 0, "this is more than the array has");
    if (o->store->number != 0 || !hec__array_is_ours(array))
        return 0;
    r = hec__store_lend(o->store, how == HEC_LEND_SHARED ? HEC__LEASE_SHARED : HEC__LEASE_COPY,
                        hec__array_offset(array) + offset, size, (hec__lent){.array = array},
                        &o->refs[o->nrefs], err);
    if (r < 0)
        return r;
    hec_array_ref(array);
    o->nrefs++;
    return 1;
}

int hec_outbox_lend_view(hec_outbox *o, hec_view *view, size_t offset, size_t size, hec_error *err)
{
    const hec__segment *s = o->store->segment;
    hec__hold *hold;
    uint64_t at;
    int r = check_room(o, err);

    if (r < 0)
        return r;
    if (offset > view->size || size > view->size - offset)
        return hec__fail(err, HEC_EINVAL, 0, "this is more than the view has");
    if (view->owner != s || o->store->number != 0 || !hec__segment_view_offset(view, &at) ||
        !hec__shm_is_clean((char *)view->data + offset, size))
        return 0;
    hold = hec__segment_hold(view);
    if (!hold)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot keep track of memory that is lent");
    r = hec__store_lend(o->store, HEC__LEASE_VIEW, at + offset, size, (hec__lent){.hold = hold},
                        &o->refs[o->nrefs], err);
    if (r < 0) {
        hec__hold_release(hold);
        return r;
    }
    o->nrefs++;
    return 1;
}

/* Reserves the record, waiting where the outbox may. NULL: no use. */
static hec__rec *reserve(struct hec_outbox *o)
{
    uint64_t n = record_size(o);
    hec__rec *rec;

    while (!(rec = hec__ring_reserve(o->ring, n)))
        if (!o->wait_for_room || !o->wait_for_room(o->wait_ctx, n))
            return NULL;
    return rec;
}

int hec_outbox_payload(hec_outbox *o, const void *data, size_t size, hec_error *err)
{
    void *to;
    int r;

    assert(!o->rec);
    o->payload = size;
    if (size > HEC__INLINE_MAX) {
        r = hec__store_make(o->store, size, &o->refs[o->nrefs], &to, err);
        if (r < 0)
            return r;
        memcpy(to, data, size);
        o->nrefs++;
        o->in_block = true;
    }
    o->rec = reserve(o);
    if (!o->rec)
        return hec__fail(err, HEC_ECLOSED, 0, "the receiver is gone");
    if (!o->in_block && size)
        memcpy((char *)(o->rec + 1) + o->nrefs * sizeof(hec__ref), data, size);
    return 0;
}

static void empty(struct hec_outbox *o)
{
    o->nrefs = 0;
    o->in_block = false;
    o->payload = 0;
    o->used = NULL;
    o->nused = 0;
    o->rec = NULL;
}

void hec_outbox_clear(hec_outbox *o)
{
    for (uint32_t i = 0; i < o->nrefs; i++)
        hec__store_drop(o->store, &o->refs[i]);
    empty(o);
}

uint64_t hec__outbox_send(struct hec_outbox *o, const hec__rec *like, hec__rec **ret_rec)
{
    /* Once more where usages have come to what was reserved: the record stays where it is. */
    hec__rec *rec = o->rec && !o->nused ? o->rec : reserve(o);
    uint64_t size = record_size(o);

    if (!rec) {
        hec_outbox_clear(o);
        return UINT64_MAX;
    }
    rec->size = (uint32_t)size;
    rec->kind = like->kind;
    rec->flags = like->flags | (o->in_block ? HEC__REC_IN_BLOCK : 0);
    rec->call = like->call;
    rec->first = like->first;
    rec->count = like->count;
    rec->verdict = like->verdict;
    rec->elapsed_ns = like->elapsed_ns;
    rec->nrefs = o->nrefs;
    rec->payload = o->payload;
    rec->nused = o->nused;
    hec__claim_init(&rec->claim, like->count, 0);
    if (o->nrefs)
        memcpy(rec + 1, o->refs, o->nrefs * sizeof(hec__ref));
    if (o->nused)
        memcpy((char *)rec + used_at(o->nrefs, o->in_block, o->payload), o->used,
               o->nused * sizeof *o->used);
    for (uint32_t i = 0; i < o->nrefs; i++)
        hec__store_sent(o->store, &o->refs[i], o->holder);
    empty(o);
    if (ret_rec)
        *ret_rec = rec;
    return hec__ring_commit(o->ring, size);
}

/* Whether everything the record says of itself lies within it and within what exists. */
static bool is_sound(const hec__segment *s, const hec__rec *rec)
{
    bool in_block = rec->flags & HEC__REC_IN_BLOCK;
    const hec__ref *refs = (const hec__ref *)(rec + 1);
    uint64_t need;

    if (rec->size % 64 || rec->size < sizeof *rec || rec->size > HEC__RESULT_MAX ||
        rec->nused > HEC_MEASURED_MAX || rec->nrefs > HEC_BLOCKS_MAX + in_block ||
        (in_block && rec->nrefs == 0) || (!in_block && rec->payload > HEC__INLINE_MAX))
        return false;
    need = used_at(rec->nrefs, in_block, rec->payload) + rec->nused * sizeof(hec__used);
    if (need > rec->size)
        return false;
    for (uint32_t i = 0; i < rec->nrefs; i++)
        if (!hec__segment_is_ref(s, &refs[i]))
            return false;
    return !in_block || rec->payload == refs[rec->nrefs - 1].size;
}

const hec__used *hec__rec_used(const hec__rec *rec)
{
    const char *at =
        (const char *)rec + used_at(rec->nrefs, rec->flags & HEC__REC_IN_BLOCK, rec->payload);

    return (const hec__used *)(const void *)at;
}

int hec__inbox_open(hec__inbox *in, hec__segment *s, const hec__rec *rec, hec_error *err)
{
    uint32_t nblocks = rec->nrefs;
    int r = 0;

    *in = (hec__inbox){.segment = s};
    if (!is_sound(s, rec))
        return hec__fail(err, HEC_EFORMAT, 0, "a malformed record (%u bytes, %u blocks)", rec->size,
                         rec->nrefs);
    in->refs = (const hec__ref *)(rec + 1);
    in->message.payload = (const char *)(in->refs + rec->nrefs);
    in->message.size = rec->payload;
    if (rec->flags & HEC__REC_IN_BLOCK) {
        nblocks--;
        r = hec__segment_view(s, &in->refs[nblocks], &in->body, err);
        in->message.payload = in->body.data;
    }
    in->message.nblocks = nblocks;
    in->message.engine = in;
    in->message.refs = in->refs;
    if (r < 0)
        hec__inbox_fini(in);
    return r;
}

void hec__inbox_fini(hec__inbox *in)
{
    for (uint32_t i = 0; i < in->message.nblocks; i++)
        if (!(in->taken[i / 64] >> i % 64 & 1))
            hec__segment_give_back(in->segment, &in->refs[i]);
    in->message.nblocks = 0;
    hec_view_release(&in->body);
}

int hec_message_take(const hec_message *m, uint32_t i, hec_view *ret_view, hec_error *err)
{
    hec__inbox *in = m->engine;

    if (i >= m->nblocks || in->taken[i / 64] >> i % 64 & 1)
        return hec__fail(err, HEC_EINVAL, 0,
                         "block %u of a message of %u was taken or is not there", i, m->nblocks);
    in->taken[i / 64] |= UINT64_C(1) << i % 64;
    return hec__segment_view(in->segment, &in->refs[i], ret_view, err);
}
