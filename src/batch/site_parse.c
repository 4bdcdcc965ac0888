/* SPDX-License-Identifier: MIT
 *
 * A site file as a tree of YAML becomes a hec_site: tables say which keys there are, and what kind
 * of value each has. A key that is in no table is a mistake, and said with its place.
 */
#include "batch/site.h"

#include "base/error.h"
#include "base/units.h"
#include "batch/parse.h"
#include "conf/value.h"
#include "conf/yaml.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* What is read, and where to. */
typedef struct reader {
    hec_site *site;
    const hec__source *source;
    hec_error *err;
} reader;

/* Reads a value into the field at `to`. */
typedef int read_value(reader *r, const hec_value *value, void *to);

typedef struct key {
    const char *name;
    read_value *read;
    size_t offset;
} key;

static int no_memory(reader *r)
{
    return hec__fail(r->err, HEC_ENOMEM, 0, "no memory for a site file");
}

/* ---- single values ---- */

/* A text as it stands, or a number as it is written. */
static int read_text(reader *r, const hec_value *value, void *to)
{
    char buf[64];

    if (value->kind == HEC_VALUE_TEXT && value->count) {
        *(const char **)to = value->as.text;
        return 0;
    }
    if (value->kind != HEC_VALUE_INT && value->kind != HEC_VALUE_REAL &&
        value->kind != HEC_VALUE_BOOL)
        return hec__fail_at_value(r->err, r->source, value, "here a text is wanted");
    hec_value_text(value, buf, sizeof buf, NULL);
    *(const char **)to = hec__arena_copy(&r->site->arena, buf, strlen(buf));
    return *(const char **)to ? 0 : no_memory(r);
}

/* A text that becomes part of a directive or is a command of its own. */
static int read_line(reader *r, const hec_value *value, void *to)
{
    if (value->kind != HEC_VALUE_TEXT || value->count == 0 || strpbrk(value->as.text, "\n\r"))
        return hec__fail_at_value(r->err, r->source, value, "here one line of text is wanted");
    return read_text(r, value, to);
}

static int read_word(reader *r, const hec_value *value, void *to)
{
    int e = read_text(r, value, to);

    if (e < 0 || hec__batch_word(*(const char **)to, NULL) == 0)
        return e;
    return hec__fail_at_value(r->err, r->source, value,
                              "a name has letters, digits and . _ + - in it");
}

static int read_count(reader *r, const hec_value *value, void *to)
{
    if (value->kind != HEC_VALUE_INT || value->as.integer < 0 || value->as.integer > INT32_MAX)
        return hec__fail_at_value(r->err, r->source, value, "here a whole number is wanted");
    *(uint32_t *)to = (uint32_t)value->as.integer;
    return 0;
}

static int read_flag(reader *r, const hec_value *value, void *to)
{
    if (value->kind != HEC_VALUE_BOOL)
        return hec__fail_at_value(r->err, r->source, value, "here true or false is wanted");
    *(bool *)to = value->as.boolean;
    return 0;
}

static int read_size(reader *r, const hec_value *value, void *to)
{
    if (value->kind != HEC_VALUE_TEXT || hec__batch_memory(value->as.text, to, NULL) < 0)
        return hec__fail_at_value(r->err, r->source, value, "here a size is wanted: 500M, 16G");
    return 0;
}

static int read_time(reader *r, const hec_value *value, void *to)
{
    if (value->kind != HEC_VALUE_TEXT || hec__batch_time(value->as.text, to, NULL) < 0)
        return hec__fail_at_value(r->err, r->source, value, "here a time is wanted: 15m, 12h, 7d");
    return 0;
}

/* Seconds between two questions to a scheduler. One that is shared is not to be asked ever faster.
 */
static int read_gap(reader *r, const hec_value *value, void *to)
{
    uint64_t seconds = 0;

    if (value->kind != HEC_VALUE_TEXT || hec__batch_time(value->as.text, &seconds, NULL) < 0 ||
        seconds < 1 || seconds > 3600)
        return hec__fail_at_value(r->err, r->source, value,
                                  "here a time from 1s to 1h is wanted: 30s, 2m");
    *(uint32_t *)to = (uint32_t)seconds;
    return 0;
}

/* ---- lists and maps ---- */

static int read_lines(reader *r, const hec_value *value, void *to)
{
    hec__texts *texts = to;

    if (value->kind != HEC_VALUE_LIST)
        return hec__fail_at_value(r->err, r->source, value, "here a list of texts is wanted");
    for (uint64_t i = 0; i < value->count; i++) {
        const char *text;
        int e = read_line(r, &value->as.items[i], &text);

        if (e < 0)
            return e;
        if (hec__texts_add(texts, &r->site->arena, text, strlen(text)) < 0)
            return no_memory(r);
    }
    return 0;
}

