/* SPDX-License-Identifier: MIT
 *
 * Whether a file and its folder are this user's alone. What is in a journal is unpickled, and
 * unpickling runs code.
 */
#ifndef HEC_JOURNAL_GUARD_H
#define HEC_JOURNAL_GUARD_H

#include <hec/error.h>

/* Opens a folder in which nobody else can put, take or rename what is this user's: HEC_EPERM if
 * that is not so. HEC_ENOENT: it is not there. HEC_EIO. The descriptor is the caller's. */
int hec__jguard_folder(const char *path, int *ret_fd, hec_error *err);

/* Opens the file `name` of a folder: a regular one, of this user, that nobody else can write.
 * `flags` as of open(); O_NOFOLLOW and O_CLOEXEC come with it. `shown` is its name in errors.
 * HEC_ENOENT, HEC_EPERM, HEC_EIO; HEC_EFORMAT: it is no regular file. */
int hec__jguard_file(int dir, const char *name, const char *shown, int flags, int *ret_fd,
                     hec_error *err);

#endif
