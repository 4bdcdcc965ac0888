/* SPDX-License-Identifier: MIT
 *
 * A stream file is cut at every byte, and has every byte changed: what is read is what was written,
 * to a prefix or with a damage that is told, and it can be gone on with.
 */
#include <hec/stream.h>

#include "fault.h"
#include "run/stream.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 12, SAID_MAX = 1 << 20 };

static char folder[] = "/tmp/hec-stream.XXXXXX", path[80], image[80];
static hec_error err;

/* What was written, and what was read. */
typedef struct text {
    char bytes[SAID_MAX];
    size_t n;
} text;

static text said[TASKS][2], got;

static hec_stream_task task_of(uint64_t number)
{
    hec_stream_task t = {.task = number, .attempt = 1};

    memcpy(t.key, "key of a task", 13);
    t.key[15] = (unsigned char)number;
    t.key[14] = (unsigned char)(number >> 8);
    t.key[13] = (unsigned char)(number >> 16);
    return t;
}

static int take(void *ctx, int stream, const void *bytes, size_t size)
{
    text *to = ctx;

    if (to->n + size > sizeof to->bytes)
        return -1;
    memcpy(to->bytes + to->n, bytes, size);
    to->n += size;
    return stream ? 0 : -1;
}

static bool say(hec_stream_writer *w, hec_stream_task *t, int stream, const char *bytes, size_t n)
{
    text *to = &said[t->task % TASKS][stream - 1];

    memcpy(to->bytes + to->n, bytes, n);
    to->n += n;
    return hec_stream_append(w, t, stream, bytes, n, &err) == 0;
}

/* Tasks that write in turn; half of them end. */
static bool write_tasks(hec_stream_writer *w, uint64_t first, size_t n)
{
    static hec_stream_task tasks[TASKS];
    bool good = true;

    for (uint64_t i = first; i < first + n; i++) {
        tasks[i] = task_of(i);
        said[i][0].n = said[i][1].n = 0;
    }
    for (int round = 0; good && round < 5; round++)
        for (uint64_t i = first; good && i < first + n; i++) {
            char line[40];
            int size = snprintf(line, sizeof line, "task %u line %d\n", (unsigned)i, round);

            good = say(w, &tasks[i], 1 + (int)(i + (unsigned)round) % 2, line, (size_t)size) &&
                   (round != 2 || hec_stream_flush(w, &err) == 0);
        }
    for (uint64_t i = first; good && i < first + n; i += 2)
        good = hec_stream_end(w, &tasks[i], &err) == 0;
    return good;
}

/* Whether a task is found, and all (or a beginning) of what it wrote. */
static bool is_there(hec_stream *s, uint64_t i, bool all)
{
    hec_stream_place place;

    if (hec_stream_find(s, i, &place) != 1)
        return !all;
    for (int stream = 1; stream <= 2; stream++) {
        const text *want = &said[i % TASKS][stream - 1];

        got.n = 0;
        if (hec_stream_read(s, &place, stream, 0, take, &got, &err) < 0 || got.n > want->n ||
            memcmp(got.bytes, want->bytes, got.n) != 0 || (all && got.n != want->n))
            return false;
    }
    return true;
}

static bool all_there(const char *name, bool all)
{
    hec_stream *s = NULL;
    bool good = hec_stream_open(name, &s, &err) == 0;

    for (uint64_t i = 0; good && i < TASKS; i++)
        good = is_there(s, i, all);
    hec_stream_destroy(s);
    return good;
}

static unsigned char *read_file(size_t *ret_n)
{
    static unsigned char bytes[SAID_MAX];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, sizeof bytes);

    close(fd);
    *ret_n = n > 0 ? (size_t)n : 0;
    return bytes;
}

static void write_image(const unsigned char *bytes, size_t n)
{
    int fd;

    unlink(image);
    fd = open(image, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) < 0)
        abort();
}

/* ---- the tests ---- */

