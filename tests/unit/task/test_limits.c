/* SPDX-License-Identifier: MIT
 *
 * Limits as a word, and back.
 */
#include "tap.h"

#include "task/limits.h"

static hec_limits there_and_back(uint64_t ns, uint64_t bytes)
{
    return hec__limits_of(hec__limits_word(&(hec_limits){ns, bytes}));
}

int main(void)
{
    hec_limits l = there_and_back(0, 0);

    ok(l.timeout_ns == 0 && l.memory_bytes == 0, "no limit stays none");
    l = there_and_back(1, 1);
    ok(l.timeout_ns == 1000000 && l.memory_bytes == 65536, "the least is rounded up, not away");
    l = there_and_back(UINT64_C(3600000000000), UINT64_C(2) << 30);
    ok(l.timeout_ns == UINT64_C(3600000000000) && l.memory_bytes == UINT64_C(2) << 30,
       "an hour and two gigabytes are just that");
    l = there_and_back(UINT64_MAX, UINT64_MAX);
    ok(l.timeout_ns == 0 && l.memory_bytes == 0, "what is beyond the range is no limit");
    l = there_and_back(UINT64_C(0xffffffff) * 1000000, UINT64_C(0xffffffff) << 16);
    ok(l.timeout_ns == UINT64_C(0xffffffff) * 1000000 && l.memory_bytes == UINT64_C(0xffffffff)
                                                                               << 16,
       "up to its end it is");
    return done_testing();
}
