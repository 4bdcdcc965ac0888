/* SPDX-License-Identifier: MIT
 *
 * Runs as CSV and as YAML, in such a way that reading them gives the same runs again.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/utf8.h"
#include "conf/runs.h"
#include "conf/scalar.h"
#include "conf/value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

HEC_AUTO_DEFINE(hec_runs, hec_runs_destroy)

static int flush(hec__strbuf *line, FILE *out, hec_error *err)
{
    if (line->failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a line of output");
    if (fwrite(line->data, 1, line->len, out) != line->len)
        return hec__fail(err, HEC_EIO, errno, "cannot write the table");
    hec__strbuf_clear(line);
    return 0;
}

/* ---- CSV ---- */

static void add_field(hec__strbuf *line, const char *text, size_t n)
{
    bool quote = n == 0 || strpbrk(text, ",\"\r\n") != NULL;

    if (!quote) {
        hec__strbuf_add(line, text, n);
        return;
    }
    hec__strbuf_addc(line, '"');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            hec__strbuf_addc(line, '"');
        hec__strbuf_addc(line, text[i]);
    }
    hec__strbuf_addc(line, '"');
}

/* Whether a reader would take this text for something else, blanks around it off. */
static bool is_misread(const char *text, size_t n)
{
    while (n && (*text == ' ' || *text == '\t')) {
        text++;
        n--;
    }
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    return n > 0 && hec__scalar_kind(text, n) != HEC_VALUE_TEXT;
}

static int add_value(hec__strbuf *line, const hec_run *run, const hec_member *m, hec_error *err)
{
    const hec_value *v = &m->value;
    char buf[40];

    if (!hec__value_is_scalar(v))
        return hec__fail_on_line(err, run->file, v->line,
                                 "'%.60s' is %s, which does not fit into a field of a CSV",
                                 m->key.as.text, hec__value_kind_name(v));
    if (v->kind == HEC_VALUE_TEXT && is_misread(v->as.text, v->count))
        return hec__fail_on_line(
            err, run->file, v->line,
            "'%.40s' is the text '%.40s', which a CSV would give back as something else",
            m->key.as.text, v->as.text);
    if (v->kind == HEC_VALUE_TEXT || v->kind == HEC_VALUE_BIG) {
        add_field(line, v->as.text, v->count);
    } else if (v->kind != HEC_VALUE_NULL) {
        hec_value_text(v, buf, sizeof buf, NULL);
        hec__strbuf_adds(line, buf);
    }
    return 0;
}

/* The names of all runs, in the order in which they come up, into an arena. */
static int collect_names(const char *const *patterns, size_t n, hec__names *names,
                         hec__arena *arena, hec_error *err)
{
    HEC_AUTO(hec_runs) runs = NULL;
    const hec_run *run;
    int r = hec_runs_open(patterns, n, NULL, &runs, err);

    while (r == 0 && (r = hec_runs_next(runs, &run, err)) == 1) {
        r = 0;
        for (uint64_t i = 0; i < run->parameters->count && r >= 0; i++) {
            const hec_value *key = &run->parameters->as.members[i].key;
            const char *copy;
            size_t index;

            if (hec__names_find(names, key->as.text, key->count) >= 0)
                continue;
            copy = hec__arena_copy(arena, key->as.text, key->count);
            r = copy ? hec__names_add(names, copy, key->count, &index, err)
                     : hec__fail(err, HEC_ENOMEM, 0, "no memory for the names of a table");
        }
        r = r < 0 ? r : 0;
    }
    return r;
}

static int write_row(const hec_run *run, const hec__names *names, const hec_member **cells,
                     hec__strbuf *line, FILE *out, hec_error *err)
{
    memset(cells, 0, names->n * sizeof *cells);
    for (uint64_t i = 0; i < run->parameters->count; i++) {
        const hec_member *m = &run->parameters->as.members[i];
        ptrdiff_t at = hec__names_find(names, m->key.as.text, m->key.count);

        if (at < 0)
            return hec__fail(err, HEC_EIO, 0, "'%.100s' has changed while it was read", run->file);
        cells[at] = m;
    }
    for (size_t i = 0; i < names->n; i++) {
        int r = cells[i] ? add_value(line, run, cells[i], err) : 0;

        if (r < 0)
            return r;
        /* A line of nothing would be no row. */
        if (names->n == 1 && line->len == 0)
            hec__strbuf_adds(line, "null");
        hec__strbuf_addc(line, i + 1 < names->n ? ',' : '\n');
    }
    return flush(line, out, err);
}

static int write_header(const hec__names *names, hec__strbuf *line, FILE *out, hec_error *err)
{
    for (size_t i = 0; i < names->n; i++) {
        add_field(line, names->all[i].bytes, names->all[i].size);
        hec__strbuf_addc(line, i + 1 < names->n ? ',' : '\n');
    }
    return flush(line, out, err);
}

static int write_rows(const char *const *patterns, size_t n, const hec__names *names, FILE *out,
                      hec_error *err)
{
    HEC_AUTO(hec_runs) runs = NULL;
    HEC_AUTO_STRBUF line;
    HEC_AUTO_STR memory = NULL;
    const hec_member **cells;
    const hec_run *run;
    int r;

    hec__strbuf_init(&line);
    cells = calloc(names->n + 1, sizeof *cells);
    memory = (char *)(void *)cells;
    if (!cells)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a table");
    r = write_header(names, &line, out, err);
    if (r == 0)
        r = hec_runs_open(patterns, n, NULL, &runs, err);
    while (r == 0 && (r = hec_runs_next(runs, &run, err)) == 1)
        r = write_row(run, names, cells, &line, out, err);
    return r;
}

