/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include "base/strbuf.h"
#include "out.h"
#include "run.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOLD_MAX 5 /* lines; the others are counted */

/* NULL: the run has none. */
static char *read_text(const hec_rundir *run)
{
    char path[4200], buf[8192];
    hec__strbuf text;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/environment", hec_rundir_path(run));
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    hec__strbuf_init(&text);
    hec__strbuf_adds(&text, "");
    while ((n = read(fd, buf, sizeof buf)) > 0)
        hec__strbuf_add(&text, buf, (size_t)n);
    close(fd);
    return hec__strbuf_detach(&text);
}

/* Whether a text has this line. */
static bool has_line(const char *text, const char *line, size_t n)
{
    for (const char *p = text; *p;) {
        size_t k = strcspn(p, "\n");

        if (k == n && memcmp(p, line, n) == 0)
            return true;
        p += k + (p[k] == '\n');
    }
    return false;
}

static void each_missing(const char *text, const char *other, bool first,
                         environment_differs *differs, void *ctx)
{
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        char *line = has_line(other, p, n) ? NULL : strndup(p, n);

        if (line)
            differs(ctx, first ? line : NULL, first ? NULL : line);
        free(line);
        p += n + (p[n] == '\n');
    }
}

static void compare(const char *a, const char *b, environment_differs *differs, void *ctx)
{
    if (!a || !b)
        return;
    each_missing(a, b, true, differs, ctx);
    each_missing(b, a, false, differs, ctx);
}

void environment_compare(const hec_rundir *a, const hec_rundir *b, environment_differs *differs,
                         void *ctx)
{
    char *first = read_text(a), *second = read_text(b);

    compare(first, second, differs, ctx);
    free(first);
    free(second);
}

static void count(void *ctx, const char *then, const char *now)
{
    size_t *n = ctx;

    (*n)++;
    (void)then;
    (void)now;
}

static void tell(void *ctx, const char *then, const char *now)
{
    size_t *left = ctx;

    if (*left == 0)
        return;
    (*left)--;
    out_hint("%s %s", then ? "then:" : "now: ", then ? then : now);
}

void environment_tell(const hec_rundir *run)
{
    const hec_value *command = hec_value_get(hec_rundir_asked(run), "command");
    const hec_value *first =
        command && command->kind == HEC_VALUE_LIST && command->count ? command->as.items : NULL;
    char *then = read_text(run), *now = NULL;
    size_t n = 0, left = TOLD_MAX;

    if (then && hec_environment(first && first->kind == HEC_VALUE_TEXT ? first->as.text : NULL,
                                run_text(run, "workdir"), &now, NULL) == 0)
        compare(then, now, count, &n);
    if (n) {
        out_complain("the environment has changed since %s was made", hec_rundir_id(run));
        compare(then, now, tell, &left);
    }
    if (n > TOLD_MAX)
        out_hint("and %zu more; 'hec diff' of the two runs shows all", n - TOLD_MAX);
    free(then);
    free(now);
}