static void test_whole(void)
{
    hec_stream_writer *w = NULL;
    hec_stream_place place;
    hec_stream *s = NULL;
    struct stat st;

    ok(hec_stream_create(path, &w, &err) == 0 && write_tasks(w, 0, TASKS), "it is written");
    ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "a file for its owner alone");
    ok(all_there(path, true), "and read while it grows, without an index");
    ok(hec_stream_close(w, &err) == 0 && all_there(path, true), "it is read when it is closed");
    ok(hec_stream_open(path, &s, &err) == 0 && s->index_at && s->n_open == 0, "by its index alone");
    ok(hec_stream_find(s, 2, &place) == 1 && place.ended && place.attempt == 1,
       "what has ended is known to");
    ok(hec_stream_find(s, 99, &place) == 0, "what never ran is not there");
    ok(hec_stream_refresh(s, &err) == 0 && hec_stream_damage(s) == 0,
       "nothing came, nothing is bad");
    ok(hec_stream_find_key(s, task_of(4).key, &place) == 1 && place.task == 4, "found by its key");
    hec_stream_destroy(s);
}

static void test_growing(void)
{
    hec_stream_task t = task_of(3);
    hec_stream_writer *w = NULL;
    hec_stream_place place = {0};
    hec_stream *s = NULL;
    uint64_t after;

    said[3][0].n = said[3][1].n = 0;
    ok(hec_stream_create(path, &w, &err) == 0 && hec_stream_open(path, &s, &err) == 0 &&
           say(w, &t, 1, "one\n", 4) && hec_stream_refresh(s, &err) == 0,
       "what is not flushed is not there");
    ok(hec_stream_flush(w, &err) == 0 && hec_stream_refresh(s, &err) == 1 &&
           hec_stream_find(s, 3, &place) == 1 && !place.ended,
       "what is flushed is");
    after = place.last;
    ok(say(w, &t, 2, "two\n", 4) && hec_stream_end(w, &t, &err) == 0 &&
           hec_stream_refresh(s, &err) == 1 && hec_stream_find(s, 3, &place) == 1 && place.ended,
       "a task that was run anew counts as its last run, and comes to its end");
    got.n = 0;
    ok(hec_stream_read(s, &place, 0, after, take, &got, &err) == 0 && got.n == 4 &&
           memcmp(got.bytes, "two\n", 4) == 0,
       "what has come since is read alone");
    hec_stream_destroy(s);
    ok(hec_stream_close(w, &err) == 0 && all_there(path, true), "and all the rest is still there");
}

static void test_large(void)
{
    enum { MANY = HEC__SINDEX_MAX * 2 + 100, BIG = 900000 };
    static char big[BIG];
    hec_stream_writer *w = NULL;
    hec_stream_task t = task_of(5);
    hec_stream_place place;
    hec_stream *s = NULL;
    bool good = true;

    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
    said[5][0].n = said[5][1].n = 0;
    unlink(path);
    ok(hec_stream_create(path, &w, &err) == 0 && say(w, &t, 1, big, BIG) && say(w, &t, 2, "", 0) &&
           hec_stream_end(w, &t, &err) == 0,
       "much output of one task");
    for (uint64_t i = 1000; good && i < 1000 + MANY; i++) {
        t = task_of(i);
        good = hec_stream_append(w, &t, 1, &i, sizeof i, &err) == 0 &&
               hec_stream_end(w, &t, &err) == 0;
    }
    ok(good && hec_stream_close(w, &err) == 0, "and many tasks");
    ok(hec_stream_open(path, &s, &err) == 0 && hec_stream_count(s) == MANY + 1 &&
           is_there(s, 5, true),
       "are all there");
    for (uint64_t i = 1000; good && i < 1000 + MANY; i += 997) {
        got.n = 0;
        good = hec_stream_find(s, i, &place) == 1 && place.ended &&
               hec_stream_read(s, &place, 1, 0, take, &got, &err) == 0 && got.n == sizeof i &&
               memcmp(got.bytes, &i, sizeof i) == 0;
    }
    ok(good, "each with its own");
    hec_stream_destroy(s);
}

/* Behind a file that was cut, or is damaged, a new session is found. */
static bool goes_on(uint64_t number)
{
    hec_stream_task t = task_of(number);
    hec_stream_writer *w = NULL;
    hec_stream_place place;
    hec_stream *s = NULL;
    bool good = hec_stream_create(image, &w, &err) == 0 &&
                hec_stream_append(w, &t, 1, "more", 4, &err) == 0 &&
                hec_stream_end(w, &t, &err) == 0;

    for (int closed = 0; good && closed < 2; closed++) {
        if (closed)
            good = hec_stream_close(w, &err) == 0;
        got.n = 0;
        good = good && hec_stream_open(image, &s, &err) == 0 &&
               hec_stream_find(s, number, &place) == 1 && place.ended &&
               hec_stream_read(s, &place, 0, 0, take, &got, &err) == 0 && got.n == 4;
        hec_stream_destroy(s);
        s = NULL;
    }
    return good;
}

