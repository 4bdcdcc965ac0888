/* SPDX-License-Identifier: MIT
 *
 * One input: its records, one after the other.
 */
#ifndef HEC_CLI_MAP_SOURCE_H
#define HEC_CLI_MAP_SOURCE_H

#include "map_input.h"

typedef struct source {
    const map_source *from;
    char where[80]; /* how it is called in messages */
    char end;       /* what a record ends with */
    int fd;         /* -1: values, or at its end and closed */
    bool own;       /* the descriptor is ours */
    bool waits;     /* it is no file: what comes is to be waited for */
    bool at_end;
    hec__strbuf buf;
    size_t at;     /* how much of it was taken */
    size_t looked; /* up to where there is no end of a record */
    uint64_t line; /* of the record that came last, from 1 */
} source;

/* HEC_ENOENT and the like: it cannot be opened. */
int source_open(source *s, const map_source *from, char end, hec_error *err);
void source_close(source *s);

/* MAP_ROW and *ret (valid until the next call), MAP_END; MAP_LATER, never with `wait`; negative,
 * HEC_EINTR by a signal. */
int source_next(source *s, bool wait, const char **ret, hec_error *err);

/* How many more records there are; 0: not known. */
uint64_t source_count(source *s);

#endif