/* A map of text to text, each pair looked at by `check` where there is one. */
static int read_map(reader *r, const hec_value *value, hec__pairs *pairs,
                    int (*check)(reader *r, const hec_member *m, const hec__pair *pair))
{
    hec__pair *all;

    if (value->kind != HEC_VALUE_MAP)
        return hec__fail_at_value(r->err, r->source, value, "here a map is wanted");
    all = hec__arena_alloc(&r->site->arena, (size_t)value->count * sizeof *all + 1);
    if (!all)
        return no_memory(r);
    for (uint64_t i = 0; i < value->count; i++) {
        const hec_member *m = &value->as.members[i];
        int e = read_line(r, &m->key, &all[i].key);

        if (e == 0)
            e = read_text(r, &m->value, &all[i].value);
        if (e == 0 && check)
            e = check(r, m, &all[i]);
        if (e < 0)
            return e;
    }
    *pairs = (hec__pairs){all, (size_t)value->count};
    return 0;
}

static int read_pairs(reader *r, const hec_value *value, void *to)
{
    return read_map(r, value, to, NULL);
}

static int check_option(reader *r, const hec_member *m, const hec__pair *pair)
{
    (void)m;
    if (hec__request_option(pair->key) >= 0)
        return 0;
    return hec__fail_at_value(r->err, r->source, &m->key, "'%.40s' is no option of a job",
                              pair->key);
}

/* An option with a value that it can have. */
static int check_default(reader *r, const hec_member *m, const hec__pair *pair)
{
    HEC_AUTO(hec_request) q = NULL;
    hec_error why;
    int e = hec_request_create(&q, r->err);

    if (e < 0)
        return e;
    e = hec_request_set(q, pair->key, pair->value, &why);
    if (e == HEC_ENOMEM)
        return no_memory(r);
    return e < 0 ? hec__fail_at_value(r->err, r->source, &m->value, "%.120s", why.text) : 0;
}

static int read_options(reader *r, const hec_value *value, void *to)
{
    return read_map(r, value, to, check_option);
}

static int read_defaults(reader *r, const hec_value *value, void *to)
{
    return read_map(r, value, to, check_default);
}

/* Reads a map whose keys are in a table, into the fields of `to`. */
static int read_keys(reader *r, const hec_value *map, const key *keys, size_t n, const char *what,
                     void *to)
{
    if (map->kind != HEC_VALUE_MAP)
        return hec__fail_at_value(r->err, r->source, map, "%s is a map", what);
    for (uint64_t i = 0; i < map->count; i++) {
        const hec_member *m = &map->as.members[i];
        size_t k = 0;
        int e;

        while (k < n && !hec__value_is_text(&m->key, keys[k].name))
            k++;
        if (k == n)
            return hec__fail_at_value(r->err, r->source, &m->key, "%s has no such key", what);
        e = keys[k].read(r, &m->value, (char *)to + keys[k].offset);
        if (e < 0)
            return e;
    }
    return 0;
}

/* ---- partitions ---- */

static int read_has_gpus(reader *r, const hec_value *value, void *to)
{
    bool some = false;
    int e = read_flag(r, value, &some);

    if (e == 0)
        *(enum hec__has_gpus *)to = some ? HEC__GPUS_SOME : HEC__GPUS_NONE;
    return e;
}

static int read_partitions(reader *r, const hec_value *value, void *to)
{
#define AT(field) offsetof(hec__partition, field)
    static const key keys[] = {
        {"time", read_time, AT(time_s)},
        {"default_time", read_time, AT(default_time_s)},
        {"memory", read_size, AT(memory)},
        {"nodes", read_count, AT(nodes)},
        {"cpus", read_count, AT(cpus)},
        {"gpus", read_count, AT(gpus)},
        {"gpus_per_user", read_count, AT(all_gpus)},
        {"jobs_per_user", read_count, AT(jobs)},
        {"has_gpus", read_has_gpus, AT(has_gpus)},
        {"qos", read_lines, AT(qos)},
        {"note", read_text, AT(note)},
    };
#undef AT
    hec_site *site = to;
    hec__partition *all;

    if (value->kind != HEC_VALUE_MAP)
        return hec__fail_at_value(r->err, r->source, value, "partitions are a map");
    all = hec__arena_alloc(&site->arena, (size_t)value->count * sizeof *all + 1);
    if (!all)
        return no_memory(r);
    for (uint64_t i = 0; i < value->count; i++) {
        const hec_member *m = &value->as.members[i];
        int e = read_word(r, &m->key, &all[i].name);

        if (e == 0)
            e = read_keys(r, &m->value, keys, sizeof keys / sizeof *keys, "a partition", &all[i]);
        if (e < 0)
            return e;
    }
    site->partitions = all;
    site->n_partitions = (size_t)value->count;
    return 0;
}

