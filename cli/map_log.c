/* SPDX-License-Identifier: MIT
 *
 * What is written about tasks beside their output: a line for each, in the columns of GNU
 * parallel's log, and a folder for each, as it lays them out.
 */
#include "map.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the log ---- */

int map_joblog_open(map_run *run, hec_error *err)
{
    run->joblog = fopen(run->o->joblog, "we");
    if (!run->joblog)
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno,
                         "cannot write the log '%.180s'", run->o->joblog);
    setvbuf(run->joblog, NULL, _IOLBF, 0); /* somebody may be looking at it */
    fputs("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n",
          run->joblog);
    return 0;
}

void map_joblog_add(map_run *run, const map_task *t)
{
    const map_end *e = &t->end;
    uint64_t bytes = map_said_all(&run->out, &t->said, 1)->size;

    fprintf(run->joblog,
            "%" PRIu64 "\t:\t%.3f\t%9.3f\t0\t%" PRIu64 "\t%" PRId32 "\t%" PRId32 "\t%s\n", t->seq,
            (double)e->started_ns / 1e9, (double)e->duration_ns / 1e9, bytes,
            e->exit_status >= 0 ? e->exit_status
            : e->signal         ? 0
                                : 127,
            e->signal, map_task_text(run, t));
    if (ferror(run->joblog)) {
        hec_error err = {0};

        hec__fail(&err, HEC_EIO, errno, "cannot write the log '%.180s'", run->o->joblog);
        map_run_fail(run, &err);
        clearerr(run->joblog);
    }
}

/* ---- the folders ---- */

/* A value as the name of a folder, as GNU parallel has it. */
static void add_name(hec__strbuf *out, const char *value)
{
    if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0) {
        hec__strbuf_adds(out, "\\");
        hec__strbuf_adds(out, value);
        return;
    }
    for (; *value; value++) {
        if (*value == '/')
            hec__strbuf_adds(out, "\\_");
        else if (*value == '\\')
            hec__strbuf_adds(out, "\\\\");
        else if (*value == '\t')
            hec__strbuf_adds(out, "\\t");
        else
            hec__strbuf_addc(out, *value);
    }
}

/* Makes the folder whose path ends here, unless it is there. */
static int make_folder(const char *path, hec_error *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return 0;
    return hec__fail(err, HEC_EIO, errno, "cannot make the folder '%.180s'", path);
}

/* DIR/1/VALUE/2/VALUE…, every folder made. */
static int make_path(const map_run *run, const map_task *t, hec__strbuf *path, hec_error *err)
{
    const char *const *names;
    size_t n_names = map_input_names(run->in, &names);
    int r;

    hec__strbuf_adds(path, run->o->results);
    r = make_folder(path->data, err);
    for (size_t i = 0; r == 0 && i < map_input_shown(run->in, t->row.n); i++) {
        hec__strbuf_addc(path, '/');
        if (i < n_names)
            add_name(path, names[i]);
        else
            hec__strbuf_addf(path, "%zu", i + 1);
        r = make_folder(path->data, err);
        hec__strbuf_addc(path, '/');
        add_name(path, t->row.argv[i] ? t->row.argv[i] : "");
        if (r == 0)
            r = make_folder(path->data, err);
    }
    return path->failed ? hec__fail(err, HEC_ENOMEM, 0, "no memory for a path") : r;
}

static int write_file(hec__strbuf *path, const char *name, const char *bytes, size_t n,
                      hec_error *err)
{
    size_t before = path->len;
    int fd, r = 0;

    hec__strbuf_addc(path, '/');
    hec__strbuf_adds(path, name);
    fd = open(path->data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    while (fd >= 0 && n > 0) {
        ssize_t w = write(fd, bytes, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            break;
        bytes += w;
        n -= (size_t)w;
    }
    if (fd < 0 || n > 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot write '%.180s'", path->data);
    if (fd >= 0 && close(fd) < 0 && r == 0)
        r = hec__fail(err, HEC_EIO, errno, "cannot write '%.180s'", path->data);
    path->len = before;
    path->data[before] = '\0';
    return r;
}

int map_results_write(map_run *run, const map_task *t, hec_error *err)
{
    static const char *const names[] = {"stdout", "stderr"};
    char seq[24];
    HEC_AUTO_STRBUF path;
    int r;

    hec__strbuf_init(&path);
    r = make_path(run, t, &path, err);
    for (int i = 0; r == 0 && i < 2; i++) {
        const map_spool *s = map_said_all(&run->out, &t->said, i + 1);
        const char *view;

        r = map_spool_view(s, &run->out.store, &view, err);
        if (r < 0)
            return r;
        r = write_file(&path, names[i], view, (size_t)s->size, err);
        map_spool_unview(s, view);
    }
    snprintf(seq, sizeof seq, "%" PRIu64 "\n", t->seq);
    return r < 0 ? r : write_file(&path, "seq", seq, strlen(seq), err);
}
