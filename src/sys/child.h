/* SPDX-License-Identifier: MIT
 *
 * Child processes: started by fork, watched through a descriptor that becomes readable when they
 * end, never outliving their parent.
 *
 * The descriptor is a pidfd where the kernel has them (5.3), else the read end of a pipe whose
 * write end only the child holds; HEC_NO_PIDFD=1 in the environment forces the pipe, for tests.
 * A pipe is late where a grandchild that the child forked outlives it: hec__child_ended().
 */
#ifndef HEC_SYS_CHILD_H
#define HEC_SYS_CHILD_H

#include <hec/error.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hec_zygote;

typedef struct hec__child {
    pid_t pid; /* 0: none */
    int fd;    /* readable once the child has ended; -1: none */
    bool is_pidfd;
    struct hec_zygote *zygote; /* whose child it is; NULL: this process's. See zygote.h */
} hec__child;

/* Forks. Returns 1 in the child, 0 in the parent, which then owns *child and ends it with
 * hec__child_reap(); negative on failure. The child gets SIGKILL when its parent ends, whatever
 * way; where the forking thread is not the main one it gets a SIGURG that only counts if the
 * process itself is gone, because the kernel speaks of threads here. */
int hec__child_fork(hec__child *child, hec_error *err);

/* In a child, as hec__child_fork() does for its own: ends it with its parent, at once if that is
 * gone already. from_main: the parent's main thread started it. */
void hec__child_bind(pid_t parent, bool from_main);

/* In a child of hec__child_fork(): true when the parent is gone. */
bool hec__child_orphaned(void);

/* In a child: true when its end with its parent rests on a signal that user code could disable,
 * so that long sleeps should look at hec__child_orphaned() now and then. */
bool hec__child_must_look(void);

/* A descriptor that becomes readable when the process has ended; -1 where there is none to be had
 * (or HEC_NO_PIDFD=1). The caller's, closed on exec. */
int hec__pidfd_open(pid_t pid);

/* Takes the exit status. 1 and *ret_status as of waitpid() when the child has ended, 0 when it has
 * not yet; with `wait` it is waited for. A host program that reaps all children itself, or ignores
 * SIGCHLD, loses us the status: then 1 and *ret_status == -1. The descriptor stays open until
 * hec__child_forget(). Where the descriptor is a pipe, a
 * child that is waited for is killed first: it may have closed the pipe and live on. */
int hec__child_reap(hec__child *child, bool wait, int *ret_status);

/* Sends it a signal, which cannot reach another process in its place. */
void hec__child_kill(const hec__child *child, int sig);

/* What a child has used, with all children that it had waited for. */
typedef struct hec__spent {
    uint64_t cpu_ns;
    uint64_t max_rss; /* bytes; the most at any time since the fork */
} hec__spent;

/* hec__child_reap(), which also says what the child has used; zeros where the system does not. */
int hec__child_reap_spent(hec__child *child, bool wait, int *ret_status, hec__spent *ret_spent);

/* Whether the child has ended and can be reaped; what a pipe may be late to tell. */
bool hec__child_ended(const hec__child *child);

/* Whether its descriptor says so. */
bool hec__child_heard(const hec__child *child);

/* Closes the descriptor of a child that was reaped (take it out of any watch before: a copy in
 * another child keeps it there), or that is another process's. */
void hec__child_forget(hec__child *child);

/* A mark in the history of this process's forks, by whatever code: what it has in memory now is
 * shared with every child that it forks from here on. */
uint64_t hec__fork_mark(void);

/* Whether no child that was forked since the mark can be alive: there was none, or all were
 * children of hec__child_fork() and have been reaped. Of other code's children nothing is known. */
bool hec__fork_alone(uint64_t mark);

#endif
