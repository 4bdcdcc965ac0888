/* SPDX-License-Identifier: MIT
 *
 * The ring itself (ring.c): a producer reserves, writes and commits RECORDS records of 1 to LARGEST
 * cells into a ring of SIZE, and asks now and then what was passed; a consumer peeks, reads and
 * pops. Every record arrives once, whole and in order, and no cell is written and read at once.
 *
 * Orders are those of C11, and so weaker than those of any processor (tso.pml would not notice a
 * release or an acquire that is missing). All that was ever stored to head or tail is kept, and a
 * load may get any of it that is not older than what this side got before. A release stores with the
 * value what its process has done so far; only an acquire that gets the value learns it. A cell may
 * be read by who has learnt of its last writing, and written by who has learnt of its last reading;
 * everything else is a data race and fails an assertion.
 *
 * Mutations that must be found. -DRELAXED=1: the store in commit is relaxed, 2: the load in peek,
 * 3: the store in pop, 4: the load in reserve, 5: the load in passed, whose answer reserve trusts
 * later on. -DCOMMIT_FIRST: before the bytes are written. -DPOP_FIRST: before they are read.
 * -DROOM_OFF_BY_ONE: reserve takes one cell more than there is.
 */
#ifndef RELAXED
#define RELAXED 0
#endif
#define SIZE    4
#define LARGEST 3
#ifndef RECORDS
#define RECORDS 5
#endif
#ifdef ROOM_OFF_BY_ONE
#define ROOM (SIZE + 1)
#else
#define ROOM SIZE
#endif

/* What is in the ring: position * 4 + the size of the record, in each of its cells. */
byte cell[SIZE];
/* When each was last written or read: the count of commits or pops begun, from 1 on. */
byte written[SIZE], got[SIZE];

/* All values of head and tail, the oldest first, and what who learns of one then knows: commits or
 * pops that were begun before it. */
byte head[RECORDS + 1], head_says[RECORDS + 1], heads = 1;
byte tail[RECORDS + 1], tail_says[RECORDS + 1], tails = 1;

/* Some value that is not older than the one seen before. */
#define LOAD(values, says, n, seen, r, knows, mutation)                                            \
    atomic {                                                                                       \
        do                                                                                         \
        :: seen < n - 1 -> seen++                                                                  \
        :: break                                                                                   \
        od;                                                                                        \
        r = values[seen];                                                                          \
        if                                                                                         \
        :: RELAXED != mutation && says[seen] > knows -> knows = says[seen]                         \
        :: else                                                                                    \
        fi                                                                                         \
    }

#define STORE(values, says, n, v, began, mutation)                                                 \
    d_step {                                                                                       \
        values[n] = v;                                                                             \
        if                                                                                         \
        :: RELAXED != mutation -> says[n] = began                                                  \
        :: else                                                                                    \
        fi;                                                                                        \
        n++                                                                                        \
    }

inline write() {
    i = 0;
    do
    :: i < n ->
        d_step {
            assert(got[(mine + i) % SIZE] <= knows);
            cell[(mine + i) % SIZE] = mine * 4 + n;
            written[(mine + i) % SIZE] = began
        };
        i++
    :: else -> break
    od;
    i = 0
}

inline commit() {
    STORE(head, head_says, heads, mine + n, began, 1)
}

active proctype producer() {
    byte mine, theirs, seen, knows, began, n, i;

    do
    :: began == RECORDS -> break
    :: began < RECORDS ->
        began++;
        if
        :: n = 1
        :: n = 2
        :: n = 3
        fi;
        /* reserve, as often as it takes */
        do
        :: mine + n - theirs <= ROOM -> break
        :: else -> LOAD(tail, tail_says, tails, seen, theirs, knows, 4)
        od;
#ifdef COMMIT_FIRST
        commit();
        write();
#else
        write();
        commit();
#endif
        mine = mine + n;
        /* passed, or empty, which asks the same */
        if
        :: theirs < mine -> LOAD(tail, tail_says, tails, seen, theirs, knows, 5)
        :: true
        fi;
        assert(theirs <= mine)
    od
}

inline read() {
    i = 0;
    do
    :: i < n ->
        d_step {
            assert(written[(mine + i) % SIZE] <= knows);
            assert(cell[(mine + i) % SIZE] == mine * 4 + n);
            got[(mine + i) % SIZE] = began
        };
        i++
    :: else -> break
    od;
    i = 0
}

inline pop() {
    STORE(tail, tail_says, tails, mine + n, began, 3)
}

active proctype consumer() {
    byte mine, theirs, seen, knows, began, n, i;

    do
    :: began == RECORDS -> break
    :: began < RECORDS ->
        began++;
        /* peek, as often as it takes */
        do
        :: theirs != mine -> break
        :: else -> LOAD(head, head_says, heads, seen, theirs, knows, 2)
        od;
        /* The record says how large it is, and all of it is there. */
        n = cell[mine % SIZE] % 4;
        assert(written[mine % SIZE] <= knows && n > 0);
        assert(theirs - mine <= SIZE && n <= theirs - mine);
#ifdef POP_FIRST
        pop();
        read();
#else
        read();
        pop();
#endif
        mine = mine + n
    od;
    assert(mine == head[RECORDS])
}
