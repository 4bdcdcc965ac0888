/* SPDX-License-Identifier: MIT
 *
 * Keys to places: 40 bytes a key, and 4 to 8 for the table.
 */
#ifndef HEC_JOURNAL_INDEX_H
#define HEC_JOURNAL_INDEX_H

#include <hec/journal.h>

#include <stdbool.h>

typedef struct hec__jrow {
    unsigned char key[HEC_KEY_SIZE];
    hec_journal_place place;
} hec__jrow;

typedef struct hec__jindex {
    hec__jrow *rows; /* in the order in which the keys came */
    size_t count, cap;
    uint32_t *slots; /* number of a row, plus one; 0: free */
    size_t nslots;   /* a power of two, or 0 */
    uint64_t done;   /* rows whose verdict is HEC_TASK_DONE */
} hec__jindex;

/* Room for n more keys, so that as many puts cannot fail. HEC_ENOMEM. */
int hec__jindex_reserve(hec__jindex *x, size_t n);

/* An entry that comes later than all before. One that is done is displaced only by another that
 * is. There must be room. */
void hec__jindex_put(hec__jindex *x, const unsigned char *key, const hec_journal_place *place);

/* NULL: no such key. Valid until the next change. */
const hec__jrow *hec__jindex_find(const hec__jindex *x, const unsigned char *key);

void hec__jindex_fini(hec__jindex *x);

#endif
