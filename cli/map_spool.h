/* SPDX-License-Identifier: MIT
 *
 * What a task has written and nobody has seen yet. A little is kept in memory; the rest goes to one
 * temporary file that all tasks share, which has no name and takes no more room than what is in it.
 */
#ifndef HEC_CLI_MAP_SPOOL_H
#define HEC_CLI_MAP_SPOOL_H

#include "base/strbuf.h"

#include <hec/error.h>

#include <stdint.h>

#define SPOOL_CHUNK ((size_t)64 << 10)

/* The file. */
typedef struct map_store {
    int fd; /* -1: none yet */
    uint64_t end, chunks;
    uint64_t memory; /* bytes of all spools that are in memory */
} map_store;

typedef struct map_spool {
    hec__strbuf tail; /* the last bytes, less than a chunk */
    struct piece_of_file {
        uint64_t at;
        uint32_t size; /* a whole chunk, but for the last one */
    } * chunks;
    size_t n, cap;
    size_t taken;   /* chunks that were passed on */
    size_t passed;  /* bytes of the next chunk, or of the tail, that were */
    uint64_t size;  /* bytes that are left */
    uint64_t lines; /* of them, up to and with the last line break */
} map_spool;

/* Takes bytes; where it is to be given away. Negative: it could not, and stops. */
typedef int (*map_spool_sink)(void *ctx, const char *bytes, size_t n);

void map_store_init(map_store *store);
void map_store_fini(map_store *store);

void map_spool_init(map_spool *s);
void map_spool_fini(map_spool *s, map_store *store);

/* HEC_EIO: the temporary file cannot be made or written. HEC_ENOMEM. */
int map_spool_add(map_spool *s, map_store *store, const char *bytes, size_t n, hec_error *err);

/* Nothing more is added: what is in memory goes to the file. */
int map_spool_to_file(map_spool *s, map_store *store, hec_error *err);

/* Passes on the first n bytes that are left. HEC_ECALLBACK: the sink failed. HEC_EIO. */
int map_spool_pass(map_spool *s, map_store *store, uint64_t n, map_spool_sink sink, void *ctx,
                   hec_error *err);

/* Everything as one piece of memory, which costs none where it is in the file; before anything was
 * passed on. To be given back by map_spool_unview(). HEC_ENOMEM, HEC_EIO. */
int map_spool_view(const map_spool *s, const map_store *store, const char **ret, hec_error *err);
void map_spool_unview(const map_spool *s, const char *view);

#endif