static void test_torn(void)
{
    hec_stream_writer *w = NULL;
    unsigned char *bytes;
    size_t n, wrong = 0;

    unlink(path);
    if (hec_stream_create(path, &w, &err) < 0 || !write_tasks(w, 0, TASKS) ||
        hec_stream_close(w, &err) < 0)
        abort();
    bytes = read_file(&n);
    for (size_t cut = HEC__SFILE_SIZE; cut < n; cut++) {
        write_image(bytes, cut);
        wrong += !all_there(image, false) ||
                 (cut % 37 == 0 && (!goes_on(77) || !all_there(image, false)));
    }
    ok(wrong == 0, "cut at each of %zu bytes, it is read up to there, and gone on with", n);
    write_image(bytes, 10);
    ok(goes_on(77), "cut within its header it has nothing, and is made anew");
}

/* Nothing is made up: what is passed on is a part of what was written. */
static bool is_part(hec_stream *s, uint64_t i)
{
    hec_stream_place place;

    if (hec_stream_find(s, i, &place) != 1)
        return true;
    for (int stream = 1; stream <= 2; stream++) {
        const text *want = &said[i % TASKS][stream - 1];
        int r;

        got.n = 0;
        r = hec_stream_read(s, &place, stream, 0, take, &got, &err);
        if ((r < 0 && r != HEC_EFORMAT) || (r == 0 && got.n > want->n))
            return false;
        /* Each piece is a line; those that are lost are missing. */
        for (size_t at = 0; at < got.n; at += strlen("task 1 line 1\n") + (i > 9))
            if (!memmem(want->bytes, want->n, got.bytes + at, strlen("task 1 line 1\n") + (i > 9)))
                return false;
    }
    return true;
}

static void test_damaged(void)
{
    unsigned char *bytes;
    size_t n, wrong = 0, told = 0;

    bytes = read_file(&n);
    for (size_t at = HEC__SFILE_SIZE; at < n; at++) {
        hec_stream *s = NULL;
        bool good;

        bytes[at] ^= 0x21;
        write_image(bytes, n);
        bytes[at] ^= 0x21;
        good = hec_stream_open(image, &s, &err) == 0;
        for (uint64_t i = 0; good && i < TASKS; i++)
            good = is_part(s, i);
        told += good && hec_stream_damage(s) > 0;
        hec_stream_destroy(s);
        wrong += !good || (at % 41 == 0 && !goes_on(77));
    }
    ok(wrong == 0, "with each byte changed, nothing wrong is read");
    ok(told > 0, "damage is told where it is come across");
}

/* A task prints the file that its output goes to. */
static void test_itself(void)
{
    hec_stream_task t = task_of(7), other = task_of(8);
    hec_stream_writer *w = NULL;
    hec_stream *s = NULL;
    hec_stream_place place;
    unsigned char *bytes;
    size_t n;

    bytes = read_file(&n);
    unlink(image);
    ok(hec_stream_create(image, &w, &err) == 0 &&
           hec_stream_append(w, &other, 1, bytes, n, &err) == 0 && hec_stream_flush(w, &err) == 0,
       "a task prints a stream file");
    if (truncate(image, (off_t)(HEC__SFILE_SIZE + 20)) < 0)
        abort();
    hec_stream_close(w, NULL);
    w = NULL;
    ok(hec_stream_create(image, &w, &err) == 0 &&
           hec_stream_append(w, &t, 1, bytes, n, &err) == 0 && hec_stream_end(w, &t, &err) == 0 &&
           hec_stream_open(image, &s, &err) == 0 && hec_stream_count(s) == 1 &&
           hec_stream_find(s, 7, &place) == 1,
       "and what looks like records in it are none");
    hec_stream_destroy(s);
    hec_stream_close(w, NULL);
}

