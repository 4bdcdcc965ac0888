/* SPDX-License-Identifier: MIT
 *
 * From what is known to how each job stands. What a job says of itself counts most, being the
 * newest; then what the scheduler said; and where neither says how a job ended, what can be
 * concluded: it always has a name.
 */
#include "base/error.h"
#include "run/jobs.h"

#include <inttypes.h>
#include <string.h>

#define NEAR_S  5     /* to the time limit */
#define WORD_MS 90000 /* that the scheduler has to say what a job was killed for */

static const char by_cancel[] = "by hec cancel", no_more[] = "it was refused more memory";

static void set(hec_job *j, int state, const char *reason)
{
    j->state = state;
    j->reason = reason;
    j->stuck = 0;
}

static bool over_limit(const hec__known *k, const hec__mark *m, int64_t until)
{
    return k->time_s && m->begin && (until - m->begin) / 1000 + NEAR_S >= k->time_s;
}

/* 126 and 127 are the shell's, of a command that it cannot start. */
static void set_failed(const hec__mark *m, hec_jobs *jobs, hec_job *j)
{
    const char *more = m->full            ? "; nothing could be written into its folder any more"
                       : m->no_folder     ? ": the folder that it was to begin in is not there"
                       : m->status == 127 ? ": its command was not found"
                       : m->status == 126 ? ": its command could not be started"
                                          : "";

    set(j, HEC_JOB_FAILED,
        hec__arena_printf(&jobs->arena, "exit status %d%s", (int)m->status, more));
}

/* It has said how it ended. */
static void set_end(const hec__known *k, const hec__mark *m, hec_jobs *jobs, hec_job *j)
{
    bool by_signal = m->status > 128 && m->status <= 128 + 64;

    j->ended = m->end / 1000;
    j->exit_code = m->status;
    j->signal = by_signal ? m->status - 128 : 0;
    if (m->skipped) {
        j->exit_code = -1;
        set(j, HEC_JOB_CANCELLED,
            hec__arena_printf(&jobs->arena,
                              "the run %s, which it waited for, did not end as it was to",
                              m->other ? m->other : "?"));
    } else if (m->over) {
        j->memory = j->memory ? j->memory : (uint64_t)m->over;
        set(j, HEC_JOB_OUT_OF_MEMORY,
            hec__arena_printf(&jobs->arena, "it took %" PRId64 " MiB, more than was asked for",
                              m->over >> 20));
    } else if (m->status == 0) {
        set(j, HEC_JOB_DONE, NULL);
    } else if (k->cancelled && m->end + 1000 >= k->cancelled) {
        set(j, HEC_JOB_CANCELLED, by_cancel);
    } else if (m->warned && (by_signal || m->status == 75)) {
        set(j, HEC_JOB_TIMED_OUT,
            by_signal ? "it was warned of its time limit, and ended by it"
                      : "it was warned of its time limit, and stopped to be resumed");
    } else if (by_signal && (m->terminated || m->status == 137) && over_limit(k, m, m->end)) {
        set(j, HEC_JOB_TIMED_OUT, "it was ended at its time limit");
    } else if (m->refused) {
        set(j, HEC_JOB_OUT_OF_MEMORY, no_more);
    } else if (m->status == 137) {
        set(j, HEC_JOB_FAILED, "killed by signal 9: by somebody, or for want of memory");
    } else if (by_signal) {
        set(j, HEC_JOB_FAILED,
            hec__arena_printf(&jobs->arena, "killed by signal %d", (int)j->signal));
    } else {
        set_failed(m, jobs, j);
    }
}

/* It is over, since `until` at least, and has not said so. Grid Engine keeps whatever cannot begin
 * in its queue: what has left it before it began was taken out of it. */
static void set_silent(const hec__known *k, const hec__mark *m, int64_t until, hec_job *j)
{
    if (k->cancelled)
        set(j, HEC_JOB_CANCELLED, by_cancel);
    else if (m && (m->warned || over_limit(k, m, until)))
        set(j, HEC_JOB_TIMED_OUT, "it was ended at its time limit");
    else if (m && m->begin)
        set(j, HEC_JOB_LOST, "it ended without a word: it was killed, or its machine went down");
    else if (k->sge)
        set(j, HEC_JOB_CANCELLED, "it was taken out of the queue before it began");
    else
        set(j, HEC_JOB_LOST, "it never began");
}

