/* SPDX-License-Identifier: MIT
 *
 * Shared memory without a name.
 */
#include "tap.h"

#include "sys/shm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t pages_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (int64_t)((uint64_t)st.st_blocks * 512 / hec__page_size()) : -1;
}

static void ring(int fd, size_t page)
{
    hec_error err = {0};
    void *at = NULL;
    unsigned char *p;

    ok(hec__shm_map_twice(fd, page, 2 * page, &at, &err) == 0, "a ring is mapped %s", err.text);
    p = at;
    memcpy(p + 2 * page - 4, "12345678", 8);
    ok(memcmp(p, "5678", 4) == 0, "what runs over the end is at the beginning");
    p[1] = 'x';
    ok(p[2 * page + 1] == 'x', "both are the same memory");
    munmap(at, 4 * page);
    ok(hec__shm_map_twice(-1, 0, page, &at, &err) == HEC_ENOMEM && err.sys && err.text[0],
       "no file, no ring: %s", err.text);
}

static void commit_and_release(int fd, size_t page)
{
    hec_error err = {0};
    void *at = NULL;
    char *p;
    int64_t before = pages_of(fd);

    ok(hec__shm_commit(fd, 16 * page, 8 * page, &err) == 0 && pages_of(fd) == before + 8,
       "committed pages exist");
    hec__shm_map(fd, 16 * page, 8 * page, HEC__SHM_SHARED, &at, &err);
    p = at;
    p[page] = 7;
    ok(hec__shm_release(fd, 16 * page, 8 * page, &err) == 0 && pages_of(fd) == before,
       "released pages are gone");
    ok(p[page] == 0, "and read as zero");
    munmap(at, 8 * page);
    ok(hec__shm_release(-1, 0, page, &err) == HEC_ESYS, "no file, nothing to release: %s",
       err.text);
    ok(hec__shm_commit(-1, 0, page, &err) == HEC_ESYS, "no file, nothing to commit: %s", err.text);
}

static void views(int fd, size_t page)
{
    hec_error err = {0};
    void *shared = NULL, *own = NULL;
    int status = 0;
    pid_t child;

    ok(hec__shm_map(fd, 0, page, HEC__SHM_SHARED, &shared, &err) == 0 &&
           hec__shm_map(fd, 0, page, HEC__SHM_PRIVATE, &own, &err) == 0,
       "a part is mapped in both ways");
    if (!shared || !own)
        return;
    *(volatile char *)shared = 'a';
    ok(*(volatile char *)own == 'a', "a private view shows what is there");
    *(volatile char *)own = 'b';
    ok(*(volatile char *)shared == 'a', "what is written to it stays with it");
    child = fork();
    if (child == 0) {
        *(volatile char *)shared = 'c';
        _exit(*(volatile char *)own == 'b' ? 0 : 1);
    }
    waitpid(child, &status, 0);
    ok(status == 0 && *(volatile char *)shared == 'c', "a shared one is seen by another process");
    munmap(shared, page);
    munmap(own, page);
}

int main(void)
{
    size_t page = hec__page_size();
    hec_error err = {0};
    int fd = -1, kept = -5;
    void *at = (void *)&kept;

    ok(hec__page_round(1) == page && hec__page_round(page) == page && hec__page_round(0) == 0 &&
           hec__page_round(page + 1) == 2 * page,
       "sizes are rounded up to pages");
    ok(hec__shm_create("test", (uint64_t)1 << 42, &fd, &err) == 0 && fd >= 0,
       "4 TiB of sparse file %s", err.text);
    ok(pages_of(fd) == 0, "they have no pages");
    ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "the descriptor is closed on exec");
    ring(fd, page);
    commit_and_release(fd, page);
    views(fd, page);
    ok(hec__shm_create("test", UINT64_MAX, &kept, &err) == HEC_ESYS && kept == -5,
       "a size that cannot be: %s", err.text);
    ok(hec__shm_map(fd, 1, page, HEC__SHM_SHARED, &at, &err) < 0 && at == (void *)&kept,
       "an offset that is no page: %s", err.text);
    close(fd);
    return done_testing();
}
