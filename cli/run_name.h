/* SPDX-License-Identifier: MIT
 *
 * What a RUN on a command line means, for verbs that read what a run has left.
 */
#ifndef HEC_CLI_RUN_NAME_H
#define HEC_CLI_RUN_NAME_H

#include "base/strbuf.h"

#include <hec/journal.h>
#include <hec/run.h>

/* The run of that name, path or id, "last" too; *ret_run is NULL where the name is that of a file,
 * or of a folder that is no run. HEC_ENOENT and the other errors of hec_rundir_open(). */
int run_name_open(const char *name, hec_rundir **ret_run, hec_error *err);

/* Appends the path of a file in the run's folder. HEC_ENOMEM. */
int run_name_file(const hec_rundir *run, const char *file, hec__strbuf *ret, hec_error *err);

/* ---- the rows of a run whose tasks were planned ---- */

/* One of them: a task as the latest command asks for it, whether it was run or not. */
typedef struct run_row {
    uint64_t task, row;
    unsigned char key[HEC_KEY_SIZE];
    const char *id, *file;   /* until the next row */
    const hec_value *params; /* the same */
} run_row;

typedef struct run_rows run_rows;

/* 1, or 0: the run has none. HEC_EIO, HEC_EPERM, HEC_ENOMEM. */
int run_rows_open(const hec_rundir *run, run_rows **ret, hec_error *err);
void run_rows_close(run_rows *rows); /* NULL is fine */

/* 1, or 0 at the end. HEC_EFORMAT: the file is damaged. HEC_EIO, HEC_ENOMEM. */
int run_rows_next(run_rows *rows, run_row *ret, hec_error *err);

/* The bytes of 2 * n hexadecimal digits. False: the text has others, or not so many. */
bool run_hex(const char *text, unsigned char *ret, size_t n);

/* Writes a row, as a line. */
void run_row_write(const run_row *row, const char *json, hec__strbuf *out);

#endif
