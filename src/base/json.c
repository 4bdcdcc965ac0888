/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

void hec__json_init(hec__json *j, hec__strbuf *out)
{
    *j = (hec__json){.out = out};
}

/* Called before every value and key: the comma, if one is due. */
static void separate(hec__json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->depth > 0) {
        if (j->any[j->depth - 1])
            hec__strbuf_addc(j->out, ',');
        j->any[j->depth - 1] = true;
    }
}

void hec__json_open(hec__json *j, char bracket)
{
    assert(j->depth < HEC__JSON_DEPTH && (bracket == '{' || bracket == '['));
    separate(j);
    hec__strbuf_addc(j->out, bracket);
    j->close[j->depth] = bracket == '{' ? '}' : ']';
    j->any[j->depth] = false;
    j->depth++;
}

void hec__json_close(hec__json *j)
{
    assert(j->depth > 0);
    hec__strbuf_addc(j->out, j->close[--j->depth]);
}

/* What a reader of YAML would take for the end of a line or refuse: C1 controls, U+2028, U+2029,
 * byte order marks and U+FFFE, U+FFFF. The number of the character, 0 for any other. */
static unsigned unfit(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    unsigned c = 0;

    if (n == 2 && u[0] == 0xC2 && u[1] < 0xA0)
        return u[1];
    if (n == 3)
        c = (u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
    return c == 0x2028 || c == 0x2029 || c == 0xFEFF || c >= 0xFFFE ? c : 0;
}

static void add_quoted(hec__strbuf *out, const char *str)
{
    const char *s = str, *end = str + strlen(str);
    size_t n;

    hec__strbuf_addc(out, '"');
    for (; s < end; s += n ? n : 1) {
        n = hec__utf8_length(s, (size_t)(end - s));
        if (n == 0)
            hec__strbuf_adds(out, "\xEF\xBF\xBD");
        else if (*s == '"' || *s == '\\')
            hec__strbuf_addf(out, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7F)
            hec__strbuf_addf(out, "\\u%04x", (unsigned)*s);
        else if (unfit(s, n))
            hec__strbuf_addf(out, "\\u%04x", unfit(s, n));
        else
            hec__strbuf_add(out, s, n);
    }
    hec__strbuf_addc(out, '"');
}

void hec__json_key(hec__json *j, const char *key)
{
    separate(j);
    add_quoted(j->out, key);
    hec__strbuf_addc(j->out, ':');
    j->after_key = true;
}

void hec__json_str(hec__json *j, const char *s)
{
    if (!s) {
        hec__json_null(j);
        return;
    }
    separate(j);
    add_quoted(j->out, s);
}

void hec__json_int(hec__json *j, int64_t v)
{
    separate(j);
    hec__strbuf_addf(j->out, "%" PRId64, v);
}

void hec__json_uint(hec__json *j, uint64_t v)
{
    separate(j);
    hec__strbuf_addf(j->out, "%" PRIu64, v);
}

void hec__json_real(hec__json *j, double v)
{
    if (!isfinite(v)) {
        hec__json_null(j);
        return;
    }
    separate(j);
    hec__strbuf_addf(j->out, "%.15g", v);
}

void hec__json_raw(hec__json *j, const char *value)
{
    separate(j);
    hec__strbuf_adds(j->out, value);
}

void hec__json_bool(hec__json *j, bool v)
{
    separate(j);
    hec__strbuf_adds(j->out, v ? "true" : "false");
}

void hec__json_null(hec__json *j)
{
    separate(j);
    hec__strbuf_adds(j->out, "null");
}
