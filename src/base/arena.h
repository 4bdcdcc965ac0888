/* SPDX-License-Identifier: MIT
 *
 * Memory that lives as long as one thing, a topology or a file of parameters: many small pieces,
 * freed in one call.
 */
#ifndef HEC_BASE_ARENA_H
#define HEC_BASE_ARENA_H

#include <stddef.h>

typedef struct hec__arena {
    struct hec__arena_block *block; /* the newest, from which pieces are cut */
} hec__arena;

/* Size bytes, zeroed and aligned for any object; NULL when out of memory. */
void *hec__arena_alloc(hec__arena *a, size_t size);

/* A terminated copy of n bytes; NULL when out of memory. */
char *hec__arena_copy(hec__arena *a, const char *s, size_t n);

/* As printf; NULL when out of memory. */
char *hec__arena_printf(hec__arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for one more element of a table: returns `table`, or a larger copy of it when *cap is used
 * up, then *cap is the new one. NULL when out of memory; the old table stays valid. */
void *hec__arena_grow(hec__arena *a, void *table, size_t n, size_t *cap, size_t element);

/* Frees every piece. The arena is empty and usable again. */
void hec__arena_fini(hec__arena *a);

#endif
