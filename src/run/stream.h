/* SPDX-License-Identifier: MIT
 *
 * The bytes of a stream file, as docs/formats/stream-v1.md has them, and what its reader and its
 * writer share.
 */
#ifndef HEC_RUN_STREAM_H
#define HEC_RUN_STREAM_H

#include <hec/stream.h>

#include "base/filehead.h"
#include "sys/window.h"

#include <stdbool.h>

#define HEC__SFILE_SIZE  HEC__FILEHEAD_SIZE  /* the header of a file */
#define HEC__SHEAD_SIZE  64u                 /* the header of a record */
#define HEC__SENTRY_SIZE 32u                 /* of an index */
#define HEC__SDATA_MAX   ((uint32_t)1 << 20) /* of a record */
#define HEC__SMAGIC      "hecs"
#define HEC__SMAGIC_SIZE 4u
#define HEC__SINDEX_MAX  (HEC__SDATA_MAX / HEC__SENTRY_SIZE)

enum hec__skind { HEC__S_OUTPUT = 1, HEC__S_END = 2, HEC__S_INDEX = 3, HEC__S_CLOSE = 4 };

/* The header of a record. */
typedef struct hec__shead {
    uint8_t kind, stream;
    uint32_t attempt, size; /* size: of the data, not filled up */
    uint64_t task;
    uint64_t prev; /* the record before it, of the same attempt or of the same kind; 0: none */
    unsigned char key[HEC_KEY_SIZE];
    uint64_t data_check;
} hec__shead;

void hec__sfile_put(unsigned char to[HEC__SFILE_SIZE], const unsigned char id[16],
                    uint64_t time_ns);
/* The seed of a file. HEC_EFORMAT, with a text that goes behind the file's name. */
int hec__sfile_get(const unsigned char from[HEC__SFILE_SIZE], uint64_t *ret_seed, hec_error *err);

/* The whole record. */
static inline uint64_t hec__ssize(const hec__shead *h)
{
    return HEC__SHEAD_SIZE + (((uint64_t)h->size + 7) & ~UINT64_C(7));
}

/* Writes the header of the record at `at`, whose data follow it in memory, both checksums too. */
void hec__shead_put(unsigned char *to, const hec__shead *h, uint64_t seed, uint64_t at);

/* Reads the header at `from`. False: no record begins here. Its data are not looked at. */
bool hec__shead_get(const unsigned char *from, uint64_t seed, uint64_t at, hec__shead *ret);

/* Whether the data are what was written. */
bool hec__sdata_check(const void *data, const hec__shead *h, uint64_t seed, uint64_t at);

void hec__sentry_put(unsigned char *to, const hec_stream_place *place);
void hec__sentry_get(const unsigned char *from, hec_stream_place *ret);

/* ---- the reader, for the writer ---- */

struct hec_stream {
    char *path;
    uint64_t seed, at; /* at: up to there the file was looked through */
    hec_stream_place *ended, *open;
    size_t n_ended, cap_ended, n_open, cap_open;
    uint64_t index_at; /* the last index, of all that ended before it; 0: none */
    uint64_t damage;
    hec__window window; /* its fd is the stream's own */
    bool closed;        /* the last record is that of a writer that closed it */
};

/* The same with a descriptor, which becomes the stream's in every case. */
int hec__stream_open_fd(int fd, const char *path, hec_stream **ret_stream, hec_error *err);

#endif
