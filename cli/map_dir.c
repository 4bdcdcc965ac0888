/* SPDX-License-Identifier: MIT
 *
 * The folder of a run: run.yaml, journal, out.stream, and tmp/ while it runs, in which tasks find
 * their parameters and leave their results. The lock of the journal is the lock of it all.
 */
#include "map.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* So long output may be in memory before it is in the file. */
#define PENDING_NS UINT64_C(500000000)

/* Bytes of an id that say when, to the minute. */
#define AT_MINUTE 13

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for a run");
}

/* ---- which run ---- */

typedef struct wanted {
    const map_options *o;
    const char *folder;
    char id[128]; /* the last one that is it; "": none */
    int64_t made_ms;
} wanted;

/* Whether a run was made from the files of this plan. */
static bool is_of_plan(const hec_rundir *dir, const map_options *o, const char *folder)
{
    const hec_value *asked = hec_rundir_asked(dir), *at = hec_value_get(asked, "workdir");
    const hec_value *files = hec_value_get(asked, "parameters");
    const char *const *ours;
    size_t n = sweep_plan_files(o->plan, &ours);

    if (!at || at->kind != HEC_VALUE_TEXT || strcmp(at->as.text, folder) != 0 || !files ||
        files->kind != HEC_VALUE_LIST || files->count != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (files->as.items[i].kind != HEC_VALUE_TEXT ||
            strcmp(files->as.items[i].as.text, ours[i]) != 0)
            return false;
    return true;
}

static int look(void *ctx, const char *id, hec_rundir *dir, const hec_error *err)
{
    wanted *w = ctx;

    (void)err;
    if (w->id[0] && strncmp(w->id, id, AT_MINUTE) != 0)
        return 1; /* all that follow are older */
    if (!dir || (w->id[0] && hec_rundir_created_ms(dir) < w->made_ms) ||
        strcmp(hec_rundir_kind(dir), w->o->kind) != 0)
        return 0;
    if (w->o->run ? strcmp(hec_rundir_name(dir), w->o->run) != 0
                  : !is_of_plan(dir, w->o, w->folder))
        return 0;
    snprintf(w->id, sizeof w->id, "%s", id);
    w->made_ms = hec_rundir_created_ms(dir);
    return 0;
}

/* What run.yaml says beside what each run has. */
static int describe(const map_run *run, hec__strbuf *out, hec_error *err)
{
    const map_options *o = run->o;
    const char *const *files = NULL;
    size_t n = o->plan ? sweep_plan_files(o->plan, &files) : 0;
    hec__json j;

    hec__json_init(&j, out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "workdir"), hec__json_str(&j, run->folder);
    hec__json_key(&j, "command"), hec__json_open(&j, '[');
    for (size_t i = 0; i < o->n_words; i++)
        hec__json_str(&j, o->words[i]);
    hec__json_close(&j);
    hec__json_key(&j, "shell"), hec__json_bool(&j, o->shell);
    if (n) {
        hec__json_key(&j, "parameters"), hec__json_open(&j, '[');
        for (size_t i = 0; i < n; i++)
            hec__json_str(&j, files[i]);
        hec__json_close(&j);
    }
    hec__json_close(&j);
    return out->failed ? no_memory(err) : 0;
}

/* The name of the run: that which was given, "study" for "/home/me/study.csv". */
static void name_it(const map_options *o, char *buf, size_t size)
{
    const char *const *files = NULL, *path = o->run, *slash, *base;

    if (path && !strchr(path, '/')) {
        snprintf(buf, size, "%s", path);
        return;
    }
    if (!path && sweep_plan_files(o->plan, &files))
        path = files[0];
    slash = path ? strrchr(path, '/') : NULL;
    base = slash ? slash + 1 : path ? path : "";
    snprintf(buf, size, "%.*s", (int)strcspn(base, "."), base);
}

static int make(map_run *run, const char *path, hec_error *err)
{
    const map_options *o = run->o;
    char name[256];
    HEC_AUTO_STRBUF asked;
    int r;

    hec__strbuf_init(&asked);
    name_it(o, name, sizeof name);
    r = describe(run, &asked, err);
    return r < 0 ? r : hec_rundir_create(path, o->kind, name, asked.data, &run->dir, err);
}

/* By its folder, by its name, by its id, or as that of the plan; and where there is none it is
 * made. */
static int find_or_make(map_run *run, hec_error *err)
{
    const map_options *o = run->o;
    wanted w = {.o = o, .folder = run->folder};
    hec_error no = {0};
    char name[256];
    int r;

    if (o->run && strchr(o->run, '/')) {
        if (access(o->run, F_OK) < 0)
            return make(run, o->run, err);
        return hec_rundir_open(o->run, &run->dir, err);
    }
    name_it(o, name, sizeof name);
    r = hec_rundir_latest(name, look, &w, err);
    if (r < 0)
        return r;
    if (w.id[0])
        return hec_rundir_open(w.id, &run->dir, err);
    r = o->run ? hec_rundir_open(o->run, &run->dir, &no) : HEC_ENOENT;
    if (r == HEC_ENOENT)
        return make(run, NULL, err);
    if (r < 0 && err)
        *err = no;
    return r;
}

int map_dir_find(map_run *run, hec_error *err)
{
    HEC_AUTO_STRBUF path;
    int r = find_or_make(run, err);

    if (r < 0)
        return r;
    if (strcmp(hec_rundir_kind(run->dir), run->o->kind) != 0)
        return hec__fail(err, HEC_EINVAL, 0, "the run '%.100s' is a %.20s, no %s",
                         hec_rundir_id(run->dir), hec_rundir_kind(run->dir), run->o->kind);
    hec__strbuf_init(&path);
    hec__strbuf_addf(&path, "%s/journal", hec_rundir_path(run->dir));
    run->journal_path = hec__strbuf_detach(&path);
    return run->journal_path ? 0 : no_memory(err);
}

/* ---- the folder for files of tasks ---- */

static int in_dir(map_run *run, hec__strbuf *path, const char *name, hec_error *err)
{
    hec__strbuf_init(path);
    hec__strbuf_addf(path, "%s/%s", hec_rundir_path(run->dir), name);
    return path->failed ? no_memory(err) : 0;
}

/* What a session that was killed has left. */
static void empty(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

const char *map_dir_file(map_run *run, const map_task *t, const char *what)
{
    static char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/tmp/%" PRIu64 ".%s", hec_rundir_path(run->dir), t->seq, what);
    return path;
}

/* ---- begin and end ---- */

int map_dir_begin(map_run *run, hec_error *err)
{
    HEC_AUTO_STRBUF path;
    HEC_AUTO_STRBUF tmp;
    int r = in_dir(run, &path, "out.stream", err);

    hec__strbuf_init(&tmp);
    if (r == 0)
        r = hec_stream_create(path.data, &run->stream, err);
    if (r == 0)
        r = hec_stream_open(path.data, &run->before, err);
    if (r == 0)
        r = in_dir(run, &tmp, "tmp", err);
    if (r == 0 && mkdir(tmp.data, 0700) < 0) {
        if (errno != EEXIST)
            return hec__fail(err, HEC_EIO, errno, "cannot make the folder '%.160s'", tmp.data);
        empty(tmp.data);
    }
    if (r == 0)
        r = map_args_write(run, err);
    return r < 0 ? r : hec_rundir_begin(run->dir, err);
}

static void sync_file(const char *path)
{
    HEC_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        fdatasync(fd);
}

int map_dir_end(map_run *run, int status, hec_error *err)
{
    HEC_AUTO_STRBUF fields;
    HEC_AUTO_STRBUF tmp;
    HEC_AUTO_STRBUF rows;
    hec__json j;
    int r = hec_stream_close(run->stream, err);

    run->stream = NULL;
    hec__strbuf_init(&fields);
    if (in_dir(run, &tmp, "tmp", NULL) == 0) {
        empty(tmp.data);
        rmdir(tmp.data);
    }
    if (in_dir(run, &rows, "rows", NULL) == 0)
        sync_file(rows.data);
    hec__json_init(&j, &fields);
    hec__json_open(&j, '{');
    hec__json_key(&j, "status"), hec__json_int(&j, status);
    hec__json_key(&j, "done"), hec__json_uint(&j, run->done);
    hec__json_key(&j, "failed"), hec__json_uint(&j, run->failed);
    hec__json_close(&j);
    if (r == 0)
        r = fields.failed ? no_memory(err) : hec_rundir_note(run->dir, "end", fields.data, err);
    return r;
}

/* ---- output ---- */

int map_dir_data(map_run *run, map_task *t, int stream, const void *bytes, size_t n, hec_error *err)
{
    if (!hec_stream_pending(run->stream))
        run->pending_ns = now_ns();
    return hec_stream_append(run->stream, &t->stream, stream, bytes, n, err);
}

int map_dir_tick(map_run *run, hec_error *err)
{
    uint64_t now;
    int r;

    if (!run->stream || !hec_stream_pending(run->stream))
        return -1;
    now = now_ns();
    if (now < run->pending_ns + PENDING_NS)
        return (int)((run->pending_ns + PENDING_NS - now) / 1000000u) + 1;
    r = hec_stream_flush(run->stream, err);
    return r < 0 ? r : -1;
}

typedef struct replaying {
    map_run *run;
    map_task *t;
    hec_error *err;
} replaying;

static int take(void *ctx, int stream, const void *bytes, size_t size)
{
    replaying *p = ctx;

    return map_output_data(&p->run->out, &p->t->said, stream, bytes, size, p->err);
}

int map_dir_replay(map_run *run, map_task *t, hec_error *err)
{
    replaying p = {run, t, err};
    hec_stream_place place;
    hec_error why = {0};
    int r;

    if (hec_stream_find_key(run->before, t->key, &place) != 1) {
        run->lost++;
        return 0;
    }
    r = hec_stream_read(run->before, &place, 0, 0, take, &p, &why);
    if (r == HEC_EFORMAT) {
        run->lost++;
        return 0;
    }
    if (r < 0 && r != HEC_ECALLBACK && err)
        *err = why;
    return r;
}
