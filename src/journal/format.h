/* SPDX-License-Identifier: MIT
 *
 * The bytes of a journal, as docs/formats/journal-v1.md has them: to memory and back. Knows nothing
 * of files.
 */
#ifndef HEC_JOURNAL_FORMAT_H
#define HEC_JOURNAL_FORMAT_H

#include "base/filehead.h"

#include <hec/journal.h>

#include <stdbool.h>

#define HEC__JFILE_SIZE  HEC__FILEHEAD_SIZE /* the header of a file */
#define HEC__JHEAD_SIZE  56u                /* the header of a record */
#define HEC__JENTRY_SIZE 72u
#define HEC__JPART_SIZE  16u
#define HEC__JMAGIC      ((const char[]){'h', 'e', 'c', 'r'})
#define HEC__JMAGIC_SIZE 4u

/* The header of a record. */
typedef struct hec__jhead {
    uint16_t kind;
    uint32_t nentries, nparts;
    uint64_t size; /* of the parts' data, filled up */
    uint64_t seq, time_ns, data_check, head_check;
} hec__jhead;

void hec__jfile_put(unsigned char to[HEC__JFILE_SIZE], const unsigned char id[16],
                    uint64_t time_ns);
/* The seed of a file. HEC_EFORMAT, with a text that goes behind the file's name. */
int hec__jfile_get(const unsigned char from[HEC__JFILE_SIZE], uint64_t *ret_seed, hec_error *err);

/* A part's size, filled up. */
static inline uint64_t hec__jpad(uint64_t size)
{
    return (size + 7) & ~UINT64_C(7);
}

/* Header, entries and table of parts. */
static inline size_t hec__jtop_size(const hec__jhead *h)
{
    return HEC__JHEAD_SIZE + (size_t)h->nentries * HEC__JENTRY_SIZE +
           (size_t)h->nparts * HEC__JPART_SIZE;
}

/* The whole record. */
static inline uint64_t hec__jsize(const hec__jhead *h)
{
    return hec__jtop_size(h) + h->size;
}

/* Writes header, entries and table; sets the header's head_check. */
void hec__jtop_put(unsigned char *to, hec__jhead *h, const hec_journal_entry *entries,
                   const hec_journal_part *parts, uint64_t seed);

/* Reads the header at `from`. False: no record begins here, or one that does not end within
 * `left` bytes. Says nothing of checksums. */
bool hec__jhead_get(const unsigned char *from, uint64_t left, hec__jhead *ret);

/* Whether header, entries and table are whole, and the table adds up. */
bool hec__jtop_check(const unsigned char *top, const hec__jhead *h, uint64_t seed);

/* Entry i and row i of a top. A part's data is NULL. */
void hec__jentry_get(const unsigned char *top, uint32_t i, hec_journal_entry *ret);
void hec__jpart_get(const unsigned char *top, const hec__jhead *h, uint32_t i,
                    hec_journal_part *ret);

/* Parts that can be in one record: how many bytes they take. False: they cannot. */
bool hec__jparts_size(const hec_journal_part *parts, uint32_t m, uint32_t nentries,
                      uint64_t *ret_size);

#endif
