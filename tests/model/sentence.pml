/* SPDX-License-Identifier: MIT
 *
 * The warden's sentence (warden.c look, sentence, was_us; worker.c hec_worker_at; bury.c
 * verdict_of). A worker runs RUNS tasks one after the other, the last of them the first once more,
 * as a retry does; a clock goes on whenever it likes. The warden reads what runs and since when,
 * twice, and sentences what has run for LIMIT; the kill comes later, at any time. Who buries the
 * worker blames the task that ran if it is the sentence's.
 *
 * Must hold: who is blamed was running for LIMIT when it was sentenced, and runs when it dies.
 * Mutations: -DNO_ZERO, the number of the task before stays while the next one's time is written;
 * -DTASK_FIRST, a task's number is written before its time; -DNO_COMPARE, whoever runs
 * is blamed; -DNO_SINCE, the comparison is by the task's number alone.
 */
#define RUNS  4
#define LIMIT 2
#define END   6

byte clock;
byte task, since;    /* the slot; task 0: none runs */
byte began;          /* ghost: since when the present task really runs */
bool dead;
byte s_task, s_since; /* the sentence */
bool sentenced;

active proctype ticks() {
    do
    :: clock < END && !dead -> clock++
    :: clock >= END || dead -> break
    od
}

/* Dies between any two of its steps, once it is sentenced and killed. */
active proctype worker() {
    byte i = 1, n, now;

    do
    :: i <= RUNS ->
        n = (i == RUNS -> 1 : i);
        now = clock;
#ifndef NO_ZERO
        atomic { if :: dead -> goto out :: else -> task = 0 fi }
#endif
#ifdef TASK_FIRST
        atomic { if :: dead -> goto out :: else -> task = n; began = now fi }
        atomic { if :: dead -> goto out :: else -> since = now fi }
#else
        atomic { if :: dead -> goto out :: else -> since = now fi }
        atomic { if :: dead -> goto out :: else -> task = n; began = now fi }
#endif
        i++
    :: i > RUNS -> atomic { if :: dead -> skip :: else -> task = 0 fi }; break
    od;
out:
    skip
}

active proctype warden() {
    byte t, s, t2, s2;

    do
    :: sentenced || clock >= END -> break
    :: else ->
        t = task;
        s = since;
        s2 = since;
        t2 = task;
        if
        :: t && t == t2 && s == s2 && clock >= s + LIMIT ->
            d_step { s_task = t; s_since = s; sentenced = true }
        :: else
        fi
    od;
    if
    :: sentenced ->
        dead = true; /* the signal, at any time after it was decided */
        if
#ifdef NO_COMPARE
        :: task ->
#elif defined(NO_SINCE)
        :: task && task == s_task ->
#else
        :: task && task == s_task && since == s_since ->
#endif
            /* Blamed: what runs is what was meant, for as long as was said. */
            assert(began == s_since && clock >= began + LIMIT)
        :: else /* let off, and sent again */
        fi
    :: else
    fi
}
