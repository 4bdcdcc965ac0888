/* SPDX-License-Identifier: MIT
 *
 * The end of a file that grows: records are put into memory, and a thread brings them to disk, many
 * at a time. Knows nothing of keys.
 */
#ifndef HEC_JOURNAL_WRITER_H
#define HEC_JOURNAL_WRITER_H

#include "journal/format.h"
#include "journal/lockfile.h"

#include <pthread.h>

#define HEC__JWRITER_DIRECT ((size_t)1 << 20) /* data of a record that are not copied */
#define HEC__JWRITER_FULL   ((size_t)8 << 20) /* so much may be pending */

typedef struct hec__jbuf {
    unsigned char *data;
    size_t len, cap;
} hec__jbuf;

/* A record whose data are written from where they are, by the thread, while its maker waits. */
typedef struct hec__jdirect {
    const unsigned char *top;
    size_t top_size;
    const hec_journal_part *parts;
    uint32_t nparts;
} hec__jdirect;

/* All but the first group is under the lock. */
typedef struct hec__jwriter {
    int fd; /* O_APPEND */
    uint64_t seed;
    hec__jlockfile *lockfile; /* NULL: none is needed */
    const char *path;         /* as its user named it, for the text of errors */
    hec_fsync fsync;
    uint64_t group_ns;
    size_t group_bytes;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t work; /* for the thread: there is something to do */
    pthread_cond_t done; /* for callers: something was done */
    hec__jbuf fill, out; /* what gathers, and what is being written */
    const hec__jdirect *direct;
    uint64_t end;     /* of the file, with all that is pending */
    uint64_t written; /* of the file, as far as it is written */
    uint64_t seq, written_seq, durable_seq;
    uint64_t taken_seq; /* as far as the thread has it */
    uint64_t first_ns;  /* when the oldest record of `fill` came */
    /* When the thread looks by itself: 0 while it works, UINT64_MAX: when it is called. */
    uint64_t wakes_ns;
    uint64_t committed_ns; /* when it last brought something to disk */
    bool hurry, stop, failed;
    hec_error error; /* why, if failed */
    uint64_t commits, waited_ns;
} hec__jwriter;

/* Starts the thread for a file whose end is at `end` and whose last record was number `seq`. The
 * descriptor is the writer's, from here on; the lock and the path are borrowed. HEC_ESYS,
 * HEC_ENOMEM. */
int hec__jwriter_start(hec__jwriter *w, int fd, uint64_t seed, uint64_t end, uint64_t seq,
                       const hec_journal_options *options, hec__jlockfile *lockfile,
                       const char *path, hec_error *err);

/* Brings everything to disk, and ends. 0, or why not all is there. */
int hec__jwriter_stop(hec__jwriter *w, hec_error *err);

/* Frees what is this process's, in a forked child. */
void hec__jwriter_forget(hec__jwriter *w);

/* Waits until a record may be put. 0, or why none may be any more. */
int hec__jwriter_room(hec__jwriter *w, hec_error *err);

/* What is about to be appended. hec__jnew_make() does what takes long, without a lock. */
typedef struct hec__jnew {
    hec__jhead head;
    const hec_journal_entry *entries;
    const hec_journal_part *parts;
    unsigned char *top; /* of one whose data are not copied; free() */
    hec__jdirect direct;
} hec__jnew;

/* HEC_EINVAL, HEC_ENOMEM. */
int hec__jnew_make(hec__jnew *n, const hec__jwriter *w, hec_record_kind kind,
                   const hec_journal_entry *entries, uint32_t nentries,
                   const hec_journal_part *parts, uint32_t nparts, hec_error *err);

/* Puts it behind what is pending: 1, *ret_offset is where it will be and *ret_seq its number. 0:
 * there is no room just now. One whose data are not copied must stay until it is written. */
int hec__jwriter_put(hec__jwriter *w, hec__jnew *n, uint64_t *ret_offset, uint64_t *ret_seq,
                     hec_error *err);

/* Waits until the record is in the file. */
int hec__jwriter_written(hec__jwriter *w, uint64_t seq, hec_error *err);

/* hec_journal_sync(). */
int hec__jwriter_sync(hec__jwriter *w, uint64_t seq, int timeout_ms, hec_error *err);

#endif
