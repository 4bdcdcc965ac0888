/* SPDX-License-Identifier: MIT
 *
 * One file of parameters, run by run: records of a CSV, or the maps of a YAML and what they
 * expand to. A CSV is never in memory as a whole, and neither are the runs of a grid.
 */
#include "conf/runs.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "conf/scalar.h"
#include "conf/value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct {
    const char *suffix;
    char kind;
} kinds[] = {{".csv", ','}, {".tsv", '\t'}, {".yaml", 'y'}, {".yml", 'y'}};

static int no_memory(const hec__table *t, hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%.100s'", t->path);
}

/* How many bytes the name has before its ending, and what that says. */
static size_t stem(const char *path, char *ret_kind)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t k = strlen(kinds[i].suffix);

        if (n > k && strcasecmp(path + n - k, kinds[i].suffix) == 0) {
            *ret_kind = kinds[i].kind;
            return n - k;
        }
    }
    *ret_kind = '\0';
    return n;
}

char hec__table_kind(const char *path)
{
    char kind;

    (void)stem(path, &kind);
    return kind;
}

/* ---- CSV ---- */

static int read_header(hec__table *t, hec_error *err)
{
    HEC_AUTO_NAMES seen = {0};
    const hec_csv_field *fields;
    size_t n, first;
    int r = hec_csv_next(t->csv, &fields, &n, err);

    if (r == 0)
        return hec__fail_on_line(err, t->path, 1, "there is no header, the file is empty");
    if (r < 0)
        return r;
    t->names = hec__arena_alloc(&t->header, n * sizeof *t->names);
    if (!t->names)
        return no_memory(t, err);
    for (size_t i = 0; i < n; i++) {
        char *copy = hec__arena_copy(&t->header, fields[i].text, fields[i].size);

        if (!copy)
            return no_memory(t, err);
        if (fields[i].size == 0)
            return hec__fail_on_line(err, t->path, hec_csv_line(t->csv), "column %zu has no name",
                                     i + 1);
        r = hec__names_add(&seen, copy, fields[i].size, &first, err);
        if (r < 0)
            return r;
        if (r == 0)
            return hec__fail_on_line(err, t->path, hec_csv_line(t->csv),
                                     "columns %zu and %zu are both called '%.60s'", first + 1,
                                     i + 1, copy);
        t->names[i] = (hec__name){copy, fields[i].size};
    }
    t->n_names = n;
    return 0;
}

/* A field without the blanks around it, where that makes it something else than text. */
static hec_csv_field trimmed(hec_csv_field f)
{
    hec_csv_field t = f;

    while (t.size && (*t.text == ' ' || *t.text == '\t')) {
        t.text++;
        t.size--;
    }
    while (t.size && (t.text[t.size - 1] == ' ' || t.text[t.size - 1] == '\t'))
        t.size--;
    return hec__scalar_kind(t.text, t.size) == HEC_VALUE_TEXT ? f : t;
}

static int read_field(hec__table *t, size_t column, hec_csv_field f, hec__arena *arena,
                      hec_value *value, hec_error *err)
{
    const hec__name *name = &t->names[column];
    char *copy;
    int r;

    value->line = (uint32_t)hec_csv_line(t->csv);
    value->column = 0;
    if (f.size == 0 && !f.quoted) {
        value->kind = HEC_VALUE_NULL;
        return 0;
    }
    if (t->schema && hec__schema_wants_text(t->schema, name->bytes, name->size)) {
        copy = hec__arena_copy(arena, f.text, f.size);
        value->kind = HEC_VALUE_TEXT;
        value->as.text = copy;
        value->count = f.size;
        return copy ? 0 : no_memory(t, err);
    }
    if (f.size == 0) {
        value->kind = HEC_VALUE_TEXT;
        value->as.text = "";
        return 0;
    }
    f = trimmed(f);
    copy = hec__arena_copy(arena, f.text, f.size);
    if (!copy)
        return no_memory(t, err);
    r = hec__scalar_resolve(arena, copy, f.size, value, err);
    if (r == HEC_EFORMAT)
        return hec__fail_on_line(err, t->path, hec_csv_line(t->csv),
                                 "row %llu: '%.60s' is an integer of more than 1000 digits",
                                 (unsigned long long)t->row, name->bytes);
    return r;
}

