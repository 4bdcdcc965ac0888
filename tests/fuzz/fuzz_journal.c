/* SPDX-License-Identifier: MIT
 *
 * Hostile bytes as a journal: reading it to its end and loading every record that it claims to have
 * either works or fails with an error. The first byte of the input says how the rest is taken: as a
 * whole file; as what follows a sound header; or as records whose checksums are made right, so that
 * what lies behind them is reached: counts, sizes, notes.
 *
 * Without a fuzzer it is a test: sound journals with a few bytes changed, and noise. With one:
 * clang -fsanitize=fuzzer,address -DHEC_FUZZER … tests/fuzz/fuzz_journal.c libhec.a
 */
#include "base/hash.h"
#include "corpus.h"
#include "journal/format.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE_MAX_ = 1 << 16 };

static const hec_journal_options reading = {.read_only = 1};
static char folder[] = "/tmp/hec-fuzz-journal.XXXXXX", path[64];
static bool opened;      /* the last input was taken for a journal */
static unsigned records; /* whole ones in it */
static volatile unsigned char sink;

static uint64_t get64(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static void set64(unsigned char *p, uint64_t v)
{
    memcpy(p, &v, 8);
}

/* Makes the checksums of whatever looks like a record right. */
static void mend(unsigned char *file, size_t size)
{
    uint64_t seed = get64(file + 16);
    size_t at = HEC__JFILE_SIZE;
    hec__jhead h;

    while (at < size && hec__jhead_get(file + at, size - at, &h)) {
        size_t top = hec__jtop_size(&h);
        hec__hasher hasher;

        set64(file + at + 40, hec__hash64(file + at + top, (size_t)h.size, seed));
        hec__hasher_init(&hasher, seed);
        hec__hasher_add(&hasher, file + at, 48);
        hec__hasher_add(&hasher, file + at + 56, top - 56);
        set64(file + at + 48, hec__hasher_sum(&hasher));
        at += hec__jsize(&h);
    }
}

static void touch(const hec_journal_content *c)
{
    for (uint32_t i = 0; i < c->nentries; i++)
        sink ^= c->entries[i].key[0];
    for (uint32_t i = 0; i < c->nparts; i++)
        for (size_t b = 0; c->parts[i].data && b < c->parts[i].size; b++)
            sink ^= ((const unsigned char *)c->parts[i].data)[b];
}

/* Everything that can be asked of a journal. */
static void ask(hec_journal *j)
{
    hec_journal_place place = {0};
    hec_journal_content *c = NULL;
    hec_journal_session s;
    hec_journal_damage d;
    hec_journal_info info;

    hec_journal_info_get(j, &info);
    if (info.bad_bytes > info.bytes)
        abort();
    records = 0;
    while (hec_journal_next(j, &place, HEC_LOAD_ALL, &c, NULL) == 1) {
        touch(c);
        hec_journal_content_destroy(c);
        records++;
    }
    if (records != info.records)
        abort(); /* the two ways to read disagree */
    for (uint64_t i = 0; i < info.keys; i++) {
        if (hec_journal_at(j, i, &place) < 0 ||
            hec_journal_load(j, &place, HEC_LOAD_ENTRIES, &c, NULL) < 0)
            abort();
        if (place.position >= c->nentries || c->entries[place.position].verdict != place.verdict)
            abort();
        hec_journal_content_destroy(c);
    }
    for (uint32_t i = 0; hec_journal_session_at(j, i, &s) == 0; i++)
        sink ^= (unsigned char)(s.host[0] ^ s.program[0]);
    for (uint32_t i = 0; hec_journal_damage_at(j, i, &d) == 0; i++)
        if (d.offset + d.size > info.bytes)
            abort();
    if (hec_journal_noted(j, "name"))
        sink ^= 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char file[SIZE_MAX_];
    static const unsigned char id[16] = {7};
    size_t n = 0;
    hec_journal *j = NULL;
    int fd;

    if (size == 0 || size > SIZE_MAX_ - HEC__JFILE_SIZE)
        return 0;
    if (!path[0]) {
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof path, "%s/j.hecj", folder);
    }
    if (data[0] % 3) {
        hec__jfile_put(file, id, 1);
        n = HEC__JFILE_SIZE;
    }
    memcpy(file + n, data + 1, size - 1);
    n += size - 1;
    if (data[0] % 3 == 2)
        mend(file, n);
    unlink(path); /* over an old one some file systems wait for the disk */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, file, n) != (ssize_t)n || close(fd) < 0)
        abort();
    opened = hec_journal_open(path, &reading, &j, NULL) == 0;
    if (opened)
        ask(j);
    hec_journal_close(j, NULL);
    return 0;
}

