/* SPDX-License-Identifier: MIT
 *
 * What a worker, and whatever it starts, writes to descriptor 2: passed on at once, unchanged, to
 * this process's, and the last of it kept for the day the worker dies.
 *
 * One user at a time, but for hec__echo_has_news(), which any thread may ask.
 */
#ifndef HEC_POOL_ECHO_H
#define HEC_POOL_ECHO_H

#include <hec/error.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEC__TAIL  4096u
#define HEC__MARKS 32u

/* Up to `end` bytes had been read at this time. */
typedef struct hec__mark {
    uint64_t at_ns, end;
} hec__mark;

typedef struct hec__echo {
    struct hec__echo *next; /* the owner's, as is the flag: */
    bool watched;
    int fd;                     /* the pipe's end that is read; -1: none */
    _Atomic uint32_t busy;      /* bytes have left the pipe and are not written yet */
    uint32_t held_at, held_end; /* such bytes that nobody would take so far, in held[] */
    uint64_t end;               /* bytes read ever; the last of them are in tail[end % HEC__TAIL] */
    uint32_t nmarks;
    hec__mark marks[HEC__MARKS];
    char held[4096], tail[HEC__TAIL];
} hec__echo;

/* A pipe; *ret_write is the worker's end, the caller's to close. NULL when there is none to be had,
 * by memory or descriptors. Ended with hec__echo_close(), after it was taken out of any watch. */
hec__echo *hec__echo_open(int *ret_write);
void hec__echo_close(hec__echo *e); /* NULL is fine */

/* Whether there is something to pass on. */
bool hec__echo_has_news(const hec__echo *e);

typedef enum hec__pumped {
    HEC__PUMPED_ALL,   /* the pipe is empty, or there was much: there may be more */
    HEC__PUMPED_STUCK, /* descriptor 2 takes no more for now: try again later */
    HEC__PUMPED_END,   /* nobody can write to the pipe any more */
} hec__pumped;

/* Passes on what there is, at most as much as a pipe holds: a worker that writes on and on is
 * not waited for. */
hec__pumped hec__echo_pump(hec__echo *e);

/* What was read since a time, at most the last HEC__TAIL bytes, as a string. */
void hec__echo_tail(const hec__echo *e, uint64_t since_ns, char ret[HEC__TAIL + 1]);

#endif
