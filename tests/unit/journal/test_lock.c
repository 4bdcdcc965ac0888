/* SPDX-License-Identifier: MIT
 *
 * Taking the lock of a journal, killed at each step: what the dead one leaves is in nobody's way.
 * Also on file systems without links, and on those that forget what they have answered.
 */
#include "stage.h"
#include "tap.h"

#include "journal/lockfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What would be waited for 30 s if the lock told nothing of its maker. */
#define AT_ONCE_NS UINT64_C(10000000000)

enum how { AS_IT_IS, WITHOUT_LINKS, FORGETFUL };

static long countdown; /* the process kills itself at this step; 0: never */
static enum how how;
static hec_error err;

ssize_t __real_write(int fd, const void *data, size_t n);
int __real_fsync(int fd);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dir, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *data, size_t n);
int __wrap_fsync(int fd);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *name, int flags);

static void step(void)
{
    if (countdown && --countdown == 0)
        raise(SIGKILL);
}

ssize_t __wrap_write(int fd, const void *data, size_t n)
{
    ssize_t put;

    step();
    put = __real_write(fd, data, n);
    step();
    return put;
}

int __wrap_fsync(int fd)
{
    (void)fd; /* the machine stays up: a test of hundreds of locks need not wait for the disk */
    return 0;
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    int r;

    step();
    if (how == WITHOUT_LINKS) {
        errno = EPERM;
        return -1;
    }
    r = __real_linkat(from_dir, from, to_dir, to, flags);
    step();
    if (r == 0 && how == FORGETFUL) {
        errno = EEXIST;
        return -1;
    }
    return r;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    int r;

    step();
    r = __real_renameat(from_dir, from, to_dir, to);
    step();
    return r;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    int r;

    step();
    r = __real_unlinkat(dir, name, flags);
    step();
    return r;
}

/* What lies beside the lock, but for empty files: before it says who made it a file can be
 * anybody's. These get as old as `empty_age_s` says. */
static int left_beside(int dir, int empty_age_s)
{
    DIR *folder = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const char *prefix = "lock.lock.";
    const struct dirent *e;
    struct timespec times[2];
    struct stat st;
    int n = 0;

    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= empty_age_s;
    times[1] = times[0];
    while (folder && (e = readdir(folder))) {
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (strcmp(e->d_name, "lock.lock.take") == 0 || fstatat(dir, e->d_name, &st, 0) < 0 ||
            st.st_size > 0)
            n++;
        else if (empty_age_s && utimensat(dir, e->d_name, times, 0) < 0)
            n++;
    }
    if (folder)
        closedir(folder);
    return n;
}

/* All that lies there. */
static int files(int dir)
{
    DIR *folder = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *e;
    int n = 0;

    while (folder && (e = readdir(folder)))
        n += e->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return n;
}

/* A child that takes the lock and dies at a step. Whether it died of that. */
static bool killed_at(int dir, long n)
{
    hec__jlockfile l;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        countdown = n;
        if (hec__jlock_take(&l, dir, "lock", "lock", &err) < 0)
            _exit(1);
        countdown = 0;
        hec__jlock_drop(&l);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || (status != 0 && !WIFSIGNALED(status)))
        ok(false, "the child that dies at step %ld: status %d", n, status);
    return WIFSIGNALED(status);
}

/* Leaves the lock of somebody who is dead. */
static bool leave_lock(int dir)
{
    hec__jlockfile l;
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(hec__jlock_take(&l, dir, "lock", "lock", &err) < 0);
    return waitpid(child, &status, 0) == child && status == 0;
}

/* At each step of taking it, from nobody or from a dead one. */
static void test_kills(int dir, bool from_dead)
{
    uint64_t began, longest = 0;
    bool good = true, died = true;
    hec__jlockfile l;
    long n;

    for (n = 1; good && died && n < 100; n++) {
        good = !from_dead || leave_lock(dir);
        died = killed_at(dir, n);
        began = hec__boot_ns();
        good = good && hec__jlock_take(&l, dir, "lock", "lock", &err) == 0 &&
               hec__jlock_beat(&l, &err) == 0;
        if (hec__boot_ns() - began > longest)
            longest = hec__boot_ns() - began;
        good = good && left_beside(dir, 0) == 0;
        hec__jlock_drop(&l);
        good = good && faccessat(dir, "lock.lock", F_OK, 0) < 0;
    }
    ok(good && !died && n > (from_dead ? 16 : 8),
       "killed at each of %ld steps of taking a lock from %s: the next one takes it and clears "
       "up%s%s",
       n - 2, from_dead ? "a dead one" : "nobody", good ? "" : ": ", good ? "" : err.text);
    ok(longest < AT_ONCE_NS, "at once: %.3f s at most", (double)longest / 1e9);
    ok(left_beside(dir, 60) == 0 && stage_write(stage_path("lock.lock.news"), "", 0) &&
           left_beside(dir, 60) == 0 && hec__jlock_take(&l, dir, "lock", "lock", &err) == 0 &&
           files(dir) == 2,
       "what does not say who made it goes when it is old, and nothing else");
    unlink(stage_path("lock.lock.news"));
    hec__jlock_drop(&l);
}

