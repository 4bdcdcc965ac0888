/* SPDX-License-Identifier: MIT
 *
 * A word of the command is parsed once, into pieces that are text or a placeholder; making it for
 * a row is copying.
 */
#include "map_template.h"

#include "base/error.h"
#include "opt.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum piece_kind {
    PIECE_TEXT,
    PIECE_ALL,    /* {}: every column */
    PIECE_COLUMN, /* column n, from 0 */
    PIECE_LAST,   /* the n-th from the end, from 1 */
    PIECE_TASK,
    PIECE_PLACE,
    PIECE_NEXT, /* the word ends here */
};

enum change { CHANGE_NONE, CHANGE_STEM, CHANGE_NAME, CHANGE_FOLDER, CHANGE_NAME_STEM };

typedef struct piece {
    enum piece_kind kind;
    enum change change;
    const char *text; /* PIECE_TEXT: borrowed; of a column its name, where it has one */
    size_t n;         /* its length, or the column */
    bool alone;       /* PIECE_ALL: the word is nothing else */
} piece;

struct map_template {
    piece *pieces;
    size_t n, cap;
    bool shell, is_line; /* is_line: each row is a line for the shell */
};

static int add_piece(map_template *t, piece p)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 16;
        piece *pieces = realloc(t->pieces, cap * sizeof *pieces);

        if (!pieces)
            return HEC_ENOMEM;
        t->pieces = pieces;
        t->cap = cap;
    }
    t->pieces[t->n++] = p;
    return 0;
}

/* ---- parsing ---- */

static const struct {
    const char *text;
    enum change change;
} changes[] = {{"/.", CHANGE_NAME_STEM},
               {"//", CHANGE_FOLDER},
               {"/", CHANGE_NAME},
               {".", CHANGE_STEM},
               {"", CHANGE_NONE}};

#define N_CHANGES (sizeof changes / sizeof *changes)

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static const char *name_at(const void *table, size_t i)
{
    return ((const char *const *)table)[i];
}

/* Which column the n bytes at s name. */
static bool find_column(const map_template_options *o, const char *s, size_t n, piece *p)
{
    size_t digits = 0, number = 0;
    bool back = n > 1 && s[0] == '-';

    for (size_t i = 0; i < o->n_names; i++)
        if (strlen(o->names[i]) == n && memcmp(o->names[i], s, n) == 0) {
            p->kind = PIECE_COLUMN;
            p->n = i;
            p->text = o->names[i];
            return true;
        }
    if (o->only_names)
        return false;
    for (size_t i = back; i < n && isdigit((unsigned char)s[i]) && digits < 6; i++, digits++)
        number = number * 10 + (size_t)(s[i] - '0');
    if (digits == 0 || digits + back != n || number == 0)
        return false;
    p->kind = back ? PIECE_LAST : PIECE_COLUMN;
    p->n = back ? number : number - 1;
    return true;
}

/* Whether the n bytes inside braces are a placeholder. */
static bool parse_inside(const map_template_options *o, const char *s, size_t n, piece *p)
{
    *p = (piece){0};
    if (n == 1 && (*s == '#' || *s == '%')) {
        p->kind = *s == '#' ? PIECE_TASK : PIECE_PLACE;
        return true;
    }
    for (size_t i = 0; i < N_CHANGES; i++) {
        size_t tail = strlen(changes[i].text);

        if (tail > n || memcmp(s + n - tail, changes[i].text, tail) != 0)
            continue;
        p->change = changes[i].change;
        if (n == tail) {
            p->kind = PIECE_ALL;
            return true;
        }
        if (find_column(o, s, n - tail, p))
            return true;
    }
    return false;
}

static int check_column(const map_template_options *o, const piece *p, const char *at, size_t n,
                        hec_error *err)
{
    size_t needs = p->kind == PIECE_COLUMN ? p->n + 1 : p->kind == PIECE_LAST ? p->n : 0;

    if (!o->n_columns || needs <= o->n_columns)
        return 0;
    return hec__fail(err, HEC_EINVAL, 0, "'%.*s': there is no such input, only %zu", (int)n, at,
                     o->n_columns);
}

/* Where only names are placeholders, one that is nearly a name is a slip, and {} means nothing. */
static int check_name(const map_template_options *o, const char *s, size_t n, hec_error *err)
{
    char typed[32];
    const char *near;

    if (!o->only_names || n >= sizeof typed)
        return 0;
    snprintf(typed, sizeof typed, "%.*s", (int)n, s);
    if (n == 0)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'{}' has no meaning here: name a parameter, as {%.60s}",
                         o->n_names ? o->names[0] : "name");
    if (!isalpha((unsigned char)*s) || typed[strspn(typed, NAME_BYTES)])
        return 0;
    near = opt_nearest(typed, name_at, o->names, o->n_names);
    if (!near)
        return 0;
    return hec__fail(err, HEC_EINVAL, 0, "there is no parameter '%s': did you mean '%.60s'?", typed,
                     near);
}

