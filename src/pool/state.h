/* SPDX-License-Identifier: MIT
 *
 * The parent's side of a pool: what its files share. The flow:
 *
 *   call.c       opens and closes calls
 *   dispatch.c   calls and their tasks -> batches -> the workers' rings; takes back from the busy
 *   deliver.c    the workers' rings -> the calls' functions
 *   spawn.c      starts workers
 *   summon.c     the same through a zygote, and the beginning of such a worker
 *   cores.c      how many workers a nested pool may have
 *   bury.c       notices their deaths, sorts out what they had
 *   warden.c     a thread that ends what is over its limits
 *   drain.c      calls of which no further task is begun
 *   pool.c       create, step, destroy: the order in which the others are called
 */
#ifndef HEC_POOL_STATE_H
#define HEC_POOL_STATE_H

#include "pool/message.h"
#include "pool/retry.h"
#include "pool/warden.h"
#include "sys/child.h"
#include "sys/watch.h"

#include <hec/pool.h>
#include <hec/zygote.h>

/* A run of task numbers. */
typedef struct hec__range {
    uint64_t first, count;
    bool singly; /* to be sent one by one: one of them may be deadly */
} hec__range;

struct hec_call {
    hec_pool *pool;
    hec_call *next_call; /* in the pool's list */
    uint64_t id;         /* 0: the inherited call */
    hec_call_ops ops;
    void *ctx;
    uint64_t total, next; /* tasks that exist; the first that was never sent */
    hec__range *again;    /* tasks to be sent once more, a stack */
    uint32_t nagain, again_cap;
    hec__pace pace;
    bool patient;         /* see hec_call_set_patient() */
    bool measured;        /* results come with their usage */
    bool drained;         /* no further task is begun */
    uint64_t limits;      /* see task/limits.h */
    hec_limits tightest;  /* the least that any task of it may take, of each kind */
    uint64_t deadline_ns; /* 0: none */
    uint64_t longest_ns;  /* no task of it has taken longer so far */
    hec__retries retries;
    unsigned char *opened; /* [nworkers]: which workers have the shared part */
    /* Of the inherited call, whose workers help themselves: which tasks have been answered. */
    unsigned char *answered; /* a bit per task */
    uint64_t unanswered;
};

/* A batch in a worker's ring, not wholly answered yet. */
typedef struct hec__sent {
    hec_call *call; /* NULL: the call was closed meanwhile */
    hec__rec *rec;  /* in the ring; only valid until the ring has passed it */
    uint64_t position, first, sent_ns;
    uint32_t count, done; /* tasks, less those taken back; answered */
} hec__sent;

/* A worker, as its parent sees it. */
typedef struct hec__member {
    hec__child child;
    int32_t pid; /* of the child, also when it has been reaped */
    void *tasks_data, *results_data;
    hec__ring tasks, results;
    hec__sent *sent; /* a queue: sent[(first_sent + i) % sent_cap] */
    uint32_t first_sent, nsent, sent_cap;
    uint64_t self_next; /* end of what it answered of the ranges it took by itself */
    uint32_t stillborn; /* deaths in a row before any answer */
    bool answered;      /* since it was started */
    bool distrusted;    /* it wrote what cannot be: nothing of it is read any more */
} hec__member;

struct hec_pool {
    hec__segment *segment;
    hec_runner runner;
    hec__watch watch;
    hec__store store;
    struct hec_outbox outbox;
    hec__member *members; /* [nworkers] */
    uint32_t nworkers, alive;
    int32_t cpus;
    hec_call *calls;     /* in the order of their opening */
    hec_call *inherited; /* also in the list */
    uint64_t last_call;
    uint64_t looked_ns; /* when deaths were last looked for */
    uint64_t no_fork_before;
    uint64_t warm_max;
    uint32_t cores; /* taken for it, where it is a nested one */
    /* Workers are forked by a zygote; else NULL. What they are told is in two files. */
    hec_zygote *zygote;
    int start_fd, folder_fd;
    uint64_t start_environment, start_data; /* bytes */
    bool woke;      /* a worker was asleep when it was last sent something */
    bool captures;  /* workers get a pipe as descriptor 2 */
    bool limited;   /* a call has limits: the warden has to run */
    int reports_fd; /* see report.h; -1: none */
    hec__warden warden;
    char *oom_file; /* where the kernel counts whom it has killed for memory, or NULL */
    /* How many of them no death is to be laid to any more; how many there were at the last look. */
    uint64_t oom_told, oom_seen, oom_looked_ns;
    hec_usage usages[HEC_MEASURED_MAX]; /* of the result that is being delivered */
    _Atomic uint32_t awake;             /* the parent's own flag for head.awake */
};

