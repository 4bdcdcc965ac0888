/* SPDX-License-Identifier: MIT
 *
 * Patterns as the shell has them. A file that exists under just this name is meant, whatever
 * characters are in it.
 */
#include "conf/runs.h"

#include "base/error.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct list {
    char **all;
    size_t n, cap;
} list;

static int append(list *l, const char *path, hec_error *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        char **grown = realloc(l->all, cap * sizeof *grown);

        if (!grown)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for the names of files");
        l->all = grown;
        l->cap = cap;
    }
    l->all[l->n] = strdup(path);
    if (!l->all[l->n])
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the names of files");
    l->n++;
    return 0;
}

/* A schema lies among the files that it is for, and is not one of them. */
static bool is_schema(const char *path)
{
    static const char suffix[] = ".schema.yaml";
    size_t n = strlen(path), k = sizeof suffix - 1;

    return n > k && strcmp(path + n - k, suffix) == 0;
}

static int append_matches(list *l, const glob_t *found, hec_error *err)
{
    size_t before = l->n;
    int r = 0;

    for (size_t i = 0; i < found->gl_pathc && r == 0; i++)
        if (!is_schema(found->gl_pathv[i]))
            r = append(l, found->gl_pathv[i], err);
    return r == 0 && l->n == before ? HEC_ENOENT : r;
}

static int add_matches(list *l, const char *pattern, hec_error *err)
{
    const char *cut, *name = hec__short_name(pattern, &cut);
    glob_t found = {0};
    int r = 0;

    switch (glob(pattern, GLOB_ERR, NULL, &found)) {
    case 0:
        r = append_matches(l, &found, err);
        if (r == HEC_ENOENT)
            hec__fail(err, r, 0, "no file but schemas matches '%s%s'", cut, name);
        break;
    case GLOB_NOSPACE:
        r = hec__fail(err, HEC_ENOMEM, 0, "no memory for the names of files");
        break;
    case GLOB_ABORTED:
        /* A folder that is not there has no files; one that may not be read might have. */
        if (errno != ENOENT && errno != ENOTDIR) {
            r = hec__fail(err, HEC_EIO, errno, "cannot look for '%s%s'", cut, name);
            break;
        }
        __attribute__((fallthrough));
    default:
        r = strpbrk(pattern, "*?[")
                ? hec__fail(err, HEC_ENOENT, 0, "no file matches '%s%s'", cut, name)
                : hec__fail(err, HEC_ENOENT, ENOENT, "cannot read '%s%s'", cut, name);
    }
    globfree(&found);
    return r;
}

void hec__files_free(char **files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(files[i]);
    free(files);
}

int hec__files_find(const char *const *patterns, size_t n, char ***ret_files, size_t *ret_count,
                    hec_error *err)
{
    list l = {0};
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = access(patterns[i], F_OK) == 0 ? append(&l, patterns[i], err)
                                           : add_matches(&l, patterns[i], err);
    for (size_t i = 0; i < l.n && r == 0; i++)
        if (!hec__table_kind(l.all[i]))
            r = hec__fail(err, HEC_EINVAL, 0,
                          "'%.150s' ends neither with .yaml or .yml nor with .csv or .tsv",
                          l.all[i]);
    if (r < 0) {
        hec__files_free(l.all, l.n);
        return r;
    }
    *ret_files = l.all;
    *ret_count = l.n;
    return 0;
}
