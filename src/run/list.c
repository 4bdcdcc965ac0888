/* SPDX-License-Identifier: MIT
 *
 * The home of runs: all of them, and the one that is meant.
 */
#include "base/error.h"
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX_MIN 4
#define AT_MINUTE  13 /* bytes of an id that say when: "20261128-0712" */
#define BY_CHANCE  4  /* bytes at its end */

/* The names in the home of runs. */
typedef struct names {
    char **all;
    size_t n, cap;
} names;

static void names_fini(names *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->all[i]);
    free(s->all);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(names *s, const char *name)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        char **all = realloc(s->all, cap * sizeof *all);

        if (!all)
            return HEC_ENOMEM;
        s->all = all;
        s->cap = cap;
    }
    s->all[s->n] = strdup(name);
    return s->all[s->n] ? (s->n++, 0) : HEC_ENOMEM;
}

static int read_names(const char *home, names *s, hec_error *err)
{
    DIR *d = opendir(home);
    struct dirent *e;
    int r = 0;

    if (!d)
        return errno == ENOENT
                   ? 0
                   : hec__fail(err, HEC_EIO, errno, "cannot read the folder '%.160s'", home);
    while (r == 0 && (e = readdir(d)))
        if (hec__run_is_id(e->d_name))
            r = add_name(s, e->d_name);
    closedir(d);
    if (r < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the list of runs");
    if (s->n)
        qsort(s->all, s->n, sizeof *s->all, by_name);
    return 0;
}

static int open_named(const char *home, const char *id, hec_rundir **ret_run, hec_error *err)
{
    HEC_AUTO_STRBUF path;
    struct stat st;

    hec__strbuf_init(&path);
    if (hec__strbuf_addf(&path, "%s/%s", home, id) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    if (lstat(path.data, &st) < 0)
        return hec__fail(err, HEC_ENOENT, 0, "there is no run '%.100s'", id);
    return hec__run_open_path(path.data, S_ISLNK(st.st_mode) ? 2 : 1, ret_run, err);
}

static int tell_of(const char *home, const char *id, hec_rundir_seen *seen, void *ctx,
                   hec_error *err)
{
    HEC_AUTO(hec_rundir) run = NULL;
    hec_error why = {0};
    int opened = open_named(home, id, &run, &why);

    if (opened == HEC_ENOMEM)
        return hec__fail(err, HEC_ENOMEM, 0, "%s", why.text);
    return opened == HEC_ENOENT ? 0 : seen(ctx, id, run, opened < 0 ? &why : NULL);
}

int hec_rundir_list(hec_rundir_seen *seen, void *ctx, hec_error *err)
{
    __attribute__((cleanup(names_fini))) names s = {0};
    HEC_AUTO_STR home = NULL;
    int r = hec__run_home(false, &home, err);

    if (r == 0)
        r = read_names(home, &s, err);
    for (size_t i = 0; r == 0 && i < s.n; i++)
        r = tell_of(home, s.all[i], seen, ctx, err);
    return r;
}

int hec_rundir_latest(const char *name, hec_rundir_seen *seen, void *ctx, hec_error *err)
{
    __attribute__((cleanup(names_fini))) names s = {0};
    HEC_AUTO_STR home = NULL;
    char like[HEC__RUN_ID_MAX];
    size_t length;
    int r = hec__run_home(false, &home, err);

    if (r == 0)
        r = read_names(home, &s, err);
    hec__run_new_id(name, 0, like);
    length = strlen(like) - BY_CHANCE;
    for (size_t i = s.n; r == 0 && i-- > 0;)
        if (strlen(s.all[i]) == length + BY_CHANCE &&
            memcmp(s.all[i] + AT_MINUTE, like + AT_MINUTE, length - AT_MINUTE) == 0)
            r = tell_of(home, s.all[i], seen, ctx, err);
    return r;
}

/* ---- the one that is meant ---- */

/* Of the runs of the last minute that has any, the one that was made last. */
static int open_last(const char *home, const names *s, hec_rundir **ret_run, hec_error *err)
{
    HEC_AUTO(hec_rundir) best = NULL;

    for (size_t i = s->n; i-- > 0;) {
        HEC_AUTO(hec_rundir) run = NULL;

        if (best && strncmp(s->all[i], best->id, AT_MINUTE) != 0)
            break;
        if (open_named(home, s->all[i], &run, NULL) == 0 &&
            (!best || run->created_ms > best->created_ms)) {
            hec_rundir_destroy(best);
            best = HEC_STEAL(&run);
        }
    }
    if (!best)
        return hec__fail(err, HEC_ENOENT, 0, "there are no runs yet");
    *ret_run = HEC_STEAL(&best);
    return 0;
}

static int open_prefix(const char *home, const names *s, const char *prefix, hec_rundir **ret_run,
                       hec_error *err)
{
    size_t length = strlen(prefix), found = 0, first = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (strncmp(s->all[i], prefix, length) != 0)
            continue;
        if (!s->all[i][length])
            return open_named(home, s->all[i], ret_run, err);
        if (found++ == 0)
            first = i;
    }
    if (found == 0 || length < PREFIX_MIN)
        return hec__fail(err, HEC_ENOENT, 0,
                         "there is no run '%.100s'; 'hec list' shows those that there are", prefix);
    if (found > 1)
        return hec__fail(err, HEC_EINVAL, 0,
                         "'%.60s' is the beginning of %zu runs, %.60s and %.60s among them", prefix,
                         found, s->all[first], s->all[first + 1]);
    return open_named(home, s->all[first], ret_run, err);
}

int hec_rundir_open(const char *name, hec_rundir **ret_run, hec_error *err)
{
    __attribute__((cleanup(names_fini))) names s = {0};
    HEC_AUTO_STR home = NULL;
    int r = hec__run_home(false, &home, err);

    if (strchr(name, '/')) {
        HEC_AUTO(hec_rundir) run = NULL;
        HEC_AUTO(hec_rundir) known = NULL;

        r = hec__run_open_path(name, 0, &run, err);
        /* Its name in the home of runs goes with it when it is removed. */
        if (r == 0 && home && open_named(home, run->id, &known, NULL) == 0 &&
            strcmp(known->path, run->path) == 0)
            run->home = known->home;
        if (r == 0)
            *ret_run = HEC_STEAL(&run);
        return r;
    }
    if (r < 0)
        return r;
    r = read_names(home, &s, err);
    if (r < 0)
        return r;
    if (strcmp(name, "last") == 0)
        return open_last(home, &s, ret_run, err);
    if (!hec__run_is_id(name))
        return hec__fail(err, HEC_ENOENT, 0,
                         "'%.100s' is no run: an id, the beginning of one, a path with a / in it, "
                         "or 'last'",
                         name);
    return open_prefix(home, &s, name, ret_run, err);
}
