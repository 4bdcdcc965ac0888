/* SPDX-License-Identifier: MIT
 *
 * hec logs: what the tasks of a run have written, from its stream file, also while they write; of
 * a batch job, what its jobs have: logs_job.c.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "exit.h"
#include "logs.h"
#include "out.h"
#include "run_name.h"
#include "verbs.h"

#include <hec/stream.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

/* How long nothing is heard of a file before it is looked at: some file systems do not tell. */
#define LOOK_MS 1000
/* A run whose journal's lock is not renewed for so long is no longer written to. */
#define SILENT_S 30

enum { OPT_TASK, OPT_INDEX, OPT_STDOUT, OPT_STDERR, OPT_FOLLOW, OPT_PATHS, N_OPTS };

static const opt_row rows[N_OPTS] = {
    [OPT_TASK] = {"task", "N", "only task N, as 'hec results' counts them"},
    [OPT_INDEX] = {"index", "N", "of an array of batch jobs: only element N"},
    [OPT_STDOUT] = {"stdout", NULL, "only standard output"},
    [OPT_STDERR] = {"stderr", NULL, "only standard error"},
    [OPT_FOLLOW] = {"follow", NULL, "go on until the task, or the run, has ended"},
    [OPT_PATHS] = {"paths", NULL, "of batch jobs: print the paths of the files instead"},
};

static const char letters[N_OPTS] = {[OPT_FOLLOW] = 'f'};

typedef struct logs {
    hec_rundir *run; /* NULL: a stream file was named */
    hec__strbuf path, lock;
    hec_stream *stream;
    bool has_task, has_key;
    uint64_t task;
    unsigned char key[HEC_KEY_SIZE];
    int which; /* 1, 2, 0: both */
    int events;
} logs;

static void destroy(logs *l)
{
    hec_stream_destroy(l->stream);
    hec_rundir_destroy(l->run);
    hec__strbuf_fini(&l->path);
    hec__strbuf_fini(&l->lock);
    if (l->events >= 0)
        close(l->events);
}

static int show(void *ctx, int stream, const void *bytes, size_t size)
{
    (void)ctx;
    (void)stream;
    return fwrite(bytes, 1, size, stdout) == size ? 0 : -1;
}

/* Damage is said, and what there is is shown. */
static int show_place(logs *l, const hec_stream_place *place, uint64_t after)
{
    hec_error err = {0};
    int r = hec_stream_read(l->stream, place, l->which, after, show, NULL, &err);

    if (r < 0 && r != HEC_ECALLBACK && r != HEC_EFORMAT)
        return out_error("show the output", &err);
    if (r == HEC_EFORMAT)
        out_complain("task %" PRIu64 ": %s", place->task, err.text);
    return ferror(stdout) ? STATUS_INTERNAL : STATUS_OK;
}

/* ---- which task ---- */

/* Of a run whose tasks were planned, numbers are those of the plan as it is now. */
static int find_key(logs *l, hec_error *err)
{
    run_rows *rows_of = NULL;
    run_row row;
    int r = l->run ? run_rows_open(l->run, &rows_of, err) : 0;

    if (r <= 0)
        return r;
    while ((r = run_rows_next(rows_of, &row, err)) > 0)
        if (row.task == l->task) {
            memcpy(l->key, row.key, sizeof l->key);
            l->has_key = true;
            break;
        }
    run_rows_close(rows_of);
    if (r == 0)
        return hec__fail(err, HEC_ENOENT, 0, "the run has no task %" PRIu64, l->task);
    return r < 0 ? r : 0;
}

static bool find(logs *l, hec_stream_place *ret)
{
    return l->has_key ? hec_stream_find_key(l->stream, l->key, ret) == 1
                      : hec_stream_find(l->stream, l->task, ret) == 1;
}

/* ---- waiting ---- */

