/* SPDX-License-Identifier: MIT
 *
 * What the tests of the journal share: a folder of their own, and records whose content follows
 * from a number, so that whatever comes back can be checked without having kept it.
 */
#ifndef HEC_TEST_JOURNAL_STAGE_H
#define HEC_TEST_JOURNAL_STAGE_H

#include <hec/journal.h>

#include <stdbool.h>

/* Makes the folder, and takes it away with all that is in it. */
const char *stage_open(void);
void stage_close(void);
/* A path in it; one of four, used in turn. */
const char *stage_path(const char *name);

/* A file whole, free(); and written whole. */
unsigned char *stage_read(const char *path, size_t *ret_size);
bool stage_write(const char *path, const void *data, size_t size);

/* A sequence of numbers that look random. */
uint64_t stage_any(void);
void stage_seed(uint64_t seed);

#define STAGE_ENTRIES 40
#define STAGE_PARTS   4

/* Record number i: its entries have the keys (i, 0), (i, 1), … */
typedef struct stage_record {
    hec_journal_entry entries[STAGE_ENTRIES];
    hec_journal_part parts[STAGE_PARTS];
    uint32_t n, m;
} stage_record;

/* Makes it; `big`: with data of over a megabyte. The data live until the next call. */
void stage_make(stage_record *r, uint32_t i, bool big);

void stage_key(unsigned char key[HEC_KEY_SIZE], uint32_t i, uint32_t entry);

/* Whether a content is that of record i (which its first key tells). */
bool stage_same(const hec_journal_content *c, bool big);
uint32_t stage_number(const hec_journal_content *c);

#endif
