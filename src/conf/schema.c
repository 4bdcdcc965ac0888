/* SPDX-License-Identifier: MIT */
#include "conf/schema.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "conf/names.h"
#include "conf/place.h"
#include "conf/value.h"
#include "conf/yaml.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Kinds as bits; `number` is both of its kinds. */
#define BIT(kind) (1u << (kind))
#define INTEGER   (BIT(HEC_VALUE_INT) | BIT(HEC_VALUE_BIG))

static const struct type {
    const char *name;
    unsigned kinds;
} types[] = {
    {"int", INTEGER},
    {"float", BIT(HEC_VALUE_REAL)},
    {"number", INTEGER | BIT(HEC_VALUE_REAL)},
    {"bool", BIT(HEC_VALUE_BOOL)},
    {"string", BIT(HEC_VALUE_TEXT)},
    {"null", BIT(HEC_VALUE_NULL)},
    {"list", BIT(HEC_VALUE_LIST)},
    {"map", BIT(HEC_VALUE_MAP)},
};

typedef struct param_rule {
    const hec_value *name;
    unsigned kinds; /* 0: any */
    const hec_value *min, *max, *choices;
    bool required;
    char type_text[64]; /* "int or null" */
} param_rule;

struct hec__schema {
    hec_yaml *yaml;
    hec__names names; /* of the rules, by number */
    param_rule *rules;
    bool others_refused;
};

HEC_AUTO_DEFINE(hec__schema, hec__schema_destroy)

void hec__schema_destroy(hec__schema *schema)
{
    if (!schema)
        return;
    hec_yaml_destroy(schema->yaml);
    hec__names_fini(&schema->names);
    free(schema->rules);
    free(schema);
}

/* ---- reading ---- */

static int add_type(param_rule *rule, const hec_value *name, const hec__source *source,
                    hec_error *err)
{
    size_t used = strlen(rule->type_text);

    /* `null` without quotes is null, and is what was meant. */
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!hec__value_is_text(name, types[i].name) &&
            !(name->kind == HEC_VALUE_NULL && types[i].kinds == BIT(HEC_VALUE_NULL)))
            continue;
        rule->kinds |= types[i].kinds;
        snprintf(rule->type_text + used, sizeof rule->type_text - used, "%s%s", used ? " or " : "",
                 types[i].name);
        return 0;
    }
    return hec__fail_at_value(err, source, name,
                              "a type is int, float, number, bool, string, null, list or map");
}

static int read_type(param_rule *rule, const hec_value *value, const hec__source *source,
                     hec_error *err)
{
    int r = 0;

    if (value->kind != HEC_VALUE_LIST)
        return add_type(rule, value, source, err);
    for (uint64_t i = 0; i < value->count && r == 0; i++)
        r = add_type(rule, &value->as.items[i], source, err);
    return r;
}

static int read_rule_member(param_rule *rule, const hec_member *m, const hec__source *source,
                            hec_error *err)
{
    bool number = hec__value_is_number(&m->value);

    if (hec__value_is_text(&m->key, "type"))
        return read_type(rule, &m->value, source, err);
    if (hec__value_is_text(&m->key, "required")) {
        if (m->value.kind != HEC_VALUE_BOOL)
            return hec__fail_at_value(err, source, &m->value, "required is true or false");
        rule->required = m->value.as.boolean;
        return 0;
    }
    if (hec__value_is_text(&m->key, "choices")) {
        if (m->value.kind != HEC_VALUE_LIST || m->value.count == 0)
            return hec__fail_at_value(err, source, &m->value, "choices are a list of values");
        rule->choices = &m->value;
        return 0;
    }
    if (!hec__value_is_text(&m->key, "min") && !hec__value_is_text(&m->key, "max"))
        return hec__fail_at_value(err, source, &m->key,
                                  "a rule is type, min, max, choices or required");
    if (!number)
        return hec__fail_at_value(err, source, &m->value, "%s wants a number", m->key.as.text);
    if (hec__value_is_text(&m->key, "min"))
        rule->min = &m->value;
    else
        rule->max = &m->value;
    return 0;
}

