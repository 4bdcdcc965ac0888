/* SPDX-License-Identifier: MIT
 *
 * From one whole record of a file to the next, and over what is none.
 */
#ifndef HEC_JOURNAL_SCAN_H
#define HEC_JOURNAL_SCAN_H

#include "journal/format.h"
#include "sys/window.h"

typedef struct hec__jscan {
    hec__window window;
    uint64_t seed;   /* of the file */
    uint64_t offset; /* where the next record should begin */

    /* What hec__jscan_next() found. */
    hec__jhead head;
    uint64_t at;               /* where the record begins */
    const unsigned char *top;  /* its top, until the next call */
    uint64_t bad_at, bad_size; /* what was passed over before it; size 0: nothing */
} hec__jscan;

/* Begins at `offset` and ends where the file ends now. Allocates nothing yet. HEC_EIO. */
int hec__jscan_init(hec__jscan *s, int fd, uint64_t seed, uint64_t offset, hec_error *err);
void hec__jscan_fini(hec__jscan *s);

/* 1: a whole record, checked to its last byte. 0: there is none up to the end; then what was passed
 * over goes to the end, and `offset` stays where it began. HEC_EIO, HEC_ENOMEM. */
int hec__jscan_next(hec__jscan *s, hec_error *err);

#endif