/* One takes it, another is refused, and takes it after the first; also over a dead one's. */
static void test_use(int dir, const char *where)
{
    hec__jlockfile l, k;
    int round;

    for (round = 0; round < 2; round++) {
        ok(round == 0 || leave_lock(dir), "%s: nobody has it, or a dead one", where);
        ok(hec__jlock_take(&l, dir, "lock", "lock", &err) == 0 && files(dir) == 1 &&
               hec__jlock_beat(&l, &err) == 0,
           "%s: a lock is taken", where);
        ok(hec__jlock_take(&k, dir, "lock", "lock", &err) == HEC_EAGAIN && files(dir) == 1,
           "%s: a second one is refused: %s", where, err.text);
        hec__jlock_drop(&l);
        ok(files(dir) == 0, "%s: nothing stays", where);
    }
}

/* A process that lives and is at it is waited for, one that died is not. */
static void test_take(int dir)
{
    const char *take = stage_path("lock.lock.take");
    uint64_t began = hec__boot_ns();
    unsigned char *text;
    hec__jlockfile l;
    size_t size;
    int status;
    pid_t child;

    ok(leave_lock(dir) && linkat(dir, "lock.lock", dir, "lock.lock.take", 0) == 0,
       "somebody died while he replaced a lock");
    ok(hec__jlock_take(&l, dir, "lock", "lock", &err) == 0 && files(dir) == 1 &&
           hec__boot_ns() - began < AT_ONCE_NS,
       "that is no hindrance: %s", err.text);
    text = stage_read(stage_path("lock.lock"), &size);
    hec__jlock_drop(&l);
    ok(leave_lock(dir) && stage_write(take, text, size), "another one lives");
    child = fork();
    if (child == 0)
        _exit(hec__jlock_take(&l, dir, "lock", "lock", &err) < 0);
    usleep(600000);
    ok(waitpid(child, &status, WNOHANG) == 0 && access(take, F_OK) == 0, "he is waited for");
    unlink(take);
    ok(waitpid(child, &status, 0) == child && status == 0, "until he is done");
    unlink(stage_path("lock.lock"));
    free(text);
}

/* Many at once over what a dead one left, `.take` included: one at a time has it. */
static void test_race(int dir)
{
    enum { RACERS = 8, ROUNDS = 15 };
    int inside, status, won = 0, wrong = 0;

    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[RACERS];

        if (!leave_lock(dir) || linkat(dir, "lock.lock", dir, "lock.lock.take", 0) < 0)
            wrong++;
        for (int i = 0; i < RACERS; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                hec__jlockfile l;
                int r = hec__jlock_take(&l, dir, "lock", "lock", &err);

                if (r < 0)
                    _exit(r == HEC_EAGAIN ? 2 : 1);
                /* Who is in there with another one sees his file. */
                inside = openat(dir, "inside", O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600);
                usleep(3000);
                if (inside < 0 || unlinkat(dir, "inside", 0) < 0 || hec__jlock_beat(&l, &err) < 0)
                    _exit(1);
                hec__jlock_drop(&l);
                _exit(0);
            }
        }
        for (int i = 0; i < RACERS; i++) {
            waitpid(pids[i], &status, 0);
            won += status == 0;
            wrong += status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 2);
        }
        wrong += files(dir) != 0;
    }
    ok(won >= ROUNDS && wrong == 0, "%d races: %d had it, each alone, and nothing stays (%d wrong)",
       ROUNDS, won, wrong);
}

int main(void)
{
    int dir;

    stage_open();
    dir = open(stage_path("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test_kills(dir, false);
    test_kills(dir, true);
    test_use(dir, "here");
    how = WITHOUT_LINKS;
    test_use(dir, "without links");
    how = FORGETFUL;
    test_use(dir, "where answers are lost");
    how = AS_IT_IS;
    test_take(dir);
    test_race(dir);
    close(dir);
    stage_close();
    return done_testing();
}
