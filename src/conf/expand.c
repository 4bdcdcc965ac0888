/* SPDX-License-Identifier: MIT
 *
 * What counts as a block: `grid` where some member is a list, `zip` the same, `sample` where `n`
 * is a member or some member says how to draw. Otherwise the word is a parameter like any other:
 * a model may well have a grid of nx by ny points.
 */
#include "conf/expand.h"

#include "base/error.h"
#include "conf/draw.h"
#include "conf/names.h"
#include "conf/value.h"
#include "conf/yaml.h"

#include <stdbool.h>
#include <string.h>

static bool has_list(const hec_value *map)
{
    for (uint64_t i = 0; map->kind == HEC_VALUE_MAP && i < map->count; i++)
        if (map->as.members[i].value.kind == HEC_VALUE_LIST)
            return true;
    return false;
}

static bool has_draw(const hec_value *map)
{
    for (uint64_t i = 0; map->kind == HEC_VALUE_MAP && i < map->count; i++)
        if (hec__draw_is(&map->as.members[i].value))
            return true;
    return false;
}

static void find_blocks(hec__expansion *e)
{
    const hec_value *grid = hec_value_get(e->map, "grid"), *zip = hec_value_get(e->map, "zip");
    const hec_value *sample = hec_value_get(e->map, "sample");

    if (grid && has_list(grid))
        e->grid = grid;
    if (zip && has_list(zip))
        e->zip = zip;
    if (sample && (hec_value_get(sample, "n") || has_draw(sample)))
        e->sample = sample;
}

/* Of grid and zip: every member is a list of something. */
static int check_lists(const hec_value *block, const char *what, const hec__source *source,
                       hec_error *err)
{
    for (uint64_t i = 0; i < block->count; i++) {
        const hec_member *m = &block->as.members[i];

        if (m->value.kind != HEC_VALUE_LIST)
            return hec__fail_at_value(err, source, &m->value,
                                      "%s wants lists, a single value as [x]", what);
        if (m->value.count == 0)
            return hec__fail_at_value(err, source, &m->value, "an empty list in %s: no run at all",
                                      what);
    }
    return 0;
}

static int multiply(hec__expansion *e, uint64_t n, const hec_value *where,
                    const hec__source *source, hec_error *err)
{
    if (e->runs > HEC__EXPAND_RUNS / n)
        return hec__fail_at_value(err, source, where, "this makes more than 2^53 runs");
    e->runs *= n;
    return 0;
}

static int init_grid(hec__expansion *e, const hec__source *source, hec_error *err)
{
    int r = check_lists(e->grid, "grid", source, err);

    for (uint64_t i = 0; i < e->grid->count && r == 0; i++)
        r = multiply(e, e->grid->as.members[i].value.count, &e->grid->as.members[i].value, source,
                     err);
    return r;
}

static int init_zip(hec__expansion *e, const hec__source *source, hec_error *err)
{
    const hec_member *m = e->zip->as.members;
    int r = check_lists(e->zip, "zip", source, err);

    if (r < 0)
        return r;
    for (uint64_t i = 1; i < e->zip->count; i++)
        if (m[i].value.count != m[0].value.count)
            return hec__fail_at_value(
                err, source, &m[i].value,
                "zip wants lists of one length: this has %llu, the first %llu",
                (unsigned long long)m[i].value.count, (unsigned long long)m[0].value.count);
    e->zipped = m[0].value.count;
    return multiply(e, e->zipped, e->zip, source, err);
}

static bool is_sample_option(const hec_value *key)
{
    return hec__value_is_text(key, "n") || hec__value_is_text(key, "seed");
}

static int init_sample(hec__expansion *e, const hec__source *source, hec_error *err)
{
    const hec_value *n = hec_value_get(e->sample, "n"), *seed = hec_value_get(e->sample, "seed");

    if (!n || n->kind != HEC_VALUE_INT || n->as.integer < 1)
        return hec__fail_at_value(err, source, n ? n : e->sample,
                                  "sample wants n, how many: an integer of 1 or more");
    if (seed && (seed->kind != HEC_VALUE_INT || seed->as.integer < 0))
        return hec__fail_at_value(err, source, seed, "a seed is an integer of 0 or more");
    for (uint64_t i = 0; i < e->sample->count; i++) {
        const hec_member *m = &e->sample->as.members[i];
        int r = is_sample_option(&m->key) ? 0 : hec__draw_check(&m->value, source, err);

        if (r < 0)
            return r;
    }
    e->samples = (uint64_t)n->as.integer;
    e->seed = seed ? (uint64_t)seed->as.integer : 0;
    return multiply(e, e->samples, n, source, err);
}

