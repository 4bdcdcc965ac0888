/* SPDX-License-Identifier: MIT
 *
 * Runs: what was asked for and what became of it, in a folder that outlives whoever asked.
 *
 * A run is a folder of this user's alone. In it are run.yaml, which says what was asked and never
 * changes; `state`, to which a line is added whenever something happens; and whatever else the kind
 * of run needs: a journal, outputs, job scripts. docs/formats/run-v1.md is normative for both
 * files. Nothing is locked, and nothing that is there is changed: files are made, renamed and
 * appended to, which is what a network file system can do.
 *
 * Runs lie in the *home of runs*, $HEC_RUNS, else $XDG_DATA_HOME/hec/runs, else
 * ~/.local/share/hec/runs: a folder for each, named after its id, or a symbolic link for a run that
 * lies elsewhere. So that folder is the list of all runs.
 *
 * No globals. One object is for one thread at a time.
 */
#ifndef HEC_RUN_H
#define HEC_RUN_H

#include <hec/batch.h>
#include <hec/config.h>
#include <hec/error.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hec_rundir hec_rundir;

/* Makes a run and its folder, mode 0700, as one step: whoever sees the folder sees run.yaml in it.
 *
 * path: the folder, which must not exist yet; NULL: one in the home of runs, which is made where it
 * is missing. kind: a word, "job", "sweep". name: what the id is to remind of, any text; what is
 * not fit for the name of a folder is left out of the id. asked: members of run.yaml beside those
 * that each run has, as one JSON object without line breaks, or NULL.
 *
 * HEC_EPERM: others can write to the folder that it is to lie in. HEC_EINVAL: there is something at
 * that path. HEC_ENOENT: the folder around that path, or $HOME, is not there. HEC_EIO, HEC_ENOMEM.
 * HEC_ESYS: this hec was built without YAML, and could not read it again. */
HEC_API int hec_rundir_create(const char *path, const char *kind, const char *name,
                              const char *asked, hec_rundir **ret_run, hec_error *err);

/* Opens a run by its id, by the beginning of one (4 bytes at least) that no other run has, by the
 * path of its folder where the text has a '/' in it, or as "last": the one that was made last.
 * HEC_ENOENT: there is none. HEC_EINVAL: several begin so; the text names some. HEC_EPERM: it is
 * another user's, or others can write to it. HEC_EFORMAT: run.yaml is not one, or of a newer hec.
 * HEC_EIO, HEC_ENOMEM, HEC_ESYS. */
HEC_API int hec_rundir_open(const char *run, hec_rundir **ret_run, hec_error *err);

HEC_API void hec_rundir_destroy(hec_rundir *run); /* leaves the folder; NULL is fine */

/* Borrowed: valid until the object is destroyed. The path is absolute. */
HEC_API const char *hec_rundir_id(const hec_rundir *run);
HEC_API const char *hec_rundir_path(const hec_rundir *run);
HEC_API const char *hec_rundir_kind(const hec_rundir *run);
HEC_API const char *hec_rundir_name(const hec_rundir *run); /* as it was given */

/* When it was made, in milliseconds since 1970. */
HEC_API int64_t hec_rundir_created_ms(const hec_rundir *run);

/* All of run.yaml, a map. Borrowed: valid until the object is destroyed. */
HEC_API const hec_value *hec_rundir_asked(const hec_rundir *run);

/* Adds a line to `state`: what happened, in a word, and its circumstances as one JSON object
 * without line breaks, or NULL. It is on disk when this returns. Any number of processes may do so
 * on one machine. HEC_EIO, HEC_ENOMEM, HEC_EPERM. */
HEC_API int hec_rundir_note(hec_rundir *run, const char *event, const char *fields, hec_error *err);

/* Something that happened. `fields` is the whole line, a map. Valid during the call. */
typedef struct hec_rundir_event {
    int64_t time_ms; /* since 1970 */
    const char *event;
    const hec_value *fields;
} hec_rundir_event;

/* Returns 0 to go on; anything else ends the reading, which returns it. */
typedef int hec_rundir_told(void *ctx, const hec_rundir_event *event);

/* Tells of all that happened, in the order of the lines. A line that is not whole, as a machine
 * that went down leaves it, is passed over. HEC_EIO, HEC_ENOMEM, HEC_EPERM. */
HEC_API int hec_rundir_events(hec_rundir *run, hec_rundir_told *told, void *ctx, hec_error *err);

/* Told of each run in the home of runs, the oldest first. run: NULL where it cannot be opened, *err
 * then says why, and `id` is what stands in the home of runs; a link to a run that is gone is not
 * told of. The object lives during the call. Returns as hec_rundir_told. */
typedef int hec_rundir_seen(void *ctx, const char *id, hec_rundir *run, const hec_error *err);

HEC_API int hec_rundir_list(hec_rundir_seen *seen, void *ctx, hec_error *err);

/* The same, but only of runs whose id has what is fit for one of this name, and the latest first;
 * of those that were made within one minute in any order. However many other runs there are, they
 * are not opened. */
HEC_API int hec_rundir_latest(const char *name, hec_rundir_seen *seen, void *ctx, hec_error *err);

/* Removes the folder with all that is in it, following no link, and its name from the home of runs.
 * First it is given a name that no run has, so that a removal that was cut short leaves no run that
 * is half there. HEC_EIO, HEC_ENOMEM. */
HEC_API int hec_rundir_remove(hec_rundir *run, hec_error *err);

/* ---- jobs of a run ---- */

