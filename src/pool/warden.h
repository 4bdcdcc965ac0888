/* SPDX-License-Identifier: MIT
 *
 * The warden: a thread beside a pool's parent that ends tasks which are over their limits, and
 * passes on what workers write to descriptor 2. It depends on nobody: the parent may run its own
 * code for hours, with whatever locks.
 *
 * It reads the workers' slots, and beyond them touches only what is its own. Nothing of it is
 * needed in a forked child, and it allocates nothing, so that any thread may fork at any time.
 */
#ifndef HEC_POOL_WARDEN_H
#define HEC_POOL_WARDEN_H

#include "pool/echo.h"
#include "pool/layout.h"
#include "sys/child.h"
#include "sys/watch.h"

#include <pthread.h>

/* Why a worker was killed: for this task. It may have gone on to another just then. */
typedef struct hec__sentence {
    uint64_t call, task, since_ns;
    hec_verdict verdict; /* 0: it was not */
} hec__sentence;

enum hec__ward_state {
    HEC__WARD_FREE,
    HEC__WARD_ASKED, /* its task is over its limit: it is writing where it is */
    HEC__WARD_KILLED,
};

/* A worker, as the warden sees it. */
typedef struct hec__ward {
    hec__child child; /* pid 0: none to watch. Not reaped while it is here. */
    hec__echo *echo;  /* NULL: its descriptor 2 is the parent's own */
    enum hec__ward_state state;
    hec__sentence sentence;
    uint32_t told; /* slot->told when it was asked */
    uint64_t asked_ns;
    uint64_t sampled_of; /* its memory was looked at for the task that had begun then, */
    uint64_t sample_ns;  /* and is to be looked at again then */
} hec__ward;

typedef struct hec__warden {
    pthread_t thread;
    bool runs;
    bool retired;
    pthread_mutex_t mutex; /* around all wards, and the reaping of their processes */
    hec__watch watch;      /* echoes, tagged with their worker, and the warden's own bell */
    hec__ward *wards;      /* [head->nworkers] */
    /* Of dead workers whose descriptor 2 something else still has, or that wait to be passed on. */
    hec__echo *orphans;
    hec__head *head;
    hec__slot *slots;
    int stack_signal;
    _Atomic uint64_t every_ns; /* while tasks run, how long it may sleep; UINT64_MAX: for ever */
    _Atomic uint32_t asleep; /* it sleeps for ever, and is to be rung when limited tasks are sent */
    _Atomic uint32_t stop;
} hec__warden;

/* Zeros, and what there is to be known. HEC_ENOMEM. */
int hec__warden_init(hec__warden *w, hec__head *head, hec__slot *slots, int stack_signal,
                     hec_error *err);
/* Starts the thread, unless it runs. HEC_ESYS. */
int hec__warden_start(hec__warden *w, hec_error *err);
/* From here on nobody is killed, so that processes may be reaped by others; what they write is
 * still passed on. Zeros are fine. */
void hec__warden_retire(hec__warden *w);
/* Ends the thread, which comes back within milliseconds. */
void hec__warden_stop(hec__warden *w);
/* Passes on what there still is, for as long as somebody takes it and a second at most, and frees
 * all. Zeros are fine. */
void hec__warden_fini(hec__warden *w);

/* Worker k was started; the echo, or NULL, is the warden's from here on. */
void hec__warden_add(hec__warden *w, uint32_t k, const hec__child *child, hec__echo *echo);
/* Reaps worker k, as hec__child_reap_spent() does, so that the warden does not kill by a number
 * that is another's. If it has ended it is watched no longer, *ret_sentence says whether it was
 * killed, and ret_tail gets what it wrote to descriptor 2 since its task began. */
int hec__warden_reap(hec__warden *w, uint32_t k, hec__child *child, bool wait, int *ret_status,
                     hec__spent *ret_spent, hec__sentence *ret_sentence,
                     char ret_tail[HEC__TAIL + 1]);

/* In a forked worker, whose own echo this is, or NULL: closes what only the parent reads. */
void hec__warden_in_child(const hec__warden *w, const hec__echo *own);

/* The limits in force: the tightest of each kind. Zeros: none. */
void hec__warden_enforce(hec__warden *w, const hec_limits *tightest);
/* A limited batch was sent. */
void hec__warden_sent(hec__warden *w);

/* Passes on what worker k has written so far; cheap when that is nothing. */
void hec__warden_pass(hec__warden *w, uint32_t k);

#endif
