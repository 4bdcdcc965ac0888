/* SPDX-License-Identifier: MIT
 *
 * A set of byte strings that knows in which order they came: which keys a map has already, which
 * columns a table has, which anchor a name means.
 */
#ifndef HEC_CONF_NAMES_H
#define HEC_CONF_NAMES_H

#include <hec/error.h>

#include <stddef.h>
#include <stdint.h>

typedef struct hec__name {
    const char *bytes;
    size_t size;
} hec__name;

/* All zero is an empty set. */
typedef struct hec__names {
    hec__name *all; /* in the order in which they came */
    size_t n;
    uint32_t *slots; /* 0, or 1 + the number of a name */
    size_t cap;      /* slots: a power of two, or 0 */
} hec__names;

/* Adds a name that the caller keeps as long as the set. 1, or 0 where it was there already; then,
 * and where it is new, *ret_index is its number. HEC_ENOMEM: the set is as it was. */
int hec__names_add(hec__names *names, const char *bytes, size_t size, size_t *ret_index,
                   hec_error *err);

/* The number of a name, -1 where it is none of the set. */
ptrdiff_t hec__names_find(const hec__names *names, const char *bytes, size_t size);

/* The set is empty and usable again. */
void hec__names_fini(hec__names *names);

static inline void hec__names_autofini(hec__names *names)
{
    hec__names_fini(names);
}
#define HEC_AUTO_NAMES __attribute__((cleanup(hec__names_autofini))) hec__names

#endif
