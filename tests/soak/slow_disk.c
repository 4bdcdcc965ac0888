/* SPDX-License-Identifier: MIT
 *
 * A library to be preloaded that makes a disk slow, and lets it fail, for files whose path has a
 * certain text in it. What it does is read from a file that somebody else writes: eight numbers,
 *
 *     slow_us write_p short_p fail_p errno sync_us sync_p sync_errno
 *
 * how long a write waits and in how many of a million it does, how many are cut short, how many
 * fail and with what; how long a sync waits, how many fail and with what. HEC_SLOW_PATH is the
 * text, HEC_SLOW_RULES the file. Without them everything is as usual.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SLOW_US, SLOW_P, SHORT_P, FAIL_P, FAIL_ERRNO, SYNC_US, SYNC_P, SYNC_ERRNO, RULES };

static _Atomic uint64_t dice_state = 88172645463325252u;

/* A number below a million. */
static long dice(void)
{
    uint64_t x = atomic_fetch_add_explicit(&dice_state, 0x9e3779b97f4a7c15u, memory_order_relaxed);

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (long)((x ^ (x >> 31)) % 1000000u);
}

/* Whether the file is one of those meant, and what is to be done to it. */
static int rules_of(int fd, long rules[RULES])
{
    const char *text = getenv("HEC_SLOW_PATH"), *file = getenv("HEC_SLOW_RULES");
    char link[32], path[4096], line[256];
    struct stat st;
    ssize_t n;
    char *at = line;
    int in, i;

    if (!text || !file || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    if (!strstr(path, text))
        return 0;
    in = open(file, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return 0;
    n = read(in, line, sizeof line - 1);
    close(in);
    if (n <= 0)
        return 0;
    line[n] = '\0';
    for (i = 0; i < RULES; i++)
        rules[i] = strtol(at, &at, 10);
    return 1;
}

static void wait_us(long us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};

    while (us > 0 && nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* How many of `size` bytes may be written: all, fewer, or none, -1 with errno. */
static ssize_t allowed(int fd, size_t size)
{
    long rules[RULES];

    if (!rules_of(fd, rules))
        return (ssize_t)size;
    if (dice() < rules[SLOW_P])
        wait_us(rules[SLOW_US]);
    if (dice() < rules[FAIL_P]) {
        errno = (int)rules[FAIL_ERRNO];
        return -1;
    }
    if (size > 1 && dice() < rules[SHORT_P])
        return (ssize_t)(1 + (size_t)dice() % (size - 1));
    return (ssize_t)size;
}

/* Whether a sync may be made; else errno. */
static int sync_allowed(int fd)
{
    long rules[RULES];

    if (!rules_of(fd, rules))
        return 1;
    wait_us(rules[SYNC_US]);
    if (dice() >= rules[SYNC_P])
        return 1;
    errno = (int)rules[SYNC_ERRNO];
    return 0;
}

/* The function of the C library that one of ours stands before. */
#define REAL(type, name)                                                                           \
    static _Atomic(type) real_;                                                                    \
    type real = atomic_load_explicit(&real_, memory_order_relaxed);                                \
    if (!real) {                                                                                   \
        real = (type)(uintptr_t)dlsym(RTLD_NEXT, name);                                            \
        atomic_store_explicit(&real_, real, memory_order_relaxed);                                 \
    }

typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*writev_fn)(int, const struct iovec *, int);
typedef ssize_t (*pwritev_fn)(int, const struct iovec *, int, off_t);
typedef int (*sync_fn)(int);

ssize_t write(int fd, const void *data, size_t size)
{
    ssize_t n;

    REAL(write_fn, "write")
    n = allowed(fd, size);
    return n < 0 ? -1 : real(fd, data, (size_t)n);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    ssize_t n;

    REAL(pwrite_fn, "pwrite")
    n = allowed(fd, size);
    return n < 0 ? -1 : real(fd, data, (size_t)n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return pwrite(fd, data, size, (off_t)at);
}

/* The pieces that hold the first n bytes; the last one is cut in a copy that the caller has made.
 */
static int cut(struct iovec *iov, int count, size_t n)
{
    int i;

    for (i = 0; i < count && n > 0; i++) {
        if (iov[i].iov_len > n)
            iov[i].iov_len = n;
        n -= iov[i].iov_len;
    }
    return i;
}

static size_t total(const struct iovec *iov, int count)
{
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += iov[i].iov_len;
    return n;
}

#define IOV_MOST 1024

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    struct iovec copy[IOV_MOST];
    ssize_t n;

    REAL(writev_fn, "writev")
    if (count <= 0 || count > IOV_MOST)
        return real(fd, iov, count);
    n = allowed(fd, total(iov, count));
    if (n < 0)
        return -1;
    memcpy(copy, iov, (size_t)count * sizeof *iov);
    return real(fd, copy, cut(copy, count, (size_t)n));
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
    struct iovec copy[IOV_MOST];
    ssize_t n;

    REAL(pwritev_fn, "pwritev")
    if (count <= 0 || count > IOV_MOST)
        return real(fd, iov, count, at);
    n = allowed(fd, total(iov, count));
    if (n < 0)
        return -1;
    memcpy(copy, iov, (size_t)count * sizeof *iov);
    return real(fd, copy, cut(copy, count, (size_t)n), at);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t at)
{
    return pwritev(fd, iov, count, (off_t)at);
}

int fsync(int fd)
{
    REAL(sync_fn, "fsync")
    return sync_allowed(fd) ? real(fd) : -1;
}

int fdatasync(int fd)
{
    REAL(sync_fn, "fdatasync")
    return sync_allowed(fd) ? real(fd) : -1;
}
