/* SPDX-License-Identifier: MIT
 *
 * Options as a table: the same rows parse the command line and print the help, and the tests hold
 * man pages and completions against what is printed.
 */
#ifndef HEC_CLI_OPT_H
#define HEC_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>

#define OPT_MAX  48 /* rows of one table */
#define OPT_MANY 64 /* values of options that may be given many times, all together */

typedef struct opt_row {
    const char *name; /* without the dashes */
    const char *arg;  /* what its value is called in the help, "DIR"; NULL where it takes none */
    const char *help; /* one line, lower case, no full stop */
} opt_row;

/* What a command line said. Strings belong to argv. */
typedef struct opt_args {
    const char *values[OPT_MAX]; /* by row: the value, "" for one without, NULL where not given */
    struct {
        size_t row;
        const char *value;
    } many[OPT_MANY]; /* all values of the rows in verb->many, in order */
    size_t n_many;
    char **operands; /* what is no option, in order */
    int n_operands;
    char **args;  /* all words as they were given; NULL: not kept */
    int n_before; /* of them, before a "--"; all where there is none */
} opt_args;

/* One verb of the program. */
typedef struct opt_verb {
    const char *name;
    const char *summary;  /* one line, lower case, no full stop */
    const char *operands; /* for the usage line: "[VERB]", or "" */
    int max_operands;
    const opt_row *rows; /* besides --help, which every verb has */
    size_t n_rows;
    const char *letters; /* [n_rows] or NULL: a short name for each row, 0 where it has none */
    const bool *many;    /* [n_rows] or NULL: which rows may be given many times */
    bool until_operand;  /* what follows the first operand is another program's command line */
    int (*run)(const opt_args *args); /* returns the exit status */
} opt_verb;

enum opt_result { OPT_RUN, OPT_HELP, OPT_BAD };

/* Parses argv[0 … argc), which follows the verb; options and operands may be mixed, "--" ends the
 * options, of an option given twice the last counts. Short names can be written together and with
 * their value: -0kj4. Moves operands to the front of argv.
 * OPT_HELP: --help or -h was there. OPT_BAD: complained on stderr. */
enum opt_result opt_parse(const opt_verb *verb, int argc, char **argv, opt_args *ret);

/* The help of a verb, on stdout. */
void opt_print_help(const opt_verb *verb);

/* The nearest of n names to what was typed, NULL where none is near. name(i) gives them. */
const char *opt_nearest(const char *typed, const char *(*name)(const void *table, size_t i),
                        const void *table, size_t n);

#endif
