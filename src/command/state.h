/* SPDX-License-Identifier: MIT
 *
 * What the files of the engine of commands share. The life of a command, in a place of which there
 * are as many as may run at the same time:
 *
 *   start.c      a hec_command -> descriptors, environment, process
 *   memory.c     its limit of memory, and ends for want of it
 *   capture.c    its output -> memory
 *   end.c        its end: by itself, by its time limit, by us; what it has left running
 *   commands.c   create, step, destroy: the order in which the others are called
 *
 * An engine whose places are on other nodes has nothing of this but `far`: far.h.
 */
#ifndef HEC_COMMAND_STATE_H
#define HEC_COMMAND_STATE_H

#include "base/strbuf.h"
#include "sys/spawn.h"
#include "sys/watch.h"

#include <hec/command.h>
#include <hec/topology.h>

#define HEC__NEVER UINT64_MAX

typedef struct hec__capture {
    int fd; /* -1: at its end, or never was */
    hec__strbuf text;
    size_t limit;
    uint64_t total;
    bool watched;
    uint64_t task; /* whose it is, */
    int handed;    /* and which stream, where data() gets it; 0: it is kept */
} hec__capture;

enum hec__place_state {
    HEC__FREE,
    HEC__RUNNING,
    HEC__ASKED,     /* it has got SIGTERM, and has until the deadline */
    HEC__KILLED,    /* it has got SIGKILL */
    HEC__LINGERING, /* the process has ended and is not reaped; what it left has until the deadline
                     */
};

typedef struct hec__place {
    enum hec__place_state state;
    pid_t pid;
    int pidfd; /* -1: there are none here, or the process has ended */
    int hold;  /* of its guard */
    uint64_t task;
    hec__capture captures[2]; /* standard output and error */
    hec_verdict cause;        /* why we ended it; 0: we did not */
    bool unheard;             /* its end was somebody else's to hear */
    uint64_t started_ns;      /* since the epoch */
    uint64_t began_ns, ended_ns;
    uint64_t deadline_ns; /* HEC__NEVER: none */
    uint64_t look_ns;     /* without a pidfd: when to look whether it has ended */
    uint64_t look_every_ns;
    uint64_t listen_ns;          /* when its output is to be listened to, if it runs so long */
    uint64_t memory_limit, peak; /* bytes: 0: none; the most that was seen of all its processes */
    uint64_t weigh_ns;           /* when to look at that again */
    uint64_t parent_rss;         /* the largest that this process was when it was started, bytes */
} hec__place;

struct hec__far;

struct hec_commands {
    struct hec__far *far; /* NULL: of this node */
    hec_command_ops ops;
    void *ctx;
    uint32_t width, running;
    uint64_t grace_ns;
    pid_t pid; /* whose engine it is: a forked copy may not kill */
    hec__watch watch;
    hec__spawner spawner;
    int null;       /* /dev/null */
    int ear;        /* what hec_commands_listen() was told to, -1: nothing */
    char *oom_file; /* where the kernel counts what it kills for memory; NULL: not known */
    uint64_t oom_kills, oom_looked_ns;
    bool data_failed;   /* data() did, in this step */
    hec__place *places; /* [width] */
    uint64_t next_task;
    hec_command pending; /* was given by next() and could not be started yet */
    bool has_pending;
    int told;          /* ends, in this step */
    hec__strbuf paths; /* of the program that is being started */
    char **env;        /* its environment, where that is not this process's */
    size_t env_cap;
    char *scratch; /* what is read passes through here */
};

#define HEC__TAG_EAR (HEC__WATCH_BELL - 1)

/* What a descriptor in the watch means: the tag is place * 4 + this, but for HEC__TAG_EAR. */
enum hec__news { HEC__NEWS_END, HEC__NEWS_GUARD, HEC__NEWS_OUT, HEC__NEWS_ERR };

static inline uint32_t hec__tag(const hec_commands *c, const hec__place *p, enum hec__news news)
{
    return (uint32_t)(p - c->places) * 4 + news;
}

/* start.c */

/* Starts a command in a free place. On failure the place is free still; HEC_EAGAIN: something is
 * short of which there may be more when another command has ended. */
int hec__command_start(hec_commands *c, hec__place *p, const hec_command *command, hec_error *err);

/* Why a process never became its program; 0 when it did. */
int hec__command_refusal(const hec_commands *c, const hec__place *p, const hec_command *command,
                         hec_error *err);

/* capture.c */

#define HEC__SCRATCH_BYTES ((size_t)64 << 10)

/* Takes what there is, a bounded amount; closes at the end of the stream. */
void hec__capture_pump(hec_commands *c, hec__capture *k);
void hec__capture_close(hec_commands *c, hec__capture *k);

/* Most commands are over before this, and what they wrote waits in the pipe: to be woken for it,
 * and for the end of each stream, would cost a core that others need. One that writes more than a
 * pipe holds waits so long, once. */
#define HEC__LISTEN_NS UINT64_C(3000000)

/* Has the watch tell of output from now on; what it has no room for is looked at again later. */
void hec__place_listen(hec_commands *c, hec__place *p, uint64_t now);
hec_captured hec__capture_view(const hec__capture *k);

/* end.c */

/* Something was heard of a place. 0 or HEC_ECALLBACK. */
int hec__place_news(hec_commands *c, hec__place *p, enum hec__news news, hec_error *err);

/* Does what is due by now. 0 or HEC_ECALLBACK. */
int hec__place_due(hec_commands *c, hec__place *p, uint64_t now, hec_error *err);

/* Asks the group to end, and sets the deadline. Whether there was something to end. */
bool hec__place_ask(const hec_commands *c, hec__place *p, hec_verdict cause);

/* Ends it at once, whether it was asked or not. Whether there was something to end. */
bool hec__place_kill(hec__place *p, hec_verdict cause);

/* A signal to the whole group, as long as its number is sure to be its own. */
void hec__place_signal(const hec__place *p, int sig);

/* Gives back what a place holds, but for the process. */
void hec__place_clear(hec_commands *c, hec__place *p);

/* memory.c */

/* Looks how much it has, and ends it where that is over its limit. */
void hec__place_weigh(hec__place *p, uint64_t now);

void hec__oom_begin(hec_commands *c, const hec_topology *t);
/* Takes note of kills that are nobody's here, now and then. */
void hec__oom_look(hec_commands *c, uint64_t now);
/* Whether a command that ended like this was killed by the kernel for want of memory. */
bool hec__oom_killed(hec_commands *c, const hec_command_end *end);

/* end.c */

/* The end of a command that never ran. Borrows the error. */
hec_command_end hec__refusal(uint64_t task, const hec_error *why);

/* Tells of one. 0 or HEC_ECALLBACK. */
int hec__tell_refusal(hec_commands *c, uint64_t task, const hec_error *why, hec_error *err);

#endif
