/* SPDX-License-Identifier: MIT
 *
 * What is known of a run's jobs without asking: what `state` says.
 */
#include "base/error.h"
#include "base/units.h"
#include "batch/parse.h"
#include "run/jobs.h"

#include <string.h>

void hec__known_fini(hec__known *k)
{
    hec__arena_fini(&k->arena);
}

const char *hec__run_scheduler(const hec_rundir *run)
{
    const char *name = hec__run_text(run->asked, "scheduler");

    return name ? name : "local";
}

static const char *keep(hec__known *k, const char *s)
{
    return s ? hec__arena_copy(&k->arena, s, strlen(s)) : NULL;
}

static int add_handed(hec__known *k, const hec_rundir_event *e)
{
    hec__handed *grown =
        hec__arena_grow(&k->arena, k->handed, k->n_handed, &k->cap_handed, sizeof *grown);
    hec__handed *h;

    if (!grown)
        return HEC_ENOMEM;
    k->handed = grown;
    h = &k->handed[k->n_handed];
    *h = (hec__handed){.part = (uint32_t)hec__run_int(e->fields, "part", 1), .at = e->time_ms};
    h->first = (uint32_t)hec__run_int(e->fields, "first", 0);
    h->skipped = (uint64_t)hec__run_int(e->fields, "skipped", 0);
    h->count = (uint64_t)hec__run_int(e->fields, "count", 0);
    h->id = keep(k, hec__run_text(e->fields, "id"));
    if (!h->id)
        return 0;
    hec__process_read(e->fields, &k->arena, &h->process);
    /* Handed over again, when the run was resumed: that counts. */
    for (size_t i = 0; i < k->n_handed; i++)
        if (k->handed[i].part == h->part) {
            k->handed[i] = *h;
            return 0;
        }
    k->n_handed++;
    return 0;
}

static double real_of(const hec_value *map, const char *key)
{
    const hec_value *v = hec_value_get(map, key);

    if (v && v->kind == HEC_VALUE_REAL)
        return v->as.real;
    return v && v->kind == HEC_VALUE_INT ? (double)v->as.integer : -1;
}

static int state_of(const char *word)
{
    for (int i = HEC_JOB_WAITING; word && i <= HEC_JOB_LOST; i++)
        if (strcmp(hec_job_state_word(i), word) == 0)
            return i;
    return HEC_JOB_LOST;
}

static int add_seen(hec__known *k, const hec_rundir_event *e)
{
    const hec_value *f = e->fields;
    hec__seen *grown = hec__arena_grow(&k->arena, k->seen, k->n_seen, &k->cap_seen, sizeof *grown);
    hec__seen *s;

    if (!grown)
        return HEC_ENOMEM;
    k->seen = grown;
    k->seen_at = e->time_ms;
    if (!hec__run_text(f, "id"))
        return 0; /* that it was asked, and nothing was new */
    s = &k->seen[k->n_seen];
    *s = (hec__seen){.order = k->n_seen, .at = e->time_ms};
    s->job.id = keep(k, hec__run_text(f, "id"));
    s->job.index = hec__run_int(f, "index", -1);
    s->job.state = state_of(hec__run_text(f, "state"));
    s->job.stuck = (int32_t)hec__run_int(f, "stuck", 0);
    s->job.word = keep(k, hec__run_text(f, "word"));
    s->job.reason = keep(k, hec__run_text(f, "reason"));
    s->job.exit_code = (int32_t)hec__run_int(f, "exit", -1);
    s->job.signal = (int32_t)hec__run_int(f, "signal", 0);
    s->job.submitted = hec__run_int(f, "submitted", 0);
    s->job.expected = hec__run_int(f, "expected", 0);
    s->job.started = hec__run_int(f, "started", 0);
    s->job.ended = hec__run_int(f, "ended", 0);
    s->job.nodes = keep(k, hec__run_text(f, "nodes"));
    s->job.cpus = (uint32_t)hec__run_int(f, "cpus", 0);
    s->job.memory = (uint64_t)hec__run_int(f, "memory", 0);
    s->job.cpu_s = real_of(f, "cpu");
    s->job.gpus = (uint32_t)hec__run_int(f, "gpus", 0);
    s->job.gpu_percent = real_of(f, "gpu_percent");
    s->job.gpu_memory = (uint64_t)hec__run_int(f, "gpu_memory", 0);
    k->n_seen += s->job.id != NULL;
    return s->job.id ? 0 : HEC_ENOMEM;
}

static int take(void *ctx, const hec_rundir_event *e)
{
    hec__known *k = ctx;

    if (strcmp(e->event, "submitted") == 0)
        return add_handed(k, e);
    if (strcmp(e->event, "seen") == 0)
        return add_seen(k, e);
    if (strcmp(e->event, "cancel") == 0)
        k->cancelled = e->time_ms;
    if (strcmp(e->event, "resume") == 0)
        k->cancelled = 0;
    if (strcmp(e->event, "begin") == 0) {
        hec__process_read(e->fields, &k->arena, &k->own);
        k->own_begin = e->time_ms;
        k->own_end = 0;
    }
    if (strcmp(e->event, "end") == 0) {
        k->own_end = e->time_ms;
        k->own_status = (int32_t)hec__run_int(e->fields, "status", -1);
    }
    return 0;
}