/* What it has said so far. */
static void set_going(const hec__mark *m, hec_jobs *jobs, hec_job *j)
{
    if (m->begin)
        set(j, HEC_JOB_RUNNING,
            m->terminated ? "it was asked to end"
            : m->warned   ? "it was warned of its time limit"
                          : NULL);
    else
        set(j, HEC_JOB_WAITING,
            m->other ? hec__arena_printf(&jobs->arena, "for the run %s", m->other)
                     : "to go on: it has stopped at its time limit");
}

static void set_times(const hec__handed *h, const hec__mark *m, hec_job *j)
{
    if (h && !j->submitted)
        j->submitted = h->at / 1000;
    if (!m)
        return;
    if (m->begin && !j->started)
        j->started = m->begin / 1000;
    if (!j->nodes)
        j->nodes = m->host;
    if (j->cpu_s < 0)
        j->cpu_s = m->cpu_s;
}

/* ---- without a scheduler ---- */

static void settle_local(const hec__known *k, const hec__handed *h, const hec__mark *m,
                         hec_jobs *jobs, hec_job *j)
{
    set_times(h, m, j);
    if (m && m->end)
        set_end(k, m, jobs, j);
    else if (h->life == HEC__ELSEWHERE && m)
        set_going(m, jobs, j);
    else if (h->life == HEC__GONE)
        set_silent(k, m, hec__run_now_ms(), j);
    else if (m)
        set_going(m, jobs, j);
    else
        set(j, HEC_JOB_WAITING, "it is being started");
    if (!hec_job_state_ended(j->state) && h->life == HEC__ELSEWHERE)
        j->reason = hec__arena_printf(&jobs->arena, "as far as can be told from here: it is on %s",
                                      h->process.host ? h->process.host : "another machine");
}

static int add_local(const hec__known *k, const hec__handed *h, hec_jobs *jobs)
{
    const hec__mark *own = NULL;
    size_t elements = 0;
    hec_job *j;

    for (size_t i = 0; i < k->n_marks; i++) {
        const hec__mark *m = &k->marks[i];

        if (m->part != h->part)
            continue;
        if (m->index < 0) {
            own = m;
            continue;
        }
        j = hec__jobs_add(jobs);
        if (!j)
            return HEC_ENOMEM;
        j->id = h->id;
        j->index = m->index;
        settle_local(k, h, m, jobs, j);
        elements++;
    }
    /* Of an array what is left to be said of it as a whole: that elements are to come, or why none
     * came. */
    if (elements && own && own->end)
        return 0;
    j = hec__jobs_add(jobs);
    if (!j)
        return HEC_ENOMEM;
    j->id = h->id;
    settle_local(k, h, own, jobs, j);
    return 0;
}

/* ---- with one ---- */

