/* SPDX-License-Identifier: MIT
 *
 * How a file of hec begins that only grows: what it is, its format, an id of its own, when it was
 * made, and a checksum over that. docs/formats/ has the bytes.
 */
#ifndef HEC_BASE_FILEHEAD_H
#define HEC_BASE_FILEHEAD_H

#include <hec/error.h>

#include <stdint.h>

#define HEC__FILEHEAD_SIZE 64u

/* A kind of file. */
typedef struct hec__filekind {
    unsigned char magic[8];
    uint32_t version;
    const char *name; /* "journal": for the text of errors */
} hec__filekind;

void hec__filehead_put(unsigned char to[HEC__FILEHEAD_SIZE], const hec__filekind *kind,
                       const unsigned char id[16], uint64_t time_ns);

/* The seed of the file's checksums, of its id. HEC_EFORMAT, with a text that goes behind the file's
 * name. */
int hec__filehead_get(const unsigned char from[HEC__FILEHEAD_SIZE], const hec__filekind *kind,
                      uint64_t *ret_seed, hec_error *err);

#endif
