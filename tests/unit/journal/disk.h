/* SPDX-License-Identifier: MIT
 *
 * The way to the disk, for tests: linked with disk.c and the linker's --wrap for each function in
 * it. Only files opened with O_APPEND, which journals are, are concerned. Any thread.
 */
#ifndef HEC_TEST_JOURNAL_DISK_H
#define HEC_TEST_JOURNAL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What happened, in its order: bytes were written, brought to disk, or were acknowledged. */
typedef enum disk_kind { DISK_WRITE, DISK_SYNC, DISK_ACK } disk_kind;

typedef struct disk_event {
    disk_kind kind;
    uint64_t n; /* WRITE: bytes; ACK: what disk_ack() was given */
} disk_event;

/* Keeps all that is written from here on, until disk_stop(). */
void disk_record(void);
void disk_stop(void);
void disk_ack(uint64_t n);
/* What was kept; valid until disk_record(). */
const disk_event *disk_events(size_t *ret_n);
const unsigned char *disk_bytes(size_t *ret_n);

typedef enum disk_call { DISK_CALL_WRITE, DISK_CALL_SYNC, DISK_CALL_READ } disk_call;

/* The n-th such call from now fails with `sys`, and all after it. A write that fails so has
 * written `before` bytes by a call that succeeded. READ concerns every file. */
void disk_fail(disk_call call, long n, int sys, size_t before);
/* Nothing fails any more. Whether anything did. */
bool disk_mend(void);

/* Writes take only some of what they are given. */
void disk_short(bool on);

/* The process kills itself when n bytes have been written. */
void disk_kill_at(uint64_t n);

/* Syncs are counted and not done: a test that asks for thousands would wait for the disk. */
void disk_fast(bool on);

#endif
