/* SPDX-License-Identifier: MIT
 *
 * The command of `hec map` with its placeholders, and what it becomes for one row of input. Knows
 * no terminal and starts nothing.
 *
 *   {}        the input (all columns of it)           {.}   without its extension
 *   {/}       without its folder                      {//}  its folder
 *   {/.}      without folder and extension            {#}   number of the task, from 1
 *   {%}       number of the place where it runs, from 1
 *   {2}  {-1}  {name}    one column: the second, the last, that of this name; also {2.} {name/.} …
 *
 * Braces around anything else mean themselves.
 */
#ifndef HEC_CLI_MAP_TEMPLATE_H
#define HEC_CLI_MAP_TEMPLATE_H

#include "base/strbuf.h"

#include <hec/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row of input: what a task gets. */
typedef struct map_row {
    const char *const *values; /* [n]; NULL: this row has no such column, though others have */
    size_t n;
    uint64_t line;     /* of its input, from 1 */
    const char *where; /* which input that is, for messages */
} map_row;

typedef struct map_template map_template;

typedef struct map_template_options {
    char **words; /* [n_words]: the command */
    size_t n_words;
    const char *const *names; /* [n_names]: names of columns; may be none */
    size_t n_names;
    size_t n_columns; /* how many each row has; 0: not known before */
    bool shell;       /* one line for /bin/sh; without words each row is such a line */
    bool only_names;  /* {name} {#} {%} and nothing else is a placeholder; none need be there */
} map_template_options;

/* Words are borrowed for as long as the template lives. Without any placeholder the columns are
 * added as arguments at the end. On success *ret is the caller's.
 * HEC_EINVAL: a column that there is not, or, with only_names, a name that looks like a slip of
 * one, or {}. HEC_ENOMEM. */
int map_template_create(const map_template_options *options, map_template **ret, hec_error *err);
void map_template_destroy(map_template *t); /* NULL is fine */

/* A command line that was made: argv ends with NULL and points into text. */
typedef struct map_words {
    hec__strbuf text;
    const char **argv;
    size_t n, cap;
} map_words;

void map_words_fini(map_words *w); /* zeros are fine */

/* Makes argv of the w->n words that are in the text, each with its NUL. HEC_ENOMEM: also where the
 * text has failed. */
int map_words_point(map_words *w, hec_error *err);

/* HEC_EINVAL: the row lacks a column, said with its line. HEC_ENOMEM. */
int map_template_expand(const map_template *t, const map_row *row, uint64_t task, uint32_t place,
                        map_words *w, hec_error *err);

/* One argument as a shell reads it; `line`: also without a line break, for which bash is needed
 * ($'…'). */
void map_quote(hec__strbuf *out, const char *word, bool line);

/* All of them, with blanks between. */
void map_quote_all(hec__strbuf *out, const char *const *argv, bool line);

#endif