static inline hec__sent *hec__sent_at(hec__member *m, uint32_t i)
{
    return &m->sent[(m->first_sent + i) % m->sent_cap];
}

/* call.c */

int hec__call_create(hec_pool *p, const hec_call_ops *ops, void *ctx, uint64_t total,
                     bool inherited, hec_call **ret_call, hec_error *err);

/* Whether all calls are patient. */
bool hec__pool_is_patient(const hec_pool *p);

/* Whether the parent has tasks of a call to send. */
static inline bool hec__call_has_tasks(const hec_call *c)
{
    return !c->drained && (c->nagain || (c->id != 0 && c->next < c->total));
}

/* Queues the tasks whose time to be run again has come; returns when the next has, UINT64_MAX when
 * none waits. What there is no memory for waits on. */
uint64_t hec__pool_retry_due(hec_pool *p);

/* After the last word on a task: forgets how often it was run, unless that word was to run it
 * again. */
void hec__call_settle_retry(hec_call *call, uint64_t task);

/* Tells the warden which limits are in force. */
void hec__pool_enforce(hec_pool *p);

/* drain.c */

/* Takes what has not begun of drained calls back, and delivers it as skipped. Returns how many
 * deliveries there were, or a failure as deliver does. *ret_next: when a call will have to be
 * drained, UINT64_MAX when none will. */
int hec__pool_skip(hec_pool *p, uint64_t *ret_next, hec_error *err);

/* dispatch.c */

/* Sends what can be sent without waiting. 0, or what a pack function failed with. */
int hec__pool_dispatch(hec_pool *p, hec_error *err);

typedef enum hec__moved {
    HEC__MOVED_NONE,  /* nobody is idle, or nothing is free */
    HEC__MOVED_LATER, /* not worth it yet, or just missed: look again soon */
    HEC__MOVED_SOME,
} hec__moved;

/* Takes tasks back from the worker that has most, if another has none; they wait to be sent. */
hec__moved hec__pool_rebalance(hec_pool *p);
/* Takes half of what is free of a batch, or of a range that a worker took by itself, back to be
 * sent once more. Returns how many. */
uint32_t hec__call_take_back(hec_call *call, hec__claim *claim, uint64_t look, uint64_t first);
/* Puts tasks back to be sent once more. HEC_ENOMEM. */
int hec__call_again(hec_call *call, hec__range range, hec_error *err);
/* Notes that tasks of the inherited call were answered; returns how many of them were not before.
 */
uint64_t hec__call_answered(hec_call *call, uint64_t first, uint64_t count);
/* Tasks of the inherited call that nobody has and nobody answered (their worker died between taking
 * and noting them) are queued again. Returns whether there were any; HEC_ENOMEM. */
int hec__pool_find_lost(hec_pool *p, hec_error *err);
/* The range that worker k took by itself, less what was taken back from it, according to a look at
 * its claim word. Within the call's tasks, whatever the slot says. */
hec__range hec__pool_self_range(const hec_pool *p, uint32_t k, uint64_t look);
/* Forgets the oldest batches of a worker that are wholly answered or taken back. */
void hec__member_settle(hec__member *m);
/* Rings a worker's bell if it sleeps; after something was published to it. */
void hec__member_wake(hec_pool *p, uint32_t k);
/* Whether any task waits to be sent; whether any is with a worker. */
bool hec__pool_has_tasks(const hec_pool *p);
bool hec__pool_busy(const hec_pool *p);

/* deliver.c */

/* Delivers what worker k has answered, at most `max` records. Returns how many, or the first
 * failure of a call's function (everything up to there was delivered). HEC_EFORMAT when the worker
 * wrote a record that cannot be: it is killed, and the rest of what it wrote dropped. */
int hec__pool_deliver(hec_pool *p, uint32_t k, uint32_t max, hec_error *err);
hec_call *hec__pool_find_call(const hec_pool *p, uint64_t id);

/* spawn.c */

/* Forks a worker for every place that has none. A failure ends it, where there are workers already
 * without a text: fewer do the work. */
int hec__pool_spawn_missing(hec_pool *p, hec_error *err);
/* Bytes that may still be allocated, for the stores. */
uint64_t hec__pool_available(void);

/* bury.c */

/* Worker k has ended, or its descriptor says so: delivers its last answers, blames the task that
 * ran, sends the others again. Returns deliveries or a failure, as deliver does. */
int hec__pool_bury(hec_pool *p, uint32_t k, hec_error *err);
/* Now and then, while nobody dies: whom the kernel has killed for want of memory so far is nobody
 * of ours. */
void hec__pool_look_oom(hec_pool *p, uint64_t now_ns);

#endif
