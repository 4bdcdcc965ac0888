/* SPDX-License-Identifier: MIT
 *
 * A table for other programs: parameters, results, and then how it ended. A parameter keeps its
 * name, unless one of our columns has it; a result's member likewise, unless a parameter has it.
 */
#include "results.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char own[] = "task,verdict,exit_status,signal,attempts,started,seconds,cpu_seconds,"
                          "max_rss,pid,host,what,message,stderr";

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for a table");
}

void results_columns_fini(results_columns *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->list[i].name);
        free(c->list[i].shown);
    }
    free(c->list);
}

/* ---- names ---- */

static int add_name(results_columns *c, const char *name, bool is_result, hec_error *err)
{
    struct results_column *l;

    for (size_t i = 0; i < c->n; i++)
        if (c->list[i].is_result == is_result && strcmp(c->list[i].name, name) == 0)
            return 0;
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        struct results_column *grown = realloc(c->list, cap * sizeof *grown);

        if (!grown)
            return no_memory(err);
        c->list = grown;
        c->cap = cap;
    }
    l = &c->list[c->n];
    *l = (struct results_column){.name = strdup(name), .is_result = is_result};
    c->n += l->name != NULL;
    return l->name ? 0 : no_memory(err);
}

static int add_names(results_columns *c, const hec__strbuf *json, bool is_result, hec_error *err)
{
    hec_yaml *parsed = NULL;
    const hec_value *map;
    int r = json->len ? hec_json_parse("a task", json->data, json->len, &parsed, err) : 0;

    if (!parsed)
        return r;
    map = hec_yaml_document(parsed, 0);
    if (map->kind != HEC_VALUE_MAP)
        c->has_result = true;
    for (uint64_t i = 0; r == 0 && map->kind == HEC_VALUE_MAP && i < map->count; i++)
        r = add_name(c, map->as.members[i].key.as.text, is_result, err);
    hec_yaml_destroy(parsed);
    return r;
}

int results_columns_add(results_columns *c, const results_task *t, hec_error *err)
{
    int r = add_names(c, &t->params, false, err);

    c->has_plan = c->has_plan || t->row;
    return r < 0 ? r : add_names(c, &t->result, true, err);
}

