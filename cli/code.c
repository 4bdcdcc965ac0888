/* SPDX-License-Identifier: MIT
 *
 * The files of copied code, from code.list: what the content is called, a tab, the path, a NUL.
 */
#include "code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "NAME<tab>PATH" of each, sorted by path. */
typedef struct code_list {
    char **lines;
    size_t n;
} code_list;

static void list_fini(code_list *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->lines[i]);
    free(c->lines);
}

static const char *path_of(const char *line)
{
    return strchr(line, '\t') + 1;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(path_of(*(char *const *)a), path_of(*(char *const *)b));
}

static int add_line(code_list *c, const char *line)
{
    char **grown = realloc(c->lines, (c->n + 1) * sizeof *grown);

    if (!grown)
        return -1;
    c->lines = grown;
    grown[c->n] = strdup(line);
    return grown[c->n] ? (c->n++, 0) : -1;
}

static void list_read(const hec_rundir *run, code_list *ret)
{
    char path[4200], *line = NULL;
    size_t size = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/code.list", hec_rundir_path(run));
    f = fopen(path, "re");
    while (f && getdelim(&line, &size, '\0', f) > 0 && strchr(line, '\t'))
        if (add_line(ret, line) < 0)
            break;
    free(line);
    if (f)
        fclose(f);
    if (ret->n)
        qsort(ret->lines, ret->n, sizeof *ret->lines, by_path);
}

/* What the content of a line is called, in the line itself, whose tab becomes its end. */
static const char *name_of(char *line)
{
    *strchr(line, '\t') = '\0';
    return line;
}

void code_compare(const hec_rundir *a, const hec_rundir *b, code_differs *differs, void *ctx)
{
    __attribute__((cleanup(list_fini))) code_list x = {0};
    __attribute__((cleanup(list_fini))) code_list y = {0};
    size_t i = 0, k = 0;

    list_read(a, &x);
    list_read(b, &y);
    while (i < x.n || k < y.n) {
        int c = i == x.n ? 1 : k == y.n ? -1 : by_path(&x.lines[i], &y.lines[k]);
        const char *path = path_of(c <= 0 ? x.lines[i] : y.lines[k]);
        const char *first = c <= 0 ? name_of(x.lines[i++]) : NULL;
        const char *second = c >= 0 ? name_of(y.lines[k++]) : NULL;

        if (!first || !second || strcmp(first, second) != 0)
            differs(ctx, path, first, second);
    }
}
