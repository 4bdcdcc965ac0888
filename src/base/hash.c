/* SPDX-License-Identifier: MIT
 *
 * The one file that sees xxhash.h. Everything of it is compiled in here: so a wheel and a static
 * program carry it, and no library is looked for when a program starts.
 */
#include "base/hash.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static_assert(sizeof(XXH3_state_t) <= sizeof(hec__hasher), "a hasher has room for XXH3's state");
static_assert(sizeof(XXH128_canonical_t) == HEC__HASH128_SIZE, "a key has 16 bytes");

uint64_t hec__hash64(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

void hec__hash128(const void *data, size_t size, unsigned char ret[HEC__HASH128_SIZE])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
    memcpy(ret, canonical.digest, HEC__HASH128_SIZE);
}

static XXH3_state_t *state_of(hec__hasher *h)
{
    return (XXH3_state_t *)(void *)h->state;
}

void hec__hasher_init(hec__hasher *h, uint64_t seed)
{
    XXH3_INITSTATE(state_of(h));
    XXH3_64bits_reset_withSeed(state_of(h), seed);
}

void hec__hasher_add(hec__hasher *h, const void *data, size_t size)
{
    /* It says no to NULL only, and has no use for NULL and no bytes. */
    if (size)
        XXH3_64bits_update(state_of(h), data, size);
}

uint64_t hec__hasher_sum(const hec__hasher *h)
{
    return XXH3_64bits_digest((const XXH3_state_t *)(const void *)h->state);
}
