/* SPDX-License-Identifier: MIT
 *
 * CSV, as a stream: one buffer of the file, one of the record. The parser looks at bytes by the
 * state it is in, which is kept from one buffer to the next, so that it does not matter where a
 * buffer ends.
 */
#include <hec/config.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "conf/place.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BUFFER_BYTES 65536
#define RECORD_BYTES ((size_t)16 << 20)

enum state {
    AT_START,   /* of a field */
    IN_PLAIN,   /* in one without quotes */
    IN_QUOTES,  /* within quotes */
    AFTER_QUOTE /* a quote within quotes: half of a pair, or the end */
};

typedef struct piece {
    size_t at;
    bool quoted;
} piece;

struct hec_csv {
    FILE *file;
    char *path;
    char delimiter;
    bool failed, after_cr, started;
    enum state state;
    uint64_t line, record_line, quote_line; /* where we are; where it began; where a quote did */
    hec__strbuf record;                     /* the fields, a NUL behind each */
    piece *pieces;
    hec_csv_field *fields;
    size_t n, cap;
    size_t at, end; /* of the buffer */
    char buffer[BUFFER_BYTES];
};

HEC_AUTO_DEFINE(hec_csv, hec_csv_destroy)

static int no_memory(const hec_csv *csv, hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%.100s'", csv->path);
}

int hec_csv_open(const char *path, char delimiter, hec_csv **ret_csv, hec_error *err)
{
    HEC_AUTO(hec_csv) csv = NULL;
    const char *cut, *name = hec__short_name(path, &cut);

    if (delimiter == '\0' || strchr("\"\r\n", delimiter))
        return hec__fail(err, HEC_EINVAL, 0, "a quote or a line break cannot separate fields");
    csv = calloc(1, sizeof *csv);
    if (!csv)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%s%s'", cut, name);
    hec__strbuf_init(&csv->record);
    csv->delimiter = delimiter;
    csv->line = 1;
    csv->path = strdup(path);
    if (!csv->path)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%s%s'", cut, name);
    csv->file = fopen(path, "re");
    if (!csv->file)
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno, "cannot read '%s%s'",
                         cut, name);
    /* We have a buffer of our own. */
    setvbuf(csv->file, NULL, _IONBF, 0);
    *ret_csv = HEC_STEAL(&csv);
    return 0;
}

/* More of the file: 1, or 0 at its end. */
static int fill(hec_csv *csv, hec_error *err)
{
    const char *cut, *name = hec__short_name(csv->path, &cut);

    csv->at = 0;
    csv->end = fread(csv->buffer, 1, sizeof csv->buffer, csv->file);
    if (csv->end == 0 && ferror(csv->file))
        return hec__fail(err, HEC_EIO, errno, "cannot read '%s%s'", cut, name);
    if (!csv->started) {
        csv->started = true;
        if (csv->end >= 3 && memcmp(csv->buffer, "\xEF\xBB\xBF", 3) == 0)
            csv->at = 3;
        if (csv->end >= 2 &&
            (memcmp(csv->buffer, "\xFF\xFE", 2) == 0 || memcmp(csv->buffer, "\xFE\xFF", 2) == 0))
            return hec__fail_on_line(err, csv->path, 1, "this is UTF-16, save it as UTF-8");
        if (csv->at == csv->end && csv->end)
            return fill(csv, err);
    }
    return csv->end > 0;
}

static int begin_field(hec_csv *csv, bool quoted, hec_error *err)
{
    if (csv->n == csv->cap) {
        size_t cap = csv->cap ? csv->cap * 2 : 32;
        piece *pieces = realloc(csv->pieces, cap * sizeof *pieces);
        hec_csv_field *fields;

        if (!pieces)
            return no_memory(csv, err);
        csv->pieces = pieces;
        fields = realloc(csv->fields, cap * sizeof *fields);
        if (!fields)
            return no_memory(csv, err);
        csv->fields = fields;
        csv->cap = cap;
    }
    csv->pieces[csv->n++] = (piece){csv->record.len, quoted};
    return 0;
}

static int add(hec_csv *csv, const char *bytes, size_t n, hec_error *err)
{
    if (csv->record.len + n > RECORD_BYTES) {
        if (csv->state == IN_QUOTES)
            return hec__fail_on_line(err, csv->path, csv->quote_line,
                                     "the quote that opens here is not closed within 16 MiB");
        return hec__fail_on_line(err, csv->path, csv->record_line, "a record of over 16 MiB");
    }
    return hec__strbuf_add(&csv->record, bytes, n) < 0 ? no_memory(csv, err) : 0;
}

static int end_field(hec_csv *csv, hec_error *err)
{
    csv->state = AT_START;
    return add(csv, "", 1, err);
}

/* Takes what follows that belongs to the same field and is nothing special. */
static int take_run(hec_csv *csv, hec_error *err)
{
    const char *from = csv->buffer + csv->at;
    size_t n = csv->end - csv->at, len = 0;

    if (csv->state == IN_QUOTES) {
        const char *quote = memchr(from, '"', n);

        len = quote ? (size_t)(quote - from) : n;
        for (size_t i = 0; i < len; i++) {
            /* A CR LF is one line break. */
            csv->line += from[i] == '\r' || (from[i] == '\n' && !csv->after_cr);
            csv->after_cr = from[i] == '\r';
        }
    } else {
        while (len < n && from[len] != csv->delimiter && from[len] != '\n' && from[len] != '\r' &&
               from[len] != '"')
            len++;
    }
    if (memchr(from, '\0', len))
        return hec__fail_on_line(err, csv->path, csv->line, "a NUL byte");
    csv->at += len;
    return add(csv, from, len, err);
}