static int parse_word(map_template *t, const map_template_options *o, const char *word, bool *found,
                      hec_error *err)
{
    const char *text = word, *at = word;
    int r = 0;

    while (r == 0 && (at = strchr(at, '{')) != NULL) {
        const char *close = strchr(at, '}');
        piece p;

        if (!close)
            break;
        if (!parse_inside(o, at + 1, (size_t)(close - at - 1), &p)) {
            r = check_name(o, at + 1, (size_t)(close - at - 1), err);
            if (r < 0)
                return r;
            at++;
            continue;
        }
        if (p.kind == PIECE_ALL && o->only_names)
            return check_name(o, "", 0, err);
        r = check_column(o, &p, at, (size_t)(close - at + 1), err);
        if (r < 0)
            return r;
        p.alone = at == word && !close[1];
        if (at > text)
            r = add_piece(t, (piece){.kind = PIECE_TEXT, .text = text, .n = (size_t)(at - text)});
        if (r == 0)
            r = add_piece(t, p);
        *found = *found || (p.kind != PIECE_TASK && p.kind != PIECE_PLACE);
        text = at = close + 1;
    }
    if (r == 0 && *text)
        r = add_piece(t, (piece){.kind = PIECE_TEXT, .text = text, .n = strlen(text)});
    if (r == 0)
        r = add_piece(t, (piece){.kind = PIECE_NEXT});
    return r < 0 ? hec__fail(err, r, 0, "no memory for the command") : 0;
}

int map_template_create(const map_template_options *o, map_template **ret, hec_error *err)
{
    map_template *t = calloc(1, sizeof *t);
    bool found = false;
    int r = 0;

    if (!t)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the command");
    t->shell = o->shell;
    t->is_line = o->n_words == 0;
    for (size_t i = 0; r == 0 && i < o->n_words; i++)
        r = parse_word(t, o, o->words[i], &found, err);
    if (r == 0 && !found && !o->only_names)
        r = parse_word(t, o, "{}", &found, err);
    if (r < 0) {
        map_template_destroy(t);
        return r;
    }
    *ret = t;
    return 0;
}

void map_template_destroy(map_template *t)
{
    if (!t)
        return;
    free(t->pieces);
    free(t);
}

/* ---- making ---- */

/* The part of a value that a placeholder means. The rules are GNU parallel's. */
static void part_of(const char *s, enum change change, const char **ret, size_t *ret_n)
{
    const char *slash = strrchr(s, '/'), *name = slash ? slash + 1 : s;
    const char *dot = strrchr(name, '.');
    size_t n = strlen(s);

    *ret = s;
    *ret_n = n;
    if (change == CHANGE_NAME || change == CHANGE_NAME_STEM) {
        *ret = name;
        *ret_n = strlen(name);
    }
    if ((change == CHANGE_STEM || change == CHANGE_NAME_STEM) && dot)
        *ret_n = (size_t)(dot - *ret);
    if (change != CHANGE_FOLDER)
        return;
    while (n > 0 && s[n - 1] == '/') /* "a/b/" is b in a */
        n--;
    while (n > 0 && s[n - 1] != '/')
        n--;
    if (n == 0) {
        *ret = slash && s[0] == '/' ? "/" : ".";
        *ret_n = 1;
        return;
    }
    while (n > 1 && s[n - 1] == '/')
        n--;
    *ret_n = n;
}

static void add_quoted(hec__strbuf *out, const char *s, size_t n)
{
    hec__strbuf_addc(out, '\'');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\'')
            hec__strbuf_adds(out, "'\\''");
        else
            hec__strbuf_addc(out, s[i]);
    }
    hec__strbuf_addc(out, '\'');
}

static bool is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("_@%+=:,./-", s[i]))
            return false;
    return n > 0;
}

static void add_value(const map_template *t, const piece *p, const char *value, hec__strbuf *out)
{
    const char *s;
    size_t n;

    part_of(value, p->change, &s, &n);
    if (!t->shell || t->is_line || is_plain(s, n))
        hec__strbuf_add(out, s, n);
    else
        add_quoted(out, s, n);
}

/* Between two words: the end of an argument, or a blank of the shell's line. */
static void end_word(const map_template *t, map_words *w)
{
    hec__strbuf_addc(&w->text, t->shell ? ' ' : '\0');
    w->n++;
}