/* ---- storage ---- */

static int read_storage(reader *r, const hec_value *value, void *to)
{
#define AT(field) offsetof(hec__storage, field)
    static const key keys[] = {
        {"path", read_line, AT(path)},     {"quota", read_line, AT(quota)},
        {"backup", read_line, AT(backup)}, {"purge", read_line, AT(purge)},
        {"note", read_line, AT(note)},
    };
#undef AT
    hec_site *site = to;
    hec__storage *all;

    if (value->kind != HEC_VALUE_MAP)
        return hec__fail_at_value(r->err, r->source, value, "storage is a map");
    all = hec__arena_alloc(&site->arena, (size_t)value->count * sizeof *all + 1);
    if (!all)
        return no_memory(r);
    for (uint64_t i = 0; i < value->count; i++) {
        const hec_member *m = &value->as.members[i];
        int e = read_line(r, &m->key, &all[i].name);

        if (e == 0)
            e = read_keys(r, &m->value, keys, sizeof keys / sizeof *keys, "storage", &all[i]);
        if (e < 0)
            return e;
    }
    site->storage = all;
    site->n_storage = (size_t)value->count;
    return 0;
}

/* ---- groups of keys ---- */

#define AT(field)   offsetof(hec_site, field)
#define N_KEYS(all) (sizeof(all) / sizeof *(all))

static int read_modules(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {
        {"command", read_line, AT(module_command)},
        {"refused", read_pairs, AT(refused_modules)},
        {"known", read_lines, AT(modules)},
    };

    return read_keys(r, value, keys, N_KEYS(keys), "modules", to);
}

static int read_limits(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {
        {"memory", read_size, AT(max_memory)},        {"cpus", read_count, AT(max_cpus)},
        {"gpus", read_count, AT(max_gpus)},           {"jobs", read_count, AT(max_jobs)},
        {"script_bytes", read_count, AT(max_script)},
    };

    return read_keys(r, value, keys, N_KEYS(keys), "limits", to);
}

static int read_arrays(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {
        {"first", read_count, AT(array_first)},    {"last", read_count, AT(array_last)},
        {"size", read_count, AT(array_size)},      {"throttle", read_count, AT(array_throttle)},
        {"no_mail", read_flag, AT(array_no_mail)},
    };

    return read_keys(r, value, keys, N_KEYS(keys), "arrays", to);
}

static int read_gpus(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {
        {"option", read_word, AT(gpu_option)},
        {"types", read_lines, AT(gpu_types)},
        {"type_is_constraint", read_flag, AT(gpu_type_is_constraint)},
    };

    return read_keys(r, value, keys, N_KEYS(keys), "gpus", to);
}

static int read_launch(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {
        {"node", read_line, AT(launch_node)},
        {"mpi", read_line, AT(launch_mpi)},
    };

    return read_keys(r, value, keys, N_KEYS(keys), "launch", to);
}

static int read_sge(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {
        {"memory", read_word, AT(memory_option)},
        {"parallel_node", read_word, AT(parallel_node)},
        {"parallel_nodes", read_word, AT(parallel_nodes)},
    };

    return read_keys(r, value, keys, N_KEYS(keys), "grid_engine", to);
}

static int read_lsf(reader *r, const hec_value *value, void *to)
{
    static const key keys[] = {{"memory_per_slot", read_flag, AT(memory_per_slot)}};

    return read_keys(r, value, keys, N_KEYS(keys), "lsf", to);
}

static int read_scheduler(reader *r, const hec_value *value, void *to)
{
    for (int i = 0; i < HEC__N_SCHEDULERS; i++) {
        if (!hec__value_is_text(value, hec__scheduler_name((enum hec__scheduler)i)))
            continue;
        ((hec_site *)to)->scheduler = (enum hec__scheduler)i;
        return 0;
    }
    return hec__fail_at_value(r->err, r->source, value,
                              "a scheduler is slurm, sge, pbs, torque, lsf or local");
}

