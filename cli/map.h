/* SPDX-License-Identifier: MIT
 *
 * hec map, from the inside:
 *
 *   cmd_map.c       the verb: its options, from words to values
 *   map_source.c    one input -> records           map_input.c     inputs -> rows
 *   map_template.c  the command, for a row         map_run.c       rows -> tasks -> ends
 *   map_nodes.c     the engine: this node's, or of all nodes of a batch job, over nodes.c
 *   map_end.c       what an end means: again, done, failed, halt; what is said at the end
 *   map_output.c    what tasks write -> our streams, over map_spool.c
 *   map_bar.c       how far it is                  map_signal.c    Ctrl-C and warnings
 *   map_journal.c   --journal, over map_key.c
 *   map_dir.c       --run: the folder of a run     map_env.c       what a task finds in its
 *   map_result.c    what a task gave as result                     environment
 *   map_log.c       --joblog and --results
 *   map_args.c      with which words a run was asked for, and going on with it by its name
 *   map_rows.c      the options that are also those of hec sweep, which is cmd_sweep.c: rows come
 *                   from a plan (sweep_plan.c) and not from inputs; all else is this
 */
#ifndef HEC_CLI_MAP_H
#define HEC_CLI_MAP_H

#include "map_input.h"
#include "map_journal.h"
#include "map_output.h"
#include "map_template.h"

#include <hec/command.h>
#include <hec/run.h>
#include <hec/stream.h>

#include <limits.h>
#include <stdio.h>

/* When to stop because of what has become of tasks. */
typedef struct map_halt {
    enum { HALT_NEVER, HALT_FAIL, HALT_SUCCESS, HALT_DONE } why;
    bool now;   /* what runs is ended, and not waited for */
    bool share; /* count is per cent of what has ended */
    double count;
} map_halt;

/* What is to be tried again: bits of verdicts, and of exit statuses and signals. */
typedef struct map_retry_on {
    bool given; /* else every failure is */
    uint32_t verdicts;
    unsigned char statuses[256 / 8], signals[128 / 8];
} map_retry_on;

/* What is run of that which the journal knows. */
enum map_resume {
    RESUME_AUTO,   /* all that was not done */
    RESUME_FAILED, /* only what has failed */
    RESUME_NEVER,  /* everything */
};

typedef struct map_options {
    const char *kind; /* of the run: "map", "sweep" */
    map_source *sources;
    size_t n_sources;
    sweep_plan *plan; /* NULL: rows are those of the sources */
    char **words;     /* the command */
    char **args;      /* all words behind the verb */
    size_t n_words;
    uint32_t width, cpus; /* at a time; granted; on this node */
    const char *jobs;     /* --jobs, for other nodes; NULL: as many as CPUs */
    const char *nodes;    /* --nodes; NULL: all */
    bool null, header, shell, dry_run, bar, eta;
    const char *colsep, *joblog, *results, *workdir, *journal, *journal_tag;
    const char *run; /* NULL with in_run: the run of this plan, or a new one */
    bool in_run;
    enum map_resume resume;
    enum map_output_mode output;
    bool keep_order, tag;
    map_halt halt;
    uint64_t timeout_ms, backoff_ns, memory;
    double retry_memory; /* by what its limit grows when it was not enough; 0: it does not */
    uint32_t retries;
    map_retry_on retry_on;
    uint64_t deadline_ns; /* of hec's clock: all has to be over by then; 0: none */
} map_options;

/* How a task ended: what is left of hec_command_end. */
typedef struct map_end {
    hec_verdict verdict;
    int32_t exit_status, signal, pid;
    uint64_t started_ns, duration_ns, cpu_ns, max_rss;
    char why[248]; /* HEC_TASK_REFUSED */
} map_end;

typedef struct map_task {
    map_said said; /* first: what it wrote */
    hec_stream_task stream;
    uint64_t seq;    /* from 1 */
    uint64_t number; /* the engine's, while it runs */
    uint32_t place;  /* where it runs, from 1; 0: it does not */
    uint32_t attempts;
    uint64_t memory;                 /* its limit now */
    unsigned char key[HEC_KEY_SIZE]; /* with has_key */
    bool has_key, known;             /* known: it is in the journal already, as done */
    uint64_t due_ns;                 /* when it is to be tried again */
    uint64_t began_ns;
    map_words row; /* its own copy */
    uint64_t line;
    const char *where;
    map_end end;
    struct map_task *next;
} map_task;

enum map_stop {
    MAP_GO,
    MAP_DRAIN, /* nothing more is begun */
    MAP_CEASE, /* and what runs gets SIGTERM */
    MAP_KILL,  /* or SIGKILL */
};

typedef struct map_bar map_bar;

