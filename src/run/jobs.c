/* SPDX-License-Identifier: MIT
 *
 * How the jobs of a run stand, and asking the scheduler about all runs at once, seldom.
 */
#include "run/jobs.h"

#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define NOTE_MS 300000 /* between two notes that nothing has changed */

static inline void known_autofini(hec__known *k)
{
    hec__known_fini(k);
}
#define AUTO_KNOWN __attribute__((cleanup(known_autofini))) hec__known

/* ---- noting what a scheduler said ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* That a job is still not known is news when it is given up for it; and that an array is not when
 * something was known of its elements meanwhile. */
static bool is_lost_anew(const hec__known *k, const hec__seen *old)
{
    if (hec__seen_is_open(old))
        return hec__run_now_ms() - old->lost_since >= HEC__LOST_MS;
    for (size_t i = 0; i < k->n_seen; i++)
        if (strcmp(old->job.id, k->seen[i].job.id) == 0 && k->seen[i].at > old->at)
            return true;
    return false;
}

static bool is_news(const hec__known *k, const hec_job *j)
{
    const hec__seen *s = hec__known_seen(k, j->id, j->index);
    const hec_job *old = s ? &s->job : NULL;

    if (!old)
        return true;
    if (old->state == HEC_JOB_LOST && j->state == HEC_JOB_LOST)
        return is_lost_anew(k, s);
    return old->state != j->state || old->exit_code != j->exit_code ||
           !same_text(old->word, j->word) || !same_text(old->reason, j->reason) ||
           old->started != j->started || old->expected != j->expected || old->memory != j->memory ||
           old->gpu_percent != j->gpu_percent || old->gpus != j->gpus ||
           (old->cpu_s < 0) != (j->cpu_s < 0);
}

static void add_text(hec__json *j, const char *key, const char *value)
{
    if (!value)
        return;
    hec__json_key(j, key);
    hec__json_str(j, value);
}

static void add_number(hec__json *j, const char *key, int64_t value, int64_t none)
{
    if (value == none)
        return;
    hec__json_key(j, key);
    hec__json_int(j, value);
}

static void add_seen(hec__strbuf *lines, const hec_job *j)
{
    HEC_AUTO_STRBUF text;
    hec__json w;

    hec__strbuf_init(&text);
    hec__json_init(&w, &text);
    hec__json_open(&w, '{');
    add_text(&w, "id", j->id);
    add_number(&w, "index", j->index, -1);
    add_text(&w, "state", hec_job_state_word(j->state));
    add_number(&w, "stuck", j->stuck, 0);
    add_text(&w, "word", j->word);
    add_text(&w, "reason", j->reason);
    add_number(&w, "exit", j->exit_code, -1);
    add_number(&w, "signal", j->signal, 0);
    add_number(&w, "submitted", j->submitted, 0);
    add_number(&w, "expected", j->expected, 0);
    add_number(&w, "started", j->started, 0);
    add_number(&w, "ended", j->ended, 0);
    add_text(&w, "nodes", j->nodes);
    add_number(&w, "cpus", j->cpus, 0);
    add_number(&w, "memory", (int64_t)j->memory, 0);
    add_number(&w, "gpus", j->gpus, 0);
    add_number(&w, "gpu_memory", (int64_t)j->gpu_memory, 0);
    if (j->gpu_percent >= 0)
        hec__json_key(&w, "gpu_percent"), hec__json_real(&w, j->gpu_percent);
    if (j->cpu_s >= 0)
        hec__json_key(&w, "cpu"), hec__json_real(&w, j->cpu_s);
    hec__json_close(&w);
    lines->failed = lines->failed || text.failed;
    hec__note_add(lines, "seen", text.data);
}

/* ---- asking ---- */

/* One run with jobs that may still change. */
typedef struct open_run {
    hec_rundir *run;
    hec__known known;
} open_run;

typedef struct asking {
    const char *site;
    open_run *all;
    size_t n, cap;
    const char **ids;
    size_t n_ids, cap_ids;
    hec_error err;
} asking;

static void asking_fini(asking *a)
{
    for (size_t i = 0; i < a->n; i++) {
        hec__known_fini(&a->all[i].known);
        hec_rundir_destroy(a->all[i].run);
    }
    free(a->all);
    free(a->ids);
}

static int add_ids(asking *a, const hec__known *k)
{
    for (size_t i = 0; i < k->n_handed; i++) {
        if (a->n_ids == a->cap_ids) {
            size_t cap = a->cap_ids ? a->cap_ids * 2 : 64;
            const char **ids = realloc(a->ids, cap * sizeof *ids);

            if (!ids)
                return HEC_ENOMEM;
            a->ids = ids;
            a->cap_ids = cap;
        }
        a->ids[a->n_ids++] = k->handed[i].id;
    }
    return 0;
}

