/* SPDX-License-Identifier: MIT
 *
 * Batch jobs: what a job asks for, what a site has and forbids, the script that says it to the
 * site's scheduler, what the site would object to, and jobs that were handed over. Only the part
 * "jobs" runs commands: the scheduler's own, never through a shell.
 *
 * One set of options for every scheduler. What is asked is always asked for each node: a job of
 * 4 nodes with 8 CPUs and 16 GiB has 32 CPUs and 64 GiB.
 *
 * No globals: different objects may be used by different threads at the same time.
 */
#ifndef HEC_BATCH_H
#define HEC_BATCH_H

#include <hec/error.h>
#include <hec/topology.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sites ---- */

/* A cluster and its rules, read from a site file; docs/guide/site-files.md describes the format. */
typedef struct hec_site hec_site;

/* Opens a site: the file of this path where the name has a '/' in it or ends with .yaml or .yml;
 * else NAME.yaml below $XDG_CONFIG_HOME/hec/sites (~/.config/hec/sites) or /etc/hec/sites; else
 * the one of this name that hec brings along. NULL: what the environment variable HEC_SITE names,
 * else the plain site of the scheduler whose commands are on PATH and that a cluster is configured
 * for
 * ("generic-slurm"; "local" where there is none). Where the commands are there and the
 * configuration is not found, Slurm and Torque are asked, for five seconds at most. HEC_ENOENT: no
 * site of this name. HEC_EFORMAT, with file, line and column: it is no site file. HEC_ESYS: this
 * hec was built without YAML. HEC_EIO, HEC_ENOMEM. */
HEC_API int hec_site_open(const char *name, hec_site **ret_site, hec_error *err);

HEC_API void hec_site_destroy(hec_site *site); /* NULL is fine */

/* Asks the site's scheduler itself, which has to be this machine's, for partitions and their
 * limits, for QoS and for the size of arrays, and believes that and not the file. Slurm (scontrol,
 * sacctmgr) and Grid Engine (qconf); each command has 5 s. HEC_EAGAIN: it does not answer.
 * HEC_ENOENT: its commands are not on PATH. HEC_EINVAL: another scheduler. HEC_ENOMEM, HEC_ESYS.
 * What was taken before that stays. */
HEC_API int hec_site_live(hec_site *site, hec_error *err);

/* Borrowed: valid until the site is destroyed. */
HEC_API const char *hec_site_name(const hec_site *site);

/* "slurm", "sge", "pbs" (OpenPBS), "torque", "lsf" or "local". Static storage. */
HEC_API const char *hec_site_scheduler(const hec_site *site);

/* All that the site file says, as JSON without line breaks; the caller's, to end with free(). */
HEC_API int hec_site_json(const hec_site *site, char **ret_json, hec_error *err);

/* The same for people to read, of several lines; the caller's, to end with free(). HEC_ENOMEM. */
HEC_API int hec_site_text(const hec_site *site, char **ret_text, hec_error *err);

/* Told of each site: its name, its title, and the file that it is in, NULL of one that hec brings
 * along. title is NULL where the file cannot be read; *err then says why. */
typedef void hec_site_seen(void *ctx, const char *name, const char *title, const char *path,
                           const hec_error *err);

/* Tells of every site that hec_site_open() finds by name, in the order of the names. HEC_ENOMEM. */
HEC_API int hec_site_list(hec_site_seen *seen, void *ctx, hec_error *err);

/* Whether this process is on a machine of a cluster, and in no job of it: on a login node, where
 * others work as well. It is where a site file, that is not of scheduler "local", has this host
 * among its `hosts`, or where the commands of a scheduler are on PATH and a cluster is configured
 * for them. It is not in a job, by the topology or by the control group; nor where HEC_SITE names a
 * site of scheduler "local". Files are looked at and no command is run: some tens of microseconds.
 *
 * 1, and why in buf, of which 256 are enough: "Slurm is configured here (/etc/slurm/slurm.conf)".
 * 0: it is none, or as good as none. */
HEC_API int hec_site_login(const hec_topology *topology, char *buf, size_t size);

/* ---- requests ---- */

