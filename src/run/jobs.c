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

/* What was seen of a job or element: they are in order. NULL: nothing. */
static const hec_job *find_seen(const hec__known *k, const hec_job *j)
{
    size_t low = 0, high = k->n_seen;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const hec_job *old = &k->seen[mid].job;
        int c = strcmp(old->id, j->id);

        if (c == 0)
            c = (old->index > j->index) - (old->index < j->index);
        if (c == 0)
            return old;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool is_news(const hec__known *k, const hec_job *j)
{
    const hec_job *old = find_seen(k, j);

    return !old || old->state != j->state || old->exit_code != j->exit_code ||
           !same_text(old->word, j->word) || !same_text(old->reason, j->reason) ||
           old->started != j->started || old->expected != j->expected || old->memory != j->memory ||
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

static int note_seen(hec_rundir *run, const hec_job *j, hec_error *err)
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
    if (j->cpu_s >= 0)
        hec__json_key(&w, "cpu"), hec__json_real(&w, j->cpu_s);
    hec__json_close(&w);
    if (text.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the state of a run");
    return hec_rundir_note(run, "seen", text.data, err);
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

static int note_all(asking *a, const hec_jobs *jobs, hec_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < a->n; i++) {
        open_run *o = &a->all[i];
        size_t news = 0;

        for (size_t n = 0; r == 0 && n < jobs->n; n++)
            for (size_t h = 0; r == 0 && h < o->known.n_handed; h++)
                if (strcmp(o->known.handed[h].id, jobs->all[n].id) == 0 &&
                    is_news(&o->known, &jobs->all[n])) {
                    r = note_seen(o->run, &jobs->all[n], err);
                    news++;
                }
        if (r == 0 && !news && hec__run_now_ms() - o->known.seen_at > NOTE_MS)
            r = hec_rundir_note(o->run, "seen", NULL, err);
    }
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
    const char **ids = calloc(k->n_handed + 1, sizeof *ids);
    int r = ids ? hec_site_open(site_name, &site, err) : HEC_ENOMEM;

    for (size_t i = 0; r == 0 && i < k->n_handed; i++)
        ids[i] = k->handed[i].id;
    if (r == 0)
        r = hec_jobs_query(site, ids, k->n_handed, &jobs, err);
    free(ids);
    for (size_t i = 0; r == 0 && i < jobs->n; i++)
        if (jobs->all[i].state != HEC_JOB_LOST && is_news(k, &jobs->all[i]))
            r = note_seen(run, &jobs->all[i], err);
    return r;
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
