/* SPDX-License-Identifier: MIT
 *
 * A script that somebody wrote, read as a request: its directives. What is not understood is left
 * alone, since a site may have directives of its own; what is malformed is told as a finding.
 */
#ifndef HEC_BATCH_SCAN_H
#define HEC_BATCH_SCAN_H

#include "batch/rules.h"

typedef struct hec__scan {
    hec_request *q;
    hec__check *check;
    uint32_t lines[HEC__N_OPTIONS]; /* where each option stands */
    uint32_t line;                  /* the present one */
    /* CPUs and memory as schedulers have them, until all is known. */
    uint32_t tasks, tasks_per_node, cpus_per_task, slots;
    uint64_t memory_per_cpu;
    bool cluster; /* it is named */
} hec__scan;

/* One option of a directive: "--time" or "-t". `read` gets its value, "" where it has none. */
typedef struct hec__directive_key {
    const char *name, *other; /* other: a short name, or NULL */
    int values;               /* how many pieces follow it: 0, 1 or 2, then with a blank between */
    void (*read)(hec__scan *s, const char *value);
} hec__directive_key;

typedef struct hec__directive_keys {
    const hec__directive_key *all;
    size_t n;
} hec__directive_keys;

extern const hec__directive_keys hec__keys_slurm, hec__keys_sge, hec__keys_pbs, hec__keys_lsf;

/* As hec_script_check(), of a script in memory, which is cut into lines and so changed; there is a
 * NUL behind it. HEC_ENOMEM. */
int hec__script_check(char *text, size_t size, const hec_site *site, hec_finding_told *told,
                      void *ctx, hec_error *err);

/* Sets an option of the request; tells where the value is malformed. */
void hec__scan_set(hec__scan *s, enum hec__option option, const char *name, const char *value);

/* A whole number; 0, and told, where it is none. */
uint32_t hec__scan_number(hec__scan *s, const char *what, const char *value);

/* A size in bytes: a number alone is in `unit` bytes. 0, and told, where it is none. */
uint64_t hec__scan_size(hec__scan *s, const char *what, const char *value, uint64_t unit);

/* The value of one of "a=1,b=2" or "a=1:b=2", copied; false where the key is not there. */
bool hec__scan_pair(const char *list, const char *separators, const char *key, char *buf,
                    size_t size);

#endif
