/* SPDX-License-Identifier: MIT
 *
 * Checksums have the file's seed and the place of the record in them: neither a piece of another
 * file nor one of this file that a task printed passes for a record.
 */
#include "run/stream.h"

#include "base/hash.h"
#include "base/little.h"

#include <string.h>

static const hec__filekind kind = {
    .magic = {0x89, 'H', 'E', 'C', 'S', '\r', '\n', 0x1a}, .version = 1, .name = "stream file"};

static const unsigned char record_magic[HEC__SMAGIC_SIZE] = {'h', 'e', 'c', 's'};

void hec__sfile_put(unsigned char to[HEC__SFILE_SIZE], const unsigned char id[16], uint64_t time_ns)
{
    hec__filehead_put(to, &kind, id, time_ns);
}

int hec__sfile_get(const unsigned char from[HEC__SFILE_SIZE], uint64_t *ret_seed, hec_error *err)
{
    return hec__filehead_get(from, &kind, ret_seed, err);
}

void hec__shead_put(unsigned char *to, const hec__shead *h, uint64_t seed, uint64_t at)
{
    memset(to, 0, HEC__SHEAD_SIZE);
    memcpy(to, record_magic, sizeof record_magic);
    to[4] = h->kind;
    to[5] = h->stream;
    hec__put32(to + 8, h->attempt);
    hec__put32(to + 12, h->size);
    hec__put64(to + 16, h->task);
    hec__put64(to + 24, h->prev);
    memcpy(to + 32, h->key, HEC_KEY_SIZE);
    hec__put64(to + 48, hec__hash64(to + HEC__SHEAD_SIZE, h->size, seed ^ at));
    hec__put64(to + 56, hec__hash64(to, 56, seed ^ at));
}

bool hec__shead_get(const unsigned char *from, uint64_t seed, uint64_t at, hec__shead *ret)
{
    if (memcmp(from, record_magic, sizeof record_magic) != 0 ||
        hec__get64(from + 56) != hec__hash64(from, 56, seed ^ at))
        return false;
    *ret = (hec__shead){.kind = from[4],
                        .stream = from[5],
                        .attempt = hec__get32(from + 8),
                        .size = hec__get32(from + 12),
                        .task = hec__get64(from + 16),
                        .prev = hec__get64(from + 24),
                        .data_check = hec__get64(from + 48)};
    memcpy(ret->key, from + 32, HEC_KEY_SIZE);
    /* What comes before it lies before it, so that whoever goes back comes to an end. */
    return ret->size <= HEC__SDATA_MAX && ret->prev < at;
}

bool hec__sdata_check(const void *data, const hec__shead *h, uint64_t seed, uint64_t at)
{
    return hec__hash64(data, h->size, seed ^ at) == h->data_check;
}

void hec__sentry_put(unsigned char *to, const hec_stream_place *place)
{
    memcpy(to, place->key, HEC_KEY_SIZE);
    hec__put64(to + 16, place->task);
    hec__put64(to + 24, place->last);
}

void hec__sentry_get(const unsigned char *from, hec_stream_place *ret)
{
    *ret = (hec_stream_place){.task = hec__get64(from + 16), .last = hec__get64(from + 24)};
    memcpy(ret->key, from, HEC_KEY_SIZE);
}
