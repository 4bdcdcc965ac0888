/* SPDX-License-Identifier: MIT
 *
 * Starting another program: what posix_spawn() does, and what it cannot do.
 *
 * The child shares this process's memory until it is the other program (CLONE_VM | CLONE_VFORK),
 * so that the cost does not depend on how much memory this process has. Beyond posix_spawn() it is
 * the leader of a process group of its own, in a folder of its own, and tied to a *guard*.
 *
 * A guard is a pipe that nobody writes to. This process holds the write end. The read end goes
 * through exec to the program and all that it starts, and is told to send SIGKILL to the group
 * when the write end is closed: so the kernel itself ends the group with this process, in
 * whatever way and from whichever thread. As long as anybody of the group has the read end, the
 * write end has no POLLERR.
 */
#ifndef HEC_SYS_SPAWN_H
#define HEC_SYS_SPAWN_H

#include <hec/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What a child says when it could not become the program. Lies in memory that is shared across
 * forks, because an emulator (valgrind, qemu) makes a fork of a vfork and does not wait: there the
 * report comes later than hec__spawn() returns, and by the child's end at the latest. */
typedef struct hec__spawn_report {
    int32_t step; /* enum hec__spawn_step; 0: all is well */
    int32_t sys;  /* errno */
} hec__spawn_report;

enum hec__spawn_step { HEC__SPAWN_FOLDER = 1, HEC__SPAWN_STREAMS, HEC__SPAWN_PROGRAM };

/* The memory that starting needs: a stack for the child, and reports. */
typedef struct hec__spawner {
    void *stack; /* its lowest page is a trap */
    size_t stack_size;
    hec__spawn_report *reports; /* [nreports] */
    size_t reports_size;        /* bytes */
} hec__spawner;

int hec__spawner_init(hec__spawner *s, size_t nreports, hec_error *err);
void hec__spawner_fini(hec__spawner *s);

typedef struct hec__program {
    const char *paths; /* what to execute: the first of these that can be; each ends with a NUL,
                        * the last with two */
    char *const *argv; /* ends with NULL */
    char *const *envp; /* ends with NULL */
    const char *cwd;   /* or NULL */
    int streams[3];    /* become the program's 0, 1, 2 */
    int guard;         /* the read end, from 3 on */
    hec__spawn_report *report;
} hec__program;

/* A guard: *ret_hold is for this process to close, *ret_pass for the child (to be closed here once
 * it was started). Both are closed on exec; hec__spawn() sees to it that the child's is not. */
int hec__guard_create(int *ret_hold, int *ret_pass, hec_error *err);

/* Whether nobody has the read end any more. */
bool hec__guard_released(int hold);

/* Starts a program and returns when it runs, or has failed to: then *report says where and why,
 * the process is still to be reaped. All signals have their default disposition there and none is
 * blocked, but for SIGTTIN and SIGTTOU, which are ignored: the group is never in the foreground of
 * a terminal, and who asks for input there gets an error and is not stopped for ever.
 * HEC_ESYS: no process to be had. One thread at a time with one spawner. */
int hec__spawn(const hec__spawner *spawner, const hec__program *s, pid_t *ret_pid, hec_error *err);

enum hec__ended { HEC__RUNS, HEC__ENDED, HEC__ENDED_UNHEARD };

/* Whether a child has ended; it stays to be reaped, and so its number and its group's cannot be
 * another's yet. HEC__ENDED_UNHEARD: somebody else has reaped it (the host program takes all
 * children, or ignores SIGCHLD): then neither its status is to be had, nor may its number be
 * used. */
enum hec__ended hec__spawn_ended(pid_t pid);

#endif
