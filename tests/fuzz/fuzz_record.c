/* SPDX-License-Identifier: MIT
 *
 * Hostile bytes as a record of a ring: hec__inbox_open() refuses them or gives a message that can
 * be read to its end, and what comes back to the maker does not upset it. The table it speaks of
 * has leases, of which the input says what they are: it begins with LEASES entries, then the
 * record.
 *
 * Without a fuzzer it is a test: records that are right, with a few bytes changed, and noise.
 * With one: clang -fsanitize=fuzzer,address -DHEC_FUZZER … tests/fuzz/fuzz_record.c libhec.a
 */
#include "corpus.h"
#include "pool/array.h"
#include "pool/message.h"
#include "sys/shm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 4, LEASES = 3 };

/* A lease as the input has it. */
typedef struct entry {
    uint32_t kind, unused; /* of kinds[] */
    uint64_t offset, committed;
} entry;

static const uint32_t kinds[8] = {HEC__LEASE_VIEW,      HEC__LEASE_SHARED, HEC__LEASE_COPY,
                                  HEC__LEASE_COPY + 1,  UINT32_MAX,        HEC__SIZE_CLASSES,
                                  HEC__LEASE_VIEW - 1u, UINT32_MAX / 2};

static hec__segment *segment;
static hec__store store;
static hec_array *array;
static bool taken; /* the last record was sound */
static _Alignas(64) unsigned char record[HEC__RESULT_MAX];
static volatile unsigned char sink;

static void touch(const void *data, size_t size)
{
    const unsigned char *p = data;

    /* A lease may be of terabytes. */
    for (size_t i = 0; i < size && i < 1u << 20; i += 64)
        sink ^= p[i];
    if (size)
        sink ^= p[size - 1];
}

static bool open_stage(void)
{
    return hec__segment_create(1, &segment, NULL) == 0 &&
           hec__store_init(&store, segment, 0, 64u << 20, NULL) == 0 &&
           hec_array_create(300000, &array, NULL) == 0;
}

/* Those that have come back are lent once more; then all are what the input says. */
static bool set_leases(const entry *entries)
{
    uint32_t out = 0;
    hec__ref ref;

    for (uint32_t i = BLOCKS; i < atomic_load(&store.table->used); i++)
        out += store.table->blocks[i].state == HEC__BLOCK_SENT;
    for (; out < LEASES; out++) {
        if (hec__store_lend(&store, HEC__LEASE_COPY, 0, 1, (hec__lent){.array = array}, &ref,
                            NULL) < 0)
            return false;
        hec_array_ref(array);
        hec__store_sent(&store, &ref, HEC__PARENT);
    }
    if (atomic_load(&store.table->used) != BLOCKS + LEASES)
        return false; /* an entry was lost */
    for (uint32_t i = 0; i < LEASES; i++) {
        hec__block *b = &store.table->blocks[BLOCKS + i];

        b->size_class = kinds[entries[i].kind % 8];
        b->offset = entries[i].offset;
        b->committed = entries[i].committed;
    }
    return true;
}

/* BLOCKS blocks and LEASES leases that are on their way. */
static bool set_stage(const entry *entries)
{
    void *at;

    if (!segment && !open_stage())
        return false;
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
    return set_leases(entries);
}

/* Views of holes in the files have made pages there. */
static void sweep_stage(void)
{
    uint64_t from = store.table->end, page = hec__page_size();

    from = (from + page - 1) / page * page;
    hec__shm_release(segment->data_fd, from, 2 * segment->store_bytes - from, NULL);
    hec__shm_release(segment->arrays_fd, 0, segment->arrays_size, NULL);
}

