/* SPDX-License-Identifier: MIT
 *
 * Where site files are found: by path, in the user's folder, in the machine's, and those that the
 * library carries, which are there however it was installed or copied.
 */
#include "batch/site.h"

#include "base/error.h"
#include "base/json.h"
#include "batch/here.h"
#include "batch/parse.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 4096
#define N_FOLDERS  2

static const struct {
    const char *name, *prefix;
} schedulers[HEC__N_SCHEDULERS] = {
    [HEC__SLURM] = {"slurm", "#SBATCH"}, [HEC__SGE] = {"sge", "#$"},
    [HEC__PBS] = {"pbs", "#PBS"},        [HEC__TORQUE] = {"torque", "#PBS"},
    [HEC__LSF] = {"lsf", "#BSUB"},       [HEC__LOCAL] = {"local", NULL},
};

const char *hec__scheduler_name(enum hec__scheduler scheduler)
{
    return schedulers[scheduler].name;
}

const char *hec__scheduler_prefix(enum hec__scheduler scheduler)
{
    return schedulers[scheduler].prefix;
}

const char *hec__pairs_get(const hec__pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->all[i].key, key) == 0)
            return pairs->all[i].value;
    return NULL;
}

const hec__partition *hec__site_partition(const hec_site *site, const char *name)
{
    for (size_t i = 0; name && i < site->n_partitions; i++)
        if (strcmp(site->partitions[i].name, name) == 0)
            return &site->partitions[i];
    return NULL;
}

const char *hec_site_name(const hec_site *site)
{
    return site->name;
}

const char *hec_site_scheduler(const hec_site *site)
{
    return hec__scheduler_name(site->scheduler);
}

void hec_site_destroy(hec_site *site)
{
    if (!site)
        return;
    hec_yaml_destroy(site->yaml);
    hec__arena_fini(&site->arena);
    free(site);
}

int hec_site_json(const hec_site *site, char **ret_json, hec_error *err)
{
    HEC_AUTO_STR file = NULL;
    HEC_AUTO_STRBUF out;
    hec__json json;
    char *text;
    int r;

    hec__strbuf_init(&out);
    r = hec_value_json(hec_yaml_document(site->yaml, 0), &file, err);
    if (r < 0)
        return r;
    hec__json_init(&json, &out);
    hec__json_open(&json, '{');
    hec__json_key(&json, "schema");
    hec__json_int(&json, 1);
    hec__json_key(&json, "name");
    hec__json_str(&json, site->name);
    hec__json_key(&json, "path");
    hec__json_str(&json, site->path);
    hec__json_key(&json, "site");
    hec__json_raw(&json, file);
    hec__json_close(&json);
    text = hec__strbuf_detach(&out);
    if (!text)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to print a site");
    *ret_json = text;
    return 0;
}

/* ---- finding ---- */

static bool exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

/* The folder of this number; false where there is none. */
static bool folder(int i, char *buf, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (i == 1)
        return (size_t)snprintf(buf, size, "/etc/hec/sites") < size;
    if (config && *config == '/')
        return (size_t)snprintf(buf, size, "%s/hec/sites", config) < size;
    return home && *home && (size_t)snprintf(buf, size, "%s/.config/hec/sites", home) < size;
}

/* FOLDER/NAME.yaml, where it exists. */
static bool find_file(const char *name, char *buf, size_t size)
{
    char dir[PATH_BYTES];

    for (int i = 0; i < N_FOLDERS; i++)
        if (folder(i, dir, sizeof dir) &&
            (size_t)snprintf(buf, size, "%s/%s.yaml", dir, name) < size && exists(buf))
            return true;
    return false;
}

static const hec__shipped_site *find_shipped(const char *name)
{
    for (const hec__shipped_site *s = hec__shipped_sites; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static int open_named(const char *name, hec_site **ret_site, hec_error *err)
{
    const hec__shipped_site *shipped = find_shipped(name);
    char path[PATH_BYTES];

    if (hec__batch_word(name, NULL) == 0 && find_file(name, path, sizeof path))
        return hec__site_parse(name, path, NULL, 0, ret_site, err);
    if (shipped)
        return hec__site_parse(name, name, shipped->bytes, shipped->size, ret_site, err);
    return hec__fail(err, HEC_ENOENT, 0,
                     "there is no site '%.60s': 'hec site' lists them, and ./%.60s.yaml would be a "
                     "file",
                     name, name);
}

/* "FOLDER/NAME.yaml" as a name and its length. */
static const char *base_name(const char *path, size_t *ret_n)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');

    *ret_n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    return base;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n > k && strcmp(s + n - k, end) == 0;
}

static int open_path(const char *path, hec_site **ret_site, hec_error *err)
{
    char name[256];
    size_t n;
    const char *base = base_name(path, &n);

    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), base);
    return hec__site_parse(name, path, NULL, 0, ret_site, err);
}

