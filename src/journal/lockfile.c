/* SPDX-License-Identifier: MIT */
#include "journal/lockfile.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "journal/guard.h"
#include "sys/shm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 1024
#define LOOK_NS  250000000L               /* between two looks at a lock */
#define OLD_NS   (4 * HEC__JLOCK_VOID_NS) /* a lock this old is void without being watched */
#define LOOK_MAX 10000                    /* files of the folder that clearing up looks at */

/* What a lock says. Numbers are 0 and texts empty where it does not. */
typedef struct lock {
    char host[80], boot[48], id[33];
    long long pid, started, pidns;
    uint64_t time_ns; /* its modification */
    bool there;
} lock;

uint64_t hec__boot_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int hec__jrandom_hex(char ret[33], hec_error *err)
{
    unsigned char bytes[16];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return hec__fail(err, HEC_ESYS, errno, "cannot get random bytes");
    for (int i = 0; i < 16; i++)
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static void host_name(char *buf, size_t size)
{
    if (gethostname(buf, size) < 0)
        snprintf(buf, size, "?");
    buf[size - 1] = '\0';
    for (char *c = buf; *c; c++)
        if (*c == '/' || (unsigned char)*c <= ' ')
            *c = '_';
}

void hec__jlock_me(char *buf, size_t size)
{
    char host[65];

    host_name(host, sizeof host);
    snprintf(buf, size, "%s-%d", host, (int)getpid());
}

/* A small file of /proc, as text; without memory of its own, so that a lock says the same however
 * short that is. */
static bool read_proc(const char *path, char *buf, size_t size)
{
    HEC_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

    if (n < 0)
        return false;
    buf[n] = '\0';
    return true;
}

/* When a process was started, in ticks of the kernel, and whether it is more than a corpse. */
static bool process_started(long long pid, long long *ret)
{
    char path[64], text[1024], state;
    const char *p;

    snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    if (!read_proc(path, text, sizeof text))
        return false;
    p = strrchr(text, ')'); /* the name before it may hold anything */
    if (!p || p[1] != ' ')
        return false;
    state = p[2];
    for (int field = 3; p && field <= 22; field++)
        p = strchr(p + 1, ' ');
    if (!p || state == 'Z' || state == 'X')
        return false;
    *ret = strtoll(p, NULL, 10);
    return true;
}

/* Who this is, but for the id. */
static void describe_me(lock *me)
{
    struct stat st;

    *me = (lock){.pid = getpid()};
    host_name(me->host, sizeof me->host - 15);
    if (read_proc("/proc/sys/kernel/random/boot_id", me->boot, sizeof me->boot))
        me->boot[strcspn(me->boot, "\n")] = '\0';
    if (stat("/proc/self/ns/pid", &st) == 0)
        me->pidns = (long long)st.st_ino;
    if (!process_started(me->pid, &me->started))
        me->boot[0] = '\0'; /* no /proc: nobody could look for this process there */
}

/* "name=value\n": the value of a name, cut to size; empty where there is none. */
static void value_of(const char *text, const char *name, char *ret, size_t size)
{
    size_t n = strlen(name);

    ret[0] = '\0';
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == '=') {
            snprintf(ret, size, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
            return;
        }
    }
}

static long long number_of(const char *text, const char *name)
{
    char value[32];

    value_of(text, name, value, sizeof value);
    return strtoll(value, NULL, 10);
}

