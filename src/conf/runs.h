/* SPDX-License-Identifier: MIT
 *
 * Runs within the room: more than one error a file, and which names a run has.
 */
#ifndef HEC_CONF_RUNS_H
#define HEC_CONF_RUNS_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "conf/expand.h"
#include "conf/names.h"
#include "conf/schema.h"
#include "conf/yaml.h"

#include <hec/config.h>

#include <stdbool.h>

/* One file, while it is read. */
typedef struct hec__table {
    const char *path;
    hec_csv *csv; /* this or yaml, NULL before the file is opened */
    hec_yaml *yaml;
    hec__arena header; /* of a CSV: its names */
    hec__name *names;
    size_t n_names;
    size_t document, item; /* of YAML: the next map */
    hec__expansion expansion;
    uint64_t next; /* of the expansion; expansion.runs where it is used up */
    hec__schema *schema;
    uint64_t row;
} hec__table;

struct hec_runs {
    char **files;
    size_t n_files, at;      /* files[at] is read next, or now */
    bool is_open;            /* `table` is it */
    const char *schema_path; /* as hec_runs_open() got it; NULL: beside each file */
    char *schema_copy;
    hec__table table;
    hec__arena arena; /* of the run */
    hec__strbuf scratch;
    char id[33];
    hec_value map;
    hec_run run;
    hec_problem *problem; /* told of what the schema does not allow; NULL: the first is an error */
    void *ctx;
};

/* table.c: one file. */
int hec__table_open(hec__table *t, const char *path, const char *schema_path, hec_error *err);
/* The parameters of the next run, in the arena or the file's own: 1, or 0 at the end. HEC_EFORMAT
 * with *ret_go_on: whether the next call would go on behind the fault. */
int hec__table_next(hec__table *t, hec__arena *arena, hec_value *ret_map, bool *ret_go_on,
                    hec_error *err);
void hec__table_close(hec__table *t);

/* Whether a name ends like one of CSV (with its delimiter), or of YAML; else '\0'. 'y' is YAML. */
char hec__table_kind(const char *path);

/* files.c: patterns as names of files. */
int hec__files_find(const char *const *patterns, size_t n, char ***ret_files, size_t *ret_count,
                    hec_error *err);
void hec__files_free(char **files, size_t n);

#endif