static void take_some(hec__inbox *in)
{
    touch(in->message.payload, in->message.size);
    for (uint32_t i = 0; i < in->message.nblocks; i += 2) {
        hec_view v;

        if (hec_message_take(&in->message, i, &v, NULL) == 0) {
            touch(v.data, v.size);
            hec_view_release(&v);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static hec__inbox in;
    entry entries[LEASES] = {{0}};
    size_t n = size < sizeof entries ? size : sizeof entries;
    hec_error err = {0};

    memcpy(entries, data, n);
    if (!set_stage(entries))
        abort();
    data += n;
    size -= n;
    if (size > sizeof record)
        size = sizeof record;
    memset(record, 0, sizeof record);
    memcpy(record, data, size);
    taken = hec__inbox_open(&in, segment, (const hec__rec *)record, &err) == 0;
    if (taken) {
        take_some(&in);
        touch(hec__rec_used((const hec__rec *)record),
              ((const hec__rec *)record)->nused * sizeof(hec__used));
        hec__inbox_fini(&in);
        sweep_stage();
    }
    return 0;
}

#ifndef HEC_FUZZER
/* Leases that are right: in the array's file, or the data file where there are pages or not. */
static void make_leases(entry *to)
{
    for (uint32_t i = 0; i < LEASES; i++)
        to[i] = (entry){.kind = (uint32_t)(corpus_any() % 3),
                        .offset = corpus_any() % 64 * 4096,
                        .committed = corpus_any() % 20000 + 5000};
}

/* An input that is right: leases, and a record that names blocks and leases. */
static size_t make(unsigned char *to)
{
    bool in_block = corpus_any() % 2;
    uint32_t nrefs = (uint32_t)(corpus_any() % 6) + in_block;
    hec__rec rec = {.kind = HEC__REC_RESULT,
                    .flags = in_block ? HEC__REC_IN_BLOCK : 0,
                    .count = 1,
                    .nrefs = nrefs,
                    .nused = (uint32_t)(corpus_any() % 3),
                    .verdict = HEC_TASK_DONE,
                    .payload = in_block ? 300000 : corpus_any() % 2000};
    hec__ref refs[BLOCKS + LEASES] = {{0}};
    uint64_t size = (sizeof rec + nrefs * sizeof *refs + (in_block ? 0 : rec.payload) + 7) / 8 * 8 +
                    rec.nused * sizeof(hec__used);
    entry entries[LEASES];

    make_leases(entries);
    for (uint32_t i = 0; i < nrefs; i++) {
        uint32_t which = (i + 1 == nrefs) ? 0 : i + 1; /* the last may be the payload: a block */

        refs[i] = which < BLOCKS ? (hec__ref){0, which, 300000, 0}
                                 : (hec__ref){0, which, entries[which - BLOCKS].committed - 4096,
                                              corpus_any() % 4096};
    }
    rec.size = (uint32_t)((size + 63) / 64 * 64);
    memcpy(to, entries, sizeof entries);
    to += sizeof entries;
    memset(to, 0, rec.size);
    memcpy(to, &rec, sizeof rec);
    memcpy(to + sizeof rec, refs, nrefs * sizeof *refs);
    return sizeof entries + rec.size;
}

int main(int argc, char **argv)
{
    static unsigned char bytes[4096];
    int refused = 0, wrong = 0, files = argc > 1 ? corpus_feed(argv[1], NULL) : 0;

    for (int round = 0; round < 100; round++) {
        LLVMFuzzerTestOneInput(bytes, make(bytes));
        wrong += !taken;
    }
    printf("%sok 1 - records that are right are taken\n", wrong ? "not " : "");
    for (int round = 0; round < 20000; round++) {
        size_t n = make(bytes);

        for (uint64_t i = corpus_any() % 6; i > 0; i--) {
            /* Most of what matters is in the leases, the header and the refs. */
            size_t at = corpus_any() % (corpus_any() % 4 ? 256 : n);

            bytes[at] = (unsigned char)(corpus_any() % 3   ? corpus_any()
                                        : corpus_any() % 2 ? 0xff
                                                           : 0);
        }
        if (corpus_any() % 10 == 0)
            for (size_t i = 0; i < n; i++)
                bytes[i] = (unsigned char)corpus_any();
        LLVMFuzzerTestOneInput(bytes, n);
        refused += !taken;
    }
    printf("ok 2 - 20000 records with wrong bytes harm nobody (%d were refused)\n", refused);
    printf("%sok 3 - some of each kind\n", refused > 1000 && refused < 19000 ? "" : "not ");
    printf("%sok 4 - %d files of what was found before\n1..4\n", argc > 1 && !files ? "not " : "",
           files);
    hec__store_fini(&store);
    hec_array_unref(array);
    hec__segment_unref(segment);
    return wrong == 0 && refused > 1000 && refused < 19000 && (argc < 2 || files) ? 0 : 1;
}
#endif