#ifndef HEC_FUZZER
/* Records that are right but for their checksums, which mend() makes. */
static size_t make(unsigned char *to)
{
    static const char *const texts[] = {"name", "value", "host", "pid", "bad", "64 100", "started"};
    size_t used = 1;

    to[0] = 2;
    for (uint64_t count = 1 + corpus_any() % 5; count > 0; count--) {
        hec_journal_entry entries[3];
        hec_journal_part parts[4];
        uint32_t n = (uint32_t)(corpus_any() % 4), m = (uint32_t)(corpus_any() % 5);
        hec__jhead h = {
            .kind = (uint16_t)(1 + corpus_any() % 4), .nentries = n, .nparts = m, .seq = count};
        unsigned char *at;

        for (uint32_t i = 0; i < n; i++)
            entries[i] = (hec_journal_entry){.key = {(unsigned char)corpus_any()},
                                             .task = corpus_any(),
                                             .verdict = 1 + (int)(corpus_any() % 3)};
        for (uint32_t i = 0; i < m; i++) {
            const char *s = texts[corpus_any() % 7];

            parts[i] =
                (hec_journal_part){.kind = (uint16_t)(i % 2 ? HEC_PART_VALUE : HEC_PART_NAME),
                                   .data = s,
                                   .size = strlen(s)};
        }
        hec__jparts_size(parts, m, n, &h.size);
        hec__jtop_put(to + used, &h, entries, parts, 0);
        at = to + used + hec__jtop_size(&h);
        memset(at, 0, h.size);
        for (uint32_t i = 0; i < m; at += hec__jpad(parts[i].size), i++)
            memcpy(at, parts[i].data, parts[i].size);
        used += hec__jsize(&h);
    }
    return used;
}

int main(int argc, char **argv)
{
    static unsigned char bytes[SIZE_MAX_];
    int wrong = 0, some = 0, none = 0, files = argc > 1 ? corpus_feed(argv[1], NULL) : 0;

    for (int round = 0; round < 200; round++) {
        LLVMFuzzerTestOneInput(bytes, make(bytes));
        wrong += !opened || records == 0;
    }
    printf("%sok 1 - journals that are right are read\n", wrong ? "not " : "");
    for (int round = 0; round < 5000; round++) {
        size_t n = make(bytes);

        for (uint64_t i = corpus_any() % 6; i > 0; i--)
            bytes[1 + corpus_any() % (corpus_any() % 3 && n > 200 ? 200 : n - 1)] =
                (unsigned char)(corpus_any() % 3   ? corpus_any()
                                : corpus_any() % 2 ? 0xff
                                                   : 0);
        if (corpus_any() % 10 == 0)
            for (size_t i = 1; i < n; i++)
                bytes[i] = (unsigned char)corpus_any();
        bytes[0] = corpus_any() % 20 ? 2 : (unsigned char)corpus_any();
        if (corpus_any() % 5 == 0)
            n = 1 + corpus_any() % n;
        LLVMFuzzerTestOneInput(bytes, n);
        some += opened && records;
        none += !opened || !records;
    }
    printf("ok 2 - 5000 with wrong bytes harm nobody\n");
    printf("%sok 3 - some of each kind: %d had records, %d had none\n",
           some > 500 && none > 500 ? "" : "not ", some, none);
    printf("%sok 4 - %d files of what was found before\n1..4\n", argc > 1 && !files ? "not " : "",
           files);
    unlink(path);
    rmdir(folder);
    return wrong == 0 && some > 500 && none > 500 && (argc < 2 || files) ? 0 : 1;
}
#endif