static int next_of_csv(hec__table *t, hec__arena *arena, hec_value *map, bool *go_on,
                       hec_error *err)
{
    const hec_csv_field *fields;
    hec_member *members;
    size_t n;
    int r = hec_csv_next(t->csv, &fields, &n, err);

    if (r <= 0)
        return r;
    t->row++;
    *go_on = true;
    if (n != t->n_names)
        return hec__fail_on_line(err, t->path, hec_csv_line(t->csv),
                                 "row %llu has %zu field%s, the header has %zu",
                                 (unsigned long long)t->row, n, n == 1 ? "" : "s", t->n_names);
    members = hec__arena_alloc(arena, n * sizeof *members);
    if (!members)
        return no_memory(t, err);
    for (size_t i = 0; i < n; i++) {
        members[i].key = (hec_value){.kind = HEC_VALUE_TEXT,
                                     .line = 1,
                                     .count = t->names[i].size,
                                     .as.text = t->names[i].bytes};
        r = read_field(t, i, fields[i], arena, &members[i].value, err);
        if (r < 0)
            return r;
    }
    *map = (hec_value){.kind = HEC_VALUE_MAP,
                       .line = (uint32_t)hec_csv_line(t->csv),
                       .count = n,
                       .as.members = members};
    return 1;
}

/* ---- YAML ---- */

/* The next map of the file: 1, or 0 where there is none. */
static int next_map(hec__table *t, const hec_value **ret, hec_error *err)
{
    while (t->document < hec_yaml_documents(t->yaml)) {
        const hec_value *v = hec_yaml_document(t->yaml, t->document);

        if (v->kind == HEC_VALUE_LIST && t->item < v->count)
            v = &v->as.items[t->item++];
        else if (v->kind == HEC_VALUE_LIST || v->kind == HEC_VALUE_NULL || t->item > 0) {
            /* The end of a list, a document of nothing, or a map that has been. */
            t->item = 0;
            t->document++;
            continue;
        } else
            t->item = 1;
        if (v->kind != HEC_VALUE_MAP)
            return hec__fail_at_value(err, &t->yaml->source, v,
                                      "a run is a map of parameters, not %s",
                                      hec__value_kind_name(v));
        *ret = v;
        return 1;
    }
    return 0;
}

static int next_of_yaml(hec__table *t, hec__arena *arena, hec_value *map, bool *go_on,
                        hec_error *err)
{
    *go_on = true;
    while (t->next == t->expansion.runs) {
        const hec_value *m = NULL;
        int r = next_map(t, &m, err);

        if (r == 1) {
            r = hec__expansion_init(&t->expansion, m, &t->yaml->source, err);
            t->next = r < 0 ? t->expansion.runs : 0;
        } else if (r == 0) {
            return 0;
        }
        if (r < 0)
            return r;
    }
    t->row++;
    return hec__expansion_at(&t->expansion, t->next++, arena, map, err) < 0 ? HEC_ENOMEM : 1;
}

/* ---- both ---- */

static int open_schema(hec__table *t, const char *schema_path, hec_error *err)
{
    HEC_AUTO_STR beside = NULL;
    char kind;

    if (!schema_path) {
        if (asprintf(&beside, "%.*s.schema.yaml", (int)stem(t->path, &kind), t->path) < 0) {
            beside = NULL;
            return no_memory(t, err);
        }
        if (access(beside, F_OK) < 0)
            return 0;
        schema_path = beside;
    }
    return *schema_path ? hec__schema_read(schema_path, &t->schema, err) : 0;
}

int hec__table_open(hec__table *t, const char *path, const char *schema_path, hec_error *err)
{
    char kind = hec__table_kind(path);
    int r;

    *t = (hec__table){.path = path};
    r = open_schema(t, schema_path, err);
    if (r == 0)
        r = kind == 'y' ? hec_yaml_read(path, &t->yaml, err)
                        : hec_csv_open(path, kind, &t->csv, err);
    if (r == 0 && t->csv)
        r = read_header(t, err);
    if (r < 0)
        hec__table_close(t);
    return r;
}

int hec__table_next(hec__table *t, hec__arena *arena, hec_value *ret_map, bool *ret_go_on,
                    hec_error *err)
{
    int r;

    *ret_go_on = false;
    r = t->csv ? next_of_csv(t, arena, ret_map, ret_go_on, err)
               : next_of_yaml(t, arena, ret_map, ret_go_on, err);
    if (r == 1 && t->schema) {
        int converted = hec__schema_convert(t->schema, arena, ret_map, err);

        return converted < 0 ? converted : 1;
    }
    return r;
}

void hec__table_close(hec__table *t)
{
    hec_csv_destroy(t->csv);
    hec_yaml_destroy(t->yaml);
    hec__schema_destroy(t->schema);
    hec__arena_fini(&t->header);
    *t = (hec__table){0};
}
