/* SPDX-License-Identifier: MIT */
#include "base/filehead.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/little.h"

#include <string.h>

void hec__filehead_put(unsigned char to[HEC__FILEHEAD_SIZE], const hec__filekind *kind,
                       const unsigned char id[16], uint64_t time_ns)
{
    memset(to, 0, HEC__FILEHEAD_SIZE);
    memcpy(to, kind->magic, sizeof kind->magic);
    hec__put32(to + 8, kind->version);
    memcpy(to + 16, id, 16);
    hec__put64(to + 32, time_ns);
    hec__put64(to + 56, hec__hash64(to, 56, 0));
}

int hec__filehead_get(const unsigned char from[HEC__FILEHEAD_SIZE], const hec__filekind *kind,
                      uint64_t *ret_seed, hec_error *err)
{
    if (memcmp(from, kind->magic, sizeof kind->magic) != 0)
        return hec__fail(err, HEC_EFORMAT, 0, "it is no %s of hec", kind->name);
    if (hec__get64(from + 56) != hec__hash64(from, 56, 0))
        return hec__fail(err, HEC_EFORMAT, 0, "its first 64 bytes are damaged");
    if (hec__get32(from + 8) != kind->version || hec__get32(from + 12) != 0)
        return hec__fail(err, HEC_EFORMAT, 0,
                         "a newer hec has made it (format %u): this one reads format %u",
                         hec__get32(from + 8), kind->version);
    *ret_seed = hec__get64(from + 16);
    return 0;
}
