/* SPDX-License-Identifier: MIT
 *
 * Waiting for the jobs of a run. What is on this machine is waited for by descriptor; what a job
 * says of itself in a file is looked for every second; and a scheduler is asked ever more seldom.
 */
#include "base/error.h"
#include "run/jobs.h"
#include "sys/child.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>

#define LOOK_MS 1000   /* between two looks at files */
#define ASK_MAX 180000 /* between any two, unless the site says more */

static inline void known_autofini(hec__known *k)
{
    hec__known_fini(k);
}
#define AUTO_KNOWN __attribute__((cleanup(known_autofini))) hec__known

/* A process of the run that is here and lives, as a descriptor; -1 where there is none. */
static int open_process(hec_rundir *run)
{
    AUTO_KNOWN k = {0};

    if (hec__known_read(run, &k, NULL) < 0)
        return -1;
    for (size_t i = 0; k.local && i < k.n_handed; i++)
        if (k.handed[i].life == HEC__LIVES)
            return hec__pidfd_open((pid_t)k.handed[i].process.pid);
    return k.own_begin && k.own_life == HEC__LIVES ? hec__pidfd_open((pid_t)k.own.pid) : -1;
}

/* Until something may have happened, at most this long. HEC_EINTR. */
static int pause_for(hec_rundir *run, int64_t ms, hec_error *err)
{
    HEC_AUTO_FD fd = open_process(run);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (fd < 0 && ms > 100 && hec__run_scheduler(run)[0] == 'l')
        ms = 100; /* a kernel without such descriptors */
    if (poll(&p, fd >= 0 ? 1 : 0, (int)ms) < 0 && errno == EINTR)
        return hec__fail(err, HEC_EINTR, 0, "interrupted");
    return 0;
}

/* Between the first two questions. */
static int64_t first_gap(const hec_rundir *run)
{
    HEC_AUTO(hec_site) site = NULL;
    const char *name = hec__run_text(run->asked, "site");

    return name && hec_site_open(name, &site, NULL) == 0 && site ? (int64_t)site->ask_s * 1000
                                                                 : 30000;
}

int hec_rundir_wait(hec_rundir *run, int64_t timeout_ms, int (*check)(void *ctx), void *ctx,
                    hec_error *err)
{
    uint64_t begin = hec__now_ns(), asked = 0;
    int64_t gap = first_gap(run), most = gap > ASK_MAX ? gap : ASK_MAX;

    for (;;) {
        HEC_AUTO(hec_jobs) jobs = NULL;
        const hec_job *job;
        int state;
        uint64_t now = hec__now_ns();
        int64_t left = timeout_ms < 0 ? LOOK_MS : timeout_ms - (int64_t)((now - begin) / 1000000);
        bool ask = !asked || (int64_t)((now - asked) / 1000000) >= gap;
        int r = hec_rundir_jobs(run, ask ? HEC_ASK_GENTLY : HEC_ASK_NOBODY, &jobs, NULL, err);

        if (r < 0)
            return r;
        state = hec_jobs_state(jobs, &job);
        if (hec_job_state_ended(state))
            return 1;
        if (state == HEC_JOB_WAITING && job && job->stuck)
            return 2;
        if (jobs->n == 0)
            return hec__fail(err, HEC_EINVAL, 0, "the run %s was never submitted", run->id);
        if (left <= 0)
            return 0;
        if (check && check(ctx) != 0)
            return hec__fail(err, HEC_EINTR, 0, "the wait was ended by its caller");
        if (ask && asked)
            gap = gap * 3 / 2 < most ? gap * 3 / 2 : most;
        if (ask)
            asked = now;
        r = pause_for(run, left < LOOK_MS ? left : LOOK_MS, err);
        if (r < 0)
            return r;
    }
}