static int compare_seen(const void *a, const void *b)
{
    const hec__seen *x = a, *y = b;
    int c = strcmp(x->job.id, y->job.id);

    if (c)
        return c;
    if (x->job.index != y->job.index)
        return x->job.index < y->job.index ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Of each job and element the last. */
static void settle_seen(hec__known *k)
{
    size_t n = 0;

    if (k->n_seen)
        qsort(k->seen, k->n_seen, sizeof *k->seen, compare_seen);
    for (size_t i = 0; i < k->n_seen; i++) {
        hec__seen *s = &k->seen[i], *last = n ? &k->seen[n - 1] : NULL;
        bool again =
            last && last->job.index == s->job.index && strcmp(last->job.id, s->job.id) == 0;

        if (s->job.state == HEC_JOB_LOST)
            s->lost_since = again && last->lost_since ? last->lost_since : s->at;
        k->seen[again ? n - 1 : n++] = *s;
    }
    k->n_seen = n;
}

const hec__seen *hec__known_seen(const hec__known *k, const char *id, int64_t index)
{
    size_t low = 0, high = k->n_seen;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const hec_job *j = &k->seen[mid].job;
        int c = strcmp(j->id, id);

        c = c ? c : (j->index > index) - (j->index < index);
        if (c == 0)
            return &k->seen[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* What an earlier attempt at a job said of its end counts no more, unless it was done. */
static void drop_old(hec__known *k)
{
    size_t n = 0;

    for (size_t i = 0; i < k->n_marks; i++) {
        const hec__mark *m = &k->marks[i];
        int64_t last = m->waits > m->begin ? m->waits : m->begin;
        bool old = false;

        last = m->end > last ? m->end : last;
        for (size_t h = 0; h < k->n_handed; h++)
            old = old || (k->handed[h].part == m->part && last + 1000 <= k->handed[h].at &&
                          !(m->end && m->status == 0 && m->index >= 0));
        if (!old)
            k->marks[n++] = *m;
    }
    k->n_marks = n;
}

static void read_options(const hec_rundir *run, hec__known *k)
{
    const hec_value *options = hec_value_get(run->asked, "options");

    k->local = strcmp(hec__run_scheduler(run), "local") == 0;
    k->sge = strcmp(hec__run_scheduler(run), "sge") == 0;
    for (uint64_t i = 0; options && options->kind == HEC_VALUE_LIST && i < options->count; i++) {
        const hec_value *v = &options->as.items[i];
        uint64_t seconds;
        uint32_t throttle;

        if (v->kind != HEC_VALUE_TEXT)
            continue;
        if (strncmp(v->as.text, "array=", 6) == 0)
            (void)hec__batch_array(v->as.text + 6, &k->arena, &k->ranges, &k->n_ranges, &throttle,
                                   NULL);
        if (strncmp(v->as.text, "time=", 5) == 0 &&
            hec__parse_seconds(v->as.text + 5, &seconds, NULL) == 0)
            k->time_s = (int64_t)seconds;
    }
}

int hec__known_read(hec_rundir *run, hec__known *ret, hec_error *err)
{
    hec__known k = {0};
    int r;

    read_options(run, &k);
    r = hec_rundir_events(run, take, &k, err);
    /* Before the marks: who is gone now has written all that it will. */
    for (size_t i = 0; r == 0 && k.local && i < k.n_handed; i++)
        k.handed[i].life = hec__process_life(&k.handed[i].process);
    if (r == 0 && k.own_begin)
        k.own_life = hec__process_life(&k.own);
    if (r == 0 && k.n_handed)
        r = hec__marks_read(run, &k, err);
    if (r < 0) {
        hec__known_fini(&k);
        return r == HEC_ENOMEM ? hec__fail(err, r, 0, "no memory for the state of a run") : r;
    }
    settle_seen(&k);
    drop_old(&k);
    *ret = k;
    return 0;
}

/* ---- elements ---- */

static uint64_t length(const hec__range *r)
{
    return ((uint64_t)r->last - r->first) / r->step + 1;
}

int64_t hec__known_index(const hec__known *k, const hec__handed *h, int64_t task)
{
    uint64_t n = h->skipped + (uint64_t)task - h->first;

    if (task < 0 || !h->count)
        return task;
    for (size_t i = 0; task >= (int64_t)h->first && i < k->n_ranges; i++) {
        if (n < length(&k->ranges[i]))
            return (int64_t)(k->ranges[i].first + n * k->ranges[i].step);
        n -= length(&k->ranges[i]);
    }
    return -1;
}

uint64_t hec__known_count(const hec__known *k, const hec__handed *h)
{
    uint64_t n = 0;

    for (size_t i = 0; !h->count && i < k->n_ranges; i++)
        n += length(&k->ranges[i]);
    return h->count ? h->count : n;
}