static int read_rule(hec__schema *schema, const hec_member *m, hec_error *err)
{
    const hec__source *source = &schema->yaml->source;
    param_rule *rule;
    size_t index;
    int r;

    if (m->key.kind != HEC_VALUE_TEXT)
        return hec__fail_at_value(err, source, &m->key, "the name of a parameter is text");
    if (hec__value_is_text(&m->key, "*")) {
        if (!hec__value_is_text(&m->value, "refused") && !hec__value_is_text(&m->value, "allowed"))
            return hec__fail_at_value(err, source, &m->value,
                                      "other parameters, \"*\", are refused or allowed");
        schema->others_refused = hec__value_is_text(&m->value, "refused");
        return 0;
    }
    if (m->value.kind != HEC_VALUE_MAP)
        return hec__fail_at_value(err, source, &m->value,
                                  "the rules of '%.40s' are a map: {type: float, min: 0}",
                                  m->key.as.text);
    r = hec__names_add(&schema->names, m->key.as.text, m->key.count, &index, err);
    if (r < 0)
        return r;
    rule = &schema->rules[index];
    rule->name = &m->key;
    r = 0;
    for (uint64_t i = 0; i < m->value.count && r == 0; i++)
        r = read_rule_member(rule, &m->value.as.members[i], source, err);
    return r;
}

int hec__schema_read(const char *path, hec__schema **ret_schema, hec_error *err)
{
    HEC_AUTO(hec__schema) schema = calloc(1, sizeof *schema);
    const hec_value *map;
    int r;

    if (!schema)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%.100s'", path);
    r = hec_yaml_read(path, &schema->yaml, err);
    if (r < 0)
        return r;
    if (hec_yaml_documents(schema->yaml) != 1)
        return hec__fail_on_line(err, path, 1, "a schema is one document, this has %zu",
                                 hec_yaml_documents(schema->yaml));
    map = hec_yaml_document(schema->yaml, 0);
    if (map->kind != HEC_VALUE_MAP)
        return hec__fail_at_value(err, &schema->yaml->source, map,
                                  "a schema is a map of names and their rules");
    schema->rules = calloc(map->count ? (size_t)map->count : 1, sizeof *schema->rules);
    if (!schema->rules)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for '%.100s'", path);
    for (uint64_t i = 0; i < map->count && r == 0; i++)
        r = read_rule(schema, &map->as.members[i], err);
    if (r < 0)
        return r;
    *ret_schema = HEC_STEAL(&schema);
    return 0;
}

/* ---- applying ---- */

static const param_rule *rule_of(const hec__schema *schema, const char *name, size_t size)
{
    ptrdiff_t i = hec__names_find(&schema->names, name, size);

    return i < 0 ? NULL : &schema->rules[i];
}

bool hec__schema_wants_text(const hec__schema *schema, const char *name, size_t size)
{
    const param_rule *rule = rule_of(schema, name, size);

    return rule && rule->kinds == BIT(HEC_VALUE_TEXT);
}

static bool wants_float(const param_rule *rule, const hec_value *value)
{
    return rule && (rule->kinds & BIT(HEC_VALUE_REAL)) && !(rule->kinds & INTEGER) &&
           (BIT(value->kind) & INTEGER);
}

int hec__schema_convert(const hec__schema *schema, hec__arena *arena, hec_value *map,
                        hec_error *err)
{
    hec_member *own = NULL;

    for (uint64_t i = 0; i < map->count; i++) {
        const hec_member *m = &map->as.members[i];
        hec_value *v;

        if (!wants_float(rule_of(schema, m->key.as.text, m->key.count), &m->value))
            continue;
        if (!own) {
            own = hec__arena_alloc(arena, (size_t)map->count * sizeof *own);
            if (!own)
                return hec__fail(err, HEC_ENOMEM, 0, "no memory for a run");
            memcpy(own, map->as.members, (size_t)map->count * sizeof *own);
            map->as.members = own;
        }
        v = &own[i].value;
        v->as.real = hec__value_number(v);
        v->kind = HEC_VALUE_REAL;
        v->count = 0;
    }
    return 0;
}

/* ---- checking ---- */

typedef struct check {
    const hec_run *run;
    hec_problem *problem;
    void *ctx;
    int found;
} check;

