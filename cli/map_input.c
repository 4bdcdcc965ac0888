/* SPDX-License-Identifier: MIT
 *
 * Sources that are linked go along together and make a group. The groups are combined like the
 * wheels of a counter: the last one turns fastest, the first one turns once and is read as it
 * turns.
 */
#include "map_input.h"

#include "base/error.h"
#include "map_source.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A list of strings, all in one piece of memory; ends as long as it grows. */
typedef struct list {
    hec__strbuf text;
    size_t *at; /* [n] offsets */
    size_t n, cap;
} list;

/* Rows of a group other than the first: [rows][columns], ragged with --colsep. */
typedef struct wheel {
    list values;
    size_t *starts; /* [rows + 1]: where in values a row begins */
    size_t rows, cap, at;
} wheel;

typedef struct group {
    source *sources; /* [n] */
    size_t n;
    list now; /* of the first group: the present row */
    wheel wheel;
} group;

struct map_input {
    map_input_options o;
    source *sources; /* [o.n] */
    group *groups;
    size_t n_groups;
    regex_t colsep;
    bool has_colsep;
    list names;
    const char **pointers; /* to values of the present row, or to names */
    size_t cap;
    const char **name_pointers;
    bool over;
    bool has_first; /* the first group's present row is there, and not through yet */
    uint64_t given;
};

/* ---- lists ---- */

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for the input");
}

static int list_add(list *l, const char *s, size_t n, hec_error *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        size_t *at = realloc(l->at, cap * sizeof *at);

        if (!at)
            return no_memory(err);
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n] = l->text.len;
    if (hec__strbuf_add(&l->text, s, n) < 0 || hec__strbuf_addc(&l->text, '\0') < 0)
        return no_memory(err);
    l->n++;
    return 0;
}

static void list_clear(list *l)
{
    hec__strbuf_clear(&l->text);
    l->n = 0;
}

static void list_fini(list *l)
{
    hec__strbuf_fini(&l->text);
    free(l->at);
}

/* ---- records to columns ---- */

static int add_columns(map_input *in, list *l, const char *record, hec_error *err)
{
    regmatch_t m;
    int r = 0, flags = 0;

    while (r == 0 && in->has_colsep && regexec(&in->colsep, record, 1, &m, flags) == 0) {
        if (m.rm_eo == 0) /* it matches nothing at all: there is no column to be cut off */
            break;
        r = list_add(l, record, (size_t)m.rm_so, err);
        record += m.rm_eo;
        flags = REG_NOTBOL;
    }
    return r < 0 ? r : list_add(l, record, strlen(record), err);
}

/* One row of a group. The source that comes first may have to be waited for, the others are. */
static int read_row(map_input *in, group *g, bool wait, list *l, hec_error *err)
{
    for (size_t i = 0; i < g->n; i++) {
        const char *record;
        int r = source_next(&g->sources[i], wait || i > 0, &record, err);

        if (r != MAP_ROW)
            return r;
        r = add_columns(in, l, record, err);
        if (r < 0)
            return r;
    }
    return MAP_ROW;
}

static int wheel_add(wheel *w, hec_error *err)
{
    if (w->rows + 2 > w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 16;
        size_t *starts = realloc(w->starts, cap * sizeof *starts);

        if (!starts)
            return no_memory(err);
        w->starts = starts;
        w->cap = cap;
        w->starts[0] = 0;
    }
    w->starts[++w->rows] = w->values.n;
    return 0;
}

