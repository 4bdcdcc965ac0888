/* SPDX-License-Identifier: MIT
 *
 * hec results: how tasks ended, joined with what they were given and what they gave.
 *
 *   cmd_results.c      the verb: tasks from a journal, or in the order of a run's rows
 *   results_table.c    for people
 *   results_csv.c, results_json.c    for other programs
 */
#ifndef HEC_CLI_RESULTS_H
#define HEC_CLI_RESULTS_H

#include "base/json.h"
#include "run_name.h"

#include <hec/journal.h>

/* One task, to be shown. Texts live as long as the record that they are from, or the journal. */
typedef struct results_task {
    const hec_journal_entry *entry; /* NULL: it was not run */
    const run_row *row;             /* NULL: it is of no plan */
    uint64_t number;                /* as its program counts: from 1 for hec map, 0 for pyhec */
    const char *host;
    hec__strbuf what, message, err;
    hec__strbuf params, result; /* JSON; empty: none */
} results_task;

/* "done", "waiting"… Static storage. */
const char *results_verdict(const results_task *t);

void results_table_begin(void);
void results_table_row(const results_task *t);

void results_json_row(hec__json *j, const results_task *t);

/* Names of columns: those of parameters and of results that are maps, as they come up. */
typedef struct results_columns {
    struct results_column {
        char *name, *shown;
        bool is_result;
    } * list;
    size_t n, cap;
    bool has_plan, has_result; /* has_result: one that is no map */
} results_columns;

void results_columns_fini(results_columns *c);
/* Adds what a task has that is new. HEC_ENOMEM, HEC_EFORMAT. */
int results_columns_add(results_columns *c, const results_task *t, hec_error *err);
/* The first line, when all tasks were added. HEC_ENOMEM. */
int results_csv_begin(results_columns *c, hec__strbuf *out, hec_error *err);
int results_csv_row(const results_columns *c, const results_task *t, hec__strbuf *out,
                    hec_error *err);

#endif
