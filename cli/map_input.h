/* SPDX-License-Identifier: MIT
 *
 * Where the rows of `hec map` come from: values of the command line, files, standard input, and
 * every combination of several of them. One row at a time: the first input may be endless, the
 * others are kept in memory.
 */
#ifndef HEC_CLI_MAP_INPUT_H
#define HEC_CLI_MAP_INPUT_H

#include "map_template.h"
#include "sweep_plan.h"

typedef struct map_source {
    char **values; /* [n_values], or NULL: it is a file */
    size_t n_values;
    const char *file; /* "-": standard input */
    bool linked;      /* goes along with the one before it, instead of being combined with it */
} map_source;

typedef struct map_input_options {
    const map_source *sources; /* [n] */
    size_t n;
    bool null;          /* records of files end with a NUL, not with a line break */
    const char *colsep; /* an extended regular expression between columns; NULL: one column */
    bool header;        /* the first record of each source names its columns */
    sweep_plan *plan;   /* where rows come from instead; NULL: from the sources */
} map_input_options;

typedef struct map_input map_input;

enum map_next { MAP_END, MAP_ROW, MAP_LATER };

/* Opens the files. Strings are borrowed. On success *ret is the caller's. HEC_ENOENT, HEC_EINVAL,
 * HEC_EIO, HEC_ENOMEM. */
int map_input_create(const map_input_options *options, map_input **ret, hec_error *err);
void map_input_destroy(map_input *in); /* NULL is fine */

/* To be called once, before the rest: reads the header, and waits for it, and reads all inputs but
 * the first to their ends. HEC_EFORMAT, HEC_EIO, HEC_ENOMEM, HEC_EINTR by a signal. */
int map_input_begin(map_input *in, hec_error *err);

/* How many columns the header names, and how. Borrowed. */
size_t map_input_names(const map_input *in, const char *const **ret_names);

/* How many columns each row has; 0: that depends on the row. */
size_t map_input_columns(const map_input *in);

/* How many of n columns are the user's; behind them are those that a plan adds. */
size_t map_input_shown(const map_input *in, size_t n);

/* MAP_ROW and *ret, valid until the next call; MAP_END; MAP_LATER: nothing has come yet, wait for
 * map_input_fd(); or negative, with a text that names file and line. */
int map_input_next(map_input *in, map_row *ret, hec_error *err);

/* What the input comes from, to be waited for. */
int map_input_fd(const map_input *in);

/* How many rows there are altogether, before the first row or after the last; 0: not known. With
 * `look`, files are read for that. */
uint64_t map_input_total(map_input *in, bool look);

#endif