static int add_run(asking *a, hec_rundir *run, hec__known *k)
{
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 16;
        open_run *all = realloc(a->all, cap * sizeof *all);

        if (!all)
            return HEC_ENOMEM;
        a->all = all;
        a->cap = cap;
    }
    /* Its own object: the list's ends with the call. */
    if (hec__run_open_path(run->path, run->home, &a->all[a->n].run, &a->err) < 0)
        return 0;
    a->all[a->n].known = *k;
    *k = (hec__known){0};
    return add_ids(a, &a->all[a->n++].known);
}

static int look_at(void *ctx, const char *id, hec_rundir *run, const hec_error *why)
{
    asking *a = ctx;
    AUTO_KNOWN k = {0};
    HEC_AUTO(hec_jobs) jobs = NULL;
    size_t open = 0;
    const char *site = run ? hec__run_text(run->asked, "site") : NULL;

    (void)id;
    (void)why;
    if (!site || strcmp(site, a->site) != 0 || strcmp(hec__run_scheduler(run), "local") == 0)
        return 0;
    if (hec__known_read(run, &k, &a->err) < 0)
        return a->err.code == HEC_ENOMEM ? HEC_ENOMEM : 0;
    if (hec__known_jobs(&k, &jobs, &open, &a->err) < 0)
        return HEC_ENOMEM;
    return open ? add_run(a, run, &k) : 0;
}

/* The records of one job in an answer, which is in the order of ids and indices. */
typedef struct said {
    const hec_job *all;
    size_t n;
} said;

static said said_of(const hec_jobs *jobs, const char *id)
{
    said s = {NULL, 0};

    for (size_t i = 0; i < jobs->n; i++) {
        if (strcmp(jobs->all[i].id, id) != 0)
            continue;
        if (!s.n)
            s.all = &jobs->all[i];
        s.n++;
    }
    return s;
}

static int compare_index(const void *index, const void *job)
{
    int64_t a = *(const int64_t *)index, b = ((const hec_job *)job)->index;

    return (a > b) - (a < b);
}

static void add_lost(hec__strbuf *lines, const hec__known *k, const char *id, int64_t index)
{
    hec_job lost = {.id = id,
                    .index = index,
                    .state = HEC_JOB_LOST,
                    .exit_code = -1,
                    .cpu_s = -1,
                    .gpu_percent = -1,
                    .reason = "the scheduler has no record of it"};

    if (is_news(k, &lost))
        add_seen(lines, &lost);
}

/* Of an array some elements may be known and others not, or no more: those that were taken out of
 * the queue before they began, where of such things no account is kept. */
static void add_missing(hec__strbuf *lines, const hec__known *k, const hec__handed *h,
                        const said *s)
{
    bool over = s->n > 0 && s->all[0].index >= 0;

    for (size_t i = 0; i < s->n; i++)
        over = over && hec_job_state_ended(s->all[i].state);
    for (size_t i = 0; i < k->n_seen && s->n && s->all[0].index >= 0; i++) {
        const hec_job *old = &k->seen[i].job;

        if (old->index >= 0 && strcmp(old->id, h->id) == 0 &&
            (!hec_job_state_ended(old->state) || hec__seen_is_open(&k->seen[i])) &&
            !bsearch(&old->index, s->all, s->n, sizeof *s->all, compare_index))
            add_lost(lines, k, old->id, old->index);
    }
    if (over && s->n < hec__known_count(k, h))
        add_lost(lines, k, h->id, -1);
}

static int note_run(open_run *o, const hec_jobs *jobs, hec_error *err)
{
    HEC_AUTO_STRBUF lines;

    hec__strbuf_init(&lines);
    for (size_t h = 0; h < o->known.n_handed; h++) {
        said s = said_of(jobs, o->known.handed[h].id);

        for (size_t i = 0; i < s.n; i++)
            if (is_news(&o->known, &s.all[i]))
                add_seen(&lines, &s.all[i]);
        add_missing(&lines, &o->known, &o->known.handed[h], &s);
    }
    if (!lines.len && !lines.failed) {
        if (hec__run_now_ms() - o->known.seen_at <= NOTE_MS)
            return 0;
        hec__note_add(&lines, "seen", NULL);
    }
    return hec__note_write(o->run, &lines, err);
}

static int note_all(asking *a, const hec_jobs *jobs, hec_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < a->n; i++)
        r = note_run(&a->all[i], jobs, err);
    return r;
}

/* Whether nobody of this user has asked within the gap; then it is noted that somebody does now.
 * Whoever else looks at this very moment has the lock, and is the one who asks: nobody waits for
 * it. Where there are no locks, two may ask at once. */
