/* SPDX-License-Identifier: MIT
 *
 * Whose files are taken, and who may write: folders and files that others can write, links, and
 * locks of the living, of the dead, and of other machines.
 */
#include "stage.h"
#include "tap.h"

#include "journal/lockfile.h"
#include "journal/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const hec_journal_options reading = {.read_only = 1};
static hec_error err;

/* Opens to write and closes again. */
static int try(const char *path)
{
    hec_journal *j = NULL;
    int r = hec_journal_open(path, NULL, &j, &err);

    if (r == 0)
        r = hec_journal_close(j, &err);
    return r;
}

static void test_files(void)
{
    const char *path = stage_path("file.hecj"), *alias = stage_path("link.hecj");
    hec_journal *j = NULL;

    ok(try(path) == 0, "a journal is made");
    chmod(path, 0620);
    ok(try(path) == HEC_EPERM && strstr(err.text, "0620") && strstr(err.text, path),
       "one that the group can write is refused: %s", err.text);
    chmod(path, 0602);
    ok(hec_journal_open(path, &reading, &j, &err) == HEC_EPERM && !j,
       "one that all can write is not even read");
    chmod(path, 0644);
    ok(try(path) == 0, "others may read it");
    ok(symlink(path, alias) == 0 && try(alias) == HEC_EPERM && strstr(err.text, "symbolic link"),
       "a symbolic link is refused: %s", err.text);
    ok(mkfifo(stage_path("fifo.hecj"), 0600) == 0 && try(stage_path("fifo.hecj")) == HEC_EFORMAT,
       "a pipe is not waited at: %s", err.text);
    ok(try(stage_path("absent/x.hecj")) == HEC_ENOENT, "a folder must be there: %s", err.text);
    ok(try(stage_path("file.hecj/x")) == HEC_ENOENT, "a file is no folder: %s", err.text);
    ok(try(stage_path(".")) == HEC_EFORMAT, "a folder with such things in it is refused");
    ok(try("") < 0 && mkdir(stage_path("empty"), 0700) == 0 && try(stage_path("empty")) == 0,
       "the empty path is none, an empty folder is one");
}

static void test_owner(void)
{
    const char *path = stage_path("other.hecj"), *folder = stage_path("others");

    if (geteuid() != 0) {
        ok(true, "a file of another user's is refused # SKIP hardware: only root can make one");
        return;
    }
    ok(try(path) == 0 && chown(path, 12345, 12345) == 0 && try(path) == HEC_EPERM &&
           strstr(err.text, "12345"),
       "a file of another user's is refused: %s", err.text);
    ok(mkdir(folder, 0755) == 0 && chown(folder, 12345, 12345) == 0 &&
           try(stage_path("others/x.hecj")) == HEC_EPERM && strstr(err.text, "12345"),
       "and so is a folder: %s", err.text);
}

static void test_folders(void)
{
    const char *folder = stage_path("open");

    mkdir(folder, 0700);
    chmod(folder, 0770);
    ok(try(stage_path("open/x.hecj")) == HEC_EPERM && strstr(err.text, "0770"),
       "a folder that the group can write is refused: %s", err.text);
    ok(try(folder) == HEC_EPERM, "also as a journal itself");
    chmod(folder, 01777);
    ok(try(stage_path("open/x.hecj")) == 0, "not with the sticky bit, as /tmp has it");
    chmod(folder, 0755);
    ok(try(stage_path("open/x.hecj")) == 0, "others may look");
}

static void test_formats(void)
{
    const char *path = stage_path("format.hecj");
    unsigned char *data;
    size_t size;

    ok(stage_write(path, "", 0) && try(path) == 0, "an empty file becomes a journal");
    ok(stage_write(path, "\x89HECJ", 5) && try(path) == 0, "and what a crash left of a header");
    ok(stage_write(path, "name,value\nmore than sixty-four bytes of something else, which is kept",
                   70) &&
           try(path) == HEC_EFORMAT,
       "something else is refused: %s", err.text);
    data = stage_read(path, &size);
    ok(size == 70 && memcmp(data, "name,value\n", 11) == 0, "and kept");
    free(data);
    unlink(path);
    ok(try(path) == 0, "a journal is made");
    data = stage_read(path, &size);
    data[20] ^= 1;
    ok(stage_write(path, data, size) && try(path) == HEC_EFORMAT && strstr(err.text, "damaged"),
       "a damaged header is told: %s", err.text);
    free(data);
}

/* ---- locks ---- */

static void write_lock(const char *path, const char *text, unsigned age_s)
{
    struct timespec now, times[2];

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= age_s;
    times[0] = times[1] = now;
    ok(stage_write(path, text, strlen(text)) && utimensat(AT_FDCWD, path, times, 0) == 0,
       "a lock that is %u s old lies there", age_s);
}

