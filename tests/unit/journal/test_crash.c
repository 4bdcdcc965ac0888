/* SPDX-License-Identifier: MIT
 *
 * A run is stopped at every record's beginning, end and middle, and at random bytes of its writes,
 * by the death of the program or of the machine; then the journal is read. What was acknowledged
 * is there, and is what was appended; nothing else is, but for what was appended and not yet
 * acknowledged; and the journal can be gone on with.
 *
 * One session is recorded as what went to the disk, in its order. From that the file is made as it
 * may be after a crash at any point. Of the machine's: what was written since the last sync is
 * there or not, page by page, as zeros or at all. Then children are really killed.
 *
 * HEC_CRASH_POINTS=100000 tries more points, of sessions that differ by HEC_SEED=N.
 */
#include "disk.h"
#include "stage.h"
#include "tap.h"

#include "journal/format.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORDS = 150, BIG = 144, PAGE = 4096, SESSIONS_MOST = 100000 };

static const hec_journal_options reading = {.read_only = 1};
static const char *image;
static hec_error err;

/* The session: what went to disk, and which record has which number. */
static unsigned char header[HEC__JFILE_SIZE];
static const disk_event *events;
static size_t nevents, nbytes;
static const unsigned char *bytes;
static uint64_t seq_of[RECORDS];
static uint64_t begins[RECORDS + 300]; /* where records begin, among the bytes */
static size_t nbegins;

/* Appends all records; acknowledges as it goes. */
static bool run_session(hec_journal *j, uint64_t *ack)
{
    stage_record r;
    uint64_t seq;

    for (uint32_t i = 0; i < RECORDS; i++) {
        stage_make(&r, i, i == BIG);
        if (hec_journal_append(j, r.entries, r.n, r.parts, r.m, &seq, &err) < 0)
            return false;
        seq_of[i] = seq;
        if (i % 40 == 7 && hec_journal_note(j, "round", "a note", NULL, &err) < 0)
            return false;
        if (stage_any() % 6 == 0 && hec_journal_sync(j, seq, -1, &err) < 0)
            return false;
        seq = hec_journal_durable(j);
        disk_ack(seq);
        if (ack)
            __atomic_store_n(ack, seq, __ATOMIC_RELEASE);
    }
    return true;
}

/* Which records the bytes consist of: by the headers alone, and so by another way than a reader's.
 */
static bool find_begins(void)
{
    hec__jhead h;
    uint64_t at = 0;

    for (nbegins = 0; at < nbytes && nbegins < RECORDS + 300; at += hec__jsize(&h)) {
        if (!hec__jhead_get(bytes + at, nbytes - at, &h) || h.seq != nbegins + 1)
            return false;
        begins[nbegins++] = at;
    }
    return at == nbytes;
}

static bool record_session(void)
{
    const char *path = stage_path("session.hecj");
    hec_journal *j = NULL;
    unsigned char *file;
    size_t size;
    bool good;

    unlink(path);
    disk_record();
    good = hec_journal_open(path, &(hec_journal_options){.group_ms = 1}, &j, &err) == 0 &&
           run_session(j, NULL);
    good = hec_journal_close(j, &err) == 0 && good;
    disk_stop();
    events = disk_events(&nevents);
    bytes = disk_bytes(&nbytes);
    file = stage_read(path, &size);
    good = good && file && size == nbytes + sizeof header &&
           memcmp(file + sizeof header, bytes, nbytes) == 0;
    if (good)
        memcpy(header, file, sizeof header);
    free(file);
    return good && find_begins();
}

/* ---- a crash, and what is there afterwards ---- */

typedef struct crash {
    size_t written, synced; /* bytes */
    uint64_t acked;         /* number of the last record that was acknowledged */
} crash;

/* The world after the first n events, and after so many bytes of the next if it is a write. */
static crash crash_after(size_t n, size_t more)
{
    crash c = {0};

    for (size_t i = 0; i < n; i++) {
        if (events[i].kind == DISK_WRITE)
            c.written += events[i].n;
        else if (events[i].kind == DISK_SYNC)
            c.synced = c.written;
        else
            c.acked = events[i].n;
    }
    if (n < nevents && events[n].kind == DISK_WRITE)
        c.written += more < events[n].n ? more : events[n].n;
    return c;
}

