/* SPDX-License-Identifier: MIT
 *
 * Memory that is freed in one call.
 */
#include "base/arena.h"
#include "fault.h"
#include "tap.h"

#include <stdint.h>
#include <stdlib.h>

int main(void)
{
    hec__arena a = {NULL};
    size_t cap = 0, n = 0;
    int *table = NULL, *grown;
    bool aligned = true, kept = true;
    char *big;

    for (size_t size = 0; size < 300; size++)
        aligned = aligned && (uintptr_t)hec__arena_alloc(&a, size) % _Alignof(max_align_t) == 0;
    ok(aligned, "pieces are aligned");
    big = hec__arena_alloc(&a, 100000);
    ok(big && big[0] == 0 && big[99999] == 0, "a large piece is zeroed too");
    ok(!hec__arena_alloc(&a, SIZE_MAX) && !hec__arena_copy(&a, "", SIZE_MAX), "not everything");
    is_str(hec__arena_copy(&a, "abcdef", 3), "abc", "a copy is terminated");
    is_str(hec__arena_printf(&a, "%d/%s", 3, "x"), "3/x", "printf");
    for (int i = 0; i < 1000; i++) {
        table = hec__arena_grow(&a, table, n, &cap, sizeof *table);
        table[n++] = i;
    }
    for (int i = 0; i < 1000; i++)
        kept = kept && table[i] == i;
    ok(kept && cap >= 1000, "a table grows and keeps what it had");
    cap = n;
    fault_arm(1);
    grown = hec__arena_grow(&a, table, n, &cap, (size_t)1 << 20);
    ok(!fault_disarm() || (!grown && cap == n), "growing may fail, then nothing changes");
    ok(table[999] == 999, "the old table is still there");
    hec__arena_fini(&a);
    hec__arena_fini(&a);
    ok(!a.block, "an arena may be ended twice");
    fault_arm(1);
    ok(!hec__arena_printf(&a, "x") && fault_disarm(), "no memory, no text");
    return done_testing();
}
