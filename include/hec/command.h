/* SPDX-License-Identifier: MIT
 *
 * Commands: programs with arguments, many of them, so many at a time.
 *
 * A command is an argument list and never passes through a shell. It runs in a process group of
 * its own, with default signals, /dev/null as its input, and its output where you say: here, in
 * memory, in a descriptor, or nowhere. The cost of starting one does not depend on how much memory
 * this process has.
 *
 * The end of a command is the end of its process. What it has left running gets a second to come
 * to its end too (a `tee` that has still to write the last lines), then the group is killed. The
 * group is also killed when this process ends, in whatever way: the kernel does that. Only who
 * leaves the group on purpose, as a daemon does, lives on.
 *
 * Threads: one thread at a time in any function of an engine, but for hec_commands_wake(). Nothing
 * happens outside hec_commands_step(): the time limits, too, are kept there.
 */
#ifndef HEC_COMMAND_H
#define HEC_COMMAND_H

#include <hec/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a stream of a command leads to. */
typedef enum hec_stream_kind {
    HEC_STREAM_NULL,    /* /dev/null */
    HEC_STREAM_INHERIT, /* the same as this process's */
    HEC_STREAM_FD,      /* a descriptor; it stays the caller's */
    HEC_STREAM_MEMORY,  /* input: these bytes; output: kept until the command has ended */
    HEC_STREAM_DATA,    /* output: given to data() as it comes, and not kept */
} hec_stream_kind;

typedef struct hec_input {
    hec_stream_kind kind;
    int fd;           /* HEC_STREAM_FD */
    const void *data; /* HEC_STREAM_MEMORY */
    size_t size;      /* bytes */
} hec_input;

typedef struct hec_output {
    hec_stream_kind kind;
    int fd;       /* HEC_STREAM_FD */
    size_t limit; /* HEC_STREAM_MEMORY: bytes to keep, the first ones; 0: all */
} hec_output;

/* Everything that is 0 has a good meaning: no input, output thrown away, no time limit. */
typedef struct hec_command {
    const char *const *argv; /* the program and its arguments, NULL at the end. A program without a
                              * '/' is looked for in the PATH that the command gets. */
    const char *const *env;  /* changes to the environment, NULL at the end, or NULL: "NAME=value"
                              * sets, "NAME" takes away */
    const char *cwd;         /* the folder to run in; NULL: where this process is */
    hec_input in;
    hec_output out, err;
    uint64_t timeout_ms; /* from its start; 0: none. Then its group gets SIGTERM, and SIGKILL when
                          * the grace is over. */
    /* Bytes of memory that is their own, not shared, of the program and of all processes that come
     * from it, altogether; 0: no limit. Kept by looking, often enough for what is left. Who takes
     * more gets SIGKILL, with its group. */
    uint64_t memory_bytes;
} hec_command;

/* What a stream that was kept in memory has. Valid during the callback. */
typedef struct hec_captured {
    const char *data; /* a NUL follows, which does not count */
    size_t size;      /* bytes that were kept */
    uint64_t total;   /* bytes that the command wrote; more than size: the rest was dropped */
} hec_captured;

typedef struct hec_command_end {
    uint64_t task; /* its number: commands are counted from 0, in the order of next() */
    /* HEC_TASK_DONE: exit status 0. HEC_TASK_EXITED: another one. HEC_TASK_KILLED: by a signal
     * that came from elsewhere. HEC_TASK_OUT_OF_MEMORY: by the kernel, or it is a shell whose
     * program was. HEC_TASK_TIMED_OUT, HEC_TASK_CANCELLED, HEC_TASK_OVER_MEMORY: by us; the program
     * may still have chosen its exit status. HEC_TASK_REFUSED: it was never started. */
    hec_verdict verdict;
    int32_t exit_status;  /* -1: it has none */
    int32_t signal;       /* 0: none */
    int32_t pid;          /* 0: it was never started */
    uint64_t started_ns;  /* since the epoch */
    uint64_t duration_ns; /* until the end of its process */
    uint64_t cpu_ns;      /* user and system, with those of its children that it waited for */
    uint64_t max_rss;     /* the largest memory of one of its processes, bytes; 0: not known. The
                           * kernel counts what the process had before it became the program, which
                           * is this one's memory: less than that cannot be told. */
    hec_captured out, err;
    const hec_error *error; /* HEC_TASK_REFUSED: why, naming program or folder; else NULL */
} hec_command_end;

