/* SPDX-License-Identifier: MIT
 *
 * Memory as a processor shows it: each process's stores wait in a queue of its own and reach the
 * others later, in order (TSO). A load sees the own queue first. An atomic read-modify-write and a
 * sequentially consistent fence wait until the queue is empty.
 *
 * The includer defines PROCS and VARS. What is weaker than TSO (64-bit Arm also reorders loads and
 * stores to different places) is not in here.
 */
#define QUEUE 3

typedef queue_t {
    byte var[QUEUE];
    byte val[QUEUE];
    byte n
}

byte mem[VARS];
queue_t queue[PROCS];

inline store(p, x, v) {
    atomic {
        queue[p].n < QUEUE ->
        queue[p].var[queue[p].n] = x;
        queue[p].val[queue[p].n] = v;
        queue[p].n++
    }
}

inline load(p, x, r) {
    atomic {
        r = mem[x];
        if
        :: queue[p].n > 0 && queue[p].var[0] == x -> r = queue[p].val[0]
        :: else
        fi;
        if
        :: queue[p].n > 1 && queue[p].var[1] == x -> r = queue[p].val[1]
        :: else
        fi;
        if
        :: queue[p].n > 2 && queue[p].var[2] == x -> r = queue[p].val[2]
        :: else
        fi
    }
}

inline fence(p) {
    queue[p].n == 0
}

proctype drain(byte p) {
end:
    do
    :: d_step {
           queue[p].n > 0 ->
           mem[queue[p].var[0]] = queue[p].val[0];
           queue[p].var[0] = queue[p].var[1];
           queue[p].val[0] = queue[p].val[1];
           queue[p].var[1] = queue[p].var[2];
           queue[p].val[1] = queue[p].val[2];
           queue[p].var[2] = 0;
           queue[p].val[2] = 0;
           queue[p].n--
       }
    od
}
