/* SPDX-License-Identifier: MIT */
#include "sys/shm.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

size_t hec__page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t hec__page_round(size_t n)
{
    size_t page = hec__page_size();

    return (n + page - 1) & ~(page - 1);
}

int hec__above_stdio(int fd)
{
    int copy;

    if (fd < 0 || fd > 2)
        return fd;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return copy;
}

uint64_t hec__file_size_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

int hec__shm_create(const char *what, uint64_t size, int *ret_fd, hec_error *err)
{
    HEC_AUTO_FD fd = hec__above_stdio(memfd_create(what, MFD_CLOEXEC));

    if (fd < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot create shared memory (%s)", what);
    if (size > hec__file_size_limit()) /* to try would be a SIGXFSZ */
        return hec__fail(err, HEC_ENOMEM, 0,
                         "shared memory (%s) is over the limit on the size of files (ulimit -f)",
                         what);
    if (ftruncate(fd, (off_t)size) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot size shared memory (%s, %llu bytes)", what,
                         (unsigned long long)size);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int hec__shm_map(int fd, uint64_t offset, size_t size, enum hec__shm_view view, void **ret_addr,
                 hec_error *err)
{
    /* NORESERVE: a private view is hardly ever written, so it must not count as if it all were. */
    int flags = view == HEC__SHM_SHARED ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);

    if (p == MAP_FAILED)
        return hec__fail(err, errno == ENOMEM ? HEC_ENOMEM : HEC_ESYS, errno,
                         "cannot map %zu bytes of shared memory", size);
    *ret_addr = p;
    return 0;
}

int hec__shm_map_twice(int fd, uint64_t offset, size_t size, void **ret_addr, hec_error *err)
{
    /* Reserve the room for both first: the second mapping must not land on a stranger's. */
    char *p = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return hec__fail(err, HEC_ENOMEM, errno, "cannot reserve %zu bytes for a ring", 2 * size);
    for (int i = 0; i < 2; i++) {
        if (mmap(p + i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                 (off_t)offset) == MAP_FAILED) {
            int sys = errno;

            munmap(p, 2 * size);
            return hec__fail(err, HEC_ENOMEM, sys, "cannot map a ring of %zu bytes", size);
        }
    }
    *ret_addr = p;
    return 0;
}

/* Of the 64 bits that /proc/self/pagemap has for a page (Documentation/admin-guide/mm/pagemap.rst
 * of Linux). A page of a file that was written to through a private view is anonymous from then on.
 */
#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_SWAPPED (UINT64_C(1) << 62)
#define PAGE_OF_FILE (UINT64_C(1) << 61)

bool hec__shm_is_clean(const void *data, size_t size)
{
    uint64_t entries[1024], page = hec__page_size();
    uint64_t at = (uintptr_t)data / page, end = ((uintptr_t)data + size + page - 1) / page;
    HEC_AUTO_FD fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && at < end) {
        uint64_t want = end - at < 1024 ? end - at : 1024;
        ssize_t got = pread(fd, entries, want * sizeof *entries, (off_t)(at * sizeof *entries));

        if (got < (ssize_t)sizeof *entries)
            return false;
        got /= (ssize_t)sizeof *entries;
        for (ssize_t i = 0; i < got; i++)
            if (entries[i] & PAGE_SWAPPED ||
                (entries[i] & PAGE_PRESENT && !(entries[i] & PAGE_OF_FILE)))
                return false;
        at += (uint64_t)got;
    }
    return fd >= 0;
}

int hec__shm_commit(int fd, uint64_t offset, size_t size, hec_error *err)
{
    int r;

    do
        r = fallocate(fd, 0, (off_t)offset, (off_t)size);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return hec__fail(err, errno == ENOSPC || errno == ENOMEM ? HEC_ENOMEM : HEC_ESYS, errno,
                         "cannot get %zu bytes of shared memory", size);
    return 0;
}

int hec__shm_release(int fd, uint64_t offset, size_t size, hec_error *err)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot give back %zu bytes of shared memory", size);
    return 0;
}
