/* SPDX-License-Identifier: MIT
 *
 * Disks that are full or broken, memory that is short: the caller is told, nothing is acknowledged
 * that is not on disk, and what was is found by the next one.
 */
#include "disk.h"
#include "fault.h"
#include "stage.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { RECORDS = 60 };

static const hec_journal_options reading = {.read_only = 1};
static hec_error err;

/* Appends until something fails. What was acknowledged before is returned. */
static int run(hec_journal *j, uint64_t *acked, int sync_each, bool big)
{
    stage_record rec;
    uint64_t seq;
    int r = 0;

    *acked = 0;
    for (uint32_t i = 0; r == 0 && i < RECORDS; i++) {
        stage_make(&rec, i, big && i == 30);
        r = hec_journal_append(j, rec.entries, rec.n, rec.parts, rec.m, &seq, &err);
        if (r == 0 && i % sync_each == 0)
            r = hec_journal_sync(j, seq, -1, &err);
        if (r == 0 && i % sync_each == 0)
            *acked = i + 1;
    }
    return r;
}

/* Records 0 to n - 1 are there, and nothing that is wrong. */
static bool has(const char *path, uint64_t n, bool big)
{
    unsigned char key[HEC_KEY_SIZE];
    hec_journal_place place;
    hec_journal *j = NULL;
    bool good = hec_journal_open(path, &reading, &j, &err) == 0;

    for (uint32_t i = 0; good && i < RECORDS; i++) {
        hec_journal_content *c = NULL;

        stage_key(key, i, 0);
        if (hec_journal_find(j, key, &place) != 1) {
            good = i >= n;
            continue;
        }
        good = hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == 0 &&
               stage_same(c, big && i == 30);
        hec_journal_content_destroy(c);
    }
    hec_journal_close(j, NULL);
    return good;
}

typedef struct fault {
    disk_call call;
    int sys;
    size_t before;
    const char *text;
} fault;

static bool fails_well(const fault *f, long n, bool *ret_fired)
{
    const char *path = stage_path("faults.hecj");
    uint64_t acked = 0, durable;
    hec_journal *j = NULL;
    stage_record rec;
    bool good, big = n % 2;
    int r, last;

    unlink(path);
    good = hec_journal_open(path, NULL, &j, &err) == 0 &&
           hec_journal_sync(j, UINT64_MAX, -1, &err) == 0;
    if (!good)
        return false;
    disk_fail(f->call, n, f->sys, f->before);
    r = run(j, &acked, 1 + (int)(n % 3), big);
    if (r == 0)
        r = hec_journal_sync(j, UINT64_MAX, -1, &err);
    *ret_fired = disk_mend();
    durable = hec_journal_durable(j);
    if (*ret_fired) {
        good = r == HEC_EIO && err.sys == f->sys && strstr(err.text, strerror(f->sys)) &&
               strstr(err.text, f->text) && strstr(err.text, path);
        /* Nothing gets any further, though the disk is well again. */
        stage_make(&rec, 1, false);
        last = hec_journal_append(j, rec.entries, rec.n, NULL, 0, NULL, &err);
        good = good && last == HEC_EIO && err.sys == f->sys &&
               hec_journal_sync(j, UINT64_MAX, -1, NULL) == HEC_EIO &&
               hec_journal_durable(j) == durable && hec_journal_sync(j, durable, -1, NULL) == 0;
    }
    last = hec_journal_close(j, &err);
    good = good && last == (*ret_fired ? HEC_EIO : 0);
    return good && has(path, acked, big);
}

static void test_disk(const fault *f)
{
    bool good = true, fired = true;
    long n = 1;

    for (; good && fired && n < 400; n++)
        good = fails_well(f, n, &fired);
    ok(good && !fired && n > 3, "%s (%s): told at each of %ld calls, and nothing is lost: %s",
       strerror(f->sys), f->text, n - 2, good ? "" : err.text);
}

static void test_short_writes(void)
{
    const char *path = stage_path("short.hecj");
    hec_journal *j = NULL;
    uint64_t acked;

    disk_short(true);
    ok(hec_journal_open(path, NULL, &j, &err) == 0 && run(j, &acked, 5, true) == 0 &&
           hec_journal_close(j, &err) == 0,
       "writes that take a part are gone on with");
    disk_short(false);
    ok(has(path, RECORDS, true), "and all is there");
}

static void test_reads(void)
{
    const char *path = stage_path("short.hecj");
    hec_journal_place place;
    hec_journal_content *c = NULL;
    unsigned char key[HEC_KEY_SIZE];
    hec_journal *j = NULL;
    bool fired = true, good = true;
    long n;

    for (n = 1; fired && good; n++) {
        disk_fail(DISK_CALL_READ, n, EIO, 0);
        int r = hec_journal_open(path, &reading, &j, &err);

        fired = disk_mend();
        good = fired ? r == HEC_EIO && !j && err.sys == EIO : r == 0;
    }
    ok(good && n > 3, "a disk that cannot be read is told: %ld calls", n - 2);
    stage_key(key, 3, 0);
    disk_fail(DISK_CALL_READ, 1, EIO, 0);
    ok(hec_journal_find(j, key, &place) == 1 &&
           hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == HEC_EIO && !c,
       "also when a record is read");
    disk_mend();
    hec_journal_close(j, &err);
}