/* The world when `at` bytes had been written. */
static crash crash_at(size_t at)
{
    size_t before = 0, n = 0;

    for (; n < nevents; n++) {
        if (events[n].kind == DISK_WRITE && before + events[n].n > at)
            break;
        before += events[n].kind == DISK_WRITE ? events[n].n : 0;
    }
    return crash_after(n, at - before);
}

/* What is on disk after the machine has crashed: of what was not synced some pages, and of the
 * file's length anything. */
static size_t lose_pages(unsigned char *file, const crash *c)
{
    size_t lost = c->written - c->synced, keep = c->synced + (lost ? stage_any() % (lost + 1) : 0);

    for (size_t page = c->synced / PAGE * PAGE; page < keep; page += PAGE) {
        size_t from = page < c->synced ? c->synced : page;
        size_t to = page + PAGE < keep ? page + PAGE : keep;

        if (stage_any() % 3 == 0)
            memset(file + sizeof header + from, 0, to - from);
    }
    return keep;
}

/* The file as a crash of the given kind leaves it; its size. */
static size_t make_image(unsigned char *file, const crash *c, unsigned kind)
{
    size_t n = c->written;

    memcpy(file, header, sizeof header);
    memcpy(file + sizeof header, bytes, n);
    if (kind == 1)
        n = lose_pages(file, c);
    else if (kind == 2 && n > c->synced) /* the end is garbage */
        for (size_t i = n - 1; i > c->synced && n - i < 600; i--)
            file[sizeof header + i] = (unsigned char)stage_any();
    return n + sizeof header;
}

/* Everything that is found is what was appended. */
static bool nothing_wrong(hec_journal *j)
{
    hec_journal_place place;

    for (uint64_t i = 0; hec_journal_at(j, i, &place) == 0; i++) {
        hec_journal_content *c = NULL;
        bool good;

        if (place.position != 0)
            continue;
        good = hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == 0 &&
               stage_same(c, stage_number(c) == BIG) && place.verdict == c->entries[0].verdict;
        hec_journal_content_destroy(c);
        if (!good)
            return false;
    }
    return true;
}

static bool acked_are_there(hec_journal *j, uint64_t acked)
{
    unsigned char key[HEC_KEY_SIZE];
    hec_journal_place place;

    for (uint32_t i = 0; i < RECORDS && seq_of[i] && seq_of[i] <= acked; i++) {
        stage_key(key, i, 0);
        if (hec_journal_find(j, key, &place) != 1)
            return false;
    }
    return true;
}

/* A new session behind the crash: it can append, and both are found. */
static bool goes_on(uint64_t acked)
{
    hec_journal_info before, after;
    hec_journal *j = NULL;
    stage_record r;
    bool good;

    stage_make(&r, RECORDS + 5, false);
    good = hec_journal_open(image, NULL, &j, &err) == 0;
    if (good)
        hec_journal_info_get(j, &before);
    good = good && hec_journal_append(j, r.entries, r.n, r.parts, r.m, NULL, &err) == 0;
    good = hec_journal_close(j, &err) == 0 && good;
    j = NULL;
    good = good && hec_journal_open(image, &reading, &j, &err) == 0 && acked_are_there(j, acked) &&
           nothing_wrong(j);
    if (good) {
        hec_journal_place place;
        hec_journal_damage d;

        hec_journal_info_get(j, &after);
        good = hec_journal_find(j, r.entries[0].key, &place) == 1 &&
               after.damages == before.damages && after.sessions == before.sessions;
        for (uint32_t i = 0; good && i < after.damages; i++)
            good = hec_journal_damage_at(j, i, &d) == 0 && d.known && !d.at_end;
    }
    hec_journal_close(j, NULL);
    return good;
}

static bool survives(unsigned char *file, crash c, unsigned kind, bool on)
{
    size_t size = make_image(file, &c, kind);
    hec_journal_info info;
    hec_journal *j = NULL;
    bool good;

    good = stage_write(image, file, size) && hec_journal_open(image, &reading, &j, &err) == 0 &&
           acked_are_there(j, c.acked) && nothing_wrong(j);
    if (good) {
        /* What is not whole records is told, to the byte. */
        hec_journal_info_get(j, &info);
        good = info.bytes == size && info.bad_bytes <= size && (kind || info.damages <= 1);
    }
    hec_journal_close(j, NULL);
    if (good && on)
        good = goes_on(c.acked);
    if (!good)
        printf("# byte %zu, kind %u, %zu synced, acknowledged up to %llu: %s\n", c.written, kind,
               c.synced, (unsigned long long)c.acked, err.text);
    return good;
}

