/* SPDX-License-Identifier: MIT
 *
 * An error has room for 247 bytes: a name, a place, what is wrong, and as much of the line as is
 * left.
 */
#include "conf/place.h"

#include "base/error.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 72 /* of a name that are shown */
#define BEFORE     24 /* characters of a line before the column that are shown */
#define EXCERPT    72 /* bytes of the line, escaped */

/* How many bytes the line break takes that begins at s; 0 where none does. */
static size_t break_length(const char *s, size_t n)
{
    if (n && *s == '\n')
        return 1;
    if (n && *s == '\r')
        return n > 1 && s[1] == '\n' ? 2 : 1;
    if (n > 1 && memcmp(s, "\xC2\x85", 2) == 0)
        return 2;
    return n > 2 && (memcmp(s, "\xE2\x80\xA8", 3) == 0 || memcmp(s, "\xE2\x80\xA9", 3) == 0) ? 3
                                                                                             : 0;
}

/* Bytes of the character at s, whatever stands there: bad bytes count singly. */
static size_t step(const char *s, size_t n)
{
    size_t len = hec__utf8_length(s, n);

    return len ? len : 1;
}

hec__place hec__place_of(const hec__source *source, size_t offset)
{
    hec__place place = {1, 1};
    size_t i = 0;

    if (offset > source->size)
        offset = source->size;
    while (i < offset) {
        size_t len = break_length(source->bytes + i, source->size - i);

        if (len && i + len <= offset) {
            place.line++;
            place.column = 1;
            i += len;
        } else {
            place.column++;
            i += step(source->bytes + i, source->size - i);
        }
    }
    return place;
}

static size_t line_start(const hec__source *source, uint32_t line)
{
    size_t i = 0;

    while (line > 1 && i < source->size) {
        size_t len = break_length(source->bytes + i, source->size - i);

        line -= len > 0;
        i += len ? len : step(source->bytes + i, source->size - i);
    }
    return i;
}

/* One character as it can be printed; how many bytes that takes. */
static size_t escape(const char *s, size_t n, char *out, size_t room)
{
    unsigned char c = (unsigned char)*s;
    int r;

    if (c == '\t')
        r = snprintf(out, room, "\\t");
    else if (c < 0x20 || c == 0x7F || hec__utf8_length(s, n) == 0)
        r = snprintf(out, room, "\\x%02x", c);
    else
        r = snprintf(out, room, "%.*s", (int)step(s, n), s);
    return r < 0 ? 0 : (size_t)r;
}

/* The part of a line around a column, into out[EXCERPT + 8]. */
static void excerpt(const hec__source *source, hec__place place, char *out)
{
    size_t i = line_start(source, place.line), used = 0;
    uint32_t column = 1;
    uint32_t first = place.column > 2 * BEFORE ? place.column - BEFORE : 1;

    if (first > 1)
        used = (size_t)snprintf(out, EXCERPT, "...");
    out[used] = '\0';
    while (i < source->size && break_length(source->bytes + i, source->size - i) == 0) {
        char one[8];
        size_t n = source->size - i, len = escape(source->bytes + i, n, one, sizeof one);

        if (column++ >= first) {
            if (used + len > EXCERPT) {
                memcpy(out + used, "...", 4);
                return;
            }
            memcpy(out + used, one, len + 1);
            used += len;
        }
        i += step(source->bytes + i, n);
    }
}

const char *hec__short_name(const char *name, const char **ret_cut)
{
    size_t n = strlen(name);

    *ret_cut = n > NAME_BYTES ? "..." : "";
    return n > NAME_BYTES ? name + n - NAME_BYTES : name;
}

int hec__fail_at(hec_error *err, const hec__source *source, hec__place place, const char *fmt, ...)
{
    char what[160], line[EXCERPT + 8];
    const char *cut, *name = hec__short_name(source->name, &cut);
    va_list ap;

    if (!err)
        return HEC_EFORMAT;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    excerpt(source, place, line);
    return hec__fail(err, HEC_EFORMAT, 0, "%s%s:%" PRIu32 ":%" PRIu32 ": %s: \"%s\"", cut, name,
                     place.line, place.column, what, line);
}

int hec__fail_on_line(hec_error *err, const char *name, uint64_t line, const char *fmt, ...)
{
    char what[200];
    const char *cut;
    va_list ap;

    name = hec__short_name(name, &cut);
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return hec__fail(err, HEC_EFORMAT, 0, "%s%s:%" PRIu64 ": %s", cut, name, line, what);
}