/* The real limit on the size of files, whose signal would end the program. */
static void test_limit(void)
{
    const char *path = stage_path("limit.hecj");
    struct rlimit old, small;
    hec_journal *j = NULL;
    uint64_t acked;
    int r;

    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){20000, old.rlim_max};
    ok(hec_journal_open(path, NULL, &j, &err) == 0 && setrlimit(RLIMIT_FSIZE, &small) == 0,
       "files have a limit");
    r = run(j, &acked, 3, false);
    setrlimit(RLIMIT_FSIZE, &old);
    ok(r == HEC_EIO && err.sys == EFBIG && strstr(err.text, "limit.hecj': File too large"),
       "it is an error and no signal: %s", err.text);
    ok(hec_journal_close(j, NULL) == HEC_EIO && has(path, acked, false), "what was there stays");
}

/* Two writers, against all guards: each stops when it sees the other's bytes. */
static void test_stranger(void)
{
    const char *path = stage_path("stranger.hecj");
    hec_journal *j = NULL;
    stage_record rec;
    FILE *f;

    stage_make(&rec, 1, false);
    ok(hec_journal_open(path, NULL, &j, &err) == 0 &&
           hec_journal_append(j, rec.entries, rec.n, rec.parts, rec.m, NULL, &err) == 0 &&
           hec_journal_sync(j, UINT64_MAX, -1, &err) == 0,
       "a journal is written");
    f = fopen(path, "a");
    ok(f && fputs("something else", f) >= 0 && fclose(f) == 0, "somebody adds to it");
    stage_make(&rec, 2, false);
    ok(hec_journal_append(j, rec.entries, rec.n, rec.parts, rec.m, NULL, &err) == 0 &&
           hec_journal_sync(j, UINT64_MAX, -1, &err) == HEC_EIO &&
           strstr(err.text, "somebody else") && strstr(err.text, "stranger.hecj"),
       "that is noticed: %s", err.text);
    ok(hec_journal_close(j, NULL) == HEC_EIO && has(path, 0, false), "and the journal is whole");
}

static void test_no_memory(void)
{
    const char *path = stage_path("memory.hecj");
    bool good = true, fired = true;
    stage_record rec;
    long n;

    for (n = 1; fired && good && n < 500; n++) {
        hec_journal_content *c = NULL;
        hec_journal_place place = {0};
        hec_journal *j = NULL;
        int r;

        unlink(path);
        fault_arm(n);
        r = hec_journal_open(path, NULL, &j, &err);
        for (uint32_t i = 28; r == 0 && i < 33; i++) {
            stage_make(&rec, i, i == 30);
            r = hec_journal_append(j, rec.entries, rec.n, rec.parts, rec.m, NULL, &err);
            if (r == 0 && i == 28)
                r = hec_journal_note(j, "name", "value", NULL, &err);
        }
        if (r == 0 && hec_journal_find(j, rec.entries[0].key, &place) == 1)
            r = hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err);
        hec_journal_content_destroy(c);
        c = NULL;
        place = (hec_journal_place){0};
        if (r == 0)
            r = hec_journal_next(j, &place, HEC_LOAD_ALL, &c, &err);
        hec_journal_content_destroy(c);
        fired = fault_disarm();
        good = fired ? r == HEC_ENOMEM : r == 1;
        if (!good)
            printf("# allocation %ld: %d\n", n, r);
        if (hec_journal_close(j, &err) < 0)
            good = false;
    }
    ok(good && !fired && n > 20, "each of %ld allocations may fail: %s", n - 2,
       good ? "" : err.text);
    ok(has(path, 0, true), "and the journal is whole");
}

int main(void)
{
    static const fault faults[] = {
        {DISK_CALL_WRITE, ENOSPC, 0, "cannot write"},
        {DISK_CALL_WRITE, ENOSPC, 21, "cannot write"},
        {DISK_CALL_WRITE, EDQUOT, 100, "cannot write"},
        {DISK_CALL_WRITE, EIO, 1, "cannot write"},
        {DISK_CALL_SYNC, EIO, 0, "cannot bring the journal"},
        {DISK_CALL_SYNC, ENOSPC, 0, "cannot bring the journal"},
    };

    stage_open();
    disk_fast(true);
    signal(SIGXFSZ, SIG_DFL);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        test_disk(&faults[i]);
    test_short_writes();
    test_reads();
    test_limit();
    test_stranger();
    test_no_memory();
    stage_close();
    return done_testing();
}
