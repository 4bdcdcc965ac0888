/* SPDX-License-Identifier: MIT
 *
 * How jobs of a scheduler stand, from what it has said and what they say of themselves.
 */
#include "run/jobs.h"

#include "tap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

static hec_error err;
static char work[64];

static hec_rundir *make(const char *scheduler, const char *options)
{
    char asked[200];
    hec_rundir *run = NULL;

    snprintf(asked, sizeof asked, "{\"scheduler\":\"%s\",\"options\":[%s]}", scheduler, options);
    if (hec_rundir_create(NULL, "job", "x", asked, &run, &err) < 0 ||
        mkdirat(run->dir, "marks", 0700) < 0)
        printf("# %s\n", err.text);
    return run;
}

/* Appends a line to a file of the run: seconds ago, and the rest of the object. */
static void tell(const hec_rundir *run, const char *file, int64_t ago, const char *rest)
{
    int fd = openat(run->dir, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    dprintf(fd, "{\"time\":%" PRId64 ",%s}\n", hec__run_now_ms() / 1000 - ago, rest);
    close(fd);
}

/* "INDEX STATE; " of each record, and the first one's reason. */
static const char *states(hec_rundir *run)
{
    static char text[600];
    HEC_AUTO(hec_jobs) jobs = NULL;
    size_t n = 0, used = 0;
    const hec_job *all;

    if (hec_rundir_jobs(run, HEC_ASK_NOBODY, &jobs, NULL, &err) < 0)
        return err.text;
    all = hec_jobs_all(jobs, &n);
    for (size_t i = 0; i < n && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%" PRId64 " %s; ", all[i].index,
                                 hec_job_state_word(all[i].state));
    if (n && used < sizeof text)
        snprintf(text + used, sizeof text - used, "%s", all[0].reason ? all[0].reason : "-");
    return text;
}

#define SUBMITTED "\"event\":\"submitted\",\"part\":1,\"id\":\"7\""
#define LOST      "\"event\":\"seen\",\"id\":\"7\",\"state\":\"lost\""
#define BEGIN     "\"event\":\"begin\",\"host\":\"h\",\"pid\":1"
#define KILLED    "\"event\":\"seen\",\"id\":\"7\",\"state\":\"failed\",\"exit\":-1,\"signal\":9"

static void test_lost(const char *scheduler, const char *never)
{
    HEC_AUTO(hec_rundir) run = make(scheduler, "\"time=10h\"");
    HEC_AUTO(hec_rundir) begun = make(scheduler, "\"time=10h\"");

    tell(run, "state", 100, SUBMITTED);
    is_str(states(run), "-1 waiting; -", "%s: nobody has asked", scheduler);
    tell(run, "state", 90, LOST);
    is_str(states(run), "-1 waiting; the scheduler does not know it: not yet, or no more",
           "it may not know it yet");
    tell(run, "state", 50, LOST);
    is_str(states(run), never, "it never did");
    tell(begun, "state", 100, SUBMITTED);
    tell(begun, "marks/1", 95, BEGIN);
    tell(begun, "state", 90, LOST);
    is_str(states(begun), "-1 running; it has left the queue; how it ended is not known yet",
           "the accounting may be late");
    tell(begun, "state", 50, LOST);
    is_str(states(begun),
           "-1 lost; it ended without a word: it was killed, or its machine went down",
           "nobody ever tells");
    tell(begun, "state", 40, "\"event\":\"cancel\"");
    is_str(states(begun), "-1 cancelled; by hec cancel", "unless it was cancelled");
}

static void test_killed(void)
{
    HEC_AUTO(hec_rundir) run = make("sge", "\"time=10h\"");

    tell(run, "state", 100, SUBMITTED);
    tell(run, "state", 60, "\"event\":\"cancel\"");
    tell(run, "state", 50, KILLED);
    is_str(states(run), "-1 cancelled; by hec cancel", "killed after that was asked for");
}

static void test_refused(void)
{
    HEC_AUTO(hec_rundir) run = make("sge", "\"time=10h\"");

    tell(run, "state", 100, SUBMITTED);
    tell(run, "marks/1", 95, BEGIN);
    tell(run, "marks/1", 90, "\"event\":\"end\",\"refused\":1,\"status\":1");
    is_str(states(run), "-1 out of memory; it was refused more memory", "it says so itself");
    tell(run, "state", 50, "\"event\":\"seen\",\"id\":\"7\",\"state\":\"failed\",\"exit\":1");
    is_str(states(run), "-1 out of memory; it was refused more memory", "which counts");
}

static void test_undecided(void)
{
    HEC_AUTO(hec_rundir) run = make("slurm", "\"time=10h\"");

    tell(run, "state", 100, SUBMITTED);
    tell(run, "marks/1", 95, BEGIN);
    tell(run, "marks/1", 20, "\"event\":\"end\",\"status\":137");
    is_str(states(run), "-1 running; killed by signal 9; what for is not known yet",
           "the scheduler may know what it was killed for");
    tell(run, "state", 10, "\"event\":\"seen\",\"id\":\"7\",\"state\":\"out of memory\"");
    is_str(states(run), "-1 out of memory; -", "and says so");
}

static void test_silent_scheduler(void)
{
    HEC_AUTO(hec_rundir) run = make("slurm", "\"time=10h\"");

    tell(run, "state", 300, SUBMITTED);
    tell(run, "marks/1", 295, BEGIN);
    tell(run, "marks/1", 200, "\"event\":\"end\",\"status\":137");
    is_str(states(run), "-1 failed; killed by signal 9: by somebody, or for want of memory",
           "it is not waited for for ever");
}

static void test_named(void)
{
    HEC_AUTO(hec_rundir) run = make("slurm", "\"time=10h\"");

    tell(run, "state", 100, SUBMITTED);
    tell(run, "marks/1", 95, BEGIN);
    tell(run, "marks/1", 95, "\"event\":\"no-folder\"");
    tell(run, "marks/1", 95, "\"event\":\"end\",\"status\":1");
    is_str(states(run), "-1 failed; exit status 1: the folder that it was to begin in is not there",
           "why it failed");
}

/* What is told does not depend on which was heard first, the job or the accounting. */
static void test_either_first(void)
{
    HEC_AUTO(hec_rundir) run = make("sge", "\"time=10h\"");
    HEC_AUTO(hec_rundir) stuck = make("sge", "\"time=10h\"");

    tell(run, "state", 100, SUBMITTED);
    tell(run, "marks/1", 95, BEGIN);
    tell(run, "marks/1", 94, "\"event\":\"end\",\"status\":127");
    is_str(states(run), "-1 failed; exit status 127: its command was not found", "the job");
    tell(run, "state", 90, "\"event\":\"seen\",\"id\":\"7\",\"state\":\"failed\",\"exit\":127");
    is_str(states(run), "-1 failed; exit status 127: its command was not found",
           "and the accounting says less");
    tell(stuck, "state", 100, SUBMITTED);
    tell(stuck, "state", 60, "\"event\":\"cancel\"");
    tell(stuck, "state", 50, LOST);
    is_str(states(stuck), "-1 cancelled; by hec cancel", "cancelled before it began");
    tell(stuck, "state", 40, "\"event\":\"seen\",\"id\":\"7\",\"state\":\"failed\",\"exit\":-1");
    is_str(states(stuck), "-1 cancelled; by hec cancel", "whatever the accounting has of it");
}

#define SEEN(index, state)                                                                         \
    "\"event\":\"seen\",\"id\":\"7\",\"index\":" index ",\"state\":\"" state "\""

static void test_array(void)
{
    HEC_AUTO(hec_rundir) run = make("sge", "\"array=0-2:2,9%4\"");

    tell(run, "state", 100, SUBMITTED ",\"first\":1,\"skipped\":0,\"count\":3");
    tell(run, "marks/1.2", 95, BEGIN);
    tell(run, "marks/1.2", 94, "\"event\":\"end\",\"status\":3");
    is_str(states(run), "2 failed; -1 waiting; exit status 3", "others are to come");
    tell(run, "state", 90, SEEN("1", "done"));
    tell(run, "state", 90, SEEN("3", "running"));
    is_str(states(run), "0 done; 9 running; 2 failed; -",
           "the user's indices, not the scheduler's");
    tell(run, "state", 60, LOST);
    is_str(states(run), "0 done; 9 waiting; 2 failed; -", "it no longer knows any of it");
    tell(run, "state", 20, LOST);
    is_str(states(run), "0 done; 9 cancelled; 2 failed; -", "and never will");
}

static void test_never_begun(void)
{
    HEC_AUTO(hec_rundir) run = make("sge", "\"array=1-3\"");

    tell(run, "state", 100, SUBMITTED);
    tell(run, "state", 90, SEEN("1", "done"));
    tell(run, "state", 90, SEEN("2", "done"));
    is_str(states(run), "1 done; 2 done; -1 waiting; -", "one is to come");
    tell(run, "state", 60, LOST);
    tell(run, "state", 20, LOST);
    is_str(states(run), "1 done; 2 done; -1 cancelled; -", "and does not");
}

int main(void)
{
    char command[96];

    snprintf(work, sizeof work, "/tmp/hec-states-XXXXXX");
    if (!mkdtemp(work) || setenv("HEC_RUNS", work, 1) < 0)
        return 1;
    test_lost("sge", "-1 cancelled; it was taken out of the queue before it began");
    test_lost("slurm", "-1 lost; it never began");
    test_killed();
    test_refused();
    test_undecided();
    test_silent_scheduler();
    test_named();
    test_either_first();
    test_array();
    test_never_begun();
    snprintf(command, sizeof command, "rm -rf %s", work);
    ok(system(command) == 0, "all is removed");
    return done_testing();
}
