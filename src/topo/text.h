/* SPDX-License-Identifier: MIT
 *
 * Taking text apart without copying it: lines, words and numbers of /proc, /sys and of variables
 * that a batch system sets. Nothing here allocates or knows what the text is about.
 */
#ifndef HEC_TOPO_TEXT_H
#define HEC_TOPO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n bytes at s, not terminated; {NULL, 0} is none. */
typedef struct hec__slice {
    const char *s;
    size_t n;
} hec__slice;

hec__slice hec__slice_of(const char *s);
bool hec__slice_is(hec__slice a, const char *s);
bool hec__slice_starts(hec__slice a, const char *prefix);

/* Takes the next piece off *rest: up to the next `sep`, or the rest. False at the end. */
bool hec__slice_until(hec__slice *rest, char sep, hec__slice *ret);

/* Takes the next word off *rest: what stands between blanks. False at the end. */
bool hec__slice_word(hec__slice *rest, hec__slice *ret);

/* The whole slice is a decimal number of at most max; blanks around it are allowed. */
bool hec__slice_uint(hec__slice a, uint64_t max, uint64_t *ret);

/* What stands after `label` on the line of `text` that starts with it, blanks removed;
 * {NULL, 0} where no line does. */
hec__slice hec__text_after(const char *text, const char *label);

#endif