static bool is_own(const char *name)
{
    size_t n = strlen(name);

    for (const char *p = own; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return strcmp(name, "id") == 0 || strcmp(name, "result") == 0;
}

/* Whether a column before this one has the name already. */
static bool is_taken(const results_columns *c, size_t i)
{
    for (size_t k = 0; k < c->n; k++)
        if (k != i && !c->list[k].is_result && c->list[i].is_result &&
            strcmp(c->list[k].name, c->list[i].name) == 0)
            return true;
    return is_own(c->list[i].name);
}

/* ---- fields ---- */

/* Fields that need no quotes have none; an empty text has. */
static void add_text(hec__strbuf *out, const char *text, bool comma)
{
    if (comma)
        hec__strbuf_addc(out, ',');
    if (*text && !strpbrk(text, ",\"\r\n")) {
        hec__strbuf_adds(out, text);
        return;
    }
    hec__strbuf_addc(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            hec__strbuf_addc(out, '"');
        hec__strbuf_addc(out, *text);
    }
    hec__strbuf_addc(out, '"');
}

static int add_value(hec__strbuf *out, const hec_value *v, hec_error *err)
{
    HEC_AUTO_STR json = NULL;
    char buf[48];
    int r = 0;

    if (!v || v->kind == HEC_VALUE_NULL)
        return 0;
    if (v->kind == HEC_VALUE_TEXT || v->kind == HEC_VALUE_BIG) {
        add_text(out, v->as.text, false);
    } else if (v->kind == HEC_VALUE_LIST || v->kind == HEC_VALUE_MAP) {
        r = hec_value_json(v, &json, err);
        if (r == 0)
            add_text(out, json, false);
    } else {
        hec_value_text(v, buf, sizeof buf, NULL);
        hec__strbuf_adds(out, buf);
    }
    return r;
}

/* ---- lines ---- */

int results_csv_begin(results_columns *c, hec__strbuf *out, hec_error *err)
{
    for (int result = 0; result < 2; result++)
        for (size_t i = 0; i < c->n; i++) {
            struct results_column *l = &c->list[i];
            HEC_AUTO_STRBUF name;

            if (l->is_result != (result == 1))
                continue;
            hec__strbuf_init(&name);
            if (is_taken(c, i))
                hec__strbuf_adds(&name, l->is_result ? "result." : "param.");
            hec__strbuf_adds(&name, l->name);
            l->shown = hec__strbuf_detach(&name);
            if (!l->shown)
                return no_memory(err);
            add_text(out, l->shown, false);
            hec__strbuf_addc(out, ',');
        }
    if (c->has_result)
        hec__strbuf_adds(out, "result,");
    if (c->has_plan)
        hec__strbuf_adds(out, "id,");
    hec__strbuf_adds(out, own);
    hec__strbuf_addc(out, '\n');
    return out->failed ? no_memory(err) : 0;
}

static int add_joined(const results_columns *c, const results_task *t, hec__strbuf *out,
                      hec_error *err)
{
    const hec__strbuf *json[2] = {&t->params, &t->result};
    hec_yaml *parsed[2] = {NULL, NULL};
    const hec_value *map[2] = {NULL, NULL};
    int r = 0;

    for (int k = 0; r == 0 && k < 2; k++) {
        r = json[k]->len ? hec_json_parse("a task", json[k]->data, json[k]->len, &parsed[k], err)
                         : 0;
        map[k] = parsed[k] ? hec_yaml_document(parsed[k], 0) : NULL;
    }
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; r == 0 && i < c->n; i++) {
            if (c->list[i].is_result != (k == 1))
                continue;
            r = add_value(out, map[k] ? hec_value_get(map[k], c->list[i].name) : NULL, err);
            hec__strbuf_addc(out, ',');
        }
    if (r == 0 && c->has_result) {
        r = map[1] && map[1]->kind != HEC_VALUE_MAP ? add_value(out, map[1], err) : 0;
        hec__strbuf_addc(out, ',');
    }
    hec_yaml_destroy(parsed[0]);
    hec_yaml_destroy(parsed[1]);
    return r;
}

static void add_usage(const results_task *t, hec__strbuf *out)
{
    const hec_journal_entry *e = t->entry;
    const hec_usage *u;

    if (!e) {
        hec__strbuf_adds(out, ",,0,,,,,");
        return;
    }
    u = &e->usage;
    if (e->verdict == HEC_TASK_DONE || e->verdict == HEC_TASK_EXITED)
        hec__strbuf_addf(out, "%" PRId32, e->detail);
    hec__strbuf_addc(out, ',');
    if (e->verdict == HEC_TASK_KILLED && e->detail > 0)
        hec__strbuf_addf(out, "%" PRId32, e->detail);
    hec__strbuf_addf(out, ",%" PRIu32 ",%.6f,%.6f,%.6f,", u->attempt, (double)u->started_ns / 1e9,
                     (double)u->duration_ns / 1e9, (double)u->cpu_ns / 1e9);
    if (u->max_rss)
        hec__strbuf_addf(out, "%" PRIu64, u->max_rss);
    hec__strbuf_addf(out, ",%" PRId32, u->pid);
}

int results_csv_row(const results_columns *c, const results_task *t, hec__strbuf *out,
                    hec_error *err)
{
    int r = add_joined(c, t, out, err);

    if (r < 0)
        return r;
    if (c->has_plan)
        hec__strbuf_addf(out, "%s,", t->row ? t->row->id : "");
    hec__strbuf_addf(out, "%" PRIu64 ",%s,", t->number, results_verdict(t));
    add_usage(t, out);
    add_text(out, t->host, true);
    add_text(out, t->what.data, true);
    add_text(out, t->message.data, true);
    add_text(out, t->err.data, true);
    hec__strbuf_addc(out, '\n');
    return out->failed ? no_memory(err) : 0;
}
