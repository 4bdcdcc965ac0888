/* SPDX-License-Identifier: MIT
 *
 * The options that `hec map` and `hec sweep` share, as rows of their tables, and from their words
 * to values.
 */
#ifndef HEC_CLI_MAP_ROWS_H
#define HEC_CLI_MAP_ROWS_H

#include "map.h"
#include "opt.h"

/* X(id, name, arg, letter, help) */
#define MAP_OPTIONS(X)                                                                             \
    X(JOBS, "jobs", "N", 'j', "run N at a time; also -1, +2, 50%, of the granted CPUs")            \
    X(FORCE, "force", NULL, 0, "use all cores on a login node too, where others work")             \
    X(NODES, "nodes", "N", 0, "use N nodes of the batch job; 1: this one; all, unless you say")    \
    X(KEEP_ORDER, "keep-order", NULL, 'k', "show output in the order of the inputs")               \
    X(LINE_BUFFER, "line-buffer", NULL, 0, "show each line of output as soon as it is complete")   \
    X(UNGROUP, "ungroup", NULL, 'u', "let commands write by themselves, lines mixed")              \
    X(TAG, "tag", NULL, 0, "put the input in front of each line of output")                        \
    X(SHELL, "shell", NULL, 0, "let /bin/sh read the command, or each input where there is none")  \
    X(WORKDIR, "workdir", "DIR", 0, "run the commands in DIR")                                     \
    X(TIMEOUT, "timeout", "TIME", 0, "end a command that takes longer: 90s, 15m, 1h30m")           \
    X(MEMORY, "memory", "SIZE", 0, "end a command that takes more memory: 500M, 2G")               \
    X(RETRIES, "retries", "N", 0, "run a command that failed up to N times more")                  \
    X(RETRY_ON, "retry-on", "LIST", 0, "only after these: exit statuses, signals, timed-out ...")  \
    X(BACKOFF, "backoff", "TIME", 0, "wait so long first, and twice as long each further time")    \
    X(RETRY_MEMORY, "retry-memory", "FACTOR", 0,                                                   \
      "multiply --memory by this where it was not enough")                                         \
    X(DEADLINE, "deadline", "TIME", 0, "begin nothing that would not be over by then")             \
    X(HALT, "halt", "WHEN", 0, "stop early: now,fail=1, soon,fail=10%, now,success=1")             \
    X(DRY_RUN, "dry-run", NULL, 0, "show the commands and run none")                               \
    X(BAR, "bar", NULL, 0, "show how far it is")                                                   \
    X(ETA, "eta", NULL, 0, "the same in numbers alone")                                            \
    X(RUN, "run", "RUN", 0, "keep all in a run: what was finished, and all output")                \
    X(RESUME, "resume", "WHAT", 0, "of what is known: auto, failed (those only), never")           \
    X(JOURNAL_TAG, "journal-tag", "TEXT", 0, "tasks of another TEXT are others")                   \
    X(JOBLOG, "joblog", "FILE", 0, "write a line about each task to FILE")                         \
    X(RESULTS, "results", "DIR", 0, "also write the output of each task to files below DIR")

/* The rows of a table of options; those of a verb's own begin at N_MAP_ROWS. */
enum {
#define MAP_ROW_ID(id, name, arg, letter, help) MAP_OPT_##id,
    MAP_OPTIONS(MAP_ROW_ID)
#undef MAP_ROW_ID
        N_MAP_ROWS
};

#define MAP_ROW(id, name, arg, letter, help)        [MAP_OPT_##id] = {name, arg, help},
#define MAP_ROW_LETTER(id, name, arg, letter, help) [MAP_OPT_##id] = letter,
#define MAP_ROWS                                    MAP_OPTIONS(MAP_ROW)
#define MAP_LETTERS                                 MAP_OPTIONS(MAP_ROW_LETTER)

/* Fills *o with what these options say, and with what the machine has. Returns the exit status;
 * where that is not STATUS_OK it has complained. Strings are borrowed. */
int map_rows_take(const opt_args *args, map_options *o);

/* What cannot be together, or needs something else; o->journal is set by then. As
 * map_rows_take(). */
int map_rows_check(const opt_args *args, const map_options *o);

#endif
