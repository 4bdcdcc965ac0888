/* SPDX-License-Identifier: MIT
 *
 * Writing a job script, in two halves: the directives, which each scheduler has in its own way,
 * and the body, which is the same for all but for the names of variables.
 */
#ifndef HEC_BATCH_SCRIPT_H
#define HEC_BATCH_SCRIPT_H

#include "base/strbuf.h"
#include "batch/request.h"
#include "batch/site.h"

/* One of the jobs that an array becomes. */
typedef struct hec__part {
    bool mapped;          /* the scheduler's index is not the user's */
    uint32_t first, last; /* where mapped: the scheduler's, in steps of 1 */
    uint64_t skipped;     /* elements in the parts before this one */
    uint32_t throttle;    /* 0: none */
} hec__part;

typedef struct hec__script {
    hec__strbuf out;
    const hec_request *q;
    const hec_site *site;
    hec__part part;
    uint32_t number; /* of the part */
    /* The script opens the outputs of its elements: the scheduler cannot name them by the user's
     * index. */
    bool own_outputs;
} hec__script;

/* Adds the directives of one scheduler. HEC_EINVAL: it cannot say what is asked. */
typedef int hec__directives(hec__script *s, hec_error *err);
hec__directives hec__directives_slurm, hec__directives_sge, hec__directives_pbs,
    hec__directives_torque, hec__directives_lsf;

/* Adds what is run: set-up, environment, command. HEC_EINVAL: it cannot be started so here. */
int hec__script_body(hec__script *s, hec_error *err);

/* Of the job of a run: adds how it says what happens to it. */
void hec__script_marks(hec__script *s);

/* Adds how a job goes on from the queue when its command has stopped at its warning. */
void hec__script_requeue(hec__script *s);

/* Adds how a job without a scheduler waits for others. */
void hec__script_await(hec__script *s);

/* Without a scheduler: adds how the script begins the elements of its array. */
void hec__script_loop(hec__script *s);

/* Whether there is a limit of memory to be kept, where nobody else keeps it. */
bool hec__script_keeps(const hec_request *q);

/* Adds how it is kept: a function hec_keep PID KIB. */
void hec__script_keeper(hec__script *s);

/* How many jobs the array becomes; 1 where it is none. */
uint64_t hec__array_parts(const hec_request *q, const hec_site *site);

/* The part of this number, from 1. */
hec__part hec__array_part(const hec_request *q, const hec_site *site, uint32_t number);

/* Adds the indices as the scheduler has them, "1-5,7-9:2", and "%N" behind them if `throttle`. */
void hec__array_spec(hec__script *s, bool throttle);

/* ---- pieces ---- */

/* Adds a line "#SBATCH TEXT"; as printf. */
void hec__directive(hec__script *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds the lines that the user gave as they stand. HEC_EINVAL: one is another scheduler's. */
int hec__directive_raw(hec__script *s, hec_error *err);

/* Adds a word for the shell: what is in it reaches the program as it is, on one line of the
 * script whatever it is, so that no scheduler finds a directive in it. */
void hec__shell_word(hec__strbuf *out, const char *word);

/* A path with {job}, {index} and {name} replaced, in quotes where it needs them. `job` and
 * `index` are the scheduler's own words; HEC_EINVAL where one is NULL and is wanted. */
int hec__output_name(hec__script *s, const char *path, const char *job, const char *index,
                     hec__strbuf *out, hec_error *err);

/* The same for a directive: another path where the script opens the outputs itself. */
int hec__output_path(hec__script *s, const char *path, const char *job, const char *index,
                     hec__strbuf *out, hec_error *err);

/* "36:05:09"; buf of 32 is enough. Returns buf. */
char *hec__clock(uint64_t seconds, char *buf, size_t size);

/* Whole MiB, rounded up. */
static inline uint64_t hec__mebibytes(uint64_t bytes)
{
    return (bytes + ((uint64_t)1 << 20) - 1) >> 20;
}

#endif
