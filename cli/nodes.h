/* SPDX-License-Identifier: MIT
 *
 * Which nodes commands may run on, and what is there to start them: hec-mpi and a launcher.
 */
#ifndef HEC_CLI_NODES_H
#define HEC_CLI_NODES_H

#include <hec/nodes.h>

#include <limits.h>
#include <stdbool.h>

#define NODES_WORDS 40

typedef struct nodes_plan {
    uint32_t granted;                  /* nodes of the batch job; 0: there is none */
    uint32_t wanted;                   /* to be used; 0: as many as the launcher starts */
    bool many;                         /* commands run by hec-mpi, and not here alone */
    bool asked;                        /* somebody has said how many, or what starts them */
    char program[PATH_MAX];            /* hec-mpi; "": there is none */
    char agent[PATH_MAX];              /* this program */
    char library[80];                  /* the MPI that hec-mpi was made with; "": not known */
    const char *launcher[NODES_WORDS]; /* NULL at the end */
    char words[2048];                  /* their text */
    char why[320];                     /* not many: why, where there is a reason to be told */
    char hint[160];                    /* and what to do */
} nodes_plan;

/* Changes to the environment of a launcher; NULL at the end. */
extern const char *const nodes_env[];

/* Decides. `nodes` is the value of --nodes, or NULL. Runs hec-mpi and srun for a moment, where
 * there are several nodes. HEC_EINVAL: `nodes` makes no sense. */
int nodes_decide(const hec_topology *t, const char *nodes, nodes_plan *p, hec_error *err);

/* Looks for hec-mpi, and asks it what it is: program and library. False: there is none that runs,
 * and why says so. */
bool nodes_find_program(nodes_plan *p);

/* Where `hec mpi build` puts it, if it is not told. False: there is no home. */
bool nodes_own_place(char *buf, size_t size);

/* A program in PATH; false: there is none. */
bool nodes_in_path(const char *name, char *buf, size_t size);

/* Runs a program for 20 s at most; the first bytes that it writes, NUL-terminated, come to buf.
 * Returns its exit status, -1 where it has none. */
int nodes_ask(const char *const *argv, char *buf, size_t size);

#endif