/* X(ID, name, argument or NULL, may be given many times, help): the options of a job. */
#define HEC_REQUEST_OPTIONS(X)                                                                     \
    X(NODES, "nodes", "N", 0, "how many nodes; 1 if not given")                                    \
    X(CPUS, "cpus", "N", 0, "CPUs on each node; 1 if not given")                                   \
    X(GPUS, "gpus", "[TYPE:]N", 0, "GPUs on each node")                                            \
    X(MEMORY, "memory", "SIZE", 0, "memory on each node: 500M, 16G")                               \
    X(TIME, "time", "TIME", 0, "time limit: 90s, 15m, 1h30m, 2-12:00:00")                          \
    X(PARTITION, "partition", "NAME", 0, "the partition or queue")                                 \
    X(QUEUE, "queue", "NAME", 0, "the same as --partition")                                        \
    X(QOS, "qos", "NAME", 0, "the quality of service, where the site has it")                      \
    X(ACCOUNT, "account", "NAME", 0, "who pays: account or project")                               \
    X(NAME, "name", "NAME", 0, "the name of the job")                                              \
    X(ARRAY, "array", "SPEC", 0, "one job for each index: 1-100, 0-98:2, 1,5,7; %N: N at a time")  \
    X(AFTER, "after", "[HOW:]JOB", 1, "begin after JOB; HOW it must end: ok, failed, any")         \
    X(MAIL, "mail", "[WHEN:]ADDRESS", 0, "mail when the job does begin,end,fail; end,fail if not") \
    X(CONSTRAINT, "constraint", "TEXT", 0, "features of the nodes, as the scheduler writes them")  \
    X(EXCLUSIVE, "exclusive", NULL, 0, "have the nodes alone")                                     \
    X(MODULE, "module", "NAME", 1, "load an environment module first")                             \
    X(SETUP, "setup", "LINE", 1, "a line of shell to run before the command")                      \
    X(ENV, "env", "NAME=VALUE", 1, "set an environment variable")                                  \
    X(LAUNCH, "launch", "HOW", 0, "start it once, on each node, or as an mpi program")             \
    X(WARN, "warn", "[SIGNAL@]TIME", 0, "send SIGNAL so long before the limit; or none")           \
    X(REQUEUE, "requeue", "HOW", 0,                                                                \
      "go on from the queue after stopping at the warning: auto, auto:N")                          \
    X(OUTPUT, "output", "FILE", 0, "where the job's output goes; {job}, {index} may be in it")     \
    X(ERROR, "error", "FILE", 0, "where its errors go; with the output if not given")              \
    X(WORKDIR, "workdir", "DIR", 0, "where the job begins; where it was submitted if not given")   \
    X(TASK_TIME, "task-time", "TIME", 0, "how long an element of the array takes, for the check")  \
    X(RAW, "raw", "LINE", 1, "a line for the scheduler as it stands: '#SBATCH --hint=compute'")

/* What one job asks for, and its command. */
typedef struct hec_request hec_request;

HEC_API int hec_request_create(hec_request **ret_request, hec_error *err); /* HEC_ENOMEM */
HEC_API void hec_request_destroy(hec_request *request);                    /* NULL is fine */

/* Sets an option by its name, without dashes; of one that may be given many times, adds a value.
 * For one without an argument the value is "", "true" or "false".
 * HEC_EINVAL, the text says which option, what is wrong with it and how to write it; also: no such
 * option. HEC_ENOMEM. */
HEC_API int hec_request_set(hec_request *request, const char *name, const char *value,
                            hec_error *err);

/* Sets the command: a program and its arguments, which reach it as they are, whatever is in them.
 * Copied. HEC_EINVAL: n is 0. HEC_ENOMEM. */
HEC_API int hec_request_command(hec_request *request, const char *const *argv, size_t n,
                                hec_error *err);

/* ---- scripts ---- */

/* How many jobs this is: 1, or more where an array is larger than the site takes in one.
 * HEC_EINVAL as hec_script_write(). */
HEC_API int hec_script_parts(hec_request *request, const hec_site *site, uint32_t *ret_parts,
                             hec_error *err);

/* The script of one of these jobs, from 1; the caller's, to end with free(). What the request does
 * not say is taken from the site's defaults, and is part of the request afterwards.
 * HEC_EINVAL: what this scheduler or site cannot do, or no command. HEC_ENOMEM. */
HEC_API int hec_script_write(hec_request *request, const hec_site *site, uint32_t part,
                             char **ret_text, hec_error *err);

/* ---- checks ---- */

/* Something that the site would object to. */
typedef struct hec_finding {
    const char *rule; /* "time-limit": a name, which stays the same */
    int32_t serious;  /* 1: the site would refuse or punish it; 0: advice */
    uint32_t line;    /* of the script, from 1; 0 where there is none */
    const char *text; /* one line: what is wrong, and what to do */
} hec_finding;

typedef void hec_finding_told(void *ctx, const hec_finding *finding);

/* Tells of all that the site would object to; returns how many of it is serious. The request is
 * completed first, as by hec_script_write(). HEC_EINVAL: no script can be made of it. */
HEC_API int hec_request_check(hec_request *request, const hec_site *site, hec_finding_told *told,
                              void *ctx, hec_error *err);

/* The same of a script that somebody wrote for this site: its directives, and what its body does.
 * HEC_ENOENT, HEC_EIO, HEC_ENOMEM; HEC_EFORMAT: over 16 MiB. */
HEC_API int hec_script_check(const char *path, const hec_site *site, hec_finding_told *told,
                             void *ctx, hec_error *err);

/* ---- jobs ---- */