static int may_ask(const hec_site *site, int64_t gap_ms, hec_error *err)
{
    HEC_AUTO_STR home = NULL;
    HEC_AUTO_STRBUF path;
    HEC_AUTO_FD fd = -1;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    int64_t then, now;
    int r;

    hec__strbuf_init(&path);
    r = hec__run_home(true, &home, err);
    if (r < 0)
        return r;
    if (hec__strbuf_addf(&path, "%s/.asked-%.100s", home, site->name) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    fd = open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fstat(fd, &st) < 0)
        return 1;
    if (gap_ms > 0 && fcntl(fd, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES))
        return 0;
    /* Again: who had the lock before may just have asked. A file that was never stamped is empty.
     */
    if (gap_ms > 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        then = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        now = hec__run_now_ms();
        if (now >= then && now - then < gap_ms)
            return 0;
    }
    if (pwrite(fd, "\n", 1, 0) == 1)
        (void)futimens(fd, NULL);
    return 1;
}

int hec__ask_all(const char *site_name, bool now, hec_error *err)
{
    __attribute__((cleanup(asking_fini))) asking a = {.site = site_name};
    HEC_AUTO(hec_jobs) jobs = NULL;
    HEC_AUTO(hec_site) site = NULL;
    int r = hec_site_open(site_name, &site, err);

    if (r == 0)
        r = may_ask(site, now ? 0 : (int64_t)site->ask_s * 1000, err);
    if (r <= 0)
        return r;
    r = hec_rundir_list(look_at, &a, err);
    if (r == HEC_ENOMEM)
        return hec__fail(err, r, 0, "no memory to ask about jobs");
    if (r < 0 || a.n_ids == 0)
        return r;
    r = hec_jobs_query(site, a.ids, a.n_ids, &jobs, err);
    return r < 0 ? r : note_all(&a, jobs, err);
}

/* Asks about the jobs of one run, whether they have ended or not, and notes what is new. */
static int ask_usage(hec_rundir *run, const hec__known *k, const char *site_name, hec_error *err)
{
    HEC_AUTO(hec_site) site = NULL;
    HEC_AUTO(hec_jobs) jobs = NULL;
    HEC_AUTO_STRBUF lines;
    const char **ids = calloc(k->n_handed + 1, sizeof *ids);
    int r = ids ? hec_site_open(site_name, &site, err) : HEC_ENOMEM;

    for (size_t i = 0; r == 0 && i < k->n_handed; i++)
        ids[i] = k->handed[i].id;
    if (r == 0)
        r = hec_jobs_query(site, ids, k->n_handed, &jobs, err);
    free(ids);
    hec__strbuf_init(&lines);
    for (size_t i = 0; r == 0 && i < jobs->n; i++)
        if (jobs->all[i].state != HEC_JOB_LOST && is_news(k, &jobs->all[i]))
            add_seen(&lines, &jobs->all[i]);
    return r == 0 && (lines.len || lines.failed) ? hec__note_write(run, &lines, err) : r;
}

/* Asks, as far as somebody is to be asked. 1: what is known has to be read again. */
static int ask_somebody(hec_rundir *run, const hec__known *k, int ask, size_t open)
{
    const char *site = hec__run_text(run->asked, "site");

    if (k->local || ask == HEC_ASK_NOBODY || !site || k->n_handed == 0)
        return 0;
    if (open == 0 && ask != HEC_ASK_USAGE)
        return 0;
    /* That nobody answers is no failure: then it is what was known last. */
    if (ask == HEC_ASK_USAGE)
        return ask_usage(run, k, site, NULL) == HEC_ENOMEM ? HEC_ENOMEM : 1;
    return hec__ask_all(site, ask == HEC_ASK_NOW, NULL) == HEC_ENOMEM ? HEC_ENOMEM : 1;
}

int hec_rundir_jobs(hec_rundir *run, int ask, hec_jobs **ret_jobs, int64_t *ret_as_of,
                    hec_error *err)
{
    AUTO_KNOWN k = {0};
    HEC_AUTO(hec_jobs) jobs = NULL;
    size_t open = 0;
    int asked, r = hec__known_read(run, &k, err);

    if (r == 0)
        r = hec__known_jobs(&k, &jobs, &open, err);
    asked = r == 0 ? ask_somebody(run, &k, ask, open) : 0;
    if (asked < 0)
        return hec__fail(err, asked, 0, "no memory to ask about jobs");
    if (asked) {
        hec__known_fini(&k);
        k = (hec__known){0};
        hec_jobs_destroy(HEC_STEAL(&jobs));
        r = hec__known_read(run, &k, err);
        if (r == 0)
            r = hec__known_jobs(&k, &jobs, &open, err);
    }
    if (r < 0)
        return r;
    if (ret_as_of)
        *ret_as_of = k.local || !open ? hec__run_now_ms() : k.seen_at;
    *ret_jobs = HEC_STEAL(&jobs);
    return 0;
}
