/* SPDX-License-Identifier: MIT
 *
 * Publish, sleep, wake (dispatch.c hec__member_wake, worker.c sleep_at_bell and wake_parent, pool.c
 * sleep_at_bell): a parent sends TASKS tasks through a ring that holds ROOM, a worker answers
 * through a ring that holds one. Who has nothing to do sleeps without a time limit, so a lost
 * wake-up is a deadlock, which spin reports as an invalid end state.
 *
 * Mutations, each without one of the four fences: -DNO_FENCE=1 parent after publishing, 2 worker
 * before sleeping, 3 worker after publishing, 4 parent before sleeping. Each must be found.
 * And -DROOM=1: the worker rings before it pops, so a ring must have room for a second record of
 * any size (layout.h asserts it), or the parent goes to sleep over a ring that is about to be free.
 */
#ifndef NO_FENCE
#define NO_FENCE 0
#endif
#ifndef ROOM
#define ROOM 2
#endif
#define TASKS 3
#define PROCS 2
#define VARS  7
#define P     0
#define W     1

#define T_HEAD   0 /* the ring of tasks */
#define T_TAIL   1
#define R_HEAD   2 /* the ring of results */
#define R_TAIL   3
#define W_SLEEPS 4
#define BELL     5 /* the worker's futex word */
#define P_SLEEPS 6

#include "tso.pml"

bool event; /* the parent's eventfd as epoll shows it */

inline fence_unless(mutation, p) {
    if
    :: NO_FENCE == mutation
    :: else -> fence(p)
    fi
}

/* atomic_exchange(&word, 0) */
inline exchange_0(p, x, r) {
    atomic {
        fence(p);
        r = mem[x];
        mem[x] = 0
    }
}

inline wake_worker() {
    fence_unless(1, P);
    load(P, W_SLEEPS, r);
    if
    :: r -> exchange_0(P, W_SLEEPS, r);
        if
        :: r -> mem[BELL]++ /* no more stores wait: the exchange saw to that */
        :: else
        fi
    :: else
    fi
}

inline wake_parent() {
    fence_unless(3, W);
    load(W, P_SLEEPS, r);
    if
    :: r -> exchange_0(W, P_SLEEPS, r);
        if
        :: r -> event = true
        :: else
        fi
    :: else
    fi
}

/* The worker sleeps unless VAR has become something else than `is`. */
inline sleep_until_not(x, is) {
    load(W, BELL, heard);
    store(W, W_SLEEPS, 1);
    fence_unless(2, W);
    load(W, x, r);
    if
    :: r == is -> mem[BELL] != heard /* the futex: sleeps while the word is what was heard */
    :: else
    fi;
    store(W, W_SLEEPS, 0)
}

active proctype parent() {
    byte sent, got, r;

    run drain(P);
    run drain(W);
    do
    :: got == TASKS -> break
    :: else ->
        load(P, T_TAIL, r);
        if
        :: sent < TASKS && sent - r < ROOM ->
            sent++;
            store(P, T_HEAD, sent);
            wake_worker()
        :: else
        fi;
        load(P, R_HEAD, r);
        if
        :: r != got ->
            got++;
            store(P, R_TAIL, got);
            wake_worker()
        :: else ->
            store(P, P_SLEEPS, 1);
            fence_unless(4, P);
            load(P, R_HEAD, r);
            if
            :: r == got -> atomic { event -> event = false }
            :: else
            fi;
            store(P, P_SLEEPS, 0)
        fi
    od
}

active proctype worker() {
    byte done, r, heard, old;

    do
    :: done == TASKS -> break
    :: else ->
        load(W, T_HEAD, r);
        if
        :: r == done -> sleep_until_not(T_HEAD, done)
        :: else ->
            /* room for the answer */
            do
            :: load(W, R_TAIL, r);
                if
                :: r == done -> break
                :: else ->
                    old = r;
                    wake_parent();
                    sleep_until_not(R_TAIL, old)
                fi
            od;
            done++;
            store(W, R_HEAD, done);
            wake_parent();
            store(W, T_TAIL, done)
        fi
    od
}
