/* SPDX-License-Identifier: MIT */
#include "task/limits.h"

#define MS_NS  UINT64_C(1000000)
#define CHUNK  UINT64_C(65536)
#define HALF   32
#define HALF_1 UINT64_C(0xffffffff)

static uint64_t in_units(uint64_t n, uint64_t unit)
{
    uint64_t units = n / unit + (n % unit != 0);

    return units > HALF_1 ? 0 : units;
}

uint64_t hec__limits_word(const hec_limits *l)
{
    return in_units(l->timeout_ns, MS_NS) | in_units(l->memory_bytes, CHUNK) << HALF;
}

hec_limits hec__limits_of(uint64_t word)
{
    return (hec_limits){.timeout_ns = (word & HALF_1) * MS_NS,
                        .memory_bytes = (word >> HALF) * CHUNK};
}
