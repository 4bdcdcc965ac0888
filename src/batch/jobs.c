/* SPDX-License-Identifier: MIT
 *
 * What schedulers say of jobs, as records: one for each job or element of an array, put together
 * from several answers.
 */
#include "batch/adapter.h"

#include "base/error.h"

#include <string.h>

#define ID_MAX   200
#define TEXT_MAX 400 /* bytes that are kept of a text for people */

const char *hec_job_state_word(int state)
{
    switch (state) {
#define WORD(id, number, word)                                                                     \
    case HEC_JOB_##id:                                                                             \
        return word;
        HEC_JOB_STATES(WORD)
#undef WORD
    default:
        return "?";
    }
}

const hec__adapter *hec__adapter_of(enum hec__scheduler scheduler)
{
    static const hec__adapter *const all[HEC__N_SCHEDULERS] = {
        [HEC__SLURM] = &hec__slurm_adapter, [HEC__SGE] = &hec__sge_adapter,
        [HEC__PBS] = &hec__pbs_adapter,     [HEC__TORQUE] = &hec__torque_adapter,
        [HEC__LSF] = &hec__lsf_adapter,
    };

    return all[scheduler];
}

int hec_job_state_ended(int state)
{
    return state >= HEC_JOB_DONE && state <= HEC_JOB_LOST;
}

int hec__job_id_check(enum hec__scheduler scheduler, const char *id, hec_error *err)
{
    static const char more[] = "._-[]";
    const char *p = id;

    for (; *p; p++)
        if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
            !strchr(more, *p))
            break;
    if (*p || *id < '0' || *id > '9' || p - id > ID_MAX ||
        (scheduler == HEC__LSF && strspn(id, "0") == strlen(id)))
        return hec__fail(err, HEC_EINVAL, 0, "'%.60s' is no id of a job", id);
    return 0;
}

/* ---- records ---- */

hec_jobs *hec__jobs_create(void)
{
    return calloc(1, sizeof(hec_jobs));
}

void hec_jobs_destroy(hec_jobs *jobs)
{
    if (!jobs)
        return;
    hec__arena_fini(&jobs->arena);
    free(jobs);
}

const hec_job *hec_jobs_all(const hec_jobs *jobs, size_t *ret_n)
{
    *ret_n = jobs->n;
    return jobs->all;
}

hec_job *hec__jobs_add(hec_jobs *jobs)
{
    hec_job *grown =
        hec__arena_grow(&jobs->arena, jobs->all, jobs->n, &jobs->cap, sizeof *jobs->all);

    if (!grown)
        return NULL;
    jobs->all = grown;
    grown[jobs->n] = (hec_job){.index = -1, .exit_code = -1, .cpu_s = -1, .gpu_percent = -1};
    return &grown[jobs->n++];
}

hec_job *hec__jobs_of(hec_jobs *jobs, hec__slice id, int64_t index)
{
    hec_job *last = jobs->n ? &jobs->all[jobs->n - 1] : NULL;

    if (last && last->id && last->index == index && hec__slice_is(id, last->id))
        return last;
    last = hec__jobs_add(jobs);
    if (!last)
        return NULL;
    last->id = hec__arena_copy(&jobs->arena, id.s, id.n);
    last->index = index;
    return last->id ? last : NULL;
}