/* X(ID, number, word): how a job stands; the same on every scheduler. A number, once released,
 * stays. */
#define HEC_JOB_STATES(X)                                                                          \
    X(WAITING, 1, "waiting")                                                                       \
    X(RUNNING, 2, "running")                                                                       \
    X(DONE, 3, "done") /* ended with status 0 */                                                   \
    X(FAILED, 4, "failed")                                                                         \
    X(TIMED_OUT, 5, "timed out")                                                                   \
    X(OUT_OF_MEMORY, 6, "out of memory")                                                           \
    X(CANCELLED, 7, "cancelled")                                                                   \
    X(NODE_FAILURE, 8, "node failure")                                                             \
    X(LOST, 9, "lost") /* the scheduler has no record of it */

enum hec_job_state {
#define HEC_JOB_STATE_ENUM(id, number, word) HEC_JOB_##id = (number),
    HEC_JOB_STATES(HEC_JOB_STATE_ENUM)
#undef HEC_JOB_STATE_ENUM
};

/* "timed out"; "?" for a number that is no state. Static storage. */
HEC_API const char *hec_job_state_word(int state);

/* Whether a job in this state is over. */
HEC_API int hec_job_state_ended(int state);

/* A job or an element of an array, as the scheduler has it. What it does not say is NULL, 0, or -1
 * where noted. */
typedef struct hec_job {
    const char *id;     /* as the scheduler gave it; of an element: the array's */
    int64_t index;      /* -1: no element of an array */
    int32_t state;      /* enum hec_job_state */
    int32_t stuck;      /* 1: it will not run before somebody does something; reason says why */
    const char *word;   /* the scheduler's own: "PENDING", "Eqw" */
    const char *reason; /* the scheduler's own, one line: why it waits, or ended as it did */
    int32_t exit_code;  /* -1: not known */
    int32_t signal;     /* that ended it */
    int64_t submitted;  /* seconds since the epoch, as are the next three */
    int64_t expected;   /* when the scheduler thinks that it will start */
    int64_t started, ended;
    const char *nodes;   /* as the scheduler writes them: "n[1-3]" */
    uint32_t cpus;       /* that it has, on all nodes */
    uint64_t memory;     /* bytes: the largest that was measured, of one task or of all */
    double cpu_s;        /* seconds of CPU used; -1: not known */
    uint32_t gpus;       /* that it has, on all nodes */
    double gpu_percent;  /* how busy they were, as the scheduler counts; -1: not known */
    uint64_t gpu_memory; /* bytes, the same */
} hec_job;

/* One job, or an element of an array: what is to be cancelled. */
typedef struct hec_job_ref {
    const char *id;
    int64_t index; /* -1: all of it */
} hec_job_ref;

/* Hands a script to the site's scheduler; `dir` is where the job was submitted from (NULL: here).
 * *ret_id is the caller's, to end with free().
 * HEC_EREFUSED: the scheduler does not take it, and why, in its own words. HEC_EAGAIN: it could not
 * be reached, or did not answer in time: it may have the job nevertheless. HEC_ENOENT: its commands
 * are not on PATH. HEC_EINVAL: the site has no scheduler. HEC_ENOMEM, HEC_ESYS. */
HEC_API int hec_job_submit(const hec_site *site, const char *script, const char *dir, char **ret_id,
                           hec_error *err);

/* What the scheduler says of many jobs. */
typedef struct hec_jobs hec_jobs;

/* Asks the scheduler about all of these jobs at once; where it has forgotten one, its accounting,
 * as far as there is any. Each id has at least one record in the answer; an array has one for each
 * element that is known. A job that neither knows is HEC_JOB_LOST: one that has just been submitted
 * or has just ended can be so for some seconds.
 * HEC_EAGAIN: it could not be reached, or did not answer in time. Else as hec_job_submit(). */
HEC_API int hec_jobs_query(const hec_site *site, const char *const *ids, size_t n,
                           hec_jobs **ret_jobs, hec_error *err);
HEC_API void hec_jobs_destroy(hec_jobs *jobs); /* NULL is fine */

/* The records, in the order of the ids and of the indices; valid until the answer is destroyed. */
HEC_API const hec_job *hec_jobs_all(const hec_jobs *jobs, size_t *ret_n);

/* Ends jobs, waiting or running. One that has ended is no error. Returns as soon as the scheduler
 * has taken the wish. Errors as hec_job_submit(). */
HEC_API int hec_jobs_cancel(const hec_site *site, const hec_job_ref *jobs, size_t n,
                            hec_error *err);

/* Keeps jobs that wait from running; and lets them. Errors as hec_job_submit(). */
HEC_API int hec_jobs_hold(const hec_site *site, const hec_job_ref *jobs, size_t n, hec_error *err);
HEC_API int hec_jobs_release(const hec_site *site, const hec_job_ref *jobs, size_t n,
                             hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