/* Where: at the edges of records first, then anywhere. */
static size_t point(size_t i)
{
    static const int near[] = {0, 1, -1, 7, 56, -8};
    size_t edge = i / 6;

    if (edge < nbegins) {
        int64_t at = (int64_t)begins[edge] + near[i % 6];

        return at < 0 ? 0 : at > (int64_t)nbytes ? nbytes : (size_t)at;
    }
    /* Most bytes are those of the big record. */
    edge = stage_any() % nbegins;
    if (stage_any() % 8 && edge + 1 < nbegins)
        return begins[edge] + stage_any() % (begins[edge + 1] - begins[edge]);
    return stage_any() % (nbytes + 1);
}

static void test_crashes(size_t points)
{
    unsigned char *file = malloc(sizeof header + nbytes);
    size_t bad = 0, tried = 0;

    for (size_t i = 0; file && i < points && bad < 5; i++) {
        /* Every other one between two events: when a write is done, and its sync is not. */
        crash c = i % 2 ? crash_after(stage_any() % (nevents + 1), 0) : crash_at(point(i / 2));

        bad += !survives(file, c, (unsigned)(i % 3), i % 16 == 0);
        tried++;
    }
    free(file);
    ok(bad == 0 && tried == points, "%zu crashes lose nothing acknowledged, and give nothing wrong",
       tried);
}

/* ---- children that are killed ---- */

static bool kill_one(uint64_t at, uint64_t *ack)
{
    const char *path = stage_path("killed.hecj");
    hec_journal *j = NULL;
    int status = 0;
    pid_t pid;
    bool good;

    unlink(path);
    *ack = 0;
    pid = fork();
    if (pid == 0) {
        disk_kill_at(at);
        if (hec_journal_open(path, &(hec_journal_options){.group_ms = 1}, &j, &err) < 0 ||
            !run_session(j, ack))
            _exit(1);
        _exit(0); /* without closing it: that, too, is a crash */
    }
    good = waitpid(pid, &status, 0) == pid && (WIFSIGNALED(status) || status == 0);
    /* Its lock lies there, and is void. */
    good = good && hec_journal_open(path, &reading, &j, &err) == 0 && acked_are_there(j, *ack) &&
           nothing_wrong(j) && hec_journal_close(j, &err) == 0;
    j = NULL;
    good = good && hec_journal_open(path, NULL, &j, &err) == 0 && acked_are_there(j, *ack);
    good = hec_journal_close(j, &err) == 0 && good;
    if (!good)
        printf("# killed at byte %llu (status %d, acknowledged up to %llu): %s\n",
               (unsigned long long)at, status, (unsigned long long)*ack, err.text);
    return good;
}

static void test_kills(size_t kills)
{
    uint64_t *ack =
        mmap(NULL, sizeof *ack, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t bad = 0;

    for (size_t i = 0; i < kills && bad < 5; i++) {
        uint64_t at = 1 + (i < nbegins ? begins[i] : stage_any() % (nbytes + nbytes / 50));

        bad += !kill_one(at, ack);
    }
    munmap(ack, sizeof *ack);
    ok(bad == 0, "%zu children killed in the middle of a write lose nothing acknowledged", kills);
}

static size_t number(const char *name, size_t otherwise)
{
    const char *value = getenv(name);

    return value && *value ? (size_t)strtoull(value, NULL, 10) : otherwise;
}

int main(void)
{
    size_t points = number("HEC_CRASH_POINTS", 2400), each = 3000;
    uint64_t seed = number("HEC_SEED", 1);

    stage_open();
    image = strdup(stage_path("image.hecj"));
    disk_fast(true);
    for (unsigned round = 0; points && round < SESSIONS_MOST; round++) {
        size_t now = points < each ? points : each;

        stage_seed(seed + round);
        if (!ok(record_session(), "a session of %d records is recorded", RECORDS))
            break;
        test_crashes(now);
        points -= now;
        if (round == 0 || round % 4 == 0)
            test_kills(now / 24);
    }
    free((char *)image);
    stage_close();
    return done_testing();
}
