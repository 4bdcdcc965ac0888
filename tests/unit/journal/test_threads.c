/* SPDX-License-Identifier: MIT
 *
 * Several threads at one journal: appending, waiting, finding, reading; with groups so small and a
 * limit so near that they get into each other's way.
 */
#include "stage.h"
#include "tap.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, RECORDS = 120 };

static hec_journal *journal;

/* Thread t appends the records t * RECORDS and on. stage_make() may be called from any thread: what
 * it cuts from does not change. */
static void *work(void *number)
{
    uint32_t t = *(const uint32_t *)number;
    uint64_t last = 0, seq;
    stage_record r;
    intptr_t bad = 0;

    for (uint32_t i = t * RECORDS; i < (t + 1) * RECORDS; i++) {
        hec_journal_content *c = NULL;
        hec_journal_place place;

        stage_make(&r, i, i % 50 == 9);
        bad += hec_journal_append(journal, r.entries, r.n, r.parts, r.m, &seq, NULL) < 0;
        bad += seq <= last;
        last = seq;
        if (i % 7 == t)
            bad +=
                hec_journal_sync(journal, seq, -1, NULL) < 0 || hec_journal_durable(journal) < seq;
        if (i % 5)
            continue;
        bad += hec_journal_find(journal, r.entries[0].key, &place) != 1 ||
               hec_journal_load(journal, &place, HEC_LOAD_ALL, &c, NULL) < 0 ||
               !stage_same(c, i % 50 == 9);
        hec_journal_content_destroy(c);
    }
    return (void *)bad;
}

/* Meanwhile one goes over all of it, again and again. */
static void *walk(void *stop)
{
    intptr_t bad = 0;

    while (!__atomic_load_n((const int *)stop, __ATOMIC_ACQUIRE)) {
        hec_journal_place place = {0};
        hec_journal_content *c = NULL;
        uint64_t last = 0;
        int r;

        while ((r = hec_journal_next(journal, &place, HEC_LOAD_ENTRIES, &c, NULL)) == 1) {
            bad += c->seq != last + 1;
            last = c->seq;
            hec_journal_content_destroy(c);
        }
        bad += r < 0;
    }
    return (void *)bad;
}

static void test_threads(hec_fsync fsync)
{
    hec_journal_options o = {.fsync = fsync, .group_ms = 1, .group_bytes = 4096};
    const char *path = stage_path("threads.hecj");
    uint32_t numbers[THREADS];
    pthread_t threads[THREADS], walker;
    int stop = 0, good = 0;
    hec_error err;
    void *bad;
    intptr_t all = 0;

    unlink(path);
    ok(hec_journal_open(path, &o, &journal, &err) == 0, "a journal is opened");
    pthread_create(&walker, NULL, walk, &stop);
    for (uint32_t t = 0; t < THREADS; t++) {
        numbers[t] = t;
        pthread_create(&threads[t], NULL, work, &numbers[t]);
    }
    for (uint32_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], &bad);
        all += (intptr_t)bad;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(walker, &bad);
    ok(all == 0, "%d threads append, wait and read", THREADS);
    ok((intptr_t)bad == 0, "and one that goes over it sees whole records in their order");
    ok(hec_journal_close(journal, &err) == 0, "it closes");
    ok(hec_journal_open(path, &(hec_journal_options){.read_only = 1}, &journal, &err) == 0,
       "it is read again");
    for (uint32_t i = 0; i < THREADS * RECORDS; i++) {
        unsigned char key[HEC_KEY_SIZE];
        hec_journal_content *c = NULL;
        hec_journal_place place;

        stage_key(key, i, 0);
        good += hec_journal_find(journal, key, &place) == 1 &&
                hec_journal_load(journal, &place, HEC_LOAD_ALL, &c, &err) == 0 &&
                stage_same(c, i % 50 == 9);
        hec_journal_content_destroy(c);
    }
    ok(good == THREADS * RECORDS, "all %d records are there", good);
    hec_journal_close(journal, &err);
}

#define SLEEPS "voluntary_ctxt_switches:"

/* What /proc says of the journal's thread: its state, and how often it went to sleep. */
static long sleeps_of_writer(char *ret_state)
{
    DIR *tasks = opendir("/proc/self/task");
    long sleeps = -1;
    struct dirent *d;

    while (tasks && (d = readdir(tasks))) {
        char path[300], line[128], name[64] = "", state = '?';
        FILE *f;

        snprintf(path, sizeof path, "/proc/self/task/%s/status", d->d_name);
        f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f)) {
            sscanf(line, "Name: %63s", name);
            sscanf(line, "State: %c", &state);
            if (strcmp(name, "hec-journal") == 0 && strncmp(line, SLEEPS, strlen(SLEEPS)) == 0) {
                sleeps = strtol(line + strlen(SLEEPS), NULL, 10);
                *ret_state = state;
            }
        }
        if (f)
            fclose(f);
    }
    if (tasks)
        closedir(tasks);
    return sleeps;
}

/* Waits until the thread sleeps and stays asleep. */
static long settle(void)
{
    for (int i = 0; i < 3000; i++) {
        char state = '?';
        long before = sleeps_of_writer(&state);

        usleep(10000);
        if (before >= 0 && state == 'S' && sleeps_of_writer(&state) == before && state == 'S')
            return before;
    }
    return -1;
}

/* The thread knows when it will write what gathers: to wake it for each record would take more
 * time than the record. */
static void test_calls(void)
{
    hec_journal_options o = {.group_ms = 2000}; /* less than between signs of life */
    hec_journal_entry e = {.verdict = HEC_TASK_DONE};
    hec_error err;
    long before, after;
    int bad = 0;

    ok(hec_journal_open(stage_path("calls.hecj"), &o, &journal, &err) == 0, "a journal is opened");
    bad += hec_journal_append(journal, &e, 1, NULL, 0, NULL, &err) < 0;
    before = settle();
    for (uint32_t i = 1; i <= 100; i++) {
        stage_key(e.key, i, 0);
        bad += hec_journal_append(journal, &e, 1, NULL, 0, NULL, &err) < 0;
        if (i % 10 == 0)
            usleep(1000); /* so that it could run, were it woken */
    }
    after = settle();
    ok(bad == 0 && before >= 0 && after - before < 5,
       "a hundred records do not wake the thread that waits for more (%ld times)", after - before);
    ok(hec_journal_close(journal, &err) == 0, "and all are written at the end");
}

int main(void)
{
    stage_open();
    test_threads(HEC_FSYNC_GROUP);
    test_threads(HEC_FSYNC_NEVER);
    test_calls();
    stage_close();
    return done_testing();
}
