/* SPDX-License-Identifier: MIT
 *
 * A large file of records, read through a window of memory: no mapping, which would end the program
 * when somebody cuts the file.
 */
#ifndef HEC_SYS_WINDOW_H
#define HEC_SYS_WINDOW_H

#include <hec/error.h>

#include <stddef.h>
#include <stdint.h>

#define HEC__WINDOW ((size_t)1 << 20) /* its bytes, unless more are asked for at once */

typedef struct hec__window {
    int fd;       /* borrowed */
    uint64_t end; /* nothing is read from here on */
    unsigned char *bytes;
    size_t cap, len;
    uint64_t from; /* where in the file it begins */
} hec__window;

/* Nothing is read beyond where the file ends now. Allocates nothing yet. HEC_EIO. */
int hec__window_init(hec__window *w, int fd, hec_error *err);
void hec__window_fini(hec__window *w); /* zeros are fine */

/* Makes it hold [at, at + n), which is before the end. 1 and *ret points there, until the next
 * call; 0: the file has become shorter, and `end` says so. HEC_EIO, HEC_ENOMEM. */
int hec__window_look(hec__window *w, uint64_t at, size_t n, const unsigned char **ret,
                     hec_error *err);

/* Moves *at on to the first place from which `least` bytes are left and which begins with these
 * bytes: 1, 0: there is none. As hec__window_look(). */
int hec__window_find(hec__window *w, uint64_t *at, const char *bytes, size_t n, size_t least,
                     hec_error *err);

/* Reads exactly n bytes of a file; 1, 0 where it ends before, HEC_EIO. */
int hec__read_at(int fd, uint64_t at, void *to, size_t n, hec_error *err);

#endif
