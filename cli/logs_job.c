/* SPDX-License-Identifier: MIT
 *
 * What the jobs of a run printed: their output on standard output, their errors on standard error,
 * as if they ran here.
 */
#include "logs.h"

#include "exit.h"
#include "out.h"
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* between two looks at what is being written */

/* One file of output, and how far it has been shown. */
typedef struct log_file {
    char *path;
    FILE *to;
    off_t shown;
    int64_t index; /* -1: of no element */
} log_file;

typedef struct logs {
    const logs_of_job *of;
    hec_rundir *run;
    log_file *all;
    size_t n, cap;
} logs;

static void logs_fini(logs *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->all[i].path);
    free(l->all);
}

static int add_file(logs *l, const char *path, FILE *to, int64_t index)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->all[i].path, path) == 0)
            return STATUS_OK;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        log_file *all = realloc(l->all, cap * sizeof *all);

        if (!all)
            return STATUS_INTERNAL;
        l->all = all;
        l->cap = cap;
    }
    l->all[l->n] = (log_file){.path = strdup(path), .to = to, .index = index};
    if (!l->all[l->n].path)
        return STATUS_INTERNAL;
    l->n++;
    return STATUS_OK;
}

/* "out", or "out.17": 1 and the index, else 0. */
static int is_stream(const char *name, const char *stream, int64_t *ret_index)
{
    size_t n = strlen(stream);
    char *end;

    *ret_index = -1;
    if (strncmp(name, stream, n) != 0)
        return 0;
    if (!name[n])
        return 1;
    if (name[n] != '.' || name[n + 1] < '0' || name[n + 1] > '9')
        return 0;
    *ret_index = (int64_t)strtoul(name + n + 1, &end, 10);
    return !*end;
}

static int by_index(const void *a, const void *b)
{
    const log_file *x = a, *y = b;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return strcmp(y->path, x->path); /* out before err */
}

static int find_elsewhere(logs *l);

/* The files that are there, of those that are asked for; of an array more may come. */
static int find_files(logs *l)
{
    const char *folder = hec_rundir_path(l->run);
    DIR *d = opendir(folder);
    struct dirent *e;
    int status = STATUS_OK;

    while (d && status == STATUS_OK && (e = readdir(d))) {
        char path[4400];
        int64_t index;
        bool out = is_stream(e->d_name, "out", &index);

        if ((!out && !is_stream(e->d_name, "err", &index)) || l->of->which == (out ? 2 : 1) ||
            (l->of->index >= 0 && index != l->of->index))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        status = add_file(l, path, out ? stdout : stderr, index);
    }
    if (d)
        closedir(d);
    if (status == STATUS_OK)
        status = find_elsewhere(l);
    if (l->n)
        qsort(l->all, l->n, sizeof *l->all, by_index);
    if (status != STATUS_OK)
        out_complain("cannot show the output: no memory");
    return status;
}

/* ---- files that the user named ---- */

/* The folder in which the jobs begin, from which paths of outputs go: of copied code the same one
 * in the copy. */
static void begin_folder(hec_rundir *run, char *buf, size_t size)
{
    const char *folder = run_text(run, "workdir");
    char *real = folder ? realpath(folder, NULL) : NULL;
    run_code code;
    size_t n;

    run_code_read(run, &code);
    n = strlen(code.of);
    if (n && real && strncmp(real, code.of, n) == 0 && (!real[n] || real[n] == '/'))
        snprintf(buf, size, "%s/code%s", hec_rundir_path(run), real + n);
    else
        snprintf(buf, size, "%s", folder ? folder : ".");
    free(real);
}