static const key site_keys[] = {
    {"title", read_line, AT(title)},
    {"scheduler", read_scheduler, 0},
    {"retired", read_text, AT(retired)},
    {"checked", read_text, AT(checked)},
    {"sources", read_lines, AT(sources)},
    {"hosts", read_lines, AT(hosts)},
    {"cluster", read_word, AT(cluster)},
    {"ask_every", read_gap, AT(ask_s)},
    {"login_shell", read_flag, AT(login_shell)},
    {"start", read_lines, AT(start)},
    {"modules", read_modules, 0},
    {"defaults", read_defaults, AT(defaults)},
    {"multi_cpu", read_defaults, AT(multi_cpu)},
    {"multi_node", read_defaults, AT(multi_node)},
    {"with_gpus", read_defaults, AT(with_gpus)},
    {"required", read_options, AT(required)},
    {"refused", read_options, AT(refused)},
    {"avoid", read_pairs, AT(avoid)},
    {"qos_is_partition", read_flag, AT(qos_is_partition)},
    {"memory_per_cpu", read_size, AT(memory_per_cpu)},
    {"memory_of_whole_nodes", read_flag, AT(memory_of_whole_nodes)},
    {"partitions", read_partitions, 0},
    {"other_partitions", read_flag, AT(other_partitions)},
    {"limits", read_limits, 0},
    {"arrays", read_arrays, 0},
    {"gpus", read_gpus, 0},
    {"launch", read_launch, 0},
    {"grid_engine", read_sge, 0},
    {"lsf", read_lsf, 0},
    {"storage", read_storage, 0},
    {"notes", read_pairs, AT(notes)},
};

/* What a scheduler has where nobody has said otherwise. */
static void fill(hec_site *site)
{
    static const struct {
        uint32_t first, last, size;
    } arrays[HEC__N_SCHEDULERS] = {
        [HEC__SLURM] = {0, 1000, 0},
        [HEC__SGE] = {1, 0, 75000},
        [HEC__PBS] = {0, 0, 10000},
        [HEC__LSF] = {1, 0, 1000},
    };
    enum hec__scheduler s = site->scheduler;

    if (!site->array_first)
        site->array_first = arrays[s].first;
    if (!site->array_last && !site->array_size) {
        site->array_last = arrays[s].last;
        site->array_size = arrays[s].size;
    }
    if (!site->ask_s)
        site->ask_s = 30;
    if (!site->memory_per_cpu)
        site->memory_per_cpu = (uint64_t)2 << 30;
    if (!site->module_command)
        site->module_command = "module load";
}

/* The document of the file becomes the site. */
static int read_site(hec_site *site, const char *path, hec_error *err)
{
    reader r = {.site = site, .source = &site->yaml->source, .err = err};
    const hec_value *map;
    int e;

    if (hec_yaml_documents(site->yaml) != 1)
        return hec__fail_on_line(err, path, 1, "a site file is one document, this has %zu",
                                 hec_yaml_documents(site->yaml));
    map = hec_yaml_document(site->yaml, 0);
    e = read_keys(&r, map, site_keys, N_KEYS(site_keys), "a site file", site);
    if (e < 0)
        return e;
    if (!site->title || !hec_value_get(map, "scheduler"))
        return hec__fail_at_value(err, r.source, map, "a site file needs a title and a scheduler");
    fill(site);
    if (site->array_last && site->array_last < site->array_first)
        return hec__fail_at_value(err, r.source, hec_value_get(map, "arrays"),
                                  "the last index of arrays is before the first");
    return 0;
}

static hec_site *site_create(const char *name)
{
    hec_site *site = calloc(1, sizeof *site);

    if (!site)
        return NULL;
    site->name = hec__arena_copy(&site->arena, name, strlen(name));
    if (!site->name) {
        hec_site_destroy(site);
        return NULL;
    }
    return site;
}

int hec__site_parse(const char *name, const char *path, const char *bytes, size_t size,
                    hec_site **ret_site, hec_error *err)
{
    HEC_AUTO(hec_site) site = site_create(name);
    int r;

    if (!site)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a site file");
    r = bytes ? hec_yaml_parse(path, bytes, size, &site->yaml, err)
              : hec_yaml_read(path, &site->yaml, err);
    if (r == 0)
        r = read_site(site, path, err);
    if (r == 0 && !bytes) {
        site->path = hec__arena_copy(&site->arena, path, strlen(path));
        r = site->path ? 0 : hec__fail(err, HEC_ENOMEM, 0, "no memory for a site file");
    }
    if (r < 0)
        return r;
    *ret_site = HEC_STEAL(&site);
    return 0;
}