const char *hec__jobs_text(hec_jobs *jobs, hec__slice s)
{
    size_t n = s.n < TEXT_MAX ? s.n : TEXT_MAX;
    char *copy;

    while (n && (s.s[n - 1] == ' ' || s.s[n - 1] == '\n'))
        n--;
    copy = n ? hec__arena_copy(&jobs->arena, s.s, n) : NULL;
    for (char *p = copy; p && (size_t)(p - copy) < n; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = *p == '\n' || *p == '\t' ? ' ' : '?';
    return copy;
}

/* ---- one record for each ---- */

/* An id that was asked for, and which of them it is. */
typedef struct wanted {
    const char *id;
    size_t rank;
} wanted;

/* A record on its way: which id it is of, and which of several about the same it was. */
typedef struct placed {
    hec_job job;
    size_t rank, order;
} placed;

static int compare_ids(const char *a, const char *b)
{
    size_t n = strcspn(a, "."), k = strcspn(b, ".");
    int c = memcmp(a, b, n < k ? n : k);

    return c ? c : (n > k) - (n < k);
}

static int compare_wanted(const void *a, const void *b)
{
    return compare_ids(((const wanted *)a)->id, ((const wanted *)b)->id);
}

static int compare_placed(const void *a, const void *b)
{
    const placed *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->job.index != y->job.index)
        return x->job.index < y->job.index ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Fills what the first does not know. How the job stands is the first one's to say, except that
 * one which says nothing of it says nothing. */
static void merge(hec_job *a, const hec_job *b)
{
    if (a->state == 0) {
        a->state = b->state;
        a->word = b->word;
        a->stuck = b->stuck;
    }
    if (b->state == 0 || b->state == a->state) { /* else an earlier attempt's */
        a->word = a->word ? a->word : b->word;
        a->reason = a->reason ? a->reason : b->reason;
    }
    a->submitted = a->submitted ? a->submitted : b->submitted;
    a->expected = a->expected ? a->expected : b->expected;
    if (a->state != HEC_JOB_WAITING) { /* else an earlier attempt's */
        a->started = a->started ? a->started : b->started;
        a->nodes = a->nodes ? a->nodes : b->nodes;
    }
    a->cpus = a->cpus ? a->cpus : b->cpus;
    a->memory = a->memory > b->memory ? a->memory : b->memory;
    a->cpu_s = a->cpu_s >= 0 ? a->cpu_s : b->cpu_s;
    a->stuck = a->stuck || (b->stuck && a->state == HEC_JOB_WAITING);
    if (!hec_job_state_ended(a->state))
        return; /* an earlier attempt's end is not this one's */
    a->ended = a->ended ? a->ended : b->ended;
    if (a->exit_code < 0 && !a->signal) {
        a->exit_code = b->exit_code;
        a->signal = b->signal;
    }
}

static size_t place(const hec_jobs *jobs, const wanted *ids, size_t n, placed *out)
{
    size_t count = 0;

    for (size_t i = 0; i < jobs->n; i++) {
        wanted key = {.id = jobs->all[i].id};
        const wanted *found = key.id ? bsearch(&key, ids, n, sizeof *ids, compare_wanted) : NULL;

        if (found)
            out[count++] = (placed){jobs->all[i], found->rank, i};
    }
    return count;
}

/* Whether a record is of an array as a whole, of which elements are known: Slurm's accounting knows
 * one of them by the array's name until it is told better. */
static bool is_superseded(const placed *sorted, size_t n, size_t i)
{
    size_t rank = sorted[i].rank;

    if (sorted[i].job.index >= 0)
        return false;
    while (i < n && sorted[i].rank == rank && sorted[i].job.index < 0)
        i++;
    return i < n && sorted[i].rank == rank;
}

/* Why an array waits is why its elements do. */
static void explain(hec_job *element, const hec_job *whole)
{
    if (element->state != HEC_JOB_WAITING || element->reason)
        return;
    element->reason = whole->reason;
    element->stuck = element->stuck || whole->stuck;
}

/* Writes the records back, ordered and each once. */
static void unite(hec_jobs *jobs, const placed *sorted, size_t n, const char *const *ids)
{
    const placed *last = NULL, *whole = NULL;
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const placed *p = &sorted[i];

        if (is_superseded(sorted, n, i)) {
            whole = p;
            continue;
        }
        if (last && p->rank == last->rank && p->job.index == last->job.index) {
            merge(&jobs->all[count - 1], &p->job);
            continue;
        }
        last = p;
        jobs->all[count] = p->job;
        if (whole && whole->rank == p->rank)
            explain(&jobs->all[count], &whole->job);
        jobs->all[count++].id = ids[p->rank];
    }
    jobs->n = count;
}

int hec__jobs_settle(hec_jobs *jobs, const char *const *ids, size_t n, hec_error *err)
{
    wanted *wish = calloc(n + 1, sizeof *wish);
    placed *sorted = calloc(jobs->n + 1, sizeof *sorted);
    const char **kept = hec__arena_alloc(&jobs->arena, (n + 1) * sizeof *kept);
    bool good = wish && sorted && kept;

    for (size_t i = 0; good && i < n; i++) {
        kept[i] = hec__arena_copy(&jobs->arena, ids[i], strlen(ids[i]));
        good = kept[i] != NULL;
        wish[i] = (wanted){ids[i], i};
    }
    if (good) {
        size_t count;

        qsort(wish, n, sizeof *wish, compare_wanted);
        count = place(jobs, wish, n, sorted);
        qsort(sorted, count, sizeof *sorted, compare_placed);
        unite(jobs, sorted, count, kept);
    }
    free(wish);
    free(sorted);
    return good ? 0 : hec__fail(err, HEC_ENOMEM, 0, "no memory for what is known of %zu jobs", n);
}
