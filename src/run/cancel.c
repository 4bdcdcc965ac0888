/* SPDX-License-Identifier: MIT
 *
 * Ending the jobs of a run before their time.
 */
#include "base/error.h"
#include "run/jobs.h"
#include "sys/clock.h"

#include <poll.h>
#include <signal.h>

#define GONE_MS 2000 /* that a busy machine takes to end what was killed */

static inline void known_autofini(hec__known *k)
{
    hec__known_fini(k);
}
#define AUTO_KNOWN __attribute__((cleanup(known_autofini))) hec__known

/* Whether all jobs that began here are gone, within so long. */
static bool wait_gone(const hec__known *k, int64_t timeout_ms)
{
    uint64_t begin = hec__now_ns();
    bool left = true;

    while (left && (int64_t)((hec__now_ns() - begin) / 1000000) < timeout_ms) {
        left = false;
        for (size_t i = 0; i < k->n_handed; i++)
            left = left || (k->handed[i].life == HEC__LIVES &&
                            hec__process_life(&k->handed[i].process) == HEC__LIVES);
        if (left)
            (void)poll(NULL, 0, 20);
    }
    return !left;
}

/* The groups of jobs that began here are those of their scripts. A script waits for its command:
 * what is left of its group when it is gone has been left behind. */
static int end_here(const hec__known *k, int64_t grace_ms, hec_error *err)
{
    int ended = 0;

    for (size_t i = 0; i < k->n_handed; i++) {
        const hec__handed *h = &k->handed[i];

        if (h->life == HEC__ELSEWHERE)
            return hec__fail(err, HEC_EPERM, 0, "it runs on %.100s, and can only be ended there",
                             h->process.host);
        if (h->life == HEC__LIVES && kill(-(pid_t)h->process.pid, SIGTERM) == 0)
            ended = 1;
    }
    if (ended)
        (void)wait_gone(k, grace_ms);
    for (size_t i = 0; i < k->n_handed; i++)
        if (k->handed[i].life == HEC__LIVES)
            (void)kill(-(pid_t)k->handed[i].process.pid, SIGKILL);
    if (ended)
        (void)wait_gone(k, GONE_MS);
    return ended;
}

static int end_own(const hec__known *k, hec_error *err)
{
    if (k->own_life == HEC__ELSEWHERE)
        return hec__fail(err, HEC_EPERM, 0, "it runs on %.100s, and can only be ended there",
                         k->own.host);
    return k->own_life == HEC__LIVES && kill((pid_t)k->own.pid, SIGTERM) == 0;
}

static int end_there(hec_rundir *run, const hec__known *k, hec_error *err)
{
    const char *name = hec__run_text(run->asked, "site");
    hec_job_ref *refs = calloc(k->n_handed + 1, sizeof *refs);
    HEC_AUTO(hec_site) site = NULL;
    int r = refs ? 0 : hec__fail(err, HEC_ENOMEM, 0, "no memory to cancel jobs");

    for (size_t i = 0; r == 0 && i < k->n_handed; i++)
        refs[i] = (hec_job_ref){k->handed[i].id, -1};
    if (r == 0)
        r = hec_site_open(name, &site, err);
    if (r == 0)
        r = hec_jobs_cancel(site, refs, k->n_handed, err);
    free(refs);
    return r == 0 ? 1 : r;
}

int hec_rundir_cancel(hec_rundir *run, int64_t grace_ms, hec_error *err)
{
    AUTO_KNOWN k = {0};
    HEC_AUTO(hec_jobs) jobs = NULL;
    size_t open = 0;
    int r = hec__known_read(run, &k, err);

    if (r == 0)
        r = hec__known_jobs(&k, &jobs, &open, err);
    if (r < 0 || open == 0)
        return r;
    /* First, so that how they end then is not taken for something else. */
    r = hec_rundir_note(run, "cancel", NULL, err);
    if (r < 0)
        return r;
    if (!k.n_handed)
        return end_own(&k, err);
    return k.local ? end_here(&k, grace_ms, err) : end_there(run, &k, err);
}
