/* SPDX-License-Identifier: MIT
 *
 * The code of a run as it was when the run was made: a copy of the folder, in the run's.
 */
#ifndef HEC_RUN_SNAPSHOT_H
#define HEC_RUN_SNAPSHOT_H

#include "run/run.h"

#define HEC__SNAPSHOT_FILES 20000                /* at most */
#define HEC__SNAPSHOT_BYTES ((uint64_t)1 << 30)  /* of all files that are copied */
#define HEC__SNAPSHOT_LARGE ((uint64_t)10 << 20) /* a file of more is not copied */
#define HEC__STORE_NAME     48

/* The folder that is to be copied for a job that begins in `workdir`: the work tree of git that it
 * lies in, or, where that is asked for, itself. *ret_root is NULL where there is none to be copied:
 * the caller's else. HEC_EINVAL: / or $HOME, which nobody wants to have copied. */
int hec__snapshot_root(const char *workdir, bool always, char **ret_root, hec_error *err);

/* Copies it to the folder `code` of a run, and notes what was copied in `state` and `code.list`.
 * What is ignored or too large is a link to where it is. HEC_EINVAL: it is too much. */
int hec__snapshot_take(hec_rundir *run, const char *root, hec_error *err);

/* ---- the store ---- */

/* Opens the store in the home of runs, and makes it where there is none. */
int hec__store_open(const char *home, int *ret_fd, hec_error *err);

/* What a content is called there; a program is another than the same bytes without that right. */
void hec__store_name(const hec__strbuf *content, bool program, char name[HEC__STORE_NAME]);

/* Gives it a name in a folder too. */
int hec__store_put(int store, const hec__strbuf *content, const char *stored, bool program, int dir,
                   const char *leaf, hec_error *err);

/* Removes what no snapshot has any more. */
void hec__store_prune(const char *home);

#endif
