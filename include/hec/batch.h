/* SPDX-License-Identifier: MIT
 *
 * Batch jobs: what a job asks for, what a site has and forbids, the script that says it to the
 * site's scheduler, and what the site would object to. Nothing here runs a command.
 *
 * One set of options for every scheduler. What is asked is always asked for each node: a job of
 * 4 nodes with 8 CPUs and 16 GiB has 32 CPUs and 64 GiB.
 *
 * No globals: different objects may be used by different threads at the same time.
 */
#ifndef HEC_BATCH_H
#define HEC_BATCH_H

#include <hec/error.h>

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
 * else the plain site of the scheduler whose commands are on PATH ("generic-slurm"; "local" where
 * there is none).
 * HEC_ENOENT: no site of this name. HEC_EFORMAT, with file, line and column: it is no site file.
 * HEC_ESYS: this hec was built without YAML. HEC_EIO, HEC_ENOMEM. */
HEC_API int hec_site_open(const char *name, hec_site **ret_site, hec_error *err);

HEC_API void hec_site_destroy(hec_site *site); /* NULL is fine */

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

#ifdef __cplusplus
}
#endif
#endif