int hec_runs_write_csv(const char *const *patterns, size_t n, FILE *out, hec_error *err)
{
    HEC_AUTO_NAMES names = {0};
    hec__arena arena = {NULL};
    int r = collect_names(patterns, n, &names, &arena, err);

    if (r == 0 && names.n == 0)
        r = hec__fail(err, HEC_EFORMAT, 0, "there is no parameter, so no table");
    if (r == 0)
        r = write_rows(patterns, n, &names, out, err);
    hec__names_fini(&names);
    hec__arena_fini(&arena);
    return r;
}

/* ---- YAML ---- */

/* Whether a text means itself without quotes: a few letters that mean nothing to YAML, and no word
 * that does, not in YAML 1.1 either, which others may read it with. */
static bool is_plain(const char *s, size_t n)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", NULL};

    if (n == 0 || hec__scalar_kind(s, n) != HEC_VALUE_TEXT)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || !strchr("0123456789-./", c)))
            return false;
    }
    for (const char *const *w = words; *w; w++)
        if (strcasecmp(s, *w) == 0)
            return false;
    return true;
}

static void add_text(hec__strbuf *out, const char *s, size_t n)
{
    if (is_plain(s, n)) {
        hec__strbuf_add(out, s, n);
        return;
    }
    hec__strbuf_addc(out, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t len = hec__utf8_length(s + i, n - i);

        if (c == '"' || c == '\\')
            hec__strbuf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            hec__strbuf_addf(out, "\\x%02x", c);
        else if (len == 2 && c == 0xC2 && (unsigned char)s[i + 1] < 0xA0)
            hec__strbuf_addf(out, "\\x%02x", (unsigned char)s[i + 1]); /* U+0080 to U+009F */
        else if (len == 3 && memcmp(s + i, "\xE2\x80\xA8", 3) == 0)
            hec__strbuf_adds(out, "\\L");
        else if (len == 3 && memcmp(s + i, "\xE2\x80\xA9", 3) == 0)
            hec__strbuf_adds(out, "\\P");
        else if (len == 3 && c == 0xEF && (unsigned char)s[i + 1] >= 0xBB)
            hec__strbuf_addf(out, "\\u%04x",
                             ((unsigned)c & 0xF) << 12 | ((unsigned char)s[i + 1] & 0x3Fu) << 6 |
                                 ((unsigned char)s[i + 2] & 0x3Fu)); /* U+FEFF is among them */
        else
            hec__strbuf_add(out, s + i, len ? len : 1);
        i += len ? len : 1;
    }
    hec__strbuf_addc(out, '"');
}

static void add_yaml(hec__strbuf *out, const hec_value *v)
{
    char buf[40];

    switch ((enum hec_value_kind)v->kind) {
    case HEC_VALUE_LIST:
        hec__strbuf_addc(out, '[');
        for (uint64_t i = 0; i < v->count; i++) {
            hec__strbuf_adds(out, i ? ", " : "");
            add_yaml(out, &v->as.items[i]);
        }
        hec__strbuf_addc(out, ']');
        break;
    case HEC_VALUE_MAP:
        hec__strbuf_addc(out, '{');
        for (uint64_t i = 0; i < v->count; i++) {
            hec__strbuf_adds(out, i ? ", " : "");
            add_yaml(out, &v->as.members[i].key);
            hec__strbuf_adds(out, ": ");
            add_yaml(out, &v->as.members[i].value);
        }
        hec__strbuf_addc(out, '}');
        break;
    case HEC_VALUE_TEXT:
        add_text(out, v->as.text, v->count);
        break;
    case HEC_VALUE_BIG:
        hec__strbuf_adds(out, v->as.text);
        break;
    case HEC_VALUE_NULL:
    case HEC_VALUE_BOOL:
    case HEC_VALUE_INT:
    case HEC_VALUE_REAL:
        hec_value_text(v, buf, sizeof buf, NULL);
        hec__strbuf_adds(out, buf);
        break;
    }
}

int hec_runs_write_yaml(const char *const *patterns, size_t n, FILE *out, hec_error *err)
{
    HEC_AUTO(hec_runs) runs = NULL;
    HEC_AUTO_STRBUF line;
    const hec_run *run;
    int r;

    hec__strbuf_init(&line);
    r = hec_runs_open(patterns, n, NULL, &runs, err);
    while (r == 0 && (r = hec_runs_next(runs, &run, err)) == 1) {
        if (run->parameters->count == 0)
            hec__strbuf_adds(&line, "- {}\n");
        for (uint64_t i = 0; i < run->parameters->count; i++) {
            const hec_member *m = &run->parameters->as.members[i];

            hec__strbuf_adds(&line, i ? "  " : "- ");
            add_yaml(&line, &m->key);
            hec__strbuf_adds(&line, ": ");
            add_yaml(&line, &m->value);
            hec__strbuf_addc(&line, '\n');
        }
        r = flush(&line, out, err);
    }
    return r;
}