static void add_all(const map_template *t, const piece *p, const map_row *row, map_words *w)
{
    for (size_t i = 0; i < row->n; i++) {
        if (i > 0 && p->alone)
            end_word(t, w);
        else if (i > 0)
            hec__strbuf_addc(&w->text, ' ');
        add_value(t, p, row->values[i], &w->text);
    }
}

static int add_column(const map_template *t, const piece *p, const map_row *row, map_words *w,
                      hec_error *err)
{
    size_t column = p->kind == PIECE_COLUMN ? p->n : row->n - p->n;

    if (p->kind == PIECE_LAST && p->n > row->n)
        column = SIZE_MAX;
    if (column >= row->n)
        return hec__fail(err, HEC_EINVAL, 0,
                         "line %" PRIu64 " of %.100s has %zu column%s, and {%s%zu} is asked for",
                         row->line, row->where, row->n, row->n == 1 ? "" : "s",
                         p->kind == PIECE_LAST ? "-" : "", p->kind == PIECE_LAST ? p->n : p->n + 1);
    if (!row->values[column])
        return hec__fail(err, HEC_EINVAL, 0, "row %" PRIu64 " of %.100s has no '%.60s'", row->line,
                         row->where, p->text ? p->text : "?");
    add_value(t, p, row->values[column], &w->text);
    return 0;
}

int map_words_point(map_words *w, hec_error *err)
{
    size_t n = w->n, at = 0;

    if (w->text.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a command");
    if (n + 1 > w->cap) {
        const char **argv = realloc((void *)w->argv, (n + 1) * sizeof *argv);

        if (!argv)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for a command of %zu words", n);
        w->argv = argv;
        w->cap = n + 1;
    }
    for (size_t i = 0; i < n; i++) {
        w->argv[i] = w->text.data + at;
        at += strlen(w->argv[i]) + 1;
    }
    w->argv[n] = NULL;
    return 0;
}

int map_template_expand(const map_template *t, const map_row *row, uint64_t task, uint32_t place,
                        map_words *w, hec_error *err)
{
    int r = 0;

    if (!w->text.data)
        hec__strbuf_init(&w->text);
    hec__strbuf_clear(&w->text);
    w->n = 0;
    if (t->shell) {
        hec__strbuf_add(&w->text, "/bin/sh\0-c\0", 11);
        w->n = 2;
    }
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        const piece *p = &t->pieces[i];

        switch (p->kind) {
        case PIECE_TEXT:
            hec__strbuf_add(&w->text, p->text, p->n);
            break;
        case PIECE_ALL:
            add_all(t, p, row, w);
            break;
        case PIECE_COLUMN:
        case PIECE_LAST:
            r = add_column(t, p, row, w, err);
            break;
        case PIECE_TASK:
            hec__strbuf_addf(&w->text, "%" PRIu64, task);
            break;
        case PIECE_PLACE:
            hec__strbuf_addf(&w->text, "%" PRIu32, place);
            break;
        case PIECE_NEXT:
            end_word(t, w);
        }
    }
    if (r < 0)
        return r;
    if (t->shell &&
        !w->text.failed) { /* however many words: one line, and its last blank ends it */
        w->text.data[w->text.len - 1] = '\0';
        w->n = 3;
    }
    return map_words_point(w, err);
}

void map_words_fini(map_words *w)
{
    if (w->text.data)
        hec__strbuf_fini(&w->text);
    free((void *)w->argv);
    *w = (map_words){0};
}

/* ---- for people ---- */

static void add_escaped(hec__strbuf *out, const char *s)
{
    hec__strbuf_adds(out, "$'");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '\'' || c == '\\')
            hec__strbuf_addf(out, "\\%c", c);
        else if (c == '\n')
            hec__strbuf_adds(out, "\\n");
        else if (c == '\t')
            hec__strbuf_adds(out, "\\t");
        else if (c < 0x20 || c == 0x7F)
            hec__strbuf_addf(out, "\\%03o", c);
        else
            hec__strbuf_addc(out, (char)c);
    }
    hec__strbuf_addc(out, '\'');
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if (iscntrl((unsigned char)*s))
            return true;
    return false;
}

void map_quote(hec__strbuf *out, const char *word, bool line)
{
    size_t n = strlen(word);

    if (line && has_control(word))
        add_escaped(out, word);
    else if (is_plain(word, n))
        hec__strbuf_add(out, word, n);
    else
        add_quoted(out, word, n);
}

void map_quote_all(hec__strbuf *out, const char *const *argv, bool line)
{
    for (size_t i = 0; argv[i]; i++) {
        if (i > 0)
            hec__strbuf_addc(out, ' ');
        map_quote(out, argv[i], line);
    }
}
