/* SPDX-License-Identifier: MIT
 *
 * Where in a file something is wrong, and how that is said.
 */
#ifndef HEC_CONF_PLACE_H
#define HEC_CONF_PLACE_H

#include <hec/error.h>

#include <stddef.h>
#include <stdint.h>

/* A file that has been read whole. */
typedef struct hec__source {
    const char *name;
    const char *bytes;
    size_t size;
} hec__source;

typedef struct hec__place {
    uint32_t line, column; /* from 1; columns are characters */
} hec__place;

/* Where the byte at `offset` stands. Lines end as libyaml has it: LF, CR, CR LF, U+0085, U+2028
 * and U+2029. */
hec__place hec__place_of(const hec__source *source, size_t offset);

/* "NAME:LINE:COLUMN: text: "the line"", HEC_EFORMAT. Of a long line the part around the column is
 * shown, of a long name its end, of bytes that cannot be printed their numbers. */
int hec__fail_at(hec_error *err, const hec__source *source, hec__place place, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* "NAME:LINE: text", HEC_EFORMAT. */
int hec__fail_on_line(hec_error *err, const char *name, uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The end of a name that is too long for a message, else all of it; *ret_cut is "..." or "". */
const char *hec__short_name(const char *name, const char **ret_cut);

#endif
