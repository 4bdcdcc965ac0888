/* SPDX-License-Identifier: MIT
 *
 * See proc(5): /proc/PID/statm, and /proc/PID/task/TID/children, of which each thread has its own.
 */
#include "sys/proc.h"

#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More processes from one task are not looked at. */
#define TREE_MAX 512
/* How often to look whether somebody was started while the others were being stopped. */
#define PASSES 8

/* What getdents64() writes; the C library keeps it to itself. */
struct entry {
    uint64_t ino;
    int64_t off;
    uint16_t size;
    uint8_t type;
    char name[];
};

struct tree {
    pid_t pids[TREE_MAX];
    int n;
};

int hec__memory_open(void)
{
    return hec__above_stdio(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
}

bool hec__memory_read(int fd, hec__memory *ret)
{
    char text[160], *at = text;
    uint64_t pages[6], page = hec__page_size();
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    for (int i = 0; i < 6; i++) {
        char *end;

        pages[i] = strtoull(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    ret->rss = pages[1] * page;
    ret->own = pages[1] > pages[2] ? (pages[1] - pages[2]) * page : 0;
    ret->data = pages[5] * page;
    return true;
}

static uint64_t own_of(pid_t pid)
{
    char path[48];
    hec__memory m = {0};
    int fd;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (!hec__memory_read(fd, &m))
        m.own = 0;
    close(fd);
    return m.own;
}

static bool has(const struct tree *t, pid_t pid)
{
    for (int i = 0; i < t->n; i++)
        if (t->pids[i] == pid)
            return true;
    return false;
}

/* Adds the numbers in an open file, which are separated by blanks. */
static void add_numbers(struct tree *t, int fd)
{
    char buf[1024];
    pid_t pid = 0;
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] >= '0' && buf[i] <= '9') {
                pid = 10 * pid + (buf[i] - '0');
                continue;
            }
            if (pid && t->n < TREE_MAX && !has(t, pid))
                t->pids[t->n++] = pid;
            pid = 0;
        }
}

static void add_children_of_thread(struct tree *t, int task_dir, const char *thread)
{
    char path[48];
    int fd;

    snprintf(path, sizeof path, "%.16s/children", thread);
    fd = openat(task_dir, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        add_numbers(t, fd);
        close(fd);
    }
}

static void add_children(struct tree *t, pid_t pid)
{
    _Alignas(8) char buf[2048];
    char path[48];
    long n;
    int dir;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return;
    while ((n = syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0)
        for (long at = 0; at < n;) {
            const struct entry *e = (const struct entry *)(const void *)(buf + at);

            if (e->name[0] != '.')
                add_children_of_thread(t, dir, e->name);
            at += e->size;
        }
    close(dir);
}

/* Everything that comes from t->pids[0]. */
static void grow(struct tree *t)
{
    for (int i = 0; i < t->n; i++)
        add_children(t, t->pids[i]);
}

uint64_t hec__tree_own(pid_t pid)
{
    struct tree t = {.pids = {pid}, .n = 1};
    uint64_t bytes = 0;

    grow(&t);
    for (int i = 0; i < t.n; i++)
        bytes += own_of(t.pids[i]);
    return bytes;
}

void hec__tree_kill(pid_t pid)
{
    struct tree t = {.pids = {pid}, .n = 1};
    int stopped = 0, before;

    for (int pass = 0; pass < PASSES && stopped < t.n; pass++) {
        for (; stopped < t.n; stopped++)
            kill(t.pids[stopped], SIGSTOP);
        before = t.n;
        grow(&t);
        if (t.n == before)
            break;
    }
    /* The youngest first: none of them is given to another parent before it is hit. */
    while (t.n > 0)
        kill(t.pids[--t.n], SIGKILL);
}