static uint64_t modified_ns(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

/* What the file says that `fd` is open to; `name` is for the text of errors. */
static int read_from(int fd, const char *name, const char *path, lock *ret, hec_error *err)
{
    char text[TEXT_MAX];
    struct stat st;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    *ret = (lock){0};
    if (n < 0 || fstat(fd, &st) < 0) {
        if (errno == ESTALE) /* it was taken away on the server */
            return 0;
        return hec__fail(err, HEC_EIO, errno, "cannot read '%.100s' beside '%.80s'", name, path);
    }
    /* cppcheck-suppress negativeIndex; it does not see that the block above returns */
    text[n] = '\0';
    ret->there = true;
    ret->time_ns = modified_ns(&st);
    value_of(text, "host", ret->host, sizeof ret->host);
    value_of(text, "boot", ret->boot, sizeof ret->boot);
    value_of(text, "id", ret->id, sizeof ret->id);
    ret->pid = number_of(text, "pid");
    ret->started = number_of(text, "started");
    ret->pidns = number_of(text, "pidns");
    return 0;
}

/* Reads a file anew: opening is what makes NFS ask its server. */
static int read_named(const hec__jlockfile *l, const char *name, const char *path, lock *ret,
                      hec_error *err)
{
    HEC_AUTO_FD fd = -1;
    int r = hec__jguard_file(l->dir, name, name, O_RDONLY, &fd, err);

    *ret = (lock){0};
    if (r == HEC_ENOENT)
        return 0;
    return r < 0 ? r : read_from(fd, name, path, ret, err);
}

static int read_lock(const hec__jlockfile *l, const char *path, lock *ret, hec_error *err)
{
    return read_named(l, l->name, path, ret, err);
}

static bool same_lock(const lock *a, const lock *b)
{
    return a->there && b->there && strcmp(a->id, b->id) == 0;
}

/* Writes who this is into a new file. */
static int fill(hec__jlockfile *l, int fd, const char *path, hec_error *err)
{
    char text[TEXT_MAX];
    lock me;
    int n;

    describe_me(&me);
    n = snprintf(text, sizeof text, "host=%s\npid=%lld\nstarted=%lld\nboot=%s\npidns=%lld\nid=%s\n",
                 me.host, me.pid, me.started, me.boot, me.pidns, l->id);
    /* Other machines see what has been synced. */
    if (write(fd, text, (size_t)n) != n || fsync(fd) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot write '%.100s' beside '%.80s'", l->name,
                         path);
    return 0;
}

/* NAME.lock.SUFFIX; with an id behind it nobody else has such a file. */
static bool name_beside(const hec__jlockfile *l, const char *suffix, const char *id, char *name,
                        size_t size)
{
    return snprintf(name, size, "%s.%s%.16s", l->name, suffix, id) < (int)size;
}

static int make_new(const hec__jlockfile *l, const char *name)
{
    return hec__above_stdio(
        openat(l->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

/* The clock of the file system: the time of a file that was just made; 0: not known. */
static uint64_t file_time(const hec__jlockfile *l)
{
    char name[NAME_MAX + 1];
    struct stat st;
    uint64_t ns = 0;

    if (!name_beside(l, "now-", l->id, name, sizeof name))
        return 0;

    HEC_AUTO_FD fd = make_new(l, name);

    if (fd >= 0 && futimens(fd, NULL) == 0 && fstat(fd, &st) == 0)
        ns = modified_ns(&st);
    if (fd >= 0)
        unlinkat(l->dir, name, 0);
    return ns;
}

static int in_use(const lock *k, const char *path, hec_error *err)
{
    return hec__fail(err, HEC_EAGAIN, 0,
                     "process %lld on host %.60s writes the journal '%.90s': wait for its end, or "
                     "use another",
                     k->pid, k->host[0] ? k->host : "?", path);
}

/* On this machine the kernel knows. 1: void, HEC_EAGAIN: in use, 0: nobody knows here. */
static int judge_here(const lock *k, const char *path, hec_error *err)
{
    long long started = 0;
    lock me;

    describe_me(&me);
    if (!k->boot[0] || k->pidns != me.pidns || strcmp(k->boot, me.boot) != 0)
        return 0;
    if (process_started(k->pid, &started) && started == k->started)
        return in_use(k, path, err);
    return 1;
}

/* A signal ends the wait. */
static int doze(hec_error *err)
{
    struct timespec ts = {0, LOOK_NS};

    if (nanosleep(&ts, NULL) < 0 && errno == EINTR)
        return hec__fail(err, HEC_EINTR, EINTR, "stopped waiting for a journal");
    return 0;
}

/* Of a lock that only its time tells of. 1: it is void, or not there any more; HEC_EAGAIN. */
static int judge_by_time(const hec__jlockfile *l, lock *k, const char *path, hec_error *err)
{
    uint64_t began = hec__boot_ns(), now = file_time(l);
    uint64_t age = now > k->time_ns ? now - k->time_ns : 0;
    lock again;

    for (;;) {
        uint64_t watched = hec__boot_ns() - began;
        int r;

        if (watched >= HEC__JLOCK_VOID_NS || (now && age + watched >= OLD_NS))
            return 1;
        r = doze(err);
        if (r < 0)
            return r;
        r = read_lock(l, path, &again, err);
        if (r < 0)
            return r;
        if (!same_lock(&again, k))
            return 1;
        if (again.time_ns != k->time_ns)
            return in_use(&again, path, err);
    }
}

/* Makes a file that says who this is, whole and on disk, under a name that nobody looks at. */
static int make_filled(hec__jlockfile *l, char *name, size_t size, int *ret_fd, const char *path,
                       hec_error *err)
{
    int r;

    if (!name_beside(l, "new-", l->id, name, size))
        return hec__fail(err, HEC_EINVAL, ENAMETOOLONG, "the journal '%.120s'", path);

    HEC_AUTO_FD fd = make_new(l, name);

    if (fd < 0)
        return hec__fail(err, errno == EACCES || errno == EROFS ? HEC_EPERM : HEC_EIO, errno,
                         "cannot make '%.100s' beside '%.80s'", l->name, path);
    r = fill(l, fd, path, err);
    if (r < 0) {
        unlinkat(l->dir, name, 0);
        return r;
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* Where there are no links: the file is made under its name, and filled there. */
static int put_unlinked(hec__jlockfile *l, const char *name, int *ret_fd, const char *path,
                        hec_error *err)
{
    HEC_AUTO_FD fd = make_new(l, name);
    int r;

    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot make '%.100s' beside '%.80s'", name, path);
    r = fill(l, fd, path, err);
    if (r < 0) {
        unlinkat(l->dir, name, 0);
        return r;
    }
    *ret_fd = fd;
    fd = -1;
    return 1;
}

/* Puts the filled file `temp` to `name` as well, where nothing is: 1: done, 0: there is something.
 * What a link brings is never seen empty. Where another file had to be made *ret_fd is open to it.
 */
static int put_linked(hec__jlockfile *l, const char *temp, const char *name, int *ret_fd,
                      const char *path, hec_error *err)
{
    lock k;
    int r;

    if (linkat(l->dir, temp, l->dir, name, 0) == 0)
        return 1;
    if (errno == EEXIST) { /* NFS says so too if the answer to what it has done itself was lost */
        r = read_named(l, name, path, &k, err);
        return r < 0 ? r : k.there && strcmp(k.id, l->id) == 0;
    }
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK)
        return put_unlinked(l, name, ret_fd, path, err);
    return hec__fail(err, HEC_EIO, errno, "cannot make '%.100s' beside '%.80s'", name, path);
}

/* Whether the file that `fd` is open to is so old that whoever made it for a moment must be dead.
 * *now is of file_time(), or 0 where that was not asked yet. */
static bool is_old(const hec__jlockfile *l, int fd, uint64_t *now)
{
    struct stat st;

    if (!*now)
        *now = file_time(l);
    return fstat(fd, &st) == 0 && *now > modified_ns(&st) &&
           *now - modified_ns(&st) >= HEC__JLOCK_VOID_NS;
}

/* Takes a file away that was made for a moment, if who made it is dead. Whether it did. */
static bool clear(const hec__jlockfile *l, const char *name, uint64_t *now)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    HEC_AUTO_FD fd = -1;
    struct stat st, there;
    lock k;
    int dead;

    if (hec__jguard_file(l->dir, name, name, O_RDWR, &fd, NULL) < 0 ||
        read_from(fd, name, name, &k, NULL) < 0)
        return false;
    dead = judge_here(&k, name, NULL);
    if (dead < 0 || (dead == 0 && !is_old(l, fd, now)))
        return false;
    /* Two of this machine may have seen the same dead one's: the second must not take away what a
     * living one has put there after the first. Where there is no such lock age has to do. */
    if (fcntl(fd, F_OFD_SETLK, &whole) < 0 &&
        (errno == EAGAIN || errno == EACCES || !is_old(l, fd, now)))
        return false;
    return fstat(fd, &st) == 0 && fstatat(l->dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_ino == there.st_ino && st.st_dev == there.st_dev && unlinkat(l->dir, name, 0) == 0;
}

/* Whether a file is one of those that are made here: nobody else's is touched. */
static bool is_ours(const hec__jlockfile *l, const char *name)
{
    size_t n = strlen(l->name);
    const char *suffix = name + n + 1;

    if (strncmp(name, l->name, n) != 0 || name[n] != '.')
        return false;
    return strcmp(suffix, "take") == 0 ||
           ((strncmp(suffix, "new-", 4) == 0 || strncmp(suffix, "now-", 4) == 0) &&
            strlen(suffix) == 20 && strspn(suffix + 4, "0123456789abcdef") == 16);
}

/* What the dead left beside the lock. It is in nobody's way: where it cannot be taken away it
 * stays. */
static void clear_up(const hec__jlockfile *l)
{
    int fd = openat(l->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    uint64_t now = 0;

    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (int i = 0; i < LOOK_MAX && (e = readdir(folder)); i++)
        if (is_ours(l, e->d_name))
            (void)clear(l, e->d_name, &now);
    closedir(folder);
}

/* Puts a new lock over a void one, alone: 1: done, 0: look again. */
static int replace_alone(hec__jlockfile *l, const lock *k, const char *temp, const char *path,
                         hec_error *err)
{
    lock again;
    int r = read_lock(l, path, &again, err);

    if (r < 0)
        return r;
    if (!same_lock(&again, k) || again.time_ns != k->time_ns)
        return 0;
    if (renameat(l->dir, temp, l->dir, l->name) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot rename a lock beside '%.120s'", path);
    return 1;
}

/* Of a void lock: NAME.lock.take says who is about to replace it. */
static int replace(hec__jlockfile *l, const lock *k, const char *path, hec_error *err)
{
    char temp[NAME_MAX + 1], take[NAME_MAX + 1];
    HEC_AUTO_FD fd = -1, other = -1;
    uint64_t now = 0;
    int r;

    if (!name_beside(l, "take", "", take, sizeof take))
        return hec__fail(err, HEC_EINVAL, ENAMETOOLONG, "the journal '%.120s'", path);
    r = make_filled(l, temp, sizeof temp, &fd, path, err);
    if (r < 0)
        return r;
    r = put_linked(l, temp, take, &other, path, err);
    if (r > 0) {
        r = replace_alone(l, k, temp, path, err);
        unlinkat(l->dir, take, 0);
    } else if (r == 0) { /* somebody else is at it */
        r = clear(l, take, &now) ? 0 : doze(err);
    }
    if (r <= 0) {
        unlinkat(l->dir, temp, 0);
        return r;
    }
    l->fd = fd;
    fd = -1;
    return 1;
}

/* 1: there was no lock, and now it is this process's. 0: there is one. */
static int make_lock(hec__jlockfile *l, const char *path, hec_error *err)
{
    char temp[NAME_MAX + 1];
    HEC_AUTO_FD fd = -1, other = -1;
    int r = make_filled(l, temp, sizeof temp, &fd, path, err);

    if (r < 0)
        return r;
    r = put_linked(l, temp, l->name, &other, path, err);
    unlinkat(l->dir, temp, 0);
    if (r <= 0)
        return r;
    l->fd = other >= 0 ? other : fd;
    *(other >= 0 ? &other : &fd) = -1;
    return 1;
}

/* One attempt: 1: taken, 0: look again. */
static int attempt(hec__jlockfile *l, const char *path, hec_error *err)
{
    lock k;
    int r = make_lock(l, path, err);

    if (r != 0)
        return r;
    r = read_lock(l, path, &k, err);
    if (r < 0 || !k.there)
        return r;
    r = judge_here(&k, path, err);
    if (r == 0)
        r = judge_by_time(l, &k, path, err);
    return r < 0 ? r : replace(l, &k, path, err);
}

int hec__jlock_take(hec__jlockfile *l, int dir, const char *name, const char *path, hec_error *err)
{
    uint64_t began = hec__boot_ns();
    int r;

    *l = (hec__jlockfile){.dir = dir, .fd = -1};
    if (snprintf(l->name, sizeof l->name, "%s.lock", name) >= (int)sizeof l->name)
        return hec__fail(err, HEC_EINVAL, ENAMETOOLONG, "the journal '%.120s'", path);
    r = hec__jrandom_hex(l->id, err);
    if (r < 0)
        return r;
    do {
        l->beat_ns = hec__boot_ns();
        r = attempt(l, path, err);
        if (r == 0 && hec__boot_ns() - began > 3 * HEC__JLOCK_VOID_NS)
            r = hec__fail(err, HEC_EAGAIN, 0, "others open the journal '%.120s' all the time",
                          path);
    } while (r == 0);
    if (r < 0)
        return r;
    clear_up(l);
    return 0;
}

int hec__jlock_beat(hec__jlockfile *l, hec_error *err)
{
    uint64_t now = hec__boot_ns();
    lock k;
    int r = read_lock(l, "the journal", &k, err);

    if (r < 0)
        return r;
    if (!k.there || strcmp(k.id, l->id) != 0)
        return hec__fail(err, HEC_EAGAIN, 0,
                         "the journal is not written any more: process %lld on host %.60s has "
                         "taken it over ('%.80s')",
                         k.pid, k.there ? k.host : "?", l->name);
    if (futimens(l->fd, NULL) < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot give a sign of life by '%.100s'", l->name);
    l->beat_ns = now;
    return 0;
}

void hec__jlock_drop(hec__jlockfile *l)
{
    lock k;

    if (l->fd < 0)
        return;
    if (read_lock(l, "the journal", &k, NULL) == 0 && k.there && strcmp(k.id, l->id) == 0)
        unlinkat(l->dir, l->name, 0);
    close(l->fd);
    l->fd = -1;
}
