/* SPDX-License-Identifier: MIT
 *
 * How to speak with a scheduler: what to run, and what its answers mean. An adapter starts nothing
 * itself, so that each half can be tested without a cluster; jobs.c runs and combines.
 *
 * What it reads comes from a program that others have configured, patched and wrapped. So a
 * reader takes the lines that it knows, and passes over those that it does not.
 */
#ifndef HEC_BATCH_ADAPTER_H
#define HEC_BATCH_ADAPTER_H

#include "batch/site.h"
#include "topo/text.h"

#include <hec/batch.h>

/* ---- what to run ---- */

/* A command with its arguments, put together in an arena. */
typedef struct hec__call {
    hec__arena *arena;
    hec__texts argv;
    const char *const *changes; /* of the environment; static storage, or NULL */
    const char *input;          /* the file that becomes its standard input, or NULL */
    bool failed;                /* no memory; looked at once, when it is run */
} hec__call;

void hec__call_add(hec__call *c, const char *argument);
void hec__call_addf(hec__call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* HEC_EINVAL where a text can be no job's id: it is empty, begins with a dash, or has other
 * characters in it than ids have. Some schedulers take an empty one for the last job, or for all.
 */
int hec__job_id_check(enum hec__scheduler scheduler, const char *id, hec_error *err);

/* ID OPTION... of many jobs: "--jobs=1,2,3". */
void hec__call_list(hec__call *c, const char *prefix, const char *const *ids, size_t n);

/* ---- what came back ---- */

struct hec_jobs {
    hec__arena arena; /* all texts of the records */
    hec_job *all;
    size_t n, cap;
    size_t undecided; /* of a run: ends that the scheduler may know better */
};

HEC_AUTO_DEFINE(hec_jobs, hec_jobs_destroy)

/* Whether a job has ended by itself, and it is not known with which status. */
static inline bool hec__job_is_open(const hec_job *job)
{
    return (job->state == HEC_JOB_DONE || job->state == HEC_JOB_FAILED) && job->exit_code < 0 &&
           !job->signal;
}

/* An empty answer; NULL without memory. */
hec_jobs *hec__jobs_create(void);

/* A record with nothing in it but that all is unknown; NULL without memory. Valid until the next
 * one is added. */
hec_job *hec__jobs_add(hec_jobs *jobs);

/* The record that was added last where it is of this element, else a new one of it; NULL without
 * memory. Several lines about one element stand together in what is read. */
hec_job *hec__jobs_of(hec_jobs *jobs, hec__slice id, int64_t index);

/* A copy of n bytes as one line that can be shown: what is not printable becomes '?'. NULL where
 * nothing is left of it, or without memory. */
const char *hec__jobs_text(hec_jobs *jobs, hec__slice s);

/* Puts the records into the order of these ids, and of their indices; makes one of several about
 * the same element: what the first does not say, the next may; drops what was not asked for. The
 * ids in the records become those given; what follows a '.' in an id, the name of a server, does
 * not count. HEC_ENOMEM. */
int hec__jobs_settle(hec_jobs *jobs, const char *const *ids, size_t n, hec_error *err);

/* ---- the table ---- */

/* Reads what a command has printed into records; what it does not know it passes over.
 * HEC_ENOMEM. Any bytes will do; `out` ends with a NUL. */
typedef int hec__read_jobs(hec_jobs *jobs, const char *out, hec_error *err);

typedef struct hec__adapter {
    void (*submit)(hec__call *c, const hec_site *site, const char *script);
    /* The job's id in what the submitting command printed. 0 where there is none, else its length.
     */
    size_t (*submitted)(const char *out, const char **ret_id);

    /* One question about many jobs. */
    void (*query)(hec__call *c, const hec_site *site, const char *const *ids, size_t n);
    hec__read_jobs *read_query;

    /* About jobs that have ended, some time ago too; `history_each` at a time. NULL: there is no
     * such command. Not every cluster has it, nor lets everybody use it: that it fails is fine. */
    void (*history)(hec__call *c, const hec_site *site, const char *const *ids, size_t n);
    hec__read_jobs *read_history;
    size_t history_each;
    bool forgets_elements; /* of an array, one by one: while others run, some are only in there */

    /* About jobs that it knows, `detail_each` at a time, more than the query tells: why they wait,
     * or how they ended. NULL: there is nothing more. */
    void (*detail)(hec__call *c, const hec_site *site, const char *const *ids, size_t n);
    hec__read_jobs *read_detail;
    size_t detail_each;
    /* Whether a record lacks what the detail would tell. */
    bool (*wants_detail)(const hec_job *job);

    /* For these jobs, `control_each` at a time. NULL: it cannot. */
    void (*cancel)(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n);
    void (*hold)(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n);
    void (*release)(hec__call *c, const hec_site *site, const hec_job_ref *jobs, size_t n);
    size_t control_each;

    /* Words in what it prints that mean: no job of this name, or one that is over. Each ends with
     * a NUL, the last with two. */
    const char *gone;
    /* The same: that it could not reach its server. */
    const char *unreachable;
} hec__adapter;

/* NULL of HEC__LOCAL. */
const hec__adapter *hec__adapter_of(enum hec__scheduler scheduler);

extern const hec__adapter hec__slurm_adapter, hec__sge_adapter, hec__pbs_adapter,
    hec__torque_adapter, hec__lsf_adapter;

#endif
