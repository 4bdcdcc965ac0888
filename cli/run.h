/* SPDX-License-Identifier: MIT
 *
 * What the verbs about runs share: which run is meant, how it stands, and how that is shown.
 */
#ifndef HEC_CLI_RUN_H
#define HEC_CLI_RUN_H

#include "base/json.h"
#include "opt.h"

#include <hec/run.h>

#include <stdbool.h>

#define RUN_SCHEMA 1 /* of what these verbs print as JSON */

/* A run with what is known of its jobs. */
typedef struct run_view {
    hec_rundir *run;
    hec_jobs *jobs;
    const hec_job *all;
    size_t n;
    int state;           /* of all together */
    const hec_job *from; /* the record that this is from; may be NULL */
    int64_t as_of;
} run_view;

void run_view_fini(run_view *v);
#define AUTO_RUN_VIEW __attribute__((cleanup(run_view_fini))) run_view

/* Opens the run that is named; NULL: the last one. Returns the exit status; where that is not
 * STATUS_OK it has complained. */
int run_open(const char *name, hec_rundir **ret_run);

/* The same, with its jobs; `ask` is a hec_ask. */
int run_look(const char *name, int ask, run_view *ret);

/* Of a run that is open, which the view then owns. */
int run_view_init(hec_rundir *run, int ask, run_view *ret);

/* The exit status that stands for how a run has ended: STATUS_OK where it is done. */
int run_status(int state);

/* The text of a member of run.yaml; NULL where there is none. */
const char *run_text(const hec_rundir *run, const char *key);

/* Its command as one line: "python train.py --lr 0.1". buf is filled and returned. */
char *run_command(const hec_rundir *run, char *buf, size_t size);

/* When it began and ended, in seconds since 1970; 0: not yet. */
void run_times(const run_view *v, int64_t *ret_started, int64_t *ret_ended);

/* What was copied of its code; files is 0 where nothing was. */
typedef struct run_code {
    char of[512], hash[40];
    uint64_t files, bytes, not_copied;
    char large[512]; /* names of files that were too large, commas between them */
} run_code;

void run_code_read(hec_rundir *run, run_code *ret);

/* The members of an object that describe a run, its jobs included. */
void run_json(hec__json *j, const run_view *v);

/* Prints one JSON value that was written into out; returns the exit status. */
int run_print(hec__strbuf *out, int status);

/* "2026-11-28 07:12"; buf of 32 is enough. Returns buf. */
char *run_when(int64_t seconds, char *buf, size_t size);

#endif
