/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool recording;
static disk_event *events;
static size_t nevents, events_cap;
static unsigned char *bytes;
static size_t nbytes, bytes_cap;

static disk_call armed;
static long countdown; /* 0: nothing fails */
static int failure;
static size_t partial;
static bool fired, shorter, fast;
static uint64_t kill_at, written;

ssize_t __real_write(int fd, const void *data, size_t n);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
ssize_t __real_pread64(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_write(int fd, const void *data, size_t n);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t at);

static void *grown(void *p, size_t *cap, size_t need, size_t size)
{
    while (*cap < need)
        *cap = *cap ? 2 * *cap : 64;
    p = realloc(p, *cap * size);
    if (!p)
        abort();
    return p;
}

static void add_event(disk_kind kind, uint64_t n)
{
    events = grown(events, &events_cap, nevents + 1, sizeof *events);
    events[nevents++] = (disk_event){kind, n};
}

void disk_record(void)
{
    pthread_mutex_lock(&lock);
    nevents = nbytes = 0;
    recording = true;
    pthread_mutex_unlock(&lock);
}

void disk_stop(void)
{
    pthread_mutex_lock(&lock);
    recording = false;
    pthread_mutex_unlock(&lock);
}

void disk_ack(uint64_t n)
{
    pthread_mutex_lock(&lock);
    if (recording)
        add_event(DISK_ACK, n);
    pthread_mutex_unlock(&lock);
}

const disk_event *disk_events(size_t *ret_n)
{
    *ret_n = nevents;
    return events;
}

const unsigned char *disk_bytes(size_t *ret_n)
{
    *ret_n = nbytes;
    return bytes;
}

void disk_fail(disk_call call, long n, int sys, size_t before)
{
    pthread_mutex_lock(&lock);
    armed = call;
    countdown = n;
    failure = sys;
    partial = before;
    fired = false;
    pthread_mutex_unlock(&lock);
}

bool disk_mend(void)
{
    bool was;

    pthread_mutex_lock(&lock);
    countdown = 0;
    was = fired;
    pthread_mutex_unlock(&lock);
    return was;
}

void disk_short(bool on)
{
    shorter = on;
}

void disk_kill_at(uint64_t n)
{
    pthread_mutex_lock(&lock);
    kill_at = n;
    written = 0;
    pthread_mutex_unlock(&lock);
}

void disk_fast(bool on)
{
    fast = on;
}

static bool concerned(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_APPEND) && (flags & O_ACCMODE) == O_WRONLY;
}

/* With the lock held. */
static bool fails(disk_call call)
{
    if (countdown == 0 || call != armed)
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    fired = true;
    errno = failure;
    return true;
}

static ssize_t do_write(int fd, const void *data, size_t n)
{
    ssize_t put;

    if (fails(DISK_CALL_WRITE)) {
        if (partial == 0)
            return -1;
        n = partial < n ? partial : n;
        partial = 0;
    } else if (shorter && n > 1) {
        n = 1 + (n * 7 + nbytes) % n;
    }
    if (kill_at && written + n >= kill_at) {
        n = (size_t)(kill_at - written);
        (void)!__real_write(fd, data, n);
        raise(SIGKILL);
    }
    put = __real_write(fd, data, n);
    if (put <= 0)
        return put;
    written += (uint64_t)put;
    if (recording) {
        bytes = grown(bytes, &bytes_cap, nbytes + (size_t)put, 1);
        memcpy(bytes + nbytes, data, (size_t)put);
        nbytes += (size_t)put;
        add_event(DISK_WRITE, (uint64_t)put);
    }
    return put;
}

ssize_t __wrap_write(int fd, const void *data, size_t n)
{
    ssize_t put;
    int sys;

    if (!concerned(fd))
        return __real_write(fd, data, n);
    pthread_mutex_lock(&lock);
    put = do_write(fd, data, n);
    sys = errno;
    pthread_mutex_unlock(&lock);
    errno = sys;
    return put;
}

int __wrap_fdatasync(int fd)
{
    int r = 0, sys = 0;

    /* It takes its time, as a disk does: who acknowledges before it is done is seen to. */
    if (recording)
        usleep(300);
    pthread_mutex_lock(&lock);
    if (fails(DISK_CALL_SYNC)) {
        sys = errno;
        r = -1;
    } else if (recording) {
        add_event(DISK_SYNC, 0);
    }
    pthread_mutex_unlock(&lock);
    if (r == 0 && !fast)
        return __real_fdatasync(fd);
    errno = sys;
    return r;
}

/* Of locks, new files and folders. */
int __wrap_fsync(int fd)
{
    return fast ? 0 : __real_fsync(fd);
}

ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t at)
{
    bool bad;

    pthread_mutex_lock(&lock);
    bad = fails(DISK_CALL_READ);
    pthread_mutex_unlock(&lock);
    return bad ? -1 : __real_pread64(fd, to, n, at);
}
