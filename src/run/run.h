/* SPDX-License-Identifier: MIT
 *
 * A run as the room sees it, and files in its folder.
 */
#ifndef HEC_RUN_RUN_H
#define HEC_RUN_RUN_H

#include "base/cleanup.h"
#include "base/strbuf.h"

#include <hec/run.h>

#include <stdbool.h>

#define HEC__RUN_VERSION 1
#define HEC__RUN_ID_MAX  64 /* bytes, with the NUL */

struct hec_rundir {
    int dir;  /* the folder, open */
    int home; /* its entry in the home of runs: 1 a folder, 2 a link, 0 none */
    char *path;
    hec_yaml *yaml;
    const hec_value *asked; /* these and the texts: of yaml */
    const char *id, *kind, *name;
    int64_t created_ms;
};

HEC_AUTO_DEFINE(hec_rundir, hec_rundir_destroy)

/* ---- places ---- */

/* The home of runs, absolute; the caller's. make: where it is missing it is made, 0700.
 * HEC_ENOENT: no $HOME. HEC_EPERM: others can write to it. */
int hec__run_home(bool make, char **ret_path, hec_error *err);

/* Opens a folder that is this user's alone to write; HEC_EPERM where it is not, with advice. */
int hec__run_folder(const char *path, int *ret_fd, hec_error *err);

/* An id for a run of this name made at this time: "20261128-0712-gzip-3f2a" (UTC). */
void hec__run_new_id(const char *name, int64_t now_ms, char buf[HEC__RUN_ID_MAX]);

/* Whether a text looks like an id: nothing but letters, digits, and -_ and dots within. */
bool hec__run_is_id(const char *text);

/* Milliseconds since 1970. */
int64_t hec__run_now_ms(void);

/* Opens the run in a folder; `home` as in the object. Errors as hec_rundir_open(). */
int hec__run_open_path(const char *path, int home, hec_rundir **ret_run, hec_error *err);

/* ---- files in a run's folder ---- */

/* Opens a file: regular, this user's, writable by no one else; HEC_EPERM if not. Made with 0600
 * where `flags` say so. HEC_ENOENT, HEC_EIO. The descriptor is the caller's, closed on exec. */
int hec__run_open_file(const hec_rundir *run, const char *name, int flags, int *ret_fd,
                       hec_error *err);

/* Makes a file whole, or not at all: written beside, brought to disk, renamed. mode: 0600, or 0400
 * of what never changes. HEC_EIO. */
int hec__run_write_file(int dir, const char *name, const void *bytes, size_t n, unsigned mode,
                        hec_error *err);

/* Appends all that is in a file to *out. HEC_ENOENT, HEC_EPERM, HEC_EIO, HEC_ENOMEM; HEC_EFORMAT:
 * over 64 MiB. */
int hec__run_read_file(const hec_rundir *run, const char *name, hec__strbuf *out, hec_error *err);

/* Lines for `state`, each as hec_rundir_note() writes it, and all at once. HEC_EIO, HEC_ENOMEM,
 * also of what was added. */
void hec__note_add(hec__strbuf *lines, const char *event, const char *fields);
int hec__note_write(hec_rundir *run, const hec__strbuf *lines, hec_error *err);

/* The text, or the number, of a member; NULL or `otherwise` where there is none of that kind. */
const char *hec__run_text(const hec_value *map, const char *key);
int64_t hec__run_int(const hec_value *map, const char *key, int64_t otherwise);

/* The hash of an environment's text, in hexadecimal. */
#define HEC__ENVIRONMENT_HASH 33
void hec__environment_hash(const char *text, char buf[HEC__ENVIRONMENT_HASH]);

#endif
