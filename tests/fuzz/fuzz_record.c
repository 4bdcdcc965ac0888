/* SPDX-License-Identifier: MIT
 *
 * Hostile bytes as a record of a ring: hec__inbox_open() refuses them or gives a message that can
 * be read to its end, and what comes back to the maker does not upset it.
 *
 * Without a fuzzer it is a test: records that are right, with a few bytes changed, and noise.
 * With one: clang -fsanitize=fuzzer,address -DHEC_FUZZER … tests/fuzz/fuzz_record.c libhec.a
 */
#include "pool/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 4 };

static hec__segment *segment;
static hec__store store;
static _Alignas(64) unsigned char record[HEC__REC_MAX];
static volatile unsigned char sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const void *data, size_t size)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < size; i += 64)
        sink ^= p[i];
    if (size)
        sink ^= p[size - 1];
}

/* BLOCKS blocks that are on their way. */
static bool set_stage(void)
{
    void *at;

    if (!segment) {
        if (hec__segment_create(1, &segment, NULL) < 0 ||
            hec__store_init(&store, segment, 0, 64u << 20, NULL) < 0)
            return false;
    }
    hec__store_collect(&store);
    while (atomic_load(&store.table->used) < BLOCKS)
        if (hec__store_make(&store, 300000, &(hec__ref){0}, &at, NULL) < 0)
            return false;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        hec__ref ref = {0, i, 300000, 0};

        if (store.table->blocks[i].committed == 0)
            store.table->blocks[i].committed = 300000;
        hec__store_sent(&store, &ref, HEC__PARENT);
    }
    memset(store.warm_list, 0, sizeof store.warm_list);
    memset(store.cold_list, 0, sizeof store.cold_list);
    store.warm = 0;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static hec__inbox in;
    hec_error err = {0};

    if (!set_stage())
        abort();
    if (size > sizeof record)
        size = sizeof record;
    memset(record, 0, sizeof record);
    memcpy(record, data, size);
    if (hec__inbox_open(&in, segment, (const hec__rec *)record, &err) < 0)
        return 0;
    touch(in.message.payload, in.message.size);
    for (uint32_t i = 0; i < in.message.nblocks; i += 2) {
        hec_view v;

        if (hec_message_take(&in.message, i, &v, NULL) == 0) {
            touch(v.data, v.size);
            hec_view_release(&v);
        }
    }
    hec__inbox_fini(&in);
    return 0;
}

#ifndef HEC_FUZZER
static uint64_t seed = 88172645463325252u;

static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* A record that is right. */
static size_t make(unsigned char *to)
{
    bool in_block = any() % 2;
    uint32_t nrefs = (uint32_t)(any() % 4) + in_block;
    hec__rec rec = {.kind = HEC__REC_RESULT,
                    .flags = in_block ? HEC__REC_IN_BLOCK : 0,
                    .count = 1,
                    .nrefs = nrefs,
                    .verdict = HEC_TASK_DONE,
                    .payload = in_block ? 300000 : any() % 2000};
    hec__ref refs[BLOCKS] = {{0}};
    uint64_t size = sizeof rec + nrefs * sizeof *refs + (in_block ? 0 : rec.payload);

    for (uint32_t i = 0; i < nrefs; i++)
        refs[i] = (hec__ref){0, i, 300000, 0};
    rec.size = (uint32_t)((size + 63) / 64 * 64);
    memset(to, 0, rec.size);
    memcpy(to, &rec, sizeof rec);
    memcpy(to + sizeof rec, refs, nrefs * sizeof *refs);
    return rec.size;
}

int main(void)
{
    static unsigned char bytes[4096];
    hec__inbox in;
    size_t n = make(bytes);
    int refused = 0;

    LLVMFuzzerTestOneInput(bytes, n);
    set_stage();
    memcpy(record, bytes, n);
    printf("%sok 1 - a record that is right is taken\n",
           hec__inbox_open(&in, segment, (const hec__rec *)record, NULL) == 0 ? "" : "not ");
    hec__inbox_fini(&in);
    for (int round = 0; round < 20000; round++) {
        n = make(bytes);
        for (uint64_t i = any() % 6; i > 0; i--) {
            /* Most of what matters is in the header and the refs. */
            size_t at = any() % (any() % 4 ? 128 : n);

            bytes[at] = (unsigned char)(any() % 3 ? any() : any() % 2 ? 0xff : 0);
        }
        if (any() % 10 == 0)
            for (size_t i = 0; i < n; i++)
                bytes[i] = (unsigned char)any();
        LLVMFuzzerTestOneInput(bytes, n);
        memcpy(record, bytes, n);
        set_stage();
        if (hec__inbox_open(&in, segment, (const hec__rec *)record, NULL) == HEC_EFORMAT)
            refused++;
        else
            hec__inbox_fini(&in);
    }
    printf("ok 2 - 20000 records with wrong bytes harm nobody (%d were refused)\n", refused);
    printf("%sok 3 - some of each kind\n1..3\n", refused > 1000 && refused < 19000 ? "" : "not ");
    hec__store_fini(&store);
    hec__segment_unref(segment);
    return refused > 1000 && refused < 19000 ? 0 : 1;
}
#endif
