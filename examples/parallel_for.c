/* SPDX-License-Identifier: MIT
 *
 * A loop on every core that was granted, in C: counts the primes below a million.
 *
 *     cc -O2 parallel_for.c -o parallel_for $(pkg-config --cflags --libs hec) && ./parallel_for
 */
#include <hec/hec.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static int is_prime(uint64_t n)
{
    for (uint64_t d = 2; d * d <= n; d++)
        if (n % d == 0)
            return 0;
    return n >= 2;
}

/* Called by several threads, each with indices of its own. What they share is atomic, and touched
 * once per block. */
static int count_primes(void *ctx, uint64_t begin, uint64_t end)
{
    _Atomic uint64_t *total = ctx;
    uint64_t found = 0;

    for (uint64_t n = begin; n < end; n++)
        found += (uint64_t)is_prime(n);
    atomic_fetch_add(total, found);
    return 0; /* anything else would stop the loop */
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    _Atomic uint64_t total = 0;
    hec_error err = {0};

    if (hec_parallel_for(n, count_primes, (void *)&total, NULL, &err) < 0) {
        fprintf(stderr, "parallel_for: %s\n", err.text);
        return hec_error_exit_status(err.code);
    }
    printf("%llu primes below %llu\n", (unsigned long long)total, (unsigned long long)n);
    return 0;
}
