/* SPDX-License-Identifier: MIT
 *
 * Little-endian integers at fixed places. Each field is written and read by itself, so that the
 * bytes of a file do not depend on what a compiler makes of a struct.
 */
#ifndef HEC_BASE_LITTLE_H
#define HEC_BASE_LITTLE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void hec__put16(unsigned char *to, uint16_t v)
{
    v = htole16(v);
    memcpy(to, &v, sizeof v);
}

static inline void hec__put32(unsigned char *to, uint32_t v)
{
    v = htole32(v);
    memcpy(to, &v, sizeof v);
}

static inline void hec__put64(unsigned char *to, uint64_t v)
{
    v = htole64(v);
    memcpy(to, &v, sizeof v);
}

static inline uint16_t hec__get16(const unsigned char *from)
{
    uint16_t v;

    memcpy(&v, from, sizeof v);
    return le16toh(v);
}

static inline uint32_t hec__get32(const unsigned char *from)
{
    uint32_t v;

    memcpy(&v, from, sizeof v);
    return le32toh(v);
}

static inline uint64_t hec__get64(const unsigned char *from)
{
    uint64_t v;

    memcpy(&v, from, sizeof v);
    return le64toh(v);
}

#endif
