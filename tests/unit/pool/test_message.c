/* SPDX-License-Identifier: MIT
 *
 * Messages through a ring: payload in the record or in a block, blocks beside it, none lost.
 */
#include "tap.h"

#include "pool/message.h"

#include <unistd.h>

static hec__segment *segment;
static hec__store store;
static hec__ring in_ring, out_ring;
static hec_outbox outbox;
static hec__inbox inbox;
static int waits;
static char zeros[100000];

static bool no_use(void *ctx, uint64_t bytes)
{
    waits++;
    return false;
}

/* Sends what is in the outbox and opens it at the other end. */
static int pass(hec_error *err)
{
    hec__rec like = {.kind = HEC__REC_RESULT, .count = 1, .verdict = HEC_TASK_DONE}, *rec;

    if (hec__outbox_send(&outbox, &like, NULL) == UINT64_MAX)
        return HEC_ECLOSED;
    rec = hec__ring_peek(&in_ring);
    return hec__inbox_open(&inbox, segment, rec, err);
}

static void received(void)
{
    uint32_t size = ((hec__rec *)hec__ring_peek(&in_ring))->size;

    hec__inbox_fini(&inbox);
    hec__ring_pop(&in_ring, size);
    hec__store_collect(&store);
}

static uint32_t in_use(void)
{
    uint32_t n = 0, used = atomic_load(&store.table->used);

    hec__store_collect(&store);
    for (uint32_t i = 0; i < used; i++)
        n += store.table->blocks[i].state != HEC__BLOCK_FREE;
    return n;
}

static void payloads(void)
{
    static const size_t sizes[] = {0, 1, 63, 64, HEC__INLINE_MAX, HEC__INLINE_MAX + 1, 1000000};
    static unsigned char data[1000000];
    hec_error err = {0};

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bool good = hec_outbox_payload(&outbox, data, sizes[i], &err) == 0 && pass(&err) == 0 &&
                    inbox.message.size == sizes[i] && inbox.message.nblocks == 0 &&
                    memcmp(inbox.message.payload, data, sizes[i]) == 0;

        ok(good, "a payload of %zu bytes %s", sizes[i], err.text);
        received();
    }
    ok(pass(&err) == 0 && inbox.message.size == 0, "none is an empty one");
    received();
    ok(in_use() == 0, "all blocks came back");
}

static void blocks(void)
{
    hec_error err = {0};
    hec_view v = {0}, w = {0};
    void *at;
    int r = 0;

    hec_outbox_block(&outbox, 0, &at, &err);
    hec_outbox_block(&outbox, 400000, &at, &err);
    memset(at, 'b', 400000);
    hec_outbox_block(&outbox, 5, &at, &err);
    memcpy(at, "third", 5);
    hec_outbox_payload(&outbox, "text", 4, &err);
    ok(hec_outbox_block(&outbox, 5, &at, &err) == HEC_EINVAL, "no block after the payload: %s",
       err.text);
    ok(pass(&err) == 0 && inbox.message.nblocks == 3, "three blocks beside a payload");
    ok(hec_message_take(&inbox.message, 1, &v, &err) == 0 && v.size == 400000 &&
           ((char *)v.data)[399999] == 'b',
       "a block is taken");
    ok(hec_message_take(&inbox.message, 1, &w, &err) == HEC_EINVAL && !w.data, "but not twice: %s",
       err.text);
    ok(hec_message_take(&inbox.message, 3, &w, &err) == HEC_EINVAL, "nor one too many");
    ok(hec_message_take(&inbox.message, 0, &w, &err) == 0 && w.size == 0, "an empty one is");
    received();
    ok(in_use() == 2, "what nobody took is given back");
    hec_view_release(&v);
    hec_view_release(&w);
    ok(in_use() == 0, "and the others when they are released");

    for (uint32_t i = 0; r == 0 && i < HEC_BLOCKS_MAX; i++) {
        r = hec_outbox_block(&outbox, 1, &at, &err);
        if (r == 0)
            *(unsigned char *)at = (unsigned char)i;
    }
    ok(r == 0 && hec_outbox_block(&outbox, 1, &at, &err) == HEC_EINVAL, "1024 blocks, no more: %s",
       err.text);
    r = hec_outbox_payload(&outbox, zeros, sizeof zeros, &err);
    r = r == 0 ? pass(&err) : r;
    for (uint32_t i = 0; r == 0 && i < HEC_BLOCKS_MAX; i++) {
        r = hec_message_take(&inbox.message, i, &v, &err);
        if (r == 0 && *(unsigned char *)v.data != (unsigned char)i)
            r = -1;
        hec_view_release(&v);
    }
    ok(r == 0 && inbox.message.size == 100000, "and a payload that needs one itself %s", err.text);
    received();
    ok(in_use() == 0, "all came back");
}

static void dropped(void)
{
    static char large[HEC__INLINE_MAX + 1];
    hec_error err = {0};
    void *at;
    int n = 0;

    hec_outbox_block(&outbox, 1, &at, &err);
    hec_outbox_payload(&outbox, large, sizeof large, &err);
    hec_outbox_clear(&outbox);
    ok(in_use() == 0, "what is cleared is dropped");
    ok(hec_outbox_payload(&outbox, "x", 1, &err) == 0 && pass(&err) == 0 &&
           inbox.message.size == 1 && inbox.message.nblocks == 0,
       "and something smaller sent instead");
    received();

    outbox.wait_for_room = no_use;
    while (n < 1000 && hec_outbox_payload(&outbox, large, 30000, &err) == 0) {
        hec__outbox_send(&outbox, &(hec__rec){.kind = HEC__REC_RESULT}, NULL);
        n++;
    }
    ok(n >= 2 && n < 10 && waits == 1 && err.code == HEC_ECLOSED,
       "a full ring with nobody at its end is an error: %s", err.text);
    hec_outbox_clear(&outbox);
    hec_outbox_block(&outbox, 1, &at, &err);
    while (hec__ring_reserve(&out_ring, 64))
        hec__ring_commit(&out_ring, 64);
    ok(hec__outbox_send(&outbox, &(hec__rec){.kind = HEC__REC_RESULT}, NULL) == UINT64_MAX &&
           in_use() == 0,
       "and loses no block");
}

int main(void)
{
    hec__slot *slot;
    hec_error err = {0};
    void *data = NULL;

    alarm(50);
    if (hec__segment_create(1, &segment, &err) < 0 ||
        hec__segment_map_ring(segment, 0, true, &data, &err) < 0 ||
        hec__store_init(&store, segment, 1, 64u << 20, &err) < 0)
        printf("# %s\n", err.text);
    slot = &segment->slots[0];
    hec__ring_open_producer(&out_ring, &slot->results, data, HEC__RING_BYTES);
    hec__ring_open_consumer(&in_ring, &slot->results, data, HEC__RING_BYTES);
    outbox.ring = &out_ring;
    outbox.store = &store;
    outbox.holder = HEC__PARENT;
    payloads();
    blocks();
    dropped();
    hec__store_fini(&store);
    hec__segment_unmap_ring(data);
    hec__segment_unref(segment);
    return done_testing();
}
