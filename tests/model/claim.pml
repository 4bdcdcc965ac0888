/* SPDX-License-Identifier: MIT
 *
 * The inherited call (worker.c run_own_range, dispatch.c helps_itself and take_back, call.c
 * hec__pool_find_lost, spawn.c): workers take ranges from a counter, the parent takes free tasks
 * back, queues again what a dead worker had, and looks for tasks that nobody has.
 * Each task is answered exactly once; while no worker dies, it is also run exactly once.
 * To keep it small, worker 0 takes ranges and may die; worker 1 takes single tasks, in one step, and
 * gets what is queued again.
 *
 * Mutations that must be found: -DNO_TURN: the claim word's turn stays 0. -DNO_TAKING: a worker
 * does not say that it is asking the counter. -DONE_FIRST (with -DDEATH): one place for the
 * beginning of a range instead of one per turn.
 */
#ifndef TASKS
#define TASKS 3
#endif
#define WORKERS 2
#define PROCS   1 /* worker 0; the others store nothing of these */
#define VARS    4

#define FIRST(turn) (turn)
#define TAKING      2
#define NEXT        3

#include "tso.pml"

/* The claim word, whole: next, limit, turn. Written by read-modify-write, or by claim_init, whose
 * release store is modelled as a store that waits for the ones before it. */
typedef word_t {
    byte next, limit, turn
}
word_t word[WORKERS];

chan mail[WORKERS] = [1] of { byte };          /* single tasks that the parent sends */
chan replies[WORKERS] = [4] of { byte, bool }; /* task, of its own range */
bool dead[WORKERS], sent_open[WORKERS], over;
byte running[WORKERS];   /* the slot's task + 1 */
byte self_next[WORKERS]; /* the parent's */
byte runs[4], answers[4];
bool again[4]; /* queued */
#define ANY_AGAIN    (again[0] || again[1] || again[2] || again[3])
#define ALL_ANSWERED (answers[0] && answers[1] && answers[2] && (TASKS == 3 || answers[3]))
bool reaped[WORKERS];

#ifdef NO_TURN
#define TURN_OF(t) 0
#else
#define TURN_OF(t) (t)
#endif
#if defined(ONE_FIRST) || defined(NO_TURN)
#define SIDE(t) 0
#else
#define SIDE(t) ((t) % 2)
#endif

inline execute(w, task, own) {
    running[w] = task + 1;
#ifndef DEATH
    atomic {
        runs[task]++;
        assert(runs[task] == 1)
    };
#endif
    replies[w] ! task, own
}

proctype worker(byte w) {
    byte from, n, at, turn;

    {
        do
        :: mail[w] ? at -> execute(w, at, false)
        :: w == 0 && empty(mail[w]) && mem[NEXT] < TASKS ->
#ifndef NO_TAKING
            store(w, TAKING, 1);
#endif
            if
            :: n = 1
            :: n = 2
            fi;
            atomic {
                fence(w);
                from = mem[NEXT];
                mem[NEXT] = mem[NEXT] + n
            };
            if
            :: from >= TASKS
            :: else ->
                if
                :: from + n > TASKS -> n = TASKS - from
                :: else
                fi;
                turn = (turn + 1) % 4;
                store(w, FIRST(SIDE(turn)), from);
                atomic {
                    fence(w);
                    word[w].next = 0;
                    word[w].limit = n;
                    word[w].turn = TURN_OF(turn)
                };
                store(w, TAKING, 0);
                do
                :: atomic {
                       word[w].next < word[w].limit ->
                       at = word[w].next;
                       word[w].next++
                   };
                    execute(w, from + at, true)
                :: atomic { word[w].next == word[w].limit -> at = 0 };
                    break
                od
            fi;
            store(w, TAKING, 0)
        :: atomic {
               w == 1 && !sent_open[1] && mem[NEXT] < TASKS ->
               at = mem[NEXT];
               mem[NEXT]++;
               sent_open[1] = true
           };
            execute(w, at, false)
        :: over -> break
        od
    } unless { dead[w] }
}

inline deliver(w) {
    atomic {
    if
    :: replies[w] ? t, own ->
        answers[t]++;
        assert(answers[t] == 1);
        if
        :: own -> self_next[w] = t + 1
        :: else -> sent_open[w] = false
        fi;
        t = 0
    :: empty(replies[w])
    fi
    }
}

