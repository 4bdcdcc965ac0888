/* SPDX-License-Identifier: MIT
 *
 * First opened, then looked at through the descriptor: what has been looked at is what is used,
 * whatever is done to the name meanwhile.
 */
#include "journal/guard.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS (S_IWGRP | S_IWOTH)

static int check_folder(const struct stat *st, const char *path, hec_error *err)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return hec__fail(err, HEC_EPERM, 0,
                         "the folder '%.100s' belongs to another user (%u), who could change what "
                         "is in it: put the journal into one of your own",
                         path, (unsigned)st->st_uid);
    if ((st->st_mode & OTHERS) && !(st->st_mode & S_ISVTX))
        return hec__fail(err, HEC_EPERM, 0,
                         "others can write to the folder '%.90s' (mode %04o): chmod go-w, or "
                         "put the journal into a folder of your own",
                         path, (unsigned)st->st_mode & 07777);
    return 0;
}

int hec__jguard_folder(const char *path, int *ret_fd, hec_error *err)
{
    HEC_AUTO_FD fd = hec__above_stdio(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st;
    int r;

    if (fd < 0)
        return hec__fail(err, errno == ENOENT || errno == ENOTDIR ? HEC_ENOENT : HEC_EIO, errno,
                         "cannot open the folder '%.120s'", path);
    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at the folder '%.120s'", path);
    r = check_folder(&st, path, err);
    if (r < 0)
        return r;
    *ret_fd = fd;
    fd = -1;
    return 0;
}

static int check_file(const struct stat *st, const char *shown, hec_error *err)
{
    if (!S_ISREG(st->st_mode))
        return hec__fail(err, HEC_EFORMAT, 0, "'%.160s' is no regular file", shown);
    if (st->st_uid != geteuid())
        return hec__fail(err, HEC_EPERM, 0,
                         "'%.120s' belongs to another user (%u), and what is in a journal would be "
                         "run: use one of your own",
                         shown, (unsigned)st->st_uid);
    if (st->st_mode & OTHERS)
        return hec__fail(err, HEC_EPERM, 0,
                         "others can write to '%.110s' (mode %04o), and what is in a journal would "
                         "be run: if you trust it, chmod go-w",
                         shown, (unsigned)st->st_mode & 07777);
    return 0;
}

int hec__jguard_file(int dir, const char *name, const char *shown, int flags, int *ret_fd,
                     hec_error *err)
{
    /* Without O_NONBLOCK a pipe of that name would be waited at. */
    HEC_AUTO_FD fd = hec__above_stdio(
        openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    struct stat st;
    int r;

    if (fd < 0 && errno == ELOOP)
        return hec__fail(err, HEC_EPERM, 0, "'%.160s' is a symbolic link: name the file itself",
                         shown);
    if (fd < 0)
        return hec__fail(err,
                         errno == ENOENT   ? HEC_ENOENT
                         : errno == EACCES ? HEC_EPERM
                                           : HEC_EIO,
                         errno, "cannot open '%.160s'", shown);
    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at '%.160s'", shown);
    r = check_file(&st, shown, err);
    if (r < 0)
        return r;
    *ret_fd = fd;
    fd = -1;
    return 0;
}