typedef struct map_run {
    const map_options *o;
    map_input *in;
    map_template *template;
    hec_commands *engine;
    map_output out;
    map_bar *bar;         /* NULL: none */
    FILE *joblog;         /* NULL: none */
    hec_rundir *dir;      /* NULL: none */
    char *journal_path;   /* NULL: none */
    hec_journal *journal; /* NULL: none */
    map_seen seen;
    hec_stream_writer *stream; /* with a run */
    hec_stream *before;        /* what earlier sessions of the run have written; NULL: nothing */
    uint64_t pending_ns;       /* since when there is something that is not in the stream's file */
    uint64_t lost;             /* outputs of earlier sessions that are not there any more */
    char folder[PATH_MAX];     /* where the commands run; with a journal */
    map_words words;           /* of the command that is being started */
    map_words env;             /* and the changes to its environment */
    map_task **running;        /* [n_running] by the engine's number, those that share a place
                                * in a list */
    uint32_t n_running;        /* a power of two */
    uint32_t *places;          /* free places, a stack */
    uint32_t n_places;
    map_task *again; /* to be tried again, the first due first */
    uint64_t n_again;
    uint64_t given, total;     /* tasks begun or waiting to be tried again; all, 0: not known */
    uint64_t replayed, passed; /* from the journal, of those done; left out by --resume failed */
    uint64_t done, failed, cancelled, left; /* left: not tried again, for want of time */
    uint64_t longest_ns;                    /* of what has ended */
    uint64_t looked_ns, oldest_ns; /* when the one that runs longest was looked for; its start */
    uint64_t lost_tasks;           /* of those that failed: with their nodes */
    uint64_t told;                 /* lines about failures */
    uint64_t began_ns;
    bool input_over, wants_input;
    enum map_stop stop;
    bool halted, out_of_time, drained, nodes_gone; /* why it stops, besides signals */
    hec_error error; /* and what went wrong with hec itself; code 0: nothing */
} map_run;

/* map_run.c: everything. Returns the exit status. */
int map_run_all(const map_options *o);

/* Stops, at least in this way. */
void map_run_stop(map_run *run, enum map_stop how);

/* An error of hec's own: what runs is ended, and the error is what remains to be said. */
void map_run_fail(map_run *run, const hec_error *err);

void map_task_destroy(map_task *t);

/* A row of a task of its own. */
map_row map_row_of(const map_task *t);

/* The command line of a task as text, one line; valid until the next call. */
const char *map_task_text(map_run *run, const map_task *t);

/* map_nodes.c */
/* Makes run->engine. */
int map_engine_open(map_run *run, const hec_command_ops *ops, hec_error *err);
/* Says which nodes were lost, if any were. */
void map_nodes_tell(const map_run *run);

/* map_end.c */

/* A task that ran has ended: it is to be tried again, or is over. */
void map_end_of(map_run *run, map_task *t);
/* A task is over. */
void map_conclude(map_run *run, map_task *t);
/* The last words, and the exit status. */
int map_finish(map_run *run);

/* map_log.c */
int map_joblog_open(map_run *run, hec_error *err);
void map_joblog_add(map_run *run, const map_task *t);
/* The output of a task as files below --results. */
int map_results_write(map_run *run, const map_task *t, hec_error *err);

/* map_journal.c */
int map_journal_open(map_run *run, hec_error *err);
/* The key of a row; each time that the same one comes it is another, which `seen` knows.
 * HEC_EINVAL: the row makes no command. */
int map_journal_key(map_run *run, const map_row *row, uint64_t seq, map_seen *seen,
                    unsigned char key[HEC_KEY_SIZE], hec_error *err);
/* 1: it was done, t->end says how and its output is there; 2: it is not to be run; 0: it is to be
 * run. */
int map_journal_find(map_run *run, map_task *t, hec_error *err);
/* A task that ran is over. */
int map_journal_add(map_run *run, const map_task *t, hec_error *err);

/* map_dir.c */
/* Finds the run or makes it: run->dir and run->journal_path. */
int map_dir_find(map_run *run, hec_error *err);
/* When the journal is open, and so nobody else writes to the run. */
int map_dir_begin(map_run *run, hec_error *err);
/* Everything has come to its end; `status` is that of the program. */
int map_dir_end(map_run *run, int status, hec_error *err);
/* A file of a task in the run's folder, "result" or "params"; valid until the next call. */
const char *map_dir_file(map_run *run, const map_task *t, const char *what);
/* Output of a task that runs. */
int map_dir_data(map_run *run, map_task *t, int stream, const void *bytes, size_t n,
                 hec_error *err);
/* In how many ms the stream's file has to get what there is; -1: there is nothing. */
int map_dir_tick(map_run *run, hec_error *err);
/* What a task wrote in an earlier session, as if it had just been written. */
int map_dir_replay(map_run *run, map_task *t, hec_error *err);

/* sweep_rows.c */
/* Puts the rows of the plan down in the run's folder, and says what is new and what is gone. */
int sweep_rows_begin(map_run *run, hec_error *err);

/* map_args.c: puts the words down in the run's folder. */
int map_args_write(map_run *run, hec_error *err);

/* map_env.c */
/* Fills run->env, and writes the file of parameters where a task gets one. */
int map_env_make(map_run *run, map_task *t, hec_error *err);

/* map_result.c */
/* The result of a task as JSON: what it wrote to $HEC_RESULT, or the last line of its output that
 * is a list or a map. Empty: there is none. Takes its files away. */
int map_result_take(map_run *run, const map_task *t, const char *out, size_t size, hec__strbuf *ret,
                    hec_error *err);
/* The parameters of a task as JSON. */
int map_result_params(map_run *run, const map_task *t, hec__strbuf *ret, hec_error *err);

/* map_bar.c */
map_bar *map_bar_create(const map_run *run);
void map_bar_destroy(map_bar *bar);
/* Draws it anew if that is due. Returns in how many ms it will be. */
int map_bar_tick(map_bar *bar);
/* Takes it away, before something else is printed. */
void map_bar_hide(map_bar *bar);

/* map_signal.c */
void map_signals_catch(hec_commands *engine);
void map_signals_restore(void);
/* What they ask for so far. */
enum map_stop map_signals_asked(void);
/* The signal that ended it all; 0: none. */
int map_signals_last(void);
/* Sleeps until a descriptor (-1: none) can be read, ms have passed (-1: for ever), or a signal that
 * asks for something came, also if it came before. */
void map_signals_wait(int fd, int ms);

#endif
