/* SPDX-License-Identifier: MIT
 *
 * Handing over the jobs of a run, and noting what was handed over; and runs that this process runs
 * itself.
 */
#include "base/error.h"
#include "base/json.h"
#include "batch/script.h"
#include "run/jobs.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

static int note(hec_rundir *run, const char *event, hec__strbuf *fields, hec_error *err)
{
    if (fields->failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the state of a run");
    return hec_rundir_note(run, event, fields->data, err);
}

static int begin_here(hec_rundir *run, uint32_t part, hec_error *err)
{
    HEC_AUTO_STRBUF fields;
    char name[32];
    int64_t pid;
    int r = hec__local_start(run, hec__script_name(part, name, sizeof name), &pid, err);

    hec__strbuf_init(&fields);
    if (r < 0)
        return r;
    hec__strbuf_addf(&fields, "{\"part\":%" PRIu32 ",\"id\":\"%" PRId64 "\",", part, pid);
    (void)hec__process_write(pid, &fields);
    hec__strbuf_addc(&fields, '}');
    return note(run, "submitted", &fields, err);
}

/* An array that is to be handed over as several jobs, or under other numbers than the user's. */
static void add_part(hec__strbuf *fields, const hec_request *q, const hec_site *site,
                     uint32_t number)
{
    hec__part part = hec__array_part(q, site, number);

    if (part.mapped)
        hec__strbuf_addf(fields,
                         ",\"first\":%" PRIu32 ",\"skipped\":%" PRIu64 ",\"count\":%" PRIu64,
                         part.first, part.skipped, (uint64_t)part.last - part.first + 1);
}

static int hand_over(hec_rundir *run, const hec_request *q, const hec_site *site, uint32_t part,
                     hec_error *err)
{
    HEC_AUTO_STRBUF fields, path;
    HEC_AUTO_STR id = NULL;
    char name[32];
    hec__json j;
    int r;

    hec__strbuf_init(&fields);
    hec__strbuf_init(&path);
    hec__strbuf_addf(&path, "%s/%s", run->path, hec__script_name(part, name, sizeof name));
    if (path.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    r = hec_job_submit(site, path.data, hec__run_text(run->asked, "workdir"), &id, err);
    if (r < 0)
        return r;
    hec__strbuf_addf(&fields, "{\"part\":%" PRIu32 ",\"id\":", part);
    hec__json_init(&j, &fields);
    hec__json_str(&j, id);
    add_part(&fields, q, site, part);
    hec__strbuf_addc(&fields, '}');
    return note(run, "submitted", &fields, err);
}

int hec_rundir_submit(hec_rundir *run, const hec_site *site, hec_error *err)
{
    int64_t jobs = hec__run_int(run->asked, "jobs", 0);
    HEC_AUTO(hec_request) q = NULL;
    HEC_AUTO(hec_site) ignored = NULL;
    int r = 0;

    if (strcmp(run->kind, "job") != 0 || jobs < 1)
        return hec__fail(err, HEC_EINVAL, 0, "the run %s is no batch job", run->id);
    if (site->scheduler != HEC__LOCAL)
        r = hec_rundir_request(run, &q, &ignored, err);
    for (int64_t part = 1; r == 0 && part <= jobs; part++)
        r = site->scheduler == HEC__LOCAL ? begin_here(run, (uint32_t)part, err)
                                          : hand_over(run, q, site, (uint32_t)part, err);
    return r;
}

/* Marks have whole seconds; what is handed over now has to be told from what came before. */
static void next_second(void)
{
    int64_t now = hec__run_now_ms();

    (void)poll(NULL, 0, (int)(1000 - now % 1000) + 1);
}

int hec_rundir_resume(hec_rundir *run, hec_error *err)
{
    HEC_AUTO(hec_jobs) jobs = NULL;
    HEC_AUTO(hec_request) q = NULL;
    HEC_AUTO(hec_site) site = NULL;
    int state, r = hec_rundir_request(run, &q, &site, err);

    if (r == 0)
        r = hec_rundir_jobs(run, HEC_ASK_GENTLY, &jobs, NULL, err);
    if (r < 0 || !jobs)
        return r;
    state = hec_jobs_state(jobs, NULL);
    if (jobs->n && !hec_job_state_ended(state))
        return hec__fail(err, HEC_EINVAL, 0, "the run %s is %s: there is nothing to resume",
                         run->id, hec_job_state_word(state));
    if (jobs->n && state == HEC_JOB_DONE)
        return 0;
    next_second();
    r = hec_rundir_note(run, "resume", NULL, err);
    if (r == 0)
        r = hec_rundir_submit(run, site, err);
    return r == 0 ? 1 : r;
}

int hec_rundir_begin(hec_rundir *run, hec_error *err)
{
    HEC_AUTO_STRBUF fields;

    hec__strbuf_init(&fields);
    hec__strbuf_addc(&fields, '{');
    (void)hec__process_write(getpid(), &fields);
    hec__strbuf_addc(&fields, '}');
    return note(run, "begin", &fields, err);
}

int hec_rundir_end(hec_rundir *run, int status, hec_error *err)
{
    char fields[32];

    snprintf(fields, sizeof fields, "{\"status\":%d}", status);
    return hec_rundir_note(run, "end", fields, err);
}
