/* SPDX-License-Identifier: MIT
 *
 * The stream file: what all tasks of one node wrote to their standard output and error, in one file
 * instead of two for each task.
 *
 * The file only grows. Each piece of output is a record with checksums, which says whose it is and
 * where the piece before it is, so that one task is read without reading the others. When the file
 * is closed an index is put behind; where there is none, because the file still grows or its writer
 * was killed, the records themselves are looked through. docs/formats/stream-v1.md is normative for
 * the bytes.
 *
 * Threads: one thread at a time in the functions of one object.
 */
#ifndef HEC_STREAM_H
#define HEC_STREAM_H

#include <hec/journal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- writing ---- */

typedef struct hec_stream_writer hec_stream_writer;

/* One attempt at one task that writes. The caller's; all but `last` is set by it, `last` is 0 when
 * the attempt begins and the writer's from then on. */
typedef struct hec_stream_task {
    unsigned char key[HEC_KEY_SIZE]; /* what the task is, as in the journal */
    uint64_t task;                   /* its number, for people */
    uint32_t attempt;                /* from 1 */
    uint64_t last;
} hec_stream_task;

/* Opens a file for writing behind all that is in it, and makes it (0600) where there is none. That
 * there is only one writer is the caller's business, as by the lock of the run's journal.
 * HEC_ENOENT: its folder is not there. HEC_EPERM: a symbolic link, or not allowed. HEC_EFORMAT: it
 * is no stream file. HEC_EIO, HEC_ENOMEM. */
HEC_API int hec_stream_create(const char *path, hec_stream_writer **ret_writer, hec_error *err);

/* A task has written to stream 1 or 2. The bytes are copied; they are in the file after
 * hec_stream_flush(), or earlier. HEC_EIO: it cannot be written, and from then on nothing can;
 * HEC_EINVAL, HEC_ENOMEM. */
HEC_API int hec_stream_append(hec_stream_writer *w, hec_stream_task *task, int stream,
                              const void *bytes, size_t size, hec_error *err);

/* The task has come to its end, and will not be tried again. Flushes. As hec_stream_append(). */
HEC_API int hec_stream_end(hec_stream_writer *w, hec_stream_task *task, hec_error *err);

/* Bytes that are not in the file yet. */
HEC_API size_t hec_stream_pending(const hec_stream_writer *w);

/* Gives them to the system: the death of this program loses them no more. HEC_EIO. */
HEC_API int hec_stream_flush(hec_stream_writer *w, hec_error *err);

/* Flushes, writes the index, brings all to disk, frees the writer. 0, or why not everything is in
 * the file. NULL is fine. */
HEC_API int hec_stream_close(hec_stream_writer *w, hec_error *err);

/* ---- reading ---- */

typedef struct hec_stream hec_stream;

/* Of one task the attempt that began last. */
typedef struct hec_stream_place {
    unsigned char key[HEC_KEY_SIZE];
    uint64_t task;
    uint32_t attempt; /* 0: its last record is damaged */
    int ended;        /* 0: it still writes, or its writer was killed */
    uint64_t last;    /* where its last record is */
} hec_stream_place;

/* Opens a file, by its index or by looking through it. On success *ret_stream is the caller's.
 * HEC_ENOENT, HEC_EPERM, HEC_EIO, HEC_ENOMEM. HEC_EFORMAT: it is no stream file, or one of a newer
 * kind. Damage is no failure. */
HEC_API int hec_stream_open(const char *path, hec_stream **ret_stream, hec_error *err);
HEC_API void hec_stream_destroy(hec_stream *s); /* NULL is fine */

/* Looks at what has come since: 1: something has, 0, HEC_EIO, HEC_ENOMEM. */
HEC_API int hec_stream_refresh(hec_stream *s, hec_error *err);

/* How many tasks have output or an end in it; and the i-th of them, in the order of their ends,
 * those without one last. A task that was run anew is there more than once. 0, or HEC_EINVAL: there
 * are not so many. */
HEC_API uint64_t hec_stream_count(const hec_stream *s);
HEC_API int hec_stream_at(hec_stream *s, uint64_t i, hec_stream_place *ret_place);

/* 1 and *ret_place: the last one that had this number, or this key. 0: none. */
HEC_API int hec_stream_find(hec_stream *s, uint64_t task, hec_stream_place *ret_place);
HEC_API int hec_stream_find_key(hec_stream *s, const unsigned char key[HEC_KEY_SIZE],
                                hec_stream_place *ret_place);

/* Takes a piece of stream 1 or 2. Negative: stops. */
typedef int hec_stream_sink(void *ctx, int stream, const void *bytes, size_t size);

/* Passes on what a task wrote to stream 1, 2, or both in their order (0), behind the record `after`
 * (0: all of it); `after` of the next call is place->last. HEC_ECALLBACK: the sink stopped.
 * HEC_EFORMAT: a part is damaged; what comes behind it was passed on. HEC_EIO, HEC_ENOMEM. */
HEC_API int hec_stream_read(hec_stream *s, const hec_stream_place *place, int stream,
                            uint64_t after, hec_stream_sink *sink, void *ctx, hec_error *err);

/* Bytes that are no whole record, of what was looked through; of what is at the end they may still
 * be written. */
HEC_API uint64_t hec_stream_damage(const hec_stream *s);

#ifdef __cplusplus
}
#endif
#endif