/* One level of names: texts, none of which has been used. */
static int add_names(const hec__expansion *e, const hec_value *map, hec__names *used,
                     const hec__source *source, hec_error *err)
{
    size_t unused;
    int r = 0;

    for (uint64_t i = 0; i < map->count && r == 0; i++) {
        const hec_member *m = &map->as.members[i];
        const hec_value *v = &m->value;

        if (v == e->grid || v == e->zip || v == e->sample) {
            r = add_names(e, v, used, source, err);
            continue;
        }
        if (map == e->sample && is_sample_option(&m->key))
            continue;
        if (m->key.kind != HEC_VALUE_TEXT || m->key.count == 0)
            return hec__fail_at_value(err, source, &m->key,
                                      "the name of a parameter is text: put it in quotes");
        r = hec__names_add(used, m->key.as.text, m->key.count, &unused, err);
        if (r == 0)
            return hec__fail_at_value(err, source, &m->key, "the parameter '%.60s' is there twice",
                                      m->key.as.text);
        r = r < 0 ? r : 0;
    }
    return r;
}

int hec__expansion_init(hec__expansion *e, const hec_value *map, const hec__source *source,
                        hec_error *err)
{
    HEC_AUTO_NAMES used = {0};
    int r = 0;

    *e = (hec__expansion){.map = map, .zipped = 1, .samples = 1, .runs = 1};
    find_blocks(e);
    r = add_names(e, map, &used, source, err);
    if (r == 0 && e->grid)
        r = init_grid(e, source, err);
    if (r == 0 && e->zip)
        r = init_zip(e, source, err);
    if (r == 0 && e->sample)
        r = init_sample(e, source, err);
    return r;
}

/* ---- one run ---- */

static hec_member *add_grid(const hec__expansion *e, uint64_t at, hec_member *to)
{
    uint64_t n = e->grid->count;

    /* The last key varies fastest: it takes its remainder first. */
    for (uint64_t i = n; i-- > 0;) {
        const hec_member *m = &e->grid->as.members[i];

        to[i] = (hec_member){m->key, m->value.as.items[at % m->value.count]};
        at /= m->value.count;
    }
    return to + n;
}

static hec_member *add_zip(const hec__expansion *e, uint64_t at, hec_member *to)
{
    for (uint64_t i = 0; i < e->zip->count; i++) {
        const hec_member *m = &e->zip->as.members[i];

        *to++ = (hec_member){m->key, m->value.as.items[at]};
    }
    return to;
}

static hec_member *add_sample(const hec__expansion *e, uint64_t at, hec_member *to)
{
    for (uint64_t i = 0; i < e->sample->count; i++) {
        const hec_member *m = &e->sample->as.members[i];

        if (!is_sample_option(&m->key))
            *to++ = (hec_member){m->key, hec__draw(&m->value, e->seed, &m->key, at)};
    }
    return to;
}

int hec__expansion_at(const hec__expansion *e, uint64_t i, hec__arena *arena, hec_value *ret_map,
                      hec_error *err)
{
    uint64_t sample = i % e->samples, zip = i / e->samples % e->zipped;
    uint64_t grid = i / e->samples / e->zipped;
    uint64_t room = e->map->count + (e->grid ? e->grid->count : 0) + (e->zip ? e->zip->count : 0) +
                    (e->sample ? e->sample->count : 0);
    hec_member *all = hec__arena_alloc(arena, room * sizeof *all), *to = all;

    if (!all)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a run");
    for (uint64_t k = 0; k < e->map->count; k++) {
        const hec_member *m = &e->map->as.members[k];

        if (e->grid && &m->value == e->grid)
            to = add_grid(e, grid, to);
        else if (e->zip && &m->value == e->zip)
            to = add_zip(e, zip, to);
        else if (e->sample && &m->value == e->sample)
            to = add_sample(e, sample, to);
        else
            *to++ = *m;
    }
    *ret_map = (hec_value){.kind = HEC_VALUE_MAP,
                           .line = e->map->line,
                           .column = e->map->column,
                           .count = (uint64_t)(to - all),
                           .as.members = all};
    return 0;
}