/* Whether somebody writes to the run: the lock of its journal is there, and is renewed. */
static bool is_written(const logs *l)
{
    struct stat st;
    struct timespec now;

    if (!l->run || stat(l->lock.data, &st) < 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - st.st_mtim.tv_sec < SILENT_S;
}

/* Waits for something to come. 1, 0: nothing will, or negative. */
static int wait_more(logs *l, hec_error *err)
{
    for (;;) {
        bool written = is_written(l);
        struct pollfd p = {.fd = l->events, .events = POLLIN};
        char buf[4096];
        int r = hec_stream_refresh(l->stream, err);

        if (r != 0)
            return r;
        if (!written)
            return 0;
        if (poll(&p, l->events >= 0, LOOK_MS) < 0 && errno != EINTR)
            return hec__fail(err, HEC_ESYS, errno, "cannot wait for output");
        while (l->events >= 0 && p.revents && read(l->events, buf, sizeof buf) > 0)
            ;
    }
}

static void watch(logs *l)
{
    l->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (l->events >= 0)
        inotify_add_watch(l->events, l->path.data, IN_MODIFY);
}

/* ---- showing ---- */

static int show_task(logs *l, bool on)
{
    hec_stream_place place = {0};
    hec_error err = {0};
    uint64_t after = 0, last = 0;
    bool found = find(l, &place);
    int r = 1, status = STATUS_OK;

    for (;;) {
        if (found && place.last != last) {
            /* Another attempt begins anew. */
            status = show_place(l, &place, place.last > after ? after : 0);
            after = last = place.last;
        }
        if (status != STATUS_OK || !on || (found && place.ended))
            break;
        fflush(stdout);
        r = wait_more(l, &err);
        if (r < 0)
            return out_error("show the output", &err);
        if (r == 0)
            break;
        found = find(l, &place);
    }
    if (status == STATUS_OK && !found) {
        out_complain("task %" PRIu64 " has written nothing: it was not run, or has not begun",
                     l->task);
        return STATUS_CONFIG;
    }
    return status;
}

/* Everything, task by task in the order of their ends; those that have not ended come last. */
static int show_all(logs *l, bool on)
{
    uint64_t shown = 0;
    hec_error err = {0};
    int status = STATUS_OK, r = 1;

    for (;;) {
        uint64_t n = hec_stream_count(l->stream);
        hec_stream_place place;

        for (; status == STATUS_OK && shown < n; shown++) {
            if (hec_stream_at(l->stream, shown, &place) < 0 || (on && r && !place.ended))
                break;
            status = show_place(l, &place, 0);
        }
        if (status != STATUS_OK || !on || r == 0)
            return status;
        fflush(stdout);
        r = wait_more(l, &err);
        if (r < 0)
            return out_error("show the output", &err);
    }
}

/* ---- the verb ---- */

static int open_stream(logs *l, const char *name)
{
    hec_error err = {0};
    int r = 0;

    if (l->run)
        r = run_name_file(l->run, "out.stream", &l->path, &err);
    else if (r == 0)
        hec__strbuf_adds(&l->path, name);
    if (r == 0 && l->run)
        r = run_name_file(l->run, "journal.lock", &l->lock, &err);
    if (r == 0)
        r = hec_stream_open(l->path.data, &l->stream, &err);
    if (r == HEC_ENOENT && l->run) {
        out_complain("the run '%s' has no output of tasks", hec_rundir_id(l->run));
        return STATUS_CONFIG;
    }
    if (r == 0 && l->has_task)
        r = find_key(l, &err);
    return r < 0 ? out_error("show the output", &err) : STATUS_OK;
}

/* A number, where there is one. */
static int parse_number(const char *option, const char *text, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && !errno)
        return STATUS_OK;
    out_complain("cannot understand --%s=%s: it is no number", option, text);
    return STATUS_USAGE;
}

static int show_tasks(logs *l, bool on)
{
    int status;

    if (on)
        watch(l);
    status = l->has_task ? show_task(l, on) : show_all(l, on);
    if (hec_stream_damage(l->stream) && !is_written(l))
        out_complain("%" PRIu64 " bytes of the output are no whole record: what they held is lost",
                     hec_stream_damage(l->stream));
    return status;
}

/* *ret_job: it is a batch job, whose output is in files of its own. */
static int open_run(logs *l, const char *name, bool *ret_job)
{
    hec_error err = {0};

    if (run_name_open(name, &l->run, &err) < 0)
        return out_error("show the output", &err);
    *ret_job = l->run && !l->has_task && strcmp(hec_rundir_kind(l->run), "job") == 0;
    return *ret_job ? STATUS_OK : open_stream(l, name);
}

static int run_logs(const opt_args *args)
{
    __attribute__((cleanup(destroy))) logs l = {.events = -1};
    const char *const *v = args->values;
    logs_of_job of = {.index = -1, .follow = v[OPT_FOLLOW] != NULL, .paths = v[OPT_PATHS] != NULL};
    uint64_t index = 0;
    bool job = false;
    int status = STATUS_OK;

    hec__strbuf_init(&l.path);
    hec__strbuf_init(&l.lock);
    if (v[OPT_TASK]) {
        status = parse_number("task", v[OPT_TASK], &l.task);
        l.has_task = true;
    }
    if (status == STATUS_OK && v[OPT_INDEX]) {
        status = parse_number("index", v[OPT_INDEX], &index);
        of.index = (int64_t)(index & INT64_MAX);
    }
    l.which = v[OPT_STDOUT] && !v[OPT_STDERR] ? 1 : v[OPT_STDERR] && !v[OPT_STDOUT] ? 2 : 0;
    of.which = l.which;
    if (status == STATUS_OK)
        status = open_run(&l, args->n_operands ? args->operands[0] : "last", &job);
    if (status != STATUS_OK)
        return status;
    return job ? logs_show_job(l.run, &of) : show_tasks(&l, of.follow);
}

const opt_verb verb_logs = {
    .name = "logs",
    .summary = "show what the tasks or jobs of a run have written",
    .operands = "[RUN]",
    .max_operands = 1,
    .rows = rows,
    .n_rows = N_OPTS,
    .letters = letters,
    .run = run_logs,
};
