/* SPDX-License-Identifier: MIT
 *
 * The blocks one process makes (store.c, segment.c hec__segment_give_back): the maker sends each of
 * BLOCKS to one of two holders, who push it to the stack of blocks given back; the maker takes the
 * whole stack. Holder 0 may die anywhere, then the maker buries it. No block is freed twice or
 * while a living process holds it, and in the end all are free.
 * With -DMAKER_DIES the maker dies instead, anywhere, and a successor takes the table over; blocks
 * that the dead one was about to free or to send may then be lost, but none is freed while held.
 *
 * Mutations that must be found: -DNO_COLLECT: burying without collecting first. -DPLAIN_PUSH: a
 * store instead of the compare-and-swap.
 */
#define BLOCKS 3
#ifdef MAKER_DIES
#define SENDS 2
#else
#define SENDS 3
#endif

#define FREE 0
#define MADE 1
#define SENT 2

byte state[BLOCKS], holder[BLOCKS], next[BLOCKS];
byte given_back; /* index + 1 */
byte held[BLOCKS]; /* who really looks at it, + 1: what the code does not know */
bool dead, buried, over, maker_dead;
byte sends;
chan mail[2] = [BLOCKS] of { byte };

proctype hold(byte h) {
    byte b, first;

    {
        do
        :: mail[h] ? b ->
            held[b] = h + 1;
            held[b] = 0; /* done with the bytes; now give back */
            first = given_back;
            do
            :: next[b] = first;
#ifdef PLAIN_PUSH
                given_back = b + 1;
                break
#else
                atomic {
                    if
                    :: given_back == first -> given_back = b + 1; break
                    :: else -> first = given_back
                    fi
                }
#endif
            od
        :: over && empty(mail[h]) -> break
        od
    } unless { h == 0 && dead }
}

inline shelve(b) {
    assert(state[b] != FREE);
    assert(held[b] == 0);
    state[b] = FREE
}

inline collect() {
    atomic {
        i = given_back;
        given_back = 0
    };
    do
    :: i ->
        n = next[i - 1];
        shelve(i - 1);
        i = n
    :: else -> break
    od
}

inline bury() {
#ifndef NO_COLLECT
    collect();
#endif
    i = 0;
    do
    :: i < BLOCKS ->
        if
        :: state[i] == SENT && holder[i] == 0 -> shelve(i)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    buried = true
}

/* The kernel has taken the dead holder's memory away, and what it had not received goes too. */
inline held_by_dead() {
    b = 0;
    do
    :: b < BLOCKS ->
        if
        :: held[b] == 1 -> held[b] = 0
        :: else
        fi;
        b++
    :: else -> break
    od;
    do
    :: mail[0] ? b
    :: empty(mail[0]) -> break
    od;
    b = 0
}

inline send() {
    collect();
    if
    :: state[0] == FREE -> b = 0
    :: state[1] == FREE -> b = 1
    :: state[2] == FREE -> b = 2
    :: else -> b = BLOCKS
    fi;
    if
    :: b < BLOCKS ->
        state[b] = MADE;
        if
        :: !dead -> holder[b] = 0
        :: holder[b] = 1
        fi;
        state[b] = SENT;
        sends++;
        mail[holder[b]] ! b
    :: else
    fi
}

proctype maker() {
    byte i, n, b;

    {
        do
        :: sends < SENDS -> send()
        :: dead && !buried -> atomic { held_by_dead() }; bury()
        :: sends == SENDS && (buried || !dead) -> break
        od;
        over = true;
#ifndef MAKER_DIES
        /* everything comes back */
        do
        :: collect();
            if
            :: state[0] == FREE && state[1] == FREE && state[2] == FREE -> break
            :: dead && !buried -> atomic { held_by_dead() }; bury()
            :: else -> given_back || (dead && !buried)
            fi
        od
#endif
    } unless { maker_dead }
}

proctype successor() {
    byte i, n, b;

    maker_dead;
    /* hec__store_init: all that is not with a receiver is free */
    do
    :: i < BLOCKS ->
        if
        :: state[i] == MADE -> shelve(i)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    do
    :: sends < SENDS -> send()
    :: collect()
    :: break
    od;
    over = true
}

init {
    atomic {
        run hold(0);
        run hold(1);
        run maker();
#ifdef MAKER_DIES
        run successor();
#endif
    };
#ifdef MAKER_DIES
    maker_dead = true
#else
    if
    :: dead = true
    :: skip
    fi
#endif
}
