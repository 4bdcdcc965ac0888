/* SPDX-License-Identifier: MIT
 *
 * A call for the pool's tests: task i returns the square of input i, and some tasks misbehave.
 */
#ifndef HEC_TEST_SQUARES_H
#define HEC_TEST_SQUARES_H

#include <hec/pool.h>

#include <stdbool.h>

/* What a task does instead of returning a square at once. */
enum deed { WELL, RAISE, DIE_BY_SIGNAL, EXIT, BIG, SLEEP_1MS, SLEEP_20MS };

typedef struct squares {
    uint64_t n;
    const unsigned char *deeds; /* [n], or NULL: all well */
    /* what came back */
    uint64_t *values;      /* [n] */
    unsigned char *counts; /* [n]: how often task i was answered */
    unsigned char *verdicts;
    uint64_t done, deaths, packed, shared_packed;
    int last_signal, last_status;
    uint64_t last_dead;
    hec_view *views; /* [n], of BIG results */
} squares;

#define BIG_BYTES (1u << 20)

bool squares_init(squares *s, uint64_t n, const unsigned char *deeds);
void squares_fini(squares *s);

extern const hec_call_ops squares_ops;
/* The runner reads inherited inputs from *inherited in the worker's copy of memory. */
hec_runner squares_runner(squares *inherited);

/* Steps until all n tasks were answered; false on an error (in *err) or after 20 s. */
bool squares_finish(hec_pool *p, squares *s, hec_error *err);

/* Whether every task was answered once, and well ones with their square. */
bool squares_right(const squares *s);

#endif