/* The path for a job or an element, absolute; false where something in it is not known. */
static bool expand(const char *pattern, const char *folder, const char *name, const hec_job *job,
                   char *buf, size_t size)
{
    size_t n = *pattern == '/' ? 0 : (size_t)snprintf(buf, size, "%s/", folder);

    while (*pattern && n + 1 < size) {
        const char *value = NULL;
        char index[24];

        snprintf(index, sizeof index, "%" PRId64, job->index);
        if (strncmp(pattern, "{job}", 5) == 0)
            value = job->id;
        else if (strncmp(pattern, "{index}", 7) == 0 && job->index >= 0)
            value = index;
        else if (strncmp(pattern, "{name}", 6) == 0)
            value = name;
        else if (strncmp(pattern, "{index}", 7) == 0)
            return false;
        if (value) {
            n += (size_t)snprintf(buf + n, size - n, "%s", value);
            pattern = strchr(pattern, '}') + 1;
        } else {
            buf[n++] = *pattern++;
            buf[n] = '\0';
        }
    }
    return n + 1 < size;
}

/* What an option of the run says; NULL: it was not given. */
static const char *option(const hec_rundir *run, const char *name)
{
    const hec_value *v = hec_value_get(hec_rundir_asked(run), "options");
    size_t n = strlen(name);

    for (uint64_t i = 0; v && v->kind == HEC_VALUE_LIST && i < v->count; i++) {
        const hec_value *o = &v->as.items[i];

        if (o->kind == HEC_VALUE_TEXT && strncmp(o->as.text, name, n) == 0 && o->as.text[n] == '=')
            return o->as.text + n + 1;
    }
    return NULL;
}

static int find_named(logs *l, const char *pattern, FILE *to, const hec_jobs *jobs)
{
    const hec_job *all;
    char folder[4200], path[4400];
    size_t n;
    int status = STATUS_OK;

    all = hec_jobs_all(jobs, &n);
    begin_folder(l->run, folder, sizeof folder);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        if ((l->of->index < 0 || all[i].index == l->of->index) &&
            expand(pattern, folder, hec_rundir_name(l->run), &all[i], path, sizeof path) &&
            access(path, F_OK) == 0)
            status = add_file(l, path, to, all[i].index);
    return status;
}

/* Those of --output and --error. */
static int find_elsewhere(logs *l)
{
    const char *const patterns[] = {option(l->run, "output"), option(l->run, "error")};
    hec_jobs *jobs = NULL;
    int status = STATUS_OK;

    if ((!patterns[0] && !patterns[1]) ||
        hec_rundir_jobs(l->run, HEC_ASK_NOBODY, &jobs, NULL, NULL) < 0)
        return STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < 2; i++)
        if (patterns[i] && l->of->which != (i ? 1 : 2))
            status = find_named(l, patterns[i], i ? stderr : stdout, jobs);
    hec_jobs_destroy(jobs);
    return status;
}

/* Shows what has come since. */
static void show_more(log_file *f)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char buf[65536];
    ssize_t n = 0;

    while (fd >= 0 && (n = pread(fd, buf, sizeof buf, f->shown)) > 0) {
        fwrite(buf, 1, (size_t)n, f->to);
        f->shown += n;
    }
    if (fd >= 0)
        close(fd);
    fflush(f->to);
}

static int show_all(logs *l)
{
    int status = find_files(l);

    for (size_t i = 0; status == STATUS_OK && i < l->n; i++)
        show_more(&l->all[i]);
    return status;
}

static int follow(logs *l, hec_rundir *run)
{
    hec_error err;
    int ended = 0, status = STATUS_OK;

    /* Once more after the end: what was written last. */
    while (status == STATUS_OK && ended == 0) {
        ended = hec_rundir_wait(run, LOOK_MS, NULL, NULL, &err);
        status = ended < 0 ? out_error("wait for more", &err) : show_all(l);
        if (ferror(stdout))
            break; /* whoever reads has gone */
    }
    return status;
}

int logs_show_job(hec_rundir *run, const logs_of_job *of)
{
    __attribute__((cleanup(logs_fini))) logs l = {.of = of, .run = run};
    int status;

    if (!of->paths) {
        status = show_all(&l);
        return status == STATUS_OK && of->follow ? follow(&l, run) : status;
    }
    status = find_files(&l);
    for (size_t i = 0; i < l.n; i++)
        printf("%s\n", l.all[i].path);
    return status;
}
