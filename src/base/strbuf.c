/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include <hec/error.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an empty buffer points at: it is never written, because cap == 0 sends every append to
 * reserve() first. */
static char empty[1];

void hec__strbuf_init(hec__strbuf *b)
{
    *b = (hec__strbuf){.data = empty};
}

void hec__strbuf_fini(hec__strbuf *b)
{
    if (b->cap)
        free(b->data);
    hec__strbuf_init(b);
}

int hec__strbuf_reserve(hec__strbuf *b, size_t more)
{
    size_t need, cap;
    char *data;

    if (more >= SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return HEC_ENOMEM;
    }
    need = b->len + more + 1;
    if (need <= b->cap)
        return 0;
    cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    data = realloc(b->cap ? b->data : NULL, cap);
    if (!data) {
        b->failed = true;
        return HEC_ENOMEM;
    }
    data[b->len] = '\0';
    b->data = data;
    b->cap = cap;
    return 0;
}

int hec__strbuf_add(hec__strbuf *b, const void *bytes, size_t n)
{
    int r = hec__strbuf_reserve(b, n);

    if (r < 0)
        return r;
    if (n)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
    return 0;
}

int hec__strbuf_adds(hec__strbuf *b, const char *s)
{
    return hec__strbuf_add(b, s, strlen(s));
}

int hec__strbuf_addc(hec__strbuf *b, char c)
{
    return hec__strbuf_add(b, &c, 1);
}

int hec__strbuf_addf(hec__strbuf *b, const char *fmt, ...)
{
    va_list ap;
    int n, r;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return HEC_EINVAL;
    }
    r = hec__strbuf_reserve(b, (size_t)n);
    if (r < 0)
        return r;
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

void hec__strbuf_clear(hec__strbuf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->cap)
        b->data[0] = '\0';
}

char *hec__strbuf_detach(hec__strbuf *b)
{
    char *s;

    /* An empty buffer owns no memory yet; what is handed over must be free()able. */
    if (b->failed || hec__strbuf_reserve(b, 0) < 0)
        return NULL;
    s = b->data;
    hec__strbuf_init(b);
    return s;
}
