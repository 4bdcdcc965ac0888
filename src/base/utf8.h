/* SPDX-License-Identifier: MIT
 *
 * UTF-8 as RFC 3629 has it: no surrogates, nothing over U+10FFFF, no long forms.
 */
#ifndef HEC_BASE_UTF8_H
#define HEC_BASE_UTF8_H

#include <stddef.h>

/* How many bytes the character takes that begins at s, of which n bytes can be read; 0 where none
 * begins there, or where it does not end within n bytes. A NUL is a character of one byte. */
size_t hec__utf8_length(const char *s, size_t n);

/* How many of the first n bytes are UTF-8: n where all are, else where the first bad one is. */
size_t hec__utf8_valid(const char *s, size_t n);

#endif