inline look(w) {
    atomic {
        seen.next = word[w].next;
        seen.limit = word[w].limit;
        seen.turn = word[w].turn
    }
}

/* busy: what w has, as the parent can tell */
inline is_busy(w) {
    if
    :: reaped[w] -> busy = false
    :: !reaped[w] && mem[NEXT] < TASKS -> busy = true
    :: else ->
        if
        :: sent_open[w] -> busy = true
        :: !sent_open[w] && w == 1 -> busy = false
        :: else ->
            if
            :: mem[TAKING] -> busy = true
            :: else ->
                look(w);
                first = mem[FIRST(SIDE(seen.turn))];
                busy = seen.limit > 0 && self_next[w] < first + seen.limit
            fi
        fi
    fi
}

inline queue_again(task) {
    assert(!again[task]);
    again[task] = true
}

inline take_back(w) {
    look(w);
    first = mem[FIRST(SIDE(seen.turn))];
    if
    :: seen.next < seen.limit ->
        atomic {
            if
            :: word[w].next == seen.next && word[w].limit == seen.limit &&
                   word[w].turn == seen.turn ->
                t = (seen.limit - seen.next + 1) / 2;
                word[w].limit = seen.limit - t;
                do
                :: t > 0 ->
                    queue_again(first + seen.limit - t);
                    t--
                :: else -> break
                od
            :: else
            fi;
            t = 0
        }
    :: else
    fi
}

/* Worker w is dead and reaped: its stores have arrived, its answers are delivered. */
inline bury(w) {
    fence(w);
    do
    :: nempty(replies[w]) -> deliver(w)
    :: empty(replies[w]) -> break
    od;
    reaped[w] = true;
    look(w);
    atomic {
        first = mem[FIRST(SIDE(seen.turn))];
        t = first;
        do
        :: t < first + seen.limit && t < TASKS ->
            if
            :: t < self_next[w]
            :: t >= self_next[w] && running[w] == t + 1 ->
                answers[t]++;
                assert(answers[t] == 1)
            :: else -> queue_again(t)
            fi;
            t++
        :: else -> break
        od;
        if
        :: sent_open[w] -> /* worker 0 is sent nothing in this version */
            assert(false)
        :: else
        fi;
        t = 0
    }
}

active proctype parent() {
    byte t, first;
    bool own, busy, busy2;
    word_t seen;

    run drain(0);
    run worker(0);
    run worker(1);
    do
    :: ALL_ANSWERED -> break
    :: nempty(replies[0]) -> deliver(0)
    :: nempty(replies[1]) -> deliver(1)
    :: !reaped[0] && !dead[0] -> take_back(0)
#ifdef DEATH
    :: !dead[0] -> dead[0] = true
    :: dead[0] && !reaped[0] -> bury(0)
#endif
    /* a queued task goes to worker 1, which lives */
    :: atomic {
            !sent_open[1] && ANY_AGAIN ->
            if
            :: again[0] -> t = 0
            :: !again[0] && again[1] -> t = 1
            :: !again[0] && !again[1] && again[2] -> t = 2
            :: else -> t = 3
            fi;
            again[t] = false;
            sent_open[1] = true;
            mail[1] ! t;
            t = 0
        }
#ifndef DEATH
    :: atomic {
            !sent_open[0] && again[0] ->
            again[0] = false;
            sent_open[0] = true;
            mail[0] ! 0
        }
#endif
    /* find_lost: nothing queued, nobody busy */
    :: !ANY_AGAIN && empty(replies[0]) && empty(replies[1]) &&
           (!dead[0] || reaped[0]) ->
        is_busy(0);
        busy2 = busy;
        is_busy(1);
        if
        :: busy || busy2
        :: else ->
            if
            :: answers[0] == 0 -> queue_again(0)
            :: answers[0] && answers[1] == 0 -> queue_again(1)
            :: answers[0] && answers[1] && answers[2] == 0 -> queue_again(2)
            :: answers[0] && answers[1] && answers[2] && answers[TASKS - 1] == 0 ->
                queue_again(TASKS - 1)
            :: else
            fi
        fi
    od;
    over = true
}
