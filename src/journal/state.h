/* SPDX-License-Identifier: MIT
 *
 * What a journal consists of, between the files of this room.
 */
#ifndef HEC_JOURNAL_STATE_H
#define HEC_JOURNAL_STATE_H

#include "base/cleanup.h"
#include "journal/index.h"
#include "journal/lockfile.h"
#include "journal/scan.h"
#include "journal/writer.h"

#include <sys/types.h>

typedef struct hec__jfile {
    char *name;
    dev_t dev;
    ino_t ino;
    uint64_t seed;
    uint64_t end; /* where it ended when it was read */
    uint64_t seq; /* of its last whole record */
} hec__jfile;

typedef struct hec__jsession {
    uint32_t file;
    bool ended;
    int32_t pid;
    uint64_t offset, started_ns;
    char *host, *program;
} hec__jsession;

typedef struct hec__jdamage {
    uint32_t file;
    bool at_end, known;
    uint64_t offset, size;
} hec__jdamage;

typedef struct hec__jnote {
    char *name, *value;
} hec__jnote;

struct hec_journal {
    pid_t pid; /* whose it is */
    char *path;
    char *base; /* name of the file; NULL: it is a folder */
    int dir;
    bool writes;
    hec__jlockfile lockfile; /* fd -1: none */
    hec__jwriter writer;
    uint32_t own; /* which file is written */

    pthread_mutex_t lock; /* for all that follows */
    hec__jfile *files;
    hec__jsession *sessions;
    hec__jdamage *damages;
    hec__jnote *notes;
    uint32_t nfiles, nsessions, ndamages, nnotes;
    hec__jindex index;
    uint64_t records, entries, bad_bytes;
    int open_fd; /* the file that was read last, or -1 */
    uint32_t open_file;
    hec__jscan walk; /* of hec_journal_next(); window NULL: none */
    uint32_t walk_file;
};

/* HEC_ECLOSED in a forked child. */
int hec__jmine(const hec_journal *j, hec_error *err);

/* ---- files.c ---- */

/* Finds out whether the path is a file or a folder, makes what has to be made, opens and guards the
 * folder. */
int hec__jfiles_place(hec_journal *j, const char *path, const hec_journal_options *options,
                      hec_error *err);
/* Takes note of the files that there are. HEC_ENOENT: the file is not there, and has to be. */
int hec__jfiles_list(hec_journal *j, bool absent_is_fine, hec_error *err);
/* The file that is to be written: makes it where there is none, and opens it. */
int hec__jfiles_own(hec_journal *j, int *ret_fd, hec_error *err);
/* A descriptor to read a file by: borrowed, until the next call. */
int hec__jfiles_fd(hec_journal *j, uint32_t file, int *ret_fd, hec_error *err);
/* Room for one more in an array of n. NULL: no memory, the array is as it was. */
void *hec__jgrow(void *array, uint32_t n, size_t size);

/* ---- recover.c ---- */

/* Reads a file to its end: its entries, sessions, notes and damages. */
int hec__jrecover(hec_journal *j, uint32_t file, hec_error *err);
/* Takes note of an own note, or session. */
int hec__jnote_put(hec_journal *j, const char *name, const char *value, hec_error *err);
int hec__jsession_put(hec_journal *j, const hec__jsession *s, hec_error *err);

/* ---- load.c ---- */

/* hec_journal_load() with the lock held. */
int hec__jload(hec_journal *j, const hec_journal_place *place, hec_load what,
               hec_journal_content **ret_content, hec_error *err);

HEC_AUTO_DEFINE(hec_journal_content, hec_journal_content_destroy)

#endif
