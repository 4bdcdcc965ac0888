/* SPDX-License-Identifier: MIT
 *
 * A call for the pool's tests whose tasks are whatever a function does with their number, and a
 * book of what came back.
 */
#ifndef HEC_TEST_TRIAL_H
#define HEC_TEST_TRIAL_H

#include <hec/pool.h>

#include <stdbool.h>

typedef struct trial trial;

struct trial {
    uint64_t n;
    /* In a worker: false raises. The pool must be created after this is set. */
    bool (*task)(hec_worker *w, uint64_t i);
    /* In the parent, NULL: nothing; a failed one, and a death. */
    void (*on_failure)(trial *t, const hec_result *r);
    void (*on_death)(trial *t, const hec_death *d);
    bool reply_singly;
    /* of the pool */
    hec_runner runner;
    hec_pool_options options;
    hec_pool *pool;
    hec_call *call;
    hec_error err;
    /* what came back */
    unsigned char *verdicts, *counts; /* [n] */
    hec_usage *usages;                /* [n] */
    uint64_t done, deaths, skipped, runs, wrong;
    hec_death death; /* the last, with copies of its texts: */
    char tail[8192], python_stack[8192], c_stack[65536];
};

/* t->n tasks; t->runner and t->options may be changed before the pool is made. */
void trial_init(trial *t, uint64_t n, bool (*task)(hec_worker *w, uint64_t i));
void trial_fini(trial *t); /* the pool as well */

/* The pool; with inherited tasks, or a call that was opened. False: t->err. */
bool trial_start(trial *t, bool inherited);
/* Steps until all tasks are answered; false on an error or after 30 s. */
bool trial_finish(trial *t);
/* Whether every task was answered once, as `verdict` or, where it is `i`, as `other`. */
bool trial_right(const trial *t, int verdict, uint64_t i, int other);

#endif
