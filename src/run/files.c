/* SPDX-License-Identifier: MIT
 *
 * Files in the folder of a run. What is in there is run later on, so that each is looked at through
 * the descriptor by which it is then used.
 */
#include "base/error.h"
#include "run/run.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define OTHERS   (S_IWGRP | S_IWOTH)
#define MAX_SIZE ((size_t)64 << 20)

int hec__run_open_file(const hec_rundir *run, const char *name, int flags, int *ret_fd,
                       hec_error *err)
{
    /* Without O_NONBLOCK a pipe of that name would be waited at. */
    HEC_AUTO_FD fd = hec__above_stdio(
        openat(run->dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    struct stat st;

    if (fd < 0)
        return hec__fail(err,
                         errno == ENOENT                     ? HEC_ENOENT
                         : errno == EACCES || errno == ELOOP ? HEC_EPERM
                                                             : HEC_EIO,
                         errno, "cannot open '%.60s' of the run %.80s", name, run->path);
    if (fstat(fd, &st) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot look at '%.60s' of the run %.80s", name,
                         run->path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & OTHERS))
        return hec__fail(err, HEC_EPERM, 0,
                         "'%.60s' of the run %.60s is not a file that only you can write (owner "
                         "%u, mode %04o)",
                         name, run->path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

int hec__run_write_file(int dir, const char *name, const void *bytes, size_t n, unsigned mode,
                        hec_error *err)
{
    HEC_AUTO_FD fd = -1;
    char beside[96];

    snprintf(beside, sizeof beside, ".%.60s.%d", name, (int)getpid());
    (void)unlinkat(dir, beside, 0); /* of a process of this number that died */
    fd = hec__above_stdio(
        openat(dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot make '%.100s'", name);
    if (write_all(fd, bytes, n) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
        renameat(dir, beside, dir, name) < 0) {
        int sys = errno;

        (void)unlinkat(dir, beside, 0);
        return hec__fail(err, HEC_EIO, sys, "cannot write '%.100s'", name);
    }
    return 0;
}

int hec__run_read_file(const hec_rundir *run, const char *name, hec__strbuf *out, hec_error *err)
{
    size_t before = out->len;
    HEC_AUTO_FD fd = -1;
    char buf[16384];
    int r = hec__run_open_file(run, name, O_RDONLY, &fd, err);

    while (r == 0) {
        ssize_t n = read(fd, buf, sizeof buf);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hec__fail(err, HEC_EIO, errno, "cannot read '%.60s' of the run %.80s", name,
                             run->path);
        if (n == 0)
            break;
        if (out->len - before + (size_t)n > MAX_SIZE)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.60s' of the run %.80s is over 64 MiB", name,
                             run->path);
        if (hec__strbuf_add(out, buf, (size_t)n) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory to read '%.60s'", name);
    }
    return r;
}

const char *hec__run_text(const hec_value *map, const char *key)
{
    const hec_value *v = hec_value_get(map, key);

    return v && v->kind == HEC_VALUE_TEXT ? v->as.text : NULL;
}

int64_t hec__run_int(const hec_value *map, const char *key, int64_t otherwise)
{
    const hec_value *v = hec_value_get(map, key);

    return v && v->kind == HEC_VALUE_INT ? v->as.integer : otherwise;
}