static int fill_wheel(map_input *in, group *g, hec_error *err)
{
    int r;

    while ((r = read_row(in, g, true, &g->wheel.values, err)) == MAP_ROW) {
        r = wheel_add(&g->wheel, err);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : 0;
}

/* ---- create ---- */

/* "\t" is what people write, and what POSIX does not know. */
static int compile(map_input *in, hec_error *err)
{
    HEC_AUTO_STRBUF text;
    char why[100];
    int r;

    hec__strbuf_init(&text);
    for (const char *s = in->o.colsep; *s; s++) {
        if (s[0] == '\\' && s[1] == 't') {
            hec__strbuf_addc(&text, '\t');
            s++;
        } else {
            hec__strbuf_addc(&text, *s);
            if (s[0] == '\\' && s[1])
                hec__strbuf_addc(&text, *++s);
        }
    }
    if (text.failed)
        return no_memory(err);
    r = regcomp(&in->colsep, text.data, REG_EXTENDED);
    if (r != 0) {
        regerror(r, &in->colsep, why, sizeof why);
        return hec__fail(err, HEC_EINVAL, 0, "--colsep '%.60s': %s", in->o.colsep, why);
    }
    in->has_colsep = true;
    return 0;
}

static int make_groups(map_input *in, hec_error *err)
{
    if (in->o.plan)
        return 0;
    in->sources = calloc(in->o.n, sizeof *in->sources);
    in->groups = calloc(in->o.n, sizeof *in->groups);
    if (!in->sources || !in->groups)
        return no_memory(err);
    for (size_t i = 0; i < in->o.n; i++) {
        in->sources[i].fd = -1;
        hec__strbuf_init(&in->sources[i].buf);
    }
    for (size_t i = 0; i < in->o.n; i++) {
        const map_source *from = &in->o.sources[i];
        group *g;
        int r = source_open(&in->sources[i], from, in->o.null ? '\0' : '\n', err);

        if (r < 0)
            return r;
        if (i == 0 || !from->linked) {
            g = &in->groups[in->n_groups++];
            g->sources = &in->sources[i];
            hec__strbuf_init(&g->now.text);
            hec__strbuf_init(&g->wheel.values.text);
        }
        in->groups[in->n_groups - 1].n++;
    }
    return 0;
}

int map_input_create(const map_input_options *o, map_input **ret, hec_error *err)
{
    map_input *in = calloc(1, sizeof *in);
    int r;

    if (!in)
        return no_memory(err);
    in->o = *o;
    hec__strbuf_init(&in->names.text);
    r = make_groups(in, err);
    if (r == 0 && o->colsep)
        r = compile(in, err);
    if (r == 0) {
        *ret = in;
        return 0;
    }
    map_input_destroy(in);
    return r;
}

void map_input_destroy(map_input *in)
{
    if (!in)
        return;
    for (size_t i = 0; i < in->n_groups; i++) {
        list_fini(&in->groups[i].now);
        list_fini(&in->groups[i].wheel.values);
        free(in->groups[i].wheel.starts);
    }
    for (size_t i = 0; in->sources && i < in->o.n; i++)
        source_close(&in->sources[i]);
    if (in->has_colsep)
        regfree(&in->colsep);
    list_fini(&in->names);
    free(in->groups);
    free(in->sources);
    free((void *)in->pointers);
    free((void *)in->name_pointers);
    free(in);
}

/* ---- names ---- */

static int read_header(map_input *in, hec_error *err)
{
    for (size_t i = 0; i < in->n_groups; i++) {
        int r = read_row(in, &in->groups[i], true, &in->names, err);

        if (r < 0)
            return r;
        if (r == MAP_END)
            return hec__fail(err, HEC_EFORMAT, 0, "%s: there is no first line to name columns",
                             in->groups[i].sources->where);
    }
    in->name_pointers = malloc(in->names.n * sizeof *in->name_pointers);
    if (!in->name_pointers)
        return no_memory(err);
    for (size_t i = 0; i < in->names.n; i++)
        in->name_pointers[i] = in->names.text.data + in->names.at[i];
    return 0;
}

int map_input_begin(map_input *in, hec_error *err)
{
    int r = in->o.plan     ? sweep_plan_rewind(in->o.plan, err)
            : in->o.header ? read_header(in, err)
                           : 0;

    for (size_t i = 1; r == 0 && i < in->n_groups; i++) {
        r = fill_wheel(in, &in->groups[i], err);
        if (in->groups[i].wheel.rows == 0)
            in->over = true;
    }
    return r;
}

size_t map_input_names(const map_input *in, const char *const **ret_names)
{
    if (in->o.plan)
        return sweep_plan_names(in->o.plan, ret_names);
    *ret_names = in->name_pointers;
    return in->name_pointers ? in->names.n : 0;
}

size_t map_input_columns(const map_input *in)
{
    return in->has_colsep || in->o.plan ? in->names.n : in->o.n;
}

size_t map_input_shown(const map_input *in, size_t n)
{
    return in->o.plan ? sweep_plan_parameters(in->o.plan) : n;
}

/* ---- rows ---- */

/* Turns the last wheel, and the one before it when it has come round. False: all have. */
static bool turn(map_input *in)
{
    for (size_t i = in->n_groups - 1; i > 0; i--) {
        wheel *w = &in->groups[i].wheel;

        if (++w->at < w->rows)
            return true;
        w->at = 0;
    }
    return false;
}

static int point(map_input *in, const list *l, size_t from, size_t to, size_t *n, hec_error *err)
{
    if (*n + to - from > in->cap) {
        size_t cap = 2 * (*n + to - from);
        const char **pointers = realloc((void *)in->pointers, cap * sizeof *pointers);

        if (!pointers)
            return no_memory(err);
        in->pointers = pointers;
        in->cap = cap;
    }
    for (size_t i = from; i < to; i++)
        in->pointers[(*n)++] = l->text.data + l->at[i];
    return 0;
}

static int next_of_plan(map_input *in, map_row *ret, hec_error *err)
{
    int r = sweep_plan_next(in->o.plan, ret, NULL, err);

    in->over = r == 0;
    in->given += r == 1;
    return r < 0 ? r : r ? MAP_ROW : MAP_END;
}

int map_input_next(map_input *in, map_row *ret, hec_error *err)
{
    group *first = in->groups;
    size_t n = 0;
    int r;

    if (in->over)
        return MAP_END;
    if (in->o.plan)
        return next_of_plan(in, ret, err);
    if (!in->has_first || !turn(in)) {
        list_clear(&first->now);
        r = read_row(in, first, false, &first->now, err);
        in->has_first = r == MAP_ROW;
        in->over = r == MAP_END;
        if (r != MAP_ROW)
            return r;
    }
    r = point(in, &first->now, 0, first->now.n, &n, err);
    for (size_t i = 1; r == 0 && i < in->n_groups; i++) {
        wheel *w = &in->groups[i].wheel;

        r = point(in, &w->values, w->starts[w->at], w->starts[w->at + 1], &n, err);
    }
    if (r < 0)
        return r;
    in->given++;
    *ret = (map_row){.values = in->pointers,
                     .n = n,
                     .line = first->sources->line,
                     .where = first->sources->where};
    return MAP_ROW;
}

int map_input_fd(const map_input *in)
{
    return in->o.plan ? -1 : in->sources[0].fd;
}

uint64_t map_input_total(map_input *in, bool look)
{
    uint64_t n = in->given, more, combinations = 1;

    if (in->over)
        return in->given;
    if (in->o.plan)
        return sweep_plan_runs(in->o.plan);
    if (!look && !in->sources[0].from->values)
        return 0;
    for (size_t i = 1; i < in->n_groups; i++)
        combinations *= in->groups[i].wheel.rows;
    more = source_count(in->groups[0].sources);
    for (size_t i = 1; i < in->groups[0].n; i++) {
        uint64_t other = source_count(&in->groups[0].sources[i]);

        more = other < more ? other : more;
    }
    return more ? n + more * combinations : 0;
}
