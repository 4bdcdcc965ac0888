/* SPDX-License-Identifier: MIT
 *
 * Headers and records, field by field.
 */
#include "journal/format.h"

#include "base/hash.h"
#include "base/little.h"

#include <string.h>

#define SIZE_MOST (UINT64_C(1) << 60) /* no file is larger; sums below it do not wrap */

static const hec__filekind kind = {
    .magic = {0x89, 'H', 'E', 'C', 'J', '\r', '\n', 0x1a}, .version = 1, .name = "journal"};

void hec__jfile_put(unsigned char to[HEC__JFILE_SIZE], const unsigned char id[16], uint64_t time_ns)
{
    hec__filehead_put(to, &kind, id, time_ns);
}

int hec__jfile_get(const unsigned char from[HEC__JFILE_SIZE], uint64_t *ret_seed, hec_error *err)
{
    return hec__filehead_get(from, &kind, ret_seed, err);
}

static void put_entry(unsigned char *to, const hec_journal_entry *e)
{
    memcpy(to, e->key, HEC_KEY_SIZE);
    hec__put64(to + 16, e->task);
    hec__put64(to + 24, e->usage.started_ns);
    hec__put64(to + 32, e->usage.duration_ns);
    hec__put64(to + 40, e->usage.cpu_ns);
    hec__put64(to + 48, e->usage.max_rss);
    hec__put32(to + 56, (uint32_t)e->usage.pid);
    hec__put32(to + 60, e->usage.attempt);
    hec__put32(to + 64, (uint32_t)e->verdict);
    hec__put32(to + 68, (uint32_t)e->detail);
}

void hec__jentry_get(const unsigned char *top, uint32_t i, hec_journal_entry *ret)
{
    const unsigned char *from = top + HEC__JHEAD_SIZE + (size_t)i * HEC__JENTRY_SIZE;

    *ret = (hec_journal_entry){.task = hec__get64(from + 16),
                               .verdict = (int32_t)hec__get32(from + 64),
                               .detail = (int32_t)hec__get32(from + 68),
                               .usage = {.started_ns = hec__get64(from + 24),
                                         .duration_ns = hec__get64(from + 32),
                                         .cpu_ns = hec__get64(from + 40),
                                         .max_rss = hec__get64(from + 48),
                                         .pid = (int32_t)hec__get32(from + 56),
                                         .attempt = hec__get32(from + 60)}};
    memcpy(ret->key, from, HEC_KEY_SIZE);
}

void hec__jpart_get(const unsigned char *top, const hec__jhead *h, uint32_t i,
                    hec_journal_part *ret)
{
    const unsigned char *from = top + HEC__JHEAD_SIZE + (size_t)h->nentries * HEC__JENTRY_SIZE +
                                (size_t)i * HEC__JPART_SIZE;

    *ret = (hec_journal_part){.kind = hec__get16(from),
                              .format = hec__get16(from + 2),
                              .entry = hec__get32(from + 4),
                              .size = (size_t)hec__get64(from + 8)};
}

/* Of bytes 0 to 47, and of what comes behind the header. */
static uint64_t head_check(const unsigned char *top, const hec__jhead *h, uint64_t seed)
{
    hec__hasher hasher;

    hec__hasher_init(&hasher, seed);
    hec__hasher_add(&hasher, top, 48);
    hec__hasher_add(&hasher, top + HEC__JHEAD_SIZE, hec__jtop_size(h) - HEC__JHEAD_SIZE);
    return hec__hasher_sum(&hasher);
}

void hec__jtop_put(unsigned char *to, hec__jhead *h, const hec_journal_entry *entries,
                   const hec_journal_part *parts, uint64_t seed)
{
    unsigned char *at = to + HEC__JHEAD_SIZE;

    memcpy(to, HEC__JMAGIC, HEC__JMAGIC_SIZE);
    hec__put16(to + 4, h->kind);
    hec__put16(to + 6, 0);
    hec__put32(to + 8, h->nentries);
    hec__put32(to + 12, h->nparts);
    hec__put64(to + 16, h->size);
    hec__put64(to + 24, h->seq);
    hec__put64(to + 32, h->time_ns);
    hec__put64(to + 40, h->data_check);
    for (uint32_t i = 0; i < h->nentries; i++, at += HEC__JENTRY_SIZE)
        put_entry(at, &entries[i]);
    for (uint32_t i = 0; i < h->nparts; i++, at += HEC__JPART_SIZE) {
        hec__put16(at, parts[i].kind);
        hec__put16(at + 2, parts[i].format);
        hec__put32(at + 4, parts[i].entry);
        hec__put64(at + 8, parts[i].size);
    }
    h->head_check = head_check(to, h, seed);
    hec__put64(to + 48, h->head_check);
}

bool hec__jhead_get(const unsigned char *from, uint64_t left, hec__jhead *ret)
{
    hec__jhead h;

    if (left < HEC__JHEAD_SIZE || memcmp(from, HEC__JMAGIC, HEC__JMAGIC_SIZE) != 0)
        return false;
    h = (hec__jhead){.kind = hec__get16(from + 4),
                     .nentries = hec__get32(from + 8),
                     .nparts = hec__get32(from + 12),
                     .size = hec__get64(from + 16),
                     .seq = hec__get64(from + 24),
                     .time_ns = hec__get64(from + 32),
                     .data_check = hec__get64(from + 40),
                     .head_check = hec__get64(from + 48)};
    if (h.nentries > HEC_JOURNAL_ENTRIES_MAX || h.nparts > HEC_JOURNAL_PARTS_MAX ||
        h.size > SIZE_MOST || hec__jsize(&h) > left)
        return false;
    *ret = h;
    return true;
}

/* The same sum for what is to be written and for what was read. */
static bool add_part(const hec_journal_part *p, uint32_t nentries, uint64_t *sum)
{
    if (p->size > SIZE_MOST - *sum || p->entry > nentries)
        return false;
    *sum += hec__jpad(p->size);
    return *sum <= SIZE_MOST;
}

bool hec__jparts_size(const hec_journal_part *parts, uint32_t m, uint32_t nentries,
                      uint64_t *ret_size)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < m; i++)
        if (!add_part(&parts[i], nentries, &sum))
            return false;
    *ret_size = sum;
    return true;
}

bool hec__jtop_check(const unsigned char *top, const hec__jhead *h, uint64_t seed)
{
    uint64_t sum = 0;

    if (head_check(top, h, seed) != h->head_check)
        return false;
    for (uint32_t i = 0; i < h->nparts; i++) {
        hec_journal_part p;

        hec__jpart_get(top, h, i, &p);
        if (!add_part(&p, h->nentries, &sum))
            return false;
    }
    return sum == h->size;
}