static void test_second_writer(void)
{
    const char *path = stage_path("second.hecj");
    hec_journal *j = NULL, *k = NULL;
    char host[80] = "", pid[32];
    int status = 0;
    pid_t child;

    gethostname(host, sizeof host - 1);
    snprintf(pid, sizeof pid, "process %d ", (int)getpid());
    ok(hec_journal_open(path, NULL, &j, &err) == 0, "a journal is written");
    ok(hec_journal_open(path, NULL, &k, &err) == HEC_EAGAIN && !k && strstr(err.text, host) &&
           strstr(err.text, pid) && strstr(err.text, path),
       "a second writer is refused: %s", err.text);
    child = fork();
    if (child == 0) {
        hec_journal_close(j, NULL);
        _exit(try(path) == HEC_EAGAIN ? 0 : 1);
    }
    ok(waitpid(child, &status, 0) == child && status == 0, "in another process too");
    ok(hec_journal_open(path, &reading, &k, &err) == 0 && hec_journal_close(k, &err) == 0,
       "a reader is not");
    ok(hec_journal_close(j, &err) == 0 && try(path) == 0, "and after it another may write");
}

static void test_dead_writer(void)
{
    const char *path = stage_path("dead.hecj");
    hec_journal *j = NULL;
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (hec_journal_open(path, NULL, &j, NULL) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    ok(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "a writer is killed");
    ok(access(stage_path("dead.hecj.lock"), F_OK) == 0, "its lock stays");
    ok(try(path) == 0, "which the next one takes at once: %s", err.text);
    ok(access(stage_path("dead.hecj.lock"), F_OK) < 0 &&
           access(stage_path("dead.hecj.lock.take"), F_OK) < 0,
       "and clears up");
}

static void on_alarm(int sig)
{
    (void)sig;
}

/* Holder on a machine that is not this one. */
static const char far[] = "host=node77\npid=4711\nstarted=1\nboot=other\npidns=1\nid=abc\n";

static void test_other_machine(void)
{
    const char *path = stage_path("far.hecj"), *lock = stage_path("far.hecj.lock");
    struct sigaction sa = {.sa_handler = on_alarm};
    /* More often than it looks: one of them comes while it sleeps. */
    struct itimerval often = {{0, 60000}, {0, 60000}}, never = {{0, 0}, {0, 0}};
    int status = 0;
    pid_t child;

    write_lock(lock, far, 0);
    child = fork();
    if (child == 0) {
        /* The holder's signs of life. */
        for (int i = 0; i < 600; i++) {
            usleep(100000);
            if (utimensat(AT_FDCWD, lock, NULL, 0) < 0)
                _exit(0);
        }
        _exit(1);
    }
    ok(try(path) == HEC_EAGAIN && strstr(err.text, "node77") && strstr(err.text, "4711"),
       "who gives signs of life on another machine keeps its journal: %s", err.text);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    write_lock(lock, far, 0);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    ok(try(path) == HEC_EINTR, "a signal ends the watching: %s", err.text);
    setitimer(ITIMER_REAL, &never, NULL);
    write_lock(lock, far, 200);
    ok(try(path) == 0, "one that has given none for long does not keep it: %s", err.text);
    write_lock(lock, "", 200);
    ok(try(path) == 0, "nor one of whom nothing is known: %s", err.text);
    ok(access(lock, F_OK) < 0, "and its lock is gone");
}

static void test_lost(void)
{
    const char *lock = stage_path("lost.hecj.lock"), *other = stage_path("lost.other");
    int dir = open(stage_path("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hec__jlockfile l;

    ok(hec__jlock_take(&l, dir, "lost.hecj", "lost.hecj", &err) == 0, "a lock is taken");
    ok(hec__jlock_beat(&l, &err) == 0, "and held");
    write_lock(other, far, 0);
    ok(rename(other, lock) == 0 && hec__jlock_beat(&l, &err) == HEC_EAGAIN &&
           strstr(err.text, "node77"),
       "who has lost it is told to whom: %s", err.text);
    hec__jlock_drop(&l);
    ok(access(lock, F_OK) == 0, "and leaves the other's alone");
    unlink(lock);
    close(dir);
}

/* Many start at once over a dead one's lock: one writes at a time. */
static void test_race(void)
{
    enum { RACERS = 8 };
    const char *path = stage_path("race.hecj");
    pid_t pids[RACERS];
    int status, won = 0, refused = 0;
    hec_journal_info info;
    hec_journal *j = NULL;

    write_lock(stage_path("race.hecj.lock"), far, 200);
    for (int i = 0; i < RACERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int r = hec_journal_open(path, NULL, &j, &err);

            if (r == 0) {
                usleep(20000);
                r = hec_journal_close(j, &err);
            }
            _exit(r == 0 ? 0 : r == HEC_EAGAIN ? 2 : 1);
        }
    }
    for (int i = 0; i < RACERS; i++) {
        waitpid(pids[i], &status, 0);
        won += status == 0;
        refused += WIFEXITED(status) && WEXITSTATUS(status) == 2;
    }
    ok(won >= 1 && won + refused == RACERS, "%d of %d wrote, the others were refused", won, RACERS);
    ok(hec_journal_open(path, &reading, &j, &err) == 0, "the journal is read");
    hec_journal_info_get(j, &info);
    ok(info.sessions == (uint32_t)won && info.damages == 0 && info.records == 2u * (unsigned)won,
       "and has the sessions of those, whole");
    hec_journal_close(j, &err);
}

int main(void)
{
    stage_open();
    umask(022);
    test_files();
    test_owner();
    test_folders();
    test_formats();
    test_second_writer();
    test_dead_writer();
    test_other_machine();
    test_lost();
    test_race();
    stage_close();
    return done_testing();
}
