/* SPDX-License-Identifier: MIT
 *
 * Hashes of bytes, XXH3 of the library xxHash: checksums of 64 bits, keys of 128. They find
 * accidents and tell values apart; they are no guard against malice. What they give is stored in
 * files, and so is the same on every machine and in every version.
 */
#ifndef HEC_BASE_HASH_H
#define HEC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HEC__HASH128_SIZE 16

uint64_t hec__hash64(const void *data, size_t size, uint64_t seed);

/* The canonical form, the more significant byte first. */
void hec__hash128(const void *data, size_t size, unsigned char ret[HEC__HASH128_SIZE]);

/* The same hash as hec__hash64() of bytes that come in pieces. Not to be copied. */
typedef struct hec__hasher {
    unsigned char state[704]; /* of it, what lies at a multiple of 64 */
} hec__hasher;

void hec__hasher_init(hec__hasher *h, uint64_t seed);
void hec__hasher_add(hec__hasher *h, const void *data, size_t size);
uint64_t hec__hasher_sum(const hec__hasher *h);

#endif
