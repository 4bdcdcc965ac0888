/* SPDX-License-Identifier: MIT
 *
 * What goes through the socket between a zygote and its process: letters of one size, each sent
 * and received whole, with descriptors. Every letter of the process is answered by one.
 */
#ifndef HEC_SYS_LETTER_H
#define HEC_SYS_LETTER_H

#include "sys/zygote.h"

#define HEC__ZYGOTE_FD 3 /* the zygote's end, from its start on */

enum hec__letter_kind {
    HEC__LETTER_HELLO = 1, /* pid: of the process; value: whether its main thread started you */
    HEC__LETTER_READY,     /* the answer to that */
    HEC__LETTER_FORK,      /* fork: `what`, and descriptors, are for the child */
    HEC__LETTER_REAP,      /* pid: take its status; value: wait for it */
    HEC__LETTER_LOOK,      /* pid: has it ended? */
    HEC__LETTER_KILL,      /* pid: value is the signal */
    /* The answer to those four. FORK: pid, or 0 and value is an errno; value: whether the
     * descriptor that comes along is a pidfd. REAP: pid, or 0: it runs; value: the status, what:
     * hec__spent. LOOK: value. */
    HEC__LETTER_ANSWER,
};

typedef struct hec__letter {
    uint32_t kind;
    int32_t pid, value;
    uint32_t size; /* of what */
    char what[HEC__ZYGOTE_WHAT];
} hec__letter;

/* 0, or HEC_ESYS: the other end is gone, or takes no more. */
int hec__letter_send(int sock, const hec__letter *letter, const int *fds, int nfds);

/* Waits for a letter, timeout_ms at most (-1: no limit). 1; 0 when the other end is gone or the
 * time is over; HEC_ESYS. fds has room for HEC__ZYGOTE_FDS, all closed on exec; NULL: none are
 * expected, and those that come are closed. */
int hec__letter_receive(int sock, hec__letter *ret, int *fds, int *ret_nfds, int timeout_ms);

#endif