/* Whether the job begins in a copy of the folder that it was submitted in, so that what is edited
 * while it waits changes nothing. */
enum hec_snapshot {
    HEC_SNAPSHOT_AUTO = 0, /* where it lies in a work tree of git: then that is copied */
    HEC_SNAPSHOT_ALWAYS,
    HEC_SNAPSHOT_NEVER,
};

typedef struct hec_submit_options {
    const char *path; /* of the run's folder, as hec_rundir_create() has it; NULL: at home */
    int snapshot;     /* a hec_snapshot */
} hec_submit_options;

/* Makes a run of kind "job" for a request: run.yaml with all that was asked, and the scripts of its
 * jobs, job.sh, job.2.sh and so on. What the request does not say is completed from the site.
 * Dependencies ("after") on runs become those on their jobs. Where the request does not say,
 * outputs go to `out` and `err` in the run's folder, of elements of an array to out.INDEX and
 * err.INDEX. NULL options: all 0. HEC_EINVAL as hec_script_write(), and of a dependency on what is
 * no run, where there is no scheduler. Errors of hec_rundir_create(). */
HEC_API int hec_rundir_plan(hec_request *request, const hec_site *site,
                            const hec_submit_options *options, hec_rundir **ret_run,
                            hec_error *err);

/* What a command depends on beside its code, as lines of text: "program PATH HASH", what PATH finds
 * for it from `folder` (NULL: here); "prefix PATH" and "package NAME-VERSION" of the Python
 * environment that is active or that the program is in; "module NAME". A run of kind "job" has this
 * text in its file `environment`, and its hash in run.yaml. program may be NULL. *ret_text is the
 * caller's, to end with free(). HEC_ENOMEM. */
HEC_API int hec_environment(const char *program, const char *folder, char **ret_text,
                            hec_error *err);

/* Hands its jobs to the site's scheduler; without one they begin here and now, in the background,
 * and go on whatever becomes of this process. What was handed over is noted in the run. Where that
 * fails for one job, those before it stay. Errors of hec_job_submit(); HEC_ESYS: it cannot be
 * started here. */
HEC_API int hec_rundir_submit(hec_rundir *run, const hec_site *site, hec_error *err);

/* Hands the jobs of a run over again, in the same folder: what has ended other than done is run
 * again, of an array only those elements. 1, or 0: all are done. HEC_EINVAL: it has not ended, or
 * is no batch job. Errors of hec_rundir_submit(). */
HEC_API int hec_rundir_resume(hec_rundir *run, hec_error *err);

/* For a run that is no batch job: this process runs it. It is noted that it has begun; and that it
 * has ended, with an exit status. Where no end was noted and the process is gone, the run is lost.
 */
HEC_API int hec_rundir_begin(hec_rundir *run, hec_error *err);
HEC_API int hec_rundir_end(hec_rundir *run, int status, hec_error *err);

enum hec_ask {
    HEC_ASK_NOBODY = 0, /* what the run's folder says, and this machine's processes */
    HEC_ASK_GENTLY,     /* the scheduler too, unless this user asked less than 30 s ago, or
                            what the site says (ask_every) */
    HEC_ASK_NOW,
    HEC_ASK_USAGE, /* also about jobs that have ended: what they used, where there is accounting */
};

/* How the jobs of a run stand: a record for each, of an array for each element that is known. What
 * is found out is noted in the run, so that of a job that has ended nobody is asked again. A run
 * that is no batch job has one record, of its process. *ret_jobs ends with hec_jobs_destroy(). A
 * scheduler that does not answer is no failure: then it is what was known last, and *ret_as_of says
 * when that was (milliseconds since 1970; may be NULL). HEC_EIO, HEC_EPERM, HEC_ENOMEM. */
HEC_API int hec_rundir_jobs(hec_rundir *run, int ask, hec_jobs **ret_jobs, int64_t *ret_as_of,
                            hec_error *err);

/* The state of all of them together: running while one runs, waiting while one waits and none has
 * begun, done where all are; else how the first that is not done has ended, a failure before a
 * cancellation. HEC_JOB_WAITING where there is none: it was not submitted. *ret_job (may be NULL):
 * the record that it is from; NULL where there is none. */
HEC_API int hec_jobs_state(const hec_jobs *jobs, const hec_job **ret_job);

/* Waits until all jobs of a run have ended. timeout_ms: -1 for ever. check (may be NULL) is called
 * with ctx about once a second: anything but 0 ends the wait, as a signal does. 1: they have; 0:
 * not yet; 2: they wait, and will not begin before somebody does something about it
 * (hec_job.stuck). HEC_EINTR: a signal came, or check() ended it. Errors of hec_rundir_jobs(). */
HEC_API int hec_rundir_wait(hec_rundir *run, int64_t timeout_ms, int (*check)(void *ctx), void *ctx,
                            hec_error *err);

/* Ends the jobs of a run that have not ended. Here that means SIGTERM to all processes of the job,
 * and SIGKILL `grace_ms` later to those that are still there, for which is waited; a scheduler has
 * its own grace. 1: something was ended; 0: there was nothing left to end. Errors of
 * hec_jobs_cancel(). HEC_EPERM: it runs on another machine that can only be reached there. */
HEC_API int hec_rundir_cancel(hec_rundir *run, int64_t grace_ms, hec_error *err);

/* The request that a run was made of, to be used again, and its site; without what it was to begin
 * after. HEC_EINVAL: it is no job. */
HEC_API int hec_rundir_request(hec_rundir *run, hec_request **ret_request, hec_site **ret_site,
                               hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
