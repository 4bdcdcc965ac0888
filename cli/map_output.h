/* SPDX-License-Identifier: MIT
 *
 * What tasks write, on its way to standard output and error: by task or by line, in the order of
 * their ends or of their beginnings, and never mixed within a line.
 */
#ifndef HEC_CLI_MAP_OUTPUT_H
#define HEC_CLI_MAP_OUTPUT_H

#include "map_spool.h"

#include <stdbool.h>

enum map_output_mode {
    OUTPUT_GROUP, /* all that a task wrote, when it is over */
    OUTPUT_LINES, /* each line as soon as it is complete */
    OUTPUT_FREE,  /* tasks write themselves */
};

/* With keep_order so many tasks may be ahead of the one whose turn it is. */
#define OUTPUT_WINDOW 65536u

/* What one task has written. */
typedef struct map_said {
    map_spool shown[2]; /* and is still to be shown: standard output, standard error */
    map_spool
        kept[2];     /* all of it, where OUTPUT_LINES has shown it already and somebody wants it */
    uint64_t turn;   /* the number of the task, from 1 */
    bool inside[2];  /* a line was begun and not ended */
    const char *tag; /* before each line, NULL: nothing; borrowed */
} map_said;

typedef struct map_output {
    enum map_output_mode mode;
    bool keep_order;
    bool keep; /* somebody wants to have everything at the end */
    map_store store;
    uint64_t turn;   /* with keep_order: whose turn it is */
    map_said **held; /* [OUTPUT_WINDOW] those that are over and whose turn has not come */
    hec__strbuf line;
    int failed;                 /* errno: standard output cannot be written to; nothing more is */
    void (*before)(void *ctx);  /* called before something is written */
    bool (*give_up)(void *ctx); /* asked when a write was interrupted */
    void (*over)(void *ctx, map_said *said); /* it was shown: the caller's again */
    void *ctx;
} map_output;

/* 0 or HEC_ENOMEM. The caller has set mode, keep_order, keep and the functions. */
int map_output_init(map_output *o, hec_error *err);
void map_output_fini(map_output *o);

void map_said_init(map_said *s, uint64_t turn);
void map_said_fini(map_said *s, map_output *o);
/* Forgets what was not shown: the task is tried again. */
void map_said_clear(map_said *s, map_output *o);

/* Stream 1 or 2 has got more. HEC_EIO, HEC_ENOMEM: it cannot be kept. */
int map_output_data(map_output *o, map_said *s, int stream, const char *bytes, size_t n,
                    hec_error *err);

/* The task is over: *s is the output's until over() is called, at once or when its turn comes. */
int map_output_end(map_output *o, map_said *s, hec_error *err);

/* Whether a task of this turn is too far ahead to be begun. */
bool map_output_full(const map_output *o, uint64_t turn);

/* Nothing more will come: shows what is held, whosever turn it is. */
int map_output_finish(map_output *o, hec_error *err);

/* All that a task wrote to stream 1 or 2; before map_output_end(). */
const map_spool *map_said_all(const map_output *o, const map_said *s, int stream);

#endif