/* The plain site of the scheduler that is here. */
static const char *detect(void)
{
    static const char *const plain[HEC__N_SCHEDULERS] = {
        [HEC__SLURM] = "generic-slurm",   [HEC__SGE] = "generic-sge", [HEC__PBS] = "generic-pbs",
        [HEC__TORQUE] = "generic-torque", [HEC__LSF] = "generic-lsf", [HEC__LOCAL] = "local"};

    return plain[hec__here_scheduler()];
}

int hec_site_open(const char *name, hec_site **ret_site, hec_error *err)
{
    if (!name)
        name = getenv("HEC_SITE");
    if (!name || !*name)
        name = detect();
    if (strchr(name, '/') || ends_with(name, ".yaml") || ends_with(name, ".yml"))
        return open_path(name, ret_site, err);
    return open_named(name, ret_site, err);
}

/* ---- listing ---- */

static int add_name(hec__texts *names, hec__arena *arena, const char *name, size_t n)
{
    for (size_t i = 0; i < names->n; i++)
        if (strlen(names->all[i]) == n && memcmp(names->all[i], name, n) == 0)
            return 0;
    return hec__texts_add(names, arena, name, n);
}

void hec__site_files(void (*told)(void *ctx, const char *name, const char *path), void *ctx)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 256], name[256];

    for (int i = 0; i < N_FOLDERS; i++) {
        DIR *d = folder(i, dir, sizeof dir) ? opendir(dir) : NULL;
        struct dirent *entry;

        while (d && (entry = readdir(d))) {
            if (entry->d_name[0] == '.' || !ends_with(entry->d_name, ".yaml"))
                continue;
            snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
            snprintf(name, sizeof name, "%.*s", (int)(strlen(entry->d_name) - strlen(".yaml")),
                     entry->d_name);
            told(ctx, name, path);
        }
        if (d)
            closedir(d);
    }
}

static int add_folder(hec__texts *names, hec__arena *arena, const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int r = 0;

    if (!d)
        return 0; /* not there, or not for us: as if it were empty */
    while (r == 0 && (entry = readdir(d)))
        if (entry->d_name[0] != '.' && ends_with(entry->d_name, ".yaml"))
            r = add_name(names, arena, entry->d_name, strlen(entry->d_name) - strlen(".yaml"));
    closedir(d);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void tell(const char *name, hec_site_seen *seen, void *ctx)
{
    HEC_AUTO(hec_site) site = NULL;
    char path[PATH_BYTES];
    bool file = find_file(name, path, sizeof path);
    hec_error why;

    if (open_named(name, &site, &why) < 0 || !site)
        seen(ctx, name, NULL, file ? path : NULL, &why);
    else
        seen(ctx, name, site->title, site->path, NULL);
}

int hec_site_list(hec_site_seen *seen, void *ctx, hec_error *err)
{
    hec__arena arena = {0};
    hec__texts names = {0};
    char dir[PATH_BYTES];
    int r = 0;

    for (int i = 0; r == 0 && i < N_FOLDERS; i++)
        if (folder(i, dir, sizeof dir))
            r = add_folder(&names, &arena, dir);
    for (const hec__shipped_site *s = hec__shipped_sites; r == 0 && s->name; s++)
        r = add_name(&names, &arena, s->name, strlen(s->name));
    if (r == 0 && names.n) {
        qsort(names.all, names.n, sizeof *names.all, by_name);
        for (size_t i = 0; i < names.n; i++)
            tell(names.all[i], seen, ctx);
    }
    hec__arena_fini(&arena);
    return r < 0 ? hec__fail(err, HEC_ENOMEM, 0, "no memory for the names of sites") : 0;
}
