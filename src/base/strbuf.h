/* SPDX-License-Identifier: MIT
 *
 * A growing run of bytes, always terminated by a NUL that does not count.
 *
 * Invariants: data is never NULL after init (it may point at a static empty string, then
 * cap == 0); len < cap or cap == 0. After a failed append the buffer is unchanged and `failed` is
 * set: a writer may append many pieces and look once at the end.
 */
#ifndef HEC_BASE_STRBUF_H
#define HEC_BASE_STRBUF_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

typedef struct hec__strbuf {
    char *data;
    size_t len, cap;
    bool failed;
} hec__strbuf;

void hec__strbuf_init(hec__strbuf *b);
void hec__strbuf_fini(hec__strbuf *b);

/* Makes room for `more` bytes after the present end. 0 or HEC_ENOMEM. */
int hec__strbuf_reserve(hec__strbuf *b, size_t more);
int hec__strbuf_add(hec__strbuf *b, const void *bytes, size_t n);
int hec__strbuf_adds(hec__strbuf *b, const char *s);
int hec__strbuf_addc(hec__strbuf *b, char c);
int hec__strbuf_addf(hec__strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Empties the buffer and clears `failed`; keeps its memory. */
void hec__strbuf_clear(hec__strbuf *b);

/* The bytes as a heap string of the caller's (free()); the buffer is empty afterwards.
 * NULL when out of memory or when an append had failed. */
char *hec__strbuf_detach(hec__strbuf *b);

static inline void hec__strbuf_autofini(hec__strbuf *b)
{
    hec__strbuf_fini(b);
}
#define HEC_AUTO_STRBUF __attribute__((cleanup(hec__strbuf_autofini))) hec__strbuf

#endif