/* A byte outside quotes that means something, or the first of a field: 1 where it ends the record,
 * else 0. */
static int take_special(hec_csv *csv, char c, hec_error *err)
{
    int r = 0;

    if (c == '"' && csv->state == AT_START) {
        csv->at++;
        csv->quote_line = csv->line;
        csv->after_cr = false;
        r = begin_field(csv, true, err);
        csv->state = IN_QUOTES;
        return r;
    }
    if (c == '"')
        return hec__fail_on_line(err, csv->path, csv->line,
                                 "a quote within a field: quote all of it, and double this one");
    if (csv->state == AT_START)
        r = begin_field(csv, false, err);
    if (r < 0)
        return r;
    if (c == csv->delimiter || c == '\n' || c == '\r') {
        csv->at++;
        r = end_field(csv, err);
        if (r < 0 || c == csv->delimiter)
            return r;
        csv->line++;
        csv->after_cr = c == '\r';
        return 1;
    }
    csv->state = IN_PLAIN;
    return 0;
}

static int take_after_quote(hec_csv *csv, char c, hec_error *err)
{
    int r;

    if (c == '"') { /* a pair: one quote of the text */
        csv->at++;
        csv->after_cr = false;
        csv->state = IN_QUOTES;
        return add(csv, "\"", 1, err);
    }
    if (c != csv->delimiter && c != '\n' && c != '\r')
        return hec__fail_on_line(err, csv->path, csv->line,
                                 "something after the quote that ends a field");
    csv->at++;
    r = end_field(csv, err);
    if (r < 0 || c == csv->delimiter)
        return r;
    csv->line++;
    csv->after_cr = c == '\r';
    return 1;
}

/* At the end of the file: 1 where a record ends there too, 0 where there is none. */
static int finish(hec_csv *csv, hec_error *err)
{
    int r = 0;

    if (csv->state == IN_QUOTES)
        return hec__fail_on_line(err, csv->path, csv->quote_line,
                                 "the quote that opens here is never closed");
    if (csv->state == AT_START && csv->n == 0)
        return 0;
    if (csv->state == AT_START) /* a delimiter was the last byte */
        r = begin_field(csv, false, err);
    if (r == 0)
        r = end_field(csv, err);
    return r < 0 ? r : 1;
}

/* Reads to the end of the record: 1, or 0 where there is none. */
static int read_record(hec_csv *csv, hec_error *err)
{
    int r = 0;

    while (r == 0) {
        char c;

        if (csv->at == csv->end) {
            r = fill(csv, err);
            if (r == 0)
                return finish(csv, err);
            if (r < 0)
                return r;
            r = 0;
        }
        c = csv->buffer[csv->at];
        if (csv->n == 0 && csv->state == AT_START && (c == '\n' || c == '\r')) {
            /* The second half of a CR LF, or a line of nothing. */
            csv->line += !(c == '\n' && csv->after_cr);
            csv->after_cr = c == '\r';
            csv->record_line = csv->line;
            csv->at++;
        } else if (csv->state == AFTER_QUOTE) {
            r = take_after_quote(csv, c, err);
        } else if (csv->state == IN_QUOTES && c == '"') {
            csv->at++;
            csv->state = AFTER_QUOTE;
        } else if (csv->state == IN_QUOTES) {
            r = take_run(csv, err);
        } else {
            r = take_special(csv, c, err);
            if (r == 0 && csv->state == IN_PLAIN)
                r = take_run(csv, err);
        }
    }
    return r;
}

int hec_csv_next(hec_csv *csv, const hec_csv_field **ret_fields, size_t *ret_count, hec_error *err)
{
    size_t bad;
    int r;

    if (csv->failed)
        return hec__fail(err, HEC_ECLOSED, 0, "'%.100s' could not be read to its end", csv->path);
    hec__strbuf_clear(&csv->record);
    csv->n = 0;
    csv->state = AT_START;
    csv->record_line = csv->line;
    r = read_record(csv, err);
    csv->failed = r < 0;
    if (r <= 0)
        return r;
    bad = hec__utf8_valid(csv->record.data, csv->record.len);
    if (bad < csv->record.len) {
        csv->failed = true;
        return hec__fail_on_line(err, csv->path, csv->record_line,
                                 "a byte that is not UTF-8 (%02x) in this record",
                                 (unsigned char)csv->record.data[bad]);
    }
    for (size_t i = 0; i < csv->n; i++) {
        size_t end = i + 1 < csv->n ? csv->pieces[i + 1].at : csv->record.len;

        csv->fields[i] = (hec_csv_field){csv->record.data + csv->pieces[i].at,
                                         end - csv->pieces[i].at - 1, csv->pieces[i].quoted};
    }
    *ret_fields = csv->fields;
    *ret_count = csv->n;
    return 1;
}

uint64_t hec_csv_line(const hec_csv *csv)
{
    return csv->record_line;
}

void hec_csv_destroy(hec_csv *csv)
{
    if (!csv)
        return;
    if (csv->file)
        fclose(csv->file);
    hec__strbuf_fini(&csv->record);
    free(csv->pieces);
    free(csv->fields);
    free(csv->path);
    free(csv);
}