static void test_refused(void)
{
    hec_stream_writer *w = NULL, *other = NULL;
    hec_stream_task t = task_of(1), u = task_of(2);
    hec_stream *s = NULL;

    ok(hec_stream_open("/nowhere/at/all", &s, &err) == HEC_ENOENT && !s,
       "a file that is not there");
    ok(hec_stream_create("/nowhere/at/all", &w, &err) == HEC_ENOENT && !w, "nor its folder");
    write_image(
        (const unsigned char *)"no stream file at all, though it is long enough for the head "
                               "of one",
        66);
    ok(hec_stream_open(image, &s, &err) == HEC_EFORMAT && strstr(err.text, image), "another file");
    ok(hec_stream_create(image, &w, &err) == HEC_EFORMAT && !w, "is not written to");
    ok(hec_stream_open(folder, &s, &err) == HEC_EFORMAT, "a folder");
    unlink(image);
    ok(hec_stream_create(image, &w, &err) == 0 && hec_stream_create(image, &other, &err) == 0 &&
           hec_stream_append(w, &t, 3, "x", 1, &err) == HEC_EINVAL,
       "a third stream");
    ok(hec_stream_append(w, &t, 1, "x", 1, &err) == 0 && hec_stream_end(w, &t, &err) == 0 &&
           hec_stream_append(other, &u, 1, "y", 1, &err) == 0 &&
           hec_stream_end(other, &u, &err) == HEC_EIO &&
           hec_stream_append(other, &u, 1, "y", 1, &err) == 0 &&
           hec_stream_flush(other, &err) == HEC_EIO && hec_stream_close(other, &err) == HEC_EIO,
       "a second writer notices the first, and stops");
    ok(hec_stream_close(w, &err) == 0, "which is not disturbed");
    unlink(path);
    ok(symlink(image, path) == 0 && hec_stream_create(path, &w, &err) == HEC_EPERM,
       "a symbolic link is not written to");
    unlink(path);
}

/* A writer is killed at any time. */
static void test_killed(void)
{
    int wrong = 0;

    for (int round = 0; round < 20; round++) {
        hec_stream_writer *w = NULL;
        int status;
        pid_t pid;

        unlink(image);
        pid = fork();
        if (pid == 0) {
            if (hec_stream_create(image, &w, NULL) < 0)
                _exit(1);
            for (uint64_t i = 0;; i++) {
                hec_stream_task t = task_of(i);

                if (hec_stream_append(w, &t, 1, "some output\n", 12, NULL) < 0 ||
                    hec_stream_end(w, &t, NULL) < 0)
                    _exit(1);
            }
        }
        while (access(image, F_OK) < 0)
            usleep(100);
        usleep((useconds_t)round * 300);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        for (int i = 0; i < TASKS; i++)
            said[i][0].n = said[i][1].n = 0;
        wrong += !WIFSIGNALED(status) || !goes_on((uint64_t)1 << 20);
    }
    ok(wrong == 0, "killed while it writes, it is read and gone on with");
}

static void test_memory(void)
{
    int wrong = 0;
    long n = 1;

    for (;; n++) {
        hec_stream_writer *w = NULL;
        hec_stream_task t = task_of(1);
        hec_stream_place place;
        hec_stream *s = NULL;
        int r;

        unlink(image);
        fault_arm(n);
        r = hec_stream_create(image, &w, &err);
        r = r < 0 ? r : hec_stream_append(w, &t, 1, "text", 4, &err);
        r = r < 0 ? r : hec_stream_end(w, &t, &err);
        if (hec_stream_close(w, r < 0 ? NULL : &err) < 0 && r == 0)
            r = HEC_ENOMEM;
        r = r < 0 ? r : hec_stream_open(image, &s, &err);
        got.n = 0;
        if (r == 0 && hec_stream_find(s, 1, &place) == 1)
            r = hec_stream_read(s, &place, 0, 0, take, &got, &err);
        hec_stream_destroy(s);
        if (!fault_disarm())
            break;
        wrong += r == 0 && got.n != 4;
        wrong += r < 0 && r != HEC_ENOMEM;
    }
    ok(wrong == 0 && n > 5, "each of %ld allocations may fail", n - 1);
}

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/out.stream", folder);
    snprintf(image, sizeof image, "%s/image.stream", folder);
    test_whole();
    test_growing();
    test_torn();
    test_damaged();
    test_itself();
    test_large();
    test_refused();
    test_killed();
    test_memory();
    unlink(path);
    unlink(image);
    rmdir(folder);
    return done_testing();
}
