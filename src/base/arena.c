/* SPDX-License-Identifier: MIT
 *
 * An arena as a list of blocks. A piece larger than a block gets a block of its own.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)4096)
#define ALIGNMENT   _Alignof(max_align_t)

struct hec__arena_block {
    struct hec__arena_block *next;
    size_t used, size;
    max_align_t bytes[];
};

void *hec__arena_alloc(hec__arena *a, size_t size)
{
    struct hec__arena_block *b = a->block;
    void *piece;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

        b = calloc(1, sizeof *b + room);
        if (!b)
            return NULL;
        b->size = room;
        b->next = a->block;
        a->block = b;
    }
    piece = (char *)b->bytes + b->used;
    b->used += size;
    return piece;
}

char *hec__arena_copy(hec__arena *a, const char *s, size_t n)
{
    char *copy = n < SIZE_MAX ? hec__arena_alloc(a, n + 1) : NULL;

    if (copy && n)
        memcpy(copy, s, n);
    return copy;
}

char *hec__arena_printf(hec__arena *a, const char *fmt, ...)
{
    va_list ap;
    char *s;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return NULL;
    s = hec__arena_alloc(a, (size_t)n + 1);
    if (!s)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

void *hec__arena_grow(hec__arena *a, void *table, size_t n, size_t *cap, size_t element)
{
    size_t more = *cap ? *cap * 2 : 8;
    void *larger;

    if (n < *cap)
        return table;
    if (more > SIZE_MAX / 4 / element)
        return NULL;
    larger = hec__arena_alloc(a, more * element);
    if (!larger)
        return NULL;
    if (n)
        memcpy(larger, table, n * element);
    *cap = more;
    return larger;
}

void hec__arena_fini(hec__arena *a)
{
    while (a->block) {
        struct hec__arena_block *next = a->block->next;

        free(a->block);
        a->block = next;
    }
}
