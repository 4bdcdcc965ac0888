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

#define ALIGN 64u

static_assert(sizeof(XXH3_state_t) + ALIGN <= sizeof(hec__hasher),
              "a hasher has room for XXH3's state");
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

/* The state wants to lie at a multiple of 64, which not every compiler's sanitizer grants a
 * variable on the stack. */
static XXH3_state_t *state_of(const hec__hasher *h)
{
    uintptr_t at = ((uintptr_t)h->state + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);

    return (XXH3_state_t *)at;
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
    return XXH3_64bits_digest(state_of(h));
}