/* "FILE:LINE: row ROW: text". Only values of YAML know their column. */
static void tell(check *c, const hec_value *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(check *c, const hec_value *at, const char *fmt, ...)
{
    char what[200];
    const char *cut, *name = hec__short_name(c->run->file, &cut);
    hec_error e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    hec__fail(&e, HEC_EFORMAT, 0, "%s%s:%" PRIu32 ": %s %" PRIu64 ": %s", cut, name, at->line,
              at->column ? "run" : "row", c->run->row, what);
    c->problem(c->ctx, e.text);
    c->found++;
}

/* A value in a message: short, on one line. */
static const char *show(const hec_value *value, char *buf, size_t size)
{
    if (!hec__value_is_scalar(value))
        return hec__value_kind_name(value);
    hec_value_text(value, buf, size, NULL);
    for (char *c = buf; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    return buf;
}

/* Whether two values are the same one, 1 and 1.0 too. */
static bool same(const hec_value *a, const hec_value *b)
{
    if (hec__value_is_number(a) && hec__value_is_number(b))
        return hec__value_number(a) == hec__value_number(b);
    if (a->kind != b->kind)
        return false;
    return a->kind == HEC_VALUE_NULL ||
           (a->kind == HEC_VALUE_BOOL && a->as.boolean == b->as.boolean) ||
           (a->kind == HEC_VALUE_TEXT && strcmp(a->as.text, b->as.text) == 0);
}

static bool is_choice(const hec_value *choices, const hec_value *value)
{
    for (uint64_t i = 0; i < choices->count; i++)
        if (same(&choices->as.items[i], value))
            return true;
    return false;
}

static void check_value(check *c, const param_rule *rule, const hec_value *value)
{
    char shown[48], end[40];
    const char *name = rule->name->as.text;

    if (value->kind == HEC_VALUE_NULL)
        return; /* it is as if it were not there */
    if (rule->kinds && !(rule->kinds & BIT(value->kind))) {
        tell(c, value, "%.40s is %s (%s), not %s", name, show(value, shown, sizeof shown),
             hec__value_kind_name(value), rule->type_text);
        return;
    }
    if (hec__value_is_number(value)) {
        double x = hec__value_number(value);

        /* Written so that NaN, which is no number of any range, is outside. */
        if (rule->min && !(x >= hec__value_number(rule->min)))
            tell(c, value, "%.40s is %s, less than %s", name, show(value, shown, sizeof shown),
                 show(rule->min, end, sizeof end));
        if (rule->max && !(x <= hec__value_number(rule->max)))
            tell(c, value, "%.40s is %s, more than %s", name, show(value, shown, sizeof shown),
                 show(rule->max, end, sizeof end));
    } else if (rule->min || rule->max) {
        tell(c, value, "%.40s is %s (%s), not a number", name, show(value, shown, sizeof shown),
             hec__value_kind_name(value));
    }
    if (rule->choices && !is_choice(rule->choices, value))
        tell(c, value, "%.40s is %s, which is none of its choices", name,
             show(value, shown, sizeof shown));
}

int hec__schema_check(const hec__schema *schema, const hec_run *run, hec_problem *problem,
                      void *ctx)
{
    check c = {.run = run, .problem = problem, .ctx = ctx};
    const hec_value *map = run->parameters;

    for (uint64_t i = 0; i < map->count; i++) {
        const hec_member *m = &map->as.members[i];
        const param_rule *rule = rule_of(schema, m->key.as.text, m->key.count);

        if (rule)
            check_value(&c, rule, &m->value);
        else if (schema->others_refused)
            tell(&c, &m->value, "%.60s is not in the schema", m->key.as.text);
    }
    assert(schema->rules);
    for (size_t i = 0; i < schema->names.n; i++) {
        const param_rule *rule = &schema->rules[i];
        const hec_value *v = hec_value_get(map, rule->name->as.text);

        if (rule->required &&
            (!v || (v->kind == HEC_VALUE_NULL && !(rule->kinds & BIT(HEC_VALUE_NULL)))))
            tell(&c, v ? v : map, "%.60s is required%s", rule->name->as.text,
                 v ? ", and empty" : "");
    }
    return c.found;
}