/* Exit status and signal are both absent when the host program has taken the status itself, by
 * reaping all children or by ignoring SIGCHLD; the verdict is then HEC_TASK_KILLED. */

typedef struct hec_command_ops {
    /* The next command: fills *command, which is all zero, and returns 1. What it points to stays
     * valid until next() is called again. 0: there is none at present; it is asked again in every
     * step. Negative: the step ends with HEC_ECALLBACK. */
    int (*next)(void *ctx, uint64_t task, hec_command *command);
    /* A command has ended. Negative: the step ends with HEC_ECALLBACK. */
    int (*end)(void *ctx, const hec_command_end *end);
    /* Around every wait, that for a program to start included; NULL: nothing. */
    void (*wait_begin)(void *ctx);
    void (*wait_end)(void *ctx);
    /* A running command has written to a stream (1 or 2) that is HEC_STREAM_DATA; the bytes are
     * valid during the callback. All of them have come before its end is told. Negative: the step
     * ends with HEC_ECALLBACK. NULL where no command has such a stream. */
    int (*data)(void *ctx, uint64_t task, int stream, const void *bytes, size_t size);
} hec_command_ops;

typedef struct hec_commands_options {
    uint32_t width;    /* how many may run at the same time, up to 4096; 0: the CPUs granted */
    uint32_t grace_ms; /* between SIGTERM and SIGKILL; 0: 2000 */
    const hec_command_ops *ops; /* copied */
    void *ctx;
} hec_commands_options;

typedef struct hec_commands hec_commands;

/* Starts nothing yet. On success *ret_commands is the caller's, to end with
 * hec_commands_destroy(). HEC_EINVAL, HEC_ENOMEM, HEC_ESYS. */
HEC_API int hec_commands_create(const hec_commands_options *options, hec_commands **ret_commands,
                                hec_error *err);

/* Ends what runs, without calling end(): SIGTERM, and after grace_ms (0: at once) SIGKILL, to the
 * whole groups. Waits for their end, though not for longer than 5 s more: a process that hangs in
 * the kernel is left to it. NULL is fine; in a forked child nothing is killed. */
HEC_API void hec_commands_destroy(hec_commands *commands, uint32_t grace_ms);

/* Starts commands where there is room, takes their output, tells of their ends; waits for at most
 * timeout_ms (-1: no limit) when there is nothing else to do. Returns how many ends it told of. 0:
 * none within the time, a spurious wake-up, or nothing runs and next() had nothing. Where processes
 * or descriptors are short, fewer run at a time; a command that cannot even be started alone is
 * refused. HEC_EINTR: a signal came. HEC_ECALLBACK: a function of ops failed. */
HEC_API int hec_commands_step(hec_commands *commands, int timeout_ms, hec_error *err);

/* How many run now. */
HEC_API uint32_t hec_commands_running(const hec_commands *commands);

/* How many may run at the same time. */
HEC_API uint32_t hec_commands_width(const hec_commands *commands);

/* All that run, for hec_commands_cancel(). */
#define HEC_COMMANDS_ALL UINT64_MAX

/* Ends a command as its time limit would; end() tells when it is over. One that does not run is
 * not concerned. Returns how many were. */
HEC_API uint32_t hec_commands_cancel(hec_commands *commands, uint64_t task);

/* The same without any grace: SIGKILL, now, also to one that was asked to end. */
HEC_API uint32_t hec_commands_kill(hec_commands *commands, uint64_t task);

/* The next step that waits returns when there is something to be read from the descriptor, or its
 * end was reached; once for each time that this is called. (A step waits only while commands
 * run.) It stays the caller's, and stays open until it was heard or hec_commands_deafen() was
 * called. HEC_ESYS: it cannot be waited for, as a file, from which can be read at any time. */
HEC_API int hec_commands_listen(hec_commands *commands, int fd, hec_error *err);
HEC_API void hec_commands_deafen(hec_commands *commands);

/* Makes a step that waits return soon. Any thread, or a signal handler. */
HEC_API void hec_commands_wake(const hec_commands *commands);

#ifdef __cplusplus
}
#endif
#endif
