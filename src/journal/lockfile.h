/* SPDX-License-Identifier: MIT
 *
 * Who writes a file: NAME.lock beside it, with signs of life, as docs/formats/journal-v1.md has it.
 * Nothing here rests on locks of the kernel, which network file systems may not have.
 */
#ifndef HEC_JOURNAL_LOCKFILE_H
#define HEC_JOURNAL_LOCKFILE_H

#include <hec/error.h>

#include <stddef.h>
#include <stdint.h>

#define HEC__JLOCK_BEAT_NS  UINT64_C(5000000000)
#define HEC__JLOCK_DOUBT_NS UINT64_C(10000000000) /* without a beat: look before writing */
#define HEC__JLOCK_VOID_NS  UINT64_C(30000000000)

typedef struct hec__jlockfile {
    int dir, fd;      /* dir: borrowed */
    char name[256];   /* of the lock */
    char id[33];      /* in the lock */
    uint64_t beat_ns; /* when it was last known to be held; of hec__boot_ns() */
} hec__jlockfile;

/* Takes the lock of the file `name`. `path` is for the text of errors. HEC_EAGAIN: somebody has
 * it. HEC_EINTR: a signal came while it was being found out. HEC_EPERM, HEC_EIO. */
int hec__jlock_take(hec__jlockfile *l, int dir, const char *name, const char *path, hec_error *err);

/* Gives a sign of life, and looks whether the lock is still held: HEC_EAGAIN if it is not. */
int hec__jlock_beat(hec__jlockfile *l, hec_error *err);

/* Gives it back. */
void hec__jlock_drop(hec__jlockfile *l);

/* Nanoseconds that also count while the machine sleeps. */
uint64_t hec__boot_ns(void);

/* HOST-PID, such that it can be part of a file's name. */
void hec__jlock_me(char *buf, size_t size);

/* 32 hexadecimal digits and a NUL. HEC_ESYS. */
int hec__jrandom_hex(char ret[33], hec_error *err);

#endif
