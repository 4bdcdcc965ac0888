/* SPDX-License-Identifier: MIT
 *
 *     journal FOLDER [SECONDS]
 *
 * What a journal costs, on the disk that FOLDER is on, with its real syncs. Tasks of 100 µs are run
 * one after the other, as 10,000 results a second come in at a parent, once without and once with a
 * journal that gets each of them (200 bytes) by itself, turn and turn about; all is on disk when
 * the time is taken. Then: how many results a second go into a journal at most, singly and 100 in a
 * record; how long a sync takes; and how fast a journal is read when it is opened.
 *
 *     cc -O2 -Iinclude -DHEC_STATIC bench/journal.c build/libhec.a -lpthread -ldl -lhwloc -o
 * journal
 */
#include <hec/hec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TASK_NS 100000u

static hec_error err;
static char path[4096];

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Processor seconds: of the process, or of this thread. */
static double cpu(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "journal: %s: %s\n", what, err.text);
    exit(1);
}

/* Processor time, not time on the clock: what others do on the machine must not hide the cost. */
static void task(void)
{
    double end = cpu(CLOCK_THREAD_CPUTIME_ID) + 1e-9 * TASK_NS;

    while (cpu(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static hec_journal *open_new(void)
{
    hec_journal *j = NULL;

    unlink(path);
    if (hec_journal_open(path, NULL, &j, &err) < 0)
        die("open");
    return j;
}

/* `results` results, `batch` in a record. */
static void append(hec_journal *j, unsigned serial, unsigned batch)
{
    static char payload[200 * 100];
    static hec_journal_entry entries[100];
    hec_journal_part part = {HEC_PART_RESULT, HEC_FORMAT_BYTES, 0, payload, 200 * (size_t)batch};

    for (unsigned i = 0; i < batch; i++) {
        uint64_t key[2] = {serial + i, (serial + i) * 0x9e3779b97f4a7c15u};

        memcpy(entries[i].key, key, sizeof key);
        entries[i].task = serial + i;
        entries[i].verdict = HEC_TASK_DONE;
    }
    if (hec_journal_append(j, entries, batch, &part, 1, NULL, &err) < 0)
        die("append");
}

typedef struct spent {
    double wall, cpu;
} spent;

static spent run_tasks(unsigned n, int journaled)
{
    hec_journal *j = journaled ? open_new() : NULL;
    double wall = now(), used = cpu(CLOCK_PROCESS_CPUTIME_ID);

    for (unsigned i = 0; i < n; i++) {
        task();
        if (j)
            append(j, i, 1);
    }
    if (j && hec_journal_sync(j, UINT64_MAX, -1, &err) < 0)
        die("sync");
    wall = now() - wall;
    used = cpu(CLOCK_PROCESS_CPUTIME_ID) - used;
    if (hec_journal_close(j, &err) < 0)
        die("close");
    return (spent){wall, used};
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

static void show_cost(double seconds)
{
    enum { ROUNDS = 7 };
    unsigned n = (unsigned)(seconds * 1e9 / TASK_NS / (2 * ROUNDS));
    double wall[ROUNDS], used[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        spent without = run_tasks(n, 0), with = run_tasks(n, 1);

        wall[i] = 100 * (with.wall / without.wall - 1);
        used[i] = 100 * (with.cpu / without.cpu - 1);
    }
    printf("{\"case\": \"10,000 results a second\", \"cost_percent_time\": %.2f, "
           "\"cost_percent_cpu\": %.2f, \"rounds\": %d}\n",
           median(wall, ROUNDS), median(used, ROUNDS), ROUNDS);
}

static void show_rate(unsigned batch, unsigned n)
{
    hec_journal *j = open_new();
    hec_journal_info info;
    double t = now(), used = cpu(CLOCK_PROCESS_CPUTIME_ID);

    for (unsigned i = 0; i < n; i += batch)
        append(j, i, batch);
    if (hec_journal_sync(j, UINT64_MAX, -1, &err) < 0)
        die("sync");
    t = now() - t;
    used = cpu(CLOCK_PROCESS_CPUTIME_ID) - used;
    hec_journal_info_get(j, &info);
    printf("{\"case\": \"most, %u in a record\", \"results_per_s\": %.0f, \"mb_per_s\": %.1f, "
           "\"cpu_us_per_result\": %.3f, \"commits\": %llu}\n",
           batch, n / t, 1e-6 * (double)info.bytes / t, 1e6 * used / n,
           (unsigned long long)info.commits);
    if (hec_journal_close(j, &err) < 0)
        die("close");
}

static void show_sync(void)
{
    enum { SYNCS = 101 };
    double took[SYNCS];
    hec_journal *j = open_new();

    for (unsigned i = 0; i < SYNCS; i++) {
        double t = now();

        append(j, i, 1);
        if (hec_journal_sync(j, UINT64_MAX, -1, &err) < 0)
            die("sync");
        took[i] = now() - t;
    }
    printf("{\"case\": \"append and sync\", \"median_ms\": %.3f, \"worst_ms\": %.3f}\n",
           1e3 * median(took, SYNCS), 1e3 * took[SYNCS - 1]);
    if (hec_journal_close(j, &err) < 0)
        die("close");
}

static void show_open(unsigned n)
{
    static const hec_journal_options reading = {.read_only = 1};
    hec_journal *j = open_new();
    hec_journal_info info;
    double t;

    for (unsigned i = 0; i < n; i++)
        append(j, i, 1);
    if (hec_journal_close(j, &err) < 0)
        die("close");
    t = now();
    if (hec_journal_open(path, &reading, &j, &err) < 0)
        die("open");
    t = now() - t;
    hec_journal_info_get(j, &info);
    printf("{\"case\": \"open %u results (in memory of the system)\", \"seconds\": %.3f, "
           "\"mb_per_s\": %.0f, \"us_per_result\": %.3f}\n",
           n, t, 1e-6 * (double)info.bytes / t, 1e6 * t / n);
    hec_journal_close(j, &err);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: journal FOLDER [SECONDS]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/bench.hecj", argv[1]);
    show_cost(argc > 2 ? strtod(argv[2], NULL) : 14);
    show_rate(1, 300000);
    show_rate(100, 1000000);
    show_sync();
    show_open(300000);
    unlink(path);
    return 0;
}
