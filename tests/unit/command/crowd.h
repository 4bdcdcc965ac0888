/* SPDX-License-Identifier: MIT
 *
 * What the tests of commands share: a list of commands, what became of each, and looks at the
 * processes of this machine.
 */
#ifndef HEC_TEST_CROWD_H
#define HEC_TEST_CROWD_H

#include <hec/command.h>

#include <stdbool.h>
#include <sys/types.h>

enum { CROWD_MAX = 16 };

typedef struct crowd_end {
    hec_command_end end; /* its pointers point to what is below, or at nothing */
    char *out, *err;     /* what was captured, NUL-terminated */
    hec_error why;
    int times; /* how often its end was told */
} crowd_end;

typedef struct crowd {
    hec_command commands[CROWD_MAX];
    crowd_end ends[CROWD_MAX];
    uint64_t n, given, told;
    uint64_t held_back; /* from this number on commands are not given yet; 0: all are */
} crowd;

extern const hec_command_ops crowd_ops;

/* Adds a command line for sh; output and errors are captured. What it returns may be changed. */
hec_command *crowd_add(crowd *c, const char *line);

/* An engine over the crowd; NULL when it cannot be had. */
hec_commands *crowd_start(crowd *c, uint32_t width, uint32_t grace_ms);

/* Steps until so many ends were told, for at most 20 s. Whether they were. */
bool crowd_until(crowd *c, hec_commands *engine, uint64_t told, hec_error *err);

/* All of it: start, step to the end, destroy. 0 or the first error. */
int crowd_run(crowd *c, uint32_t width, hec_error *err);

/* Frees what was captured, forgets all. */
void crowd_fini(crowd *c);

/* How many living processes have this text among their arguments. */
int crowd_count(const char *mark);

/* Waits until there are so many, for at most 10 s. */
bool crowd_wait_count(const char *mark, int n);

/* Open descriptors of this process. */
int crowd_descriptors(void);

/* Whether this process has no child, not even one that could be reaped. */
bool crowd_no_children(void);

#endif
