/* SPDX-License-Identifier: MIT
 *
 * What a job asks for, as the room sees it. Amounts are for each node. Nothing in here is longer
 * or stranger than a directive of any scheduler can carry: that is checked when it is set.
 */
#ifndef HEC_BATCH_REQUEST_H
#define HEC_BATCH_REQUEST_H

#include "base/arena.h"
#include "base/cleanup.h"

#include <hec/batch.h>

#include <stdbool.h>

enum hec__option {
#define HEC__OPTION_ID(id, name, arg, many, help) HEC__OPTION_##id,
    HEC_REQUEST_OPTIONS(HEC__OPTION_ID)
#undef HEC__OPTION_ID
        HEC__N_OPTIONS
};

enum hec__launch { HEC__LAUNCH_ONCE, HEC__LAUNCH_NODE, HEC__LAUNCH_MPI };

enum hec__mail { HEC__MAIL_BEGIN = 1, HEC__MAIL_END = 2, HEC__MAIL_FAIL = 4 };

enum hec__after { HEC__AFTER_OK, HEC__AFTER_FAILED, HEC__AFTER_ANY };

/* Texts in the order in which they were given. */
typedef struct hec__texts {
    const char **all;
    size_t n, cap;
} hec__texts;

typedef struct hec__range {
    uint32_t first, last, step; /* first <= last, step >= 1 */
} hec__range;

typedef struct hec__dependency {
    enum hec__after how;
    const char *job; /* the scheduler's own id */
} hec__dependency;

/* A job that one without a scheduler waits for: a process of this machine, and where it says how it
 * ended. */
typedef struct hec__await {
    enum hec__after how;
    int64_t pid, born; /* of the process: its number, and when it began, in the kernel's ticks */
    const char *marks; /* the file */
    const char *run;   /* its id */
} hec__await;

/* The run that a job is of. */
typedef struct hec__of_run {
    const char *dir; /* absolute; NULL: of none */
    const char *id;
    const char *code_of; /* the folder that `code` in it is a copy of; NULL: there is none */
    bool outputs;        /* they go into the run's folder */
    const hec__await *awaits;
    size_t n_awaits;
} hec__of_run;

struct hec_request {
    hec__arena arena; /* all texts and lists below */
    uint32_t given;   /* bit 1 << hec__option: it was set by who asks, and not by the site */
    uint32_t known;   /* the same, by either */
    uint32_t nodes, cpus;
    uint32_t gpus;
    const char *gpu_type;         /* NULL: any */
    uint64_t memory;              /* bytes; 0: not known yet */
    uint64_t time_s, task_time_s; /* 0: not known */
    const char *partition, *qos, *account, *name, *constraint, *output, *error,
        *workdir;       /* or NULL */
    hec__range *ranges; /* of the array */
    size_t n_ranges, cap_ranges;
    uint32_t throttle; /* how many elements of it at a time; 0: all */
    hec__dependency *after;
    size_t n_after, cap_after;
    const char *mail_to; /* NULL: no mail */
    unsigned mail_on;    /* hec__mail */
    bool exclusive;
    hec__texts modules, setup, env, raw; /* env: NAME=VALUE */
    enum hec__launch launch;
    const char *warn_signal; /* "TERM" */
    uint64_t warn_s;         /* 0: no warning */
    uint32_t requeue;        /* how often it goes on from the queue, at most */
    const char **argv;
    size_t argc;
    hec__texts said; /* "name=value" of all that was set, in order */
    hec__of_run run;
};

HEC_AUTO_DEFINE(hec_request, hec_request_destroy)

static inline bool hec__request_has(const hec_request *q, enum hec__option option)
{
    return q->known & 1u << option;
}

/* Which option has this name, -1 where none has. */
int hec__request_option(const char *name);

/* As hec_request_set(), of a value that comes from the site: nothing happens where the option is
 * known already. */
int hec__request_default(hec_request *q, const char *name, const char *value, hec_error *err);

/* The job belongs to this run: its script says there when it begins and how it ends. HEC_ENOMEM. */
int hec__request_run(hec_request *q, const hec__of_run *run, hec_error *err);

/* How many elements the array has; 0: it is none. */
uint64_t hec__request_elements(const hec_request *q);

/* Adds a text of n bytes to a list. 0 or HEC_ENOMEM. */
int hec__texts_add(hec__texts *texts, hec__arena *arena, const char *s, size_t n);

#endif
