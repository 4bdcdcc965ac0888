/* SPDX-License-Identifier: MIT
 *
 * The threads of this process that run loops, and the board on which loops wait for them.
 *
 * The one thing in the library that is global: threads that each caller would start for itself
 * would be too many. docs/design/0010-loops-on-threads.md has the reasons.
 */
#ifndef HEC_TEAM_TEAM_H
#define HEC_TEAM_TEAM_H

#include "team/loop.h"

/* A place on the board: a loop, and who is in it. */
typedef struct hec__job hec__job;

/* Whether this thread is in a loop already. */
bool hec__team_inside(void);

/* The granted CPUs, asked for once. Negative: an error. */
int hec__team_cpus(hec_error *err);

/* A place on the board, with room for `shares` shares, and as many threads as that is of use for.
 * NULL when the board is full: the caller is on its own. Ended with hec__team_run(). */
hec__job *hec__team_open(uint32_t shares);

/* The loop and the shares of a place, to be filled in before hec__team_run(). */
hec__loop *hec__team_loop(hec__job *job);
hec__share *hec__team_shares(hec__job *job);

/* Runs the loop with whoever is free. When it returns everybody has left, and the place is still
 * the caller's, to read the result, until hec__team_close(). */
void hec__team_run(hec__job *job);
void hec__team_close(hec__job *job);

/* Runs a loop in this thread alone. */
void hec__team_run_alone(hec__loop *l);

#endif