static const hec__mark *find_mark(const hec__known *k, uint32_t part, int64_t index)
{
    size_t low = 0, high = k->n_marks;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const hec__mark *m = &k->marks[mid];

        if (m->part == part && m->index == index)
            return m;
        if (m->part < part || (m->part == part && m->index < index))
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Of a job that the scheduler does not know. */
static void settle_lost(const hec__known *k, const hec__seen *s, const hec__mark *m, hec_jobs *jobs,
                        hec_job *j)
{
    if (m && m->end)
        set_end(k, m, jobs, j);
    else if (k->cancelled || !hec__seen_is_open(s))
        set_silent(k, m, s->lost_since, j);
    else if (m && m->begin)
        set(j, HEC_JOB_RUNNING, "it has left the queue; how it ended is not known yet");
    else
        set(j, HEC_JOB_WAITING, "the scheduler does not know it: not yet, or no more");
}

/* It was ended by a signal after that was asked for: some schedulers do not tell the one from the
 * other. Or it had not begun: why it could not is then in an accounting that comes when it likes,
 * and what became of the run must not depend on that. */
static bool is_cancelled(const hec__known *k, const hec__mark *m, const hec_job *j)
{
    return k->cancelled && (j->state == HEC_JOB_CANCELLED || j->signal || !m || !m->begin) &&
           (!j->ended || j->ended * 1000 + 1000 >= k->cancelled);
}

/* Its command was killed, and the scheduler, which may have done that, has not been asked since. */
static bool is_undecided(const hec__known *k, const hec__seen *s, const hec__mark *m)
{
    return m->status == 137 && !k->cancelled && !m->warned && !m->over && m->end + 1000 > s->at;
}

/* What the scheduler said before that is no longer how it stands there. */
static void set_newer(const hec__known *k, const hec__seen *s, const hec__mark *m, hec_jobs *jobs,
                      hec_job *j)
{
    bool undecided = is_undecided(k, s, m);

    j->word = NULL;
    jobs->undecided += undecided;
    if (undecided && hec__run_now_ms() - m->end < WORD_MS)
        set(j, HEC_JOB_RUNNING, "killed by signal 9; what for is not known yet");
    else
        set_end(k, m, jobs, j);
}

static void settle_handed(const hec__known *k, const hec__handed *h, const hec__seen *s,
                          const hec__mark *m, hec_jobs *jobs, hec_job *j)
{
    bool newer = m && m->end && (m->end + 1000 >= s->at || m->status <= 128);

    set_times(h, m, j);
    if (j->state == HEC_JOB_LOST)
        settle_lost(k, s, m, jobs, j);
    else if (newer && !hec_job_state_ended(j->state))
        set_newer(k, s, m, jobs, j);
    else if (j->state == HEC_JOB_WAITING && m && m->begin && !m->end && m->begin > k->seen_at)
        set_going(m, jobs, j);
    else if (hec_job_state_ended(j->state) && j->state != HEC_JOB_DONE && is_cancelled(k, m, j))
        set(j, HEC_JOB_CANCELLED, by_cancel);
    else if (j->state == HEC_JOB_FAILED && m && m->refused)
        set(j, HEC_JOB_OUT_OF_MEMORY, no_more);
    else if (j->state == HEC_JOB_FAILED && m && m->end && m->status > 0 && m->status <= 128)
        set_failed(m, jobs, j); /* it knows more, whichever of the two came first */
    if (m && m->end && hec_job_state_ended(j->state) && j->exit_code < 0)
        j->exit_code = m->status;
}

/* A record of a job or an element. `s` may be what was said of all of the array. */
static int add_one(const hec__known *k, const hec__handed *h, const hec__seen *s,
                   const hec__mark *m, int64_t index, hec_jobs *jobs)
{
    hec_job *j = hec__jobs_add(jobs);

    if (!j)
        return HEC_ENOMEM;
    *j = s->job;
    j->id = h->id;
    j->index = index;
    settle_handed(k, h, s, m, jobs, j);
    return 0;
}

/* What the scheduler said of an element counts until it no longer knows any of the array. */
static hec__seen latest(const hec__seen *element, const hec__seen *whole)
{
    hec__seen s = *element;

    if (!whole || whole->job.state != HEC_JOB_LOST || whole->at < s.at ||
        hec_job_state_ended(s.job.state))
        return s;
    s.job.state = HEC_JOB_LOST;
    s.lost_since = whole->lost_since > s.at ? whole->lost_since : s.at;
    s.at = whole->at;
    return s;
}

/* Elements that have told of themselves, and of which the scheduler never did. */
static int add_untold(const hec__known *k, const hec__handed *h, const hec__seen *whole,
                      const bool *told, uint64_t *found, hec_jobs *jobs)
{
    static const hec__seen nothing = {
        .job = {.state = HEC_JOB_WAITING, .cpu_s = -1, .gpu_percent = -1, .exit_code = -1}};
    int r = 0;

    for (size_t i = 0; r == 0 && i < k->n_marks; i++) {
        const hec__mark *m = &k->marks[i];

        if (m->part != h->part || m->index < 0 || told[i])
            continue;
        r = add_one(k, h, whole ? whole : &nothing, m, m->index, jobs);
        *found += 1;
    }
    if (r < 0 || (*found && *found >= hec__known_count(k, h)))
        return r;
    /* The job itself, or what there is no record of yet of an array. */
    return add_one(k, h, whole ? whole : &nothing, *found ? NULL : find_mark(k, h->part, -1), -1,
                   jobs);
}

static int add_handed(const hec__known *k, const hec__handed *h, hec_jobs *jobs)
{
    bool *told = hec__arena_alloc(&jobs->arena, k->n_marks + 1);
    const hec__seen *whole = NULL;
    uint64_t found = 0;
    int r = told ? 0 : HEC_ENOMEM;

    if (told)
        memset(told, 0, k->n_marks + 1);
    for (size_t i = 0; r == 0 && i < k->n_seen; i++) {
        const hec__seen *s = &k->seen[i];
        const hec__mark *m;
        hec__seen known;

        if (strcmp(s->job.id, h->id) != 0)
            continue;
        if (s->job.index < 0) { /* which comes first */
            whole = s;
            continue;
        }
        known = latest(s, whole);
        m = find_mark(k, h->part, hec__known_index(k, h, s->job.index));
        if (m)
            told[m - k->marks] = true;
        r = add_one(k, h, &known, m, hec__known_index(k, h, s->job.index), jobs);
        found++;
    }
    return r < 0 ? r : add_untold(k, h, whole, told, &found, jobs);
}

/* ---- without a job ---- */

static int add_own(const hec__known *k, hec_jobs *jobs)
{
    hec_job *j = hec__jobs_add(jobs);
    hec__mark m = {.begin = k->own_begin, .end = k->own_end, .status = k->own_status, .cpu_s = -1};
    hec__handed h = {.at = k->own_begin, .process = k->own, .life = k->own_life};

    if (!j)
        return HEC_ENOMEM;
    j->id = hec__arena_printf(&jobs->arena, "%" PRId64, k->own.pid);
    m.host = k->own.host;
    settle_local(k, &h, &m, jobs, j);
    return 0;
}

/* ---- all ---- */

static const char *copy(hec_jobs *jobs, const char *s)
{
    return s ? hec__arena_copy(&jobs->arena, s, strlen(s)) : NULL;
}

int hec__known_jobs(const hec__known *k, hec_jobs **ret_jobs, size_t *ret_open, hec_error *err)
{
    HEC_AUTO(hec_jobs) jobs = hec__jobs_create();
    int r = jobs ? 0 : HEC_ENOMEM;

    for (size_t i = 0; r == 0 && i < k->n_handed; i++)
        r = k->local ? add_local(k, &k->handed[i], jobs) : add_handed(k, &k->handed[i], jobs);
    if (r == 0 && !k->n_handed && k->own_begin)
        r = add_own(k, jobs);
    if (r < 0)
        return hec__fail(err, r, 0, "no memory for the state of a run");
    *ret_open = jobs->undecided;
    for (size_t i = 0; i < jobs->n; i++) {
        hec_job *j = &jobs->all[i];

        j->id = copy(jobs, j->id);
        j->word = copy(jobs, j->word);
        j->reason = copy(jobs, j->reason);
        j->nodes = copy(jobs, j->nodes);
        *ret_open += !hec_job_state_ended(j->state);
    }
    *ret_jobs = HEC_STEAL(&jobs);
    return 0;
}

/* How much a way to end counts, of those that are not done. */
static int rank(int state)
{
    static const int ranks[] = {
        [HEC_JOB_CANCELLED] = 1,    [HEC_JOB_LOST] = 2,          [HEC_JOB_TIMED_OUT] = 3,
        [HEC_JOB_NODE_FAILURE] = 4, [HEC_JOB_OUT_OF_MEMORY] = 5, [HEC_JOB_FAILED] = 6};

    return state > 0 && (size_t)state < sizeof ranks / sizeof *ranks ? ranks[state] : 0;
}

int hec_jobs_state(const hec_jobs *jobs, const hec_job **ret_job)
{
    const hec_job *running = NULL, *waiting = NULL, *ended = NULL, *which;

    for (size_t i = 0; i < jobs->n; i++) {
        const hec_job *j = &jobs->all[i];

        if (j->state == HEC_JOB_RUNNING)
            running = running ? running : j;
        else if (!hec_job_state_ended(j->state))
            waiting = waiting ? waiting : j;
        else if (!ended || rank(j->state) > rank(ended->state))
            ended = j;
    }
    which = running ? running : waiting ? waiting : ended;
    if (ret_job)
        *ret_job = which;
    /* One that has begun with some of its elements is running. */
    if (!running && waiting && ended)
        return HEC_JOB_RUNNING;
    return which ? which->state : HEC_JOB_WAITING;
}
