/* SPDX-License-Identifier: MIT
 *
 * Hostile bytes as a stream file: opening it, and reading every task that it claims to have, either
 * works or fails with an error. The first byte of the input says how the rest is taken: as a whole
 * file; as what follows a sound header; or as records whose checksums are made right, so that what
 * lies behind them is reached: sizes, places, indices.
 *
 * Without a fuzzer it is a test: sound files with a few bytes changed, and noise. With one:
 * clang -fsanitize=fuzzer,address -DHEC_FUZZER … tests/fuzz/fuzz_stream.c libhec.a
 */
#include "base/hash.h"
#include "base/little.h"
#include "corpus.h"
#include "run/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE_MAX_ = 1 << 16 };

static uint64_t tasks, taken; /* of the last input */
static volatile unsigned char sink;

/* Makes the checksums of whatever looks like a record right. */
static void mend(unsigned char *file, size_t size)
{
    uint64_t seed = hec__get64(file + 16);

    for (size_t at = HEC__SFILE_SIZE; at < size && size - at >= HEC__SHEAD_SIZE;) {
        uint32_t n = hec__get32(file + at + 12);

        if (memcmp(file + at, HEC__SMAGIC, HEC__SMAGIC_SIZE) != 0 ||
            n > size - at - HEC__SHEAD_SIZE) {
            at++;
            continue;
        }
        hec__put64(file + at + 48, hec__hash64(file + at + HEC__SHEAD_SIZE, n, seed ^ at));
        hec__put64(file + at + 56, hec__hash64(file + at, 56, seed ^ at));
        at += HEC__SHEAD_SIZE + ((n + 7u) & ~7u);
    }
}

static int touch(void *ctx, int stream, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sink ^= ((const unsigned char *)bytes)[i];
    sink ^= (unsigned char)stream;
    *(uint64_t *)ctx += size;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char file[SIZE_MAX_];
    static const unsigned char id[16] = {7};
    hec_stream_place place;
    hec_stream *s = NULL;
    size_t n = 0;
    int fd;

    tasks = taken = 0;
    if (size == 0 || size > SIZE_MAX_ - HEC__SFILE_SIZE)
        return 0;
    if (data[0] % 3) {
        hec__sfile_put(file, id, 1);
        n = HEC__SFILE_SIZE;
    }
    memcpy(file + n, data + 1, size - 1);
    n += size - 1;
    if (data[0] % 3 == 2)
        mend(file, n);
    fd = memfd_create("stream", MFD_CLOEXEC);
    if (fd < 0 || write(fd, file, n) != (ssize_t)n)
        abort();
    if (hec__stream_open_fd(fd, "input", &s, NULL) < 0)
        return 0;
    tasks = hec_stream_count(s);
    for (uint64_t i = 0; i < tasks && i < 2000; i++) {
        if (hec_stream_at(s, i, &place) < 0)
            abort();
        hec_stream_read(s, &place, (int)(i % 3), 0, touch, &taken, NULL);
        if (hec_stream_find(s, place.task, &place) != 1 ||
            hec_stream_find_key(s, place.key, &place) != 1)
            abort();
    }
    if (hec_stream_damage(s) > n || hec_stream_refresh(s, NULL) < 0)
        abort();
    hec_stream_destroy(s);
    return 0;
}

#ifndef HEC_FUZZER
static size_t record(unsigned char *to, size_t at, uint8_t kind, const void *data, uint32_t size,
                     uint64_t prev)
{
    hec__shead h = {.kind = kind,
                    .stream = (uint8_t)(1 + corpus_any() % 2),
                    .attempt = 1,
                    .size = size,
                    .task = corpus_any() % 4,
                    .prev = prev};

    h.key[0] = (unsigned char)h.task;
    memset(to + HEC__SHEAD_SIZE, 0, (size_t)hec__ssize(&h) - HEC__SHEAD_SIZE);
    memcpy(to + HEC__SHEAD_SIZE, data, size);
    hec__shead_put(to, &h, 0, at);
    return (size_t)hec__ssize(&h);
}

/* Tasks, and perhaps an index of them, right but for checksums, which mend() makes. */
static size_t make(unsigned char *to)
{
    size_t used = 1, at = 0, index_at;
    unsigned char entries[8 * HEC__SENTRY_SIZE];
    uint32_t n = 0;

    to[0] = 2;
    for (uint64_t count = 1 + corpus_any() % 6; count > 0; count--) {
        hec_stream_place place = {.task = count};
        uint64_t prev = corpus_any() % 2 ? at : 0;

        at = used - 1 + HEC__SFILE_SIZE;
        place.last = at;
        place.key[0] = (unsigned char)count;
        used += record(to + used, at, (uint8_t)(corpus_any() % 3 ? HEC__S_OUTPUT : HEC__S_END),
                       "some bytes of a task", (uint32_t)(corpus_any() % 20), prev);
        hec__sentry_put(entries + (size_t)n++ * HEC__SENTRY_SIZE, &place);
    }
    if (corpus_any() % 2)
        return used;
    index_at = used - 1 + HEC__SFILE_SIZE;
    used += record(to + used, index_at, HEC__S_INDEX, entries, n * HEC__SENTRY_SIZE, 0);
    at = used - 1 + HEC__SFILE_SIZE;
    used += record(to + used, at, HEC__S_CLOSE, "", 0, index_at);
    return used;
}

int main(int argc, char **argv)
{
    static unsigned char bytes[SIZE_MAX_];
    int wrong = 0, some = 0, none = 0, files = argc > 1 ? corpus_feed(argv[1], NULL) : 0;

    for (int round = 0; round < 200; round++) {
        LLVMFuzzerTestOneInput(bytes, make(bytes));
        wrong += tasks == 0;
    }
    printf("%sok 1 - files that are right are read\n", wrong ? "not " : "");
    for (int round = 0; round < 20000; round++) {
        size_t n = make(bytes);

        for (uint64_t i = corpus_any() % 6; i > 0; i--)
            bytes[1 + corpus_any() % (n - 1)] = (unsigned char)(corpus_any() % 3   ? corpus_any()
                                                                : corpus_any() % 2 ? 0xff
                                                                                   : 0);
        if (corpus_any() % 10 == 0)
            for (size_t i = 1; i < n; i++)
                bytes[i] = (unsigned char)corpus_any();
        bytes[0] = corpus_any() % 20 ? 2 : (unsigned char)corpus_any();
        if (corpus_any() % 5 == 0)
            n = 1 + corpus_any() % n;
        LLVMFuzzerTestOneInput(bytes, n);
        some += taken > 0;
        none += tasks == 0;
    }
    printf("ok 2 - 20000 with wrong bytes harm nobody\n");
    printf("%sok 3 - some of each kind: %d had output, %d had nothing\n",
           some > 500 && none > 500 ? "" : "not ", some, none);
    printf("%sok 4 - %d files of what was found before\n1..4\n", argc > 1 && !files ? "not " : "",
           files);
    return wrong == 0 && some > 500 && none > 500 && (argc < 2 || files) ? 0 : 1;
}
#endif
