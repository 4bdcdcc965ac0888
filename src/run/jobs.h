/* SPDX-License-Identifier: MIT
 *
 * Jobs of a run: what the folder says of them. Three things do: `state`, in which whoever
 * submitted, asked or cancelled noted it; the folder `marks`, in which each job and each element of
 * an array has a file of its own, written by its script alone; and the process, where that is of
 * this machine.
 */
#ifndef HEC_RUN_JOBS_H
#define HEC_RUN_JOBS_H

#include "base/arena.h"
#include "batch/adapter.h"
#include "batch/request.h"
#include "run/run.h"

/* A process, and where and when it is or was. */
typedef struct hec__process {
    int64_t pid;  /* 0: none */
    int64_t born; /* when it began, in the kernel's ticks since it started */
    const char *host, *boot;
} hec__process;

enum hec__life { HEC__LIVES, HEC__GONE, HEC__ELSEWHERE };

/* Whether it is there: a process of the same number that began at the same time, on this machine,
 * since it was started last. HEC__ELSEWHERE: it is another machine's. */
enum hec__life hec__process_life(const hec__process *p);

/* When a process of this machine began; 0 where there is none. */
int64_t hec__process_born(int64_t pid);

/* This one's machine; static storage of the caller's. */
void hec__process_host(char host[256], char boot[64]);

/* Members of a JSON object, without its braces, that hec__process_read() reads again. */
int hec__process_write(int64_t pid, hec__strbuf *out);
void hec__process_read(const hec_value *fields, hec__arena *arena, hec__process *ret);

/* What a file of `marks` says. Times are in milliseconds since 1970, 0 where it did not happen. */
typedef struct hec__mark {
    uint32_t part;
    int64_t index; /* -1: of the job itself */
    int64_t waits, begin, warned, terminated, end;
    int32_t status;    /* at the end */
    double cpu_s;      /* -1: not known */
    int64_t over;      /* bytes that it took when it was killed for that; 0: it was not */
    bool no_folder;    /* that it was to begin in */
    bool full;         /* it failed, and nothing could be written into its folder then */
    bool refused;      /* it failed, and said that there was no more memory */
    bool skipped;      /* what it waited for did not end as it was to */
    const char *other; /* the run that it waits for */
    const char *host;  /* that it begins on */
} hec__mark;

/* One job of a run. */
typedef struct hec__handed {
    uint32_t part;
    const char *id; /* the scheduler's, or the number of its process */
    int64_t at;     /* when it was handed over, in milliseconds since 1970 */
    /* Of an array whose elements the scheduler numbers otherwise: from `first`, `skipped` elements
     * being in jobs before it. count: how many it has, 0 where that is all. */
    uint32_t first;
    uint64_t skipped, count;
    hec__process process;
    enum hec__life life; /* looked at before the marks were read */
} hec__handed;

/* What a scheduler said of a job or an element. */
typedef struct hec__seen {
    hec_job job;
    size_t order;
    int64_t at;         /* when it said so; ms */
    int64_t lost_since; /* since when it has not known it; 0: it does */
} hec__seen;

/* The accounting may tell of a job some time after the queue has forgotten it: a job that nobody
 * knows is given up only when nobody has known it for so long. */
#define HEC__LOST_MS 30000

static inline bool hec__seen_is_open(const hec__seen *s)
{
    return s->job.state == HEC_JOB_LOST && s->at - s->lost_since < HEC__LOST_MS;
}

/* All that is known without asking. */
typedef struct hec__known {
    hec__arena arena;
    hec__handed *handed;
    size_t n_handed, cap_handed;
    hec__mark *marks; /* in order of parts and indices */
    size_t n_marks, cap_marks;
    hec__seen *seen; /* in order of ids and indices, one of each */
    size_t n_seen, cap_seen;
    int64_t seen_at;    /* when */
    int64_t cancelled;  /* when that was asked for; 0: not */
    int64_t time_s;     /* the time limit; 0: none */
    hec__range *ranges; /* the elements of its array */
    size_t n_ranges;
    bool local, sge;
    hec__process own; /* of a run that is no job: who runs it */
    enum hec__life own_life;
    int64_t own_begin, own_end;
    int32_t own_status;
} hec__known;

void hec__known_fini(hec__known *k);

/* Reads it. On failure there is nothing to give back. */
int hec__known_read(hec_rundir *run, hec__known *ret, hec_error *err);

/* What was last said of a job or an element; NULL where nothing was. */
const hec__seen *hec__known_seen(const hec__known *k, const char *id, int64_t index);

/* The user's index of what the scheduler calls element `task` of a job; -1 of none. */
int64_t hec__known_index(const hec__known *k, const hec__handed *h, int64_t task);

/* How many elements a job has; 0 where it is no array. */
uint64_t hec__known_count(const hec__known *k, const hec__handed *h);

/* What follows from it: a record for each job. *ret_open: how many of them may still change. */
int hec__known_jobs(const hec__known *k, hec_jobs **ret_jobs, size_t *ret_open, hec_error *err);

/* The scheduler's name in run.yaml; "local" where there is none. */
const char *hec__run_scheduler(const hec_rundir *run);

/* Asks the scheduler of a site about all jobs of all runs there that may still change, in one
 * question, and notes in each run what is new. Nothing happens where this user has asked within the
 * site's time between two questions, unless it has to be `now`. */
int hec__ask_all(const char *site, bool now, hec_error *err);

/* Reads the folder `marks`. */
int hec__marks_read(const hec_rundir *run, hec__known *k, hec_error *err);

/* Starts a script with bash, in a session of its own that no one waits for. Its outputs go to the
 * files out and err of the run, appended. *ret_pid: of bash. */
int hec__local_start(const hec_rundir *run, const char *script, int64_t *ret_pid, hec_error *err);

/* Turns dependencies on runs into those on their jobs: the ids of a scheduler in q->after, or
 * processes to await, added to *awaits, whose memory is the request's. What is fulfilled already is
 * left out. HEC_EINVAL: one can never be fulfilled, or is on something else. */
int hec__after_runs(hec_request *q, const hec_site *site, hec__of_run *of, hec_error *err);

/* Where a job's script is: "job.sh", "job.2.sh"; buf of 32 is enough. */
char *hec__script_name(uint32_t part, char *buf, size_t size);

#endif
