/* SPDX-License-Identifier: MIT
 *
 * What hec/journal.h promises, on one thread and without accidents; and random operations against a
 * memory that says what must come out.
 */
#include "stage.h"
#include "tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static hec_error err;
static const hec_journal_options quick = {.fsync = HEC_FSYNC_NEVER};
static const hec_journal_options reading = {.read_only = 1};

static void test_new(void)
{
    const char *path = stage_path("new.hecj");
    unsigned char key[HEC_KEY_SIZE];
    hec_journal_place place = {0};
    hec_journal_info info;
    hec_journal *j = NULL;
    struct stat st;

    ok(hec_journal_open(path, &reading, &j, &err) == HEC_ENOENT && !j,
       "one that is only to be read must be there");
    if (!ok(hec_journal_open(path, NULL, &j, &err) == 0, "a journal is made: %s", err.text))
        return;
    ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "for this user alone");
    stage_key(key, 1, 0);
    ok(hec_journal_find(j, key, &place) == 0, "nothing is in it");
    ok(hec_journal_count(j) == 0 && hec_journal_at(j, 0, &place) == HEC_EINVAL, "no key at all");
    ok(hec_journal_sync(j, UINT64_MAX, -1, &err) == 0, "what there is is on disk");
    hec_journal_info_get(j, &info);
    ok(info.files == 1 && info.sessions == 1 && info.records == 1 && info.entries == 0,
       "a session has begun");
    ok(info.bytes == (stat(path, &st) == 0 ? (uint64_t)st.st_size : 0), "its size is known");
    ok(hec_journal_close(j, &err) == 0, "and it closes");
    ok(access(stage_path("new.hecj.lock"), F_OK) < 0, "its lock is gone");
    ok(hec_journal_close(NULL, NULL) == 0, "closing none is fine");
}

static void test_entries(void)
{
    const char *path = stage_path("entries.hecj");
    hec_journal_content *c = NULL;
    hec_journal_place place = {0};
    hec_journal *j = NULL;
    stage_record r;
    uint64_t seq = 0;
    int good = 0;

    ok(hec_journal_open(path, NULL, &j, &err) == 0, "a journal is opened");
    for (uint32_t i = 0; i < 50; i++) {
        stage_make(&r, i, i == 20);
        good += hec_journal_append(j, r.entries, r.n, r.parts, r.m, &seq, &err) == 0;
    }
    ok(good == 50 && seq == 51, "50 records are appended, one of over a megabyte");
    good = 0;
    for (uint32_t i = 0; i < 50; i++) {
        stage_make(&r, i, i == 20);
        good += hec_journal_find(j, r.entries[r.n - 1].key, &place) == 1 &&
                place.position == r.n - 1 && place.verdict == r.entries[0].verdict &&
                hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == 0 &&
                stage_same(c, i == 20) && c->session == 0;
        hec_journal_content_destroy(c);
        c = NULL;
    }
    ok(good == 50, "each is found and read at once");
    ok(hec_journal_sync(j, seq, 10000, &err) == 0 && hec_journal_durable(j) == seq,
       "and is on disk when that is asked for");
    ok(hec_journal_load(j, &place, HEC_LOAD_ENTRIES, &c, &err) == 0 &&
           (!c->nparts || !c->parts[0].data),
       "entries are read without their parts");
    hec_journal_content_destroy(c);
    place.offset += 8;
    ok(hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == HEC_EFORMAT,
       "where no record begins none is read");
    place.file = 7;
    ok(hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == HEC_EINVAL, "nor of another file");
    ok(hec_journal_append(j, r.entries, 0, NULL, 0, NULL, &err) == HEC_EINVAL,
       "a record needs an entry");
    r.parts[0] = (hec_journal_part){.kind = 1, .entry = r.n + 1};
    ok(hec_journal_append(j, r.entries, r.n, r.parts, 1, NULL, &err) == HEC_EINVAL,
       "and parts that belong to its entries");
    ok(hec_journal_close(j, &err) == 0, "it closes");
}

static void test_again(void)
{
    const char *path = stage_path("entries.hecj");
    hec_journal_place place = {0};
    hec_journal_content *c = NULL;
    hec_journal_session s = {0};
    hec_journal_info info;
    hec_journal *j = NULL;
    int good = 0, all = 0, r;

    ok(hec_journal_open(path, &reading, &j, &err) == 0, "it is opened again, to be read");
    hec_journal_info_get(j, &info);
    ok(info.records == 52 && info.sessions == 1 && info.damages == 0, "all is there");
    while ((r = hec_journal_next(j, &place, HEC_LOAD_ALL, &c, &err)) == 1) {
        all++;
        good += c->kind == HEC_RECORD_TASKS && stage_same(c, stage_number(c) == 20) &&
                c->seq == (uint64_t)all;
        hec_journal_content_destroy(c);
    }
    ok(r == 0 && all == 52 && good == 50, "every record comes, in its order");
    ok(hec_journal_session_at(j, 0, &s) == 0 && s.pid == getpid() && s.ended && s.host[0] &&
           s.started_ns > 0,
       "the session is known, and that it ended in order");
    is_str(s.program, "hec " HEC_VERSION, "and who wrote");
    ok(hec_journal_session_at(j, 1, &s) == HEC_EINVAL, "there is no other");
    ok(hec_journal_append(j, &(hec_journal_entry){.task = 0}, 1, NULL, 0, NULL, &err) == HEC_EINVAL,
       "nothing is appended to one that is only read");
    ok(hec_journal_close(j, &err) == 0, "it closes");
}

/* Appends one entry of a key. */
static int put(hec_journal *j, uint32_t key, int verdict)
{
    hec_journal_entry e = {.task = key, .verdict = verdict};

    stage_key(e.key, key, 0);
    return hec_journal_append(j, &e, 1, NULL, 0, NULL, &err);
}

static int verdict_of(hec_journal *j, uint32_t key)
{
    unsigned char k[HEC_KEY_SIZE];
    hec_journal_place place;

    stage_key(k, key, 0);
    return hec_journal_find(j, k, &place) == 1 ? place.verdict : 0;
}

static void test_which_counts(void)
{
    const char *path = stage_path("counts.hecj");
    hec_journal_place place;
    hec_journal_info info;
    hec_journal *j = NULL;

    ok(hec_journal_open(path, &quick, &j, &err) == 0, "a journal is opened");
    for (int round = 0; round < 2; round++) {
        if (round == 0) {
            put(j, 1, HEC_TASK_KILLED);
            put(j, 1, HEC_TASK_DONE);
            put(j, 1, HEC_TASK_RAISED);
            put(j, 2, HEC_TASK_RAISED);
            put(j, 2, HEC_TASK_TIMED_OUT);
        }
        ok(verdict_of(j, 1) == HEC_TASK_DONE, "what is done stays done");
        ok(verdict_of(j, 2) == HEC_TASK_TIMED_OUT, "of failures the last one counts");
        ok(hec_journal_count(j) == 2 && hec_journal_at(j, 1, &place) == 0 &&
               place.verdict == HEC_TASK_TIMED_OUT,
           "keys are in the order in which they came");
        hec_journal_info_get(j, &info);
        ok(info.entries == 5 && info.keys == 2 && info.done == 1, "they are counted");
        hec_journal_close(j, &err);
        j = NULL;
        if (round == 0)
            ok(hec_journal_open(path, &reading, &j, &err) == 0, "the same when it is read anew");
    }
}

static void test_notes(void)
{
    const char *path = stage_path("notes.hecj");
    hec_journal_options o = {.program = "tester 7"};
    hec_journal_session s = {0};
    hec_journal *j = NULL;

    ok(hec_journal_open(path, &o, &j, &err) == 0, "a journal is opened");
    ok(hec_journal_note(j, "code:f", "abc", NULL, &err) == 0 &&
           hec_journal_note(j, "what", "", NULL, &err) == 0 &&
           hec_journal_note(j, "code:f", "def", NULL, &err) == 0,
       "notes are made");
    is_str(hec_journal_noted(j, "code:f"), "def", "the last one counts");
    hec_journal_close(j, &err);
    ok(hec_journal_open(path, &reading, &j, &err) == 0, "it is read");
    is_str(hec_journal_noted(j, "code:f"), "def", "the note is there");
    is_str(hec_journal_noted(j, "what"), "", "an empty one too");
    ok(!hec_journal_noted(j, "host"), "how a session began is no note");
    ok(hec_journal_session_at(j, 0, &s) == 0, "the session is there");
    is_str(s.program, "tester 7", "with the name of its program");
    hec_journal_close(j, &err);
}

static void test_folder(void)
{
    const char *path = stage_path("many");
    hec_journal_options o = {.folder = 1, .fsync = HEC_FSYNC_NEVER};
    hec_journal *a = NULL, *b = NULL;
    hec_journal_place place = {0};
    hec_journal_content *c = NULL;
    hec_journal_info info;
    int tasks = 0;
    struct stat st;

    ok(hec_journal_open(path, &o, &a, &err) == 0, "a folder is made: %s", err.text);
    ok(stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700,
       "for this user alone");
    ok(hec_journal_open(path, NULL, &b, &err) == 0, "two write to it at once: %s", err.text);
    ok(put(a, 1, HEC_TASK_DONE) == 0 && put(b, 2, HEC_TASK_DONE) == 0, "each has its file");
    hec_journal_close(a, &err);
    hec_journal_close(b, &err);
    ok(hec_journal_open(path, &reading, &a, &err) == 0, "and all are read together");
    hec_journal_info_get(a, &info);
    ok(info.files == 2 && info.sessions == 2 && info.keys == 2 && info.damages == 0,
       "with what is in them");
    while (hec_journal_next(a, &place, HEC_LOAD_ALL, &c, &err) == 1) {
        tasks += c->kind == HEC_RECORD_TASKS && c->session == place.file;
        hec_journal_content_destroy(c);
    }
    ok(tasks == 2, "record by record");
    hec_journal_close(a, &err);
}

static void test_fork(void)
{
    hec_journal *j = NULL;
    int status = 0;
    pid_t pid;

    ok(hec_journal_open(stage_path("fork.hecj"), &quick, &j, &err) == 0, "a journal is opened");
    put(j, 1, HEC_TASK_DONE);
    pid = fork();
    if (pid == 0) {
        bool good = put(j, 2, HEC_TASK_DONE) == HEC_ECLOSED && verdict_of(j, 1) == 0 &&
                    hec_journal_sync(j, 1, -1, NULL) == HEC_ECLOSED && hec_journal_count(j) == 0 &&
                    hec_journal_close(j, NULL) == 0;

        _exit(good ? 0 : 1);
    }
    ok(waitpid(pid, &status, 0) == pid && status == 0, "in a child it is closed");
    ok(put(j, 3, HEC_TASK_DONE) == 0 && hec_journal_close(j, &err) == 0,
       "and the parent's is as it was");
}

static void test_always(void)
{
    hec_journal_options o = {.fsync = HEC_FSYNC_ALWAYS};
    hec_journal *j = NULL;
    hec_journal_entry e = {.verdict = HEC_TASK_DONE};
    uint64_t seq = 0;

    ok(hec_journal_open(stage_path("always.hecj"), &o, &j, &err) == 0, "a journal is opened");
    ok(hec_journal_append(j, &e, 1, NULL, 0, &seq, &err) == 0 && hec_journal_durable(j) >= seq,
       "with `always` an append returns when it is on disk");
    hec_journal_close(j, &err);
    o = (hec_journal_options){.group_ms = 60000};
    ok(hec_journal_open(stage_path("group.hecj"), &o, &j, &err) == 0, "another one");
    ok(hec_journal_append(j, &e, 1, NULL, 0, &seq, &err) == 0 && hec_journal_durable(j) < seq,
       "with `group` it does not wait");
    ok(hec_journal_sync(j, seq, 30000, &err) == 0, "but who waits is not kept waiting a minute");
    hec_journal_close(j, &err);
    o = (hec_journal_options){.fsync = (hec_fsync)7};
    ok(hec_journal_open(stage_path("x.hecj"), &o, &j, &err) == HEC_EINVAL, "7 is no policy");
    o = (hec_journal_options){.group_ms = 60001};
    ok(hec_journal_open(stage_path("x.hecj"), &o, &j, &err) == HEC_EINVAL, "nor is that a time");
}

/* ---- random operations ---- */

enum { KEYS = 600, ROUNDS = 4000 };

static struct {
    int verdict;
    uint64_t task; /* of the entry that counts */
} memory[KEYS];

static bool check_key(hec_journal *j, uint32_t k)
{
    unsigned char key[HEC_KEY_SIZE];
    hec_journal_content *c = NULL;
    hec_journal_place place;
    bool good;

    stage_key(key, k, 0);
    if (hec_journal_find(j, key, &place) == 0)
        return memory[k].verdict == 0;
    good =
        place.verdict == memory[k].verdict &&
        hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == 0 &&
        c->entries[place.position].task == memory[k].task && c->nparts == 1 &&
        c->parts[0].size == memory[k].task % 3000 &&
        (c->parts[0].size == 0 || ((const unsigned char *)c->parts[0].data)[c->parts[0].size / 2] ==
                                      (unsigned char)memory[k].task);
    hec_journal_content_destroy(c);
    return good;
}

static int append_some(hec_journal *j, uint64_t *serial)
{
    static unsigned char data[3000];
    hec_journal_entry entries[8];
    hec_journal_part part = {.kind = HEC_PART_RESULT};
    uint32_t n = 1 + (uint32_t)(stage_any() % 8);

    memset(entries, 0, sizeof entries);
    ++*serial;
    memset(data, (int)(*serial & 0xff), sizeof data);
    part.data = data;
    part.size = *serial % 3000;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = (uint32_t)(stage_any() % KEYS);
        int verdict = stage_any() % 3 ? HEC_TASK_DONE : HEC_TASK_RAISED;

        stage_key(entries[i].key, k, 0);
        entries[i].task = *serial;
        entries[i].verdict = verdict;
        if (verdict == HEC_TASK_DONE || memory[k].verdict != HEC_TASK_DONE) {
            memory[k].verdict = verdict;
            memory[k].task = *serial;
        }
    }
    return hec_journal_append(j, entries, n, &part, 1, NULL, &err);
}

static void test_random(void)
{
    const char *path = stage_path("random.hecj");
    uint64_t serial = 0, keys = 0;
    hec_journal *j = NULL, *reader = NULL;
    int bad = 0;

    for (int i = 0; i < ROUNDS && bad == 0; i++) {
        unsigned what = (unsigned)(stage_any() % 100);

        if (!j)
            bad += hec_journal_open(path, &quick, &j, &err) < 0;
        else if (what < 60)
            bad += append_some(j, &serial) < 0;
        else if (what < 90)
            bad += !check_key(j, (uint32_t)(stage_any() % KEYS));
        else if (what < 94)
            bad += hec_journal_sync(j, UINT64_MAX, -1, &err) < 0;
        else if (what < 96 && hec_journal_sync(j, UINT64_MAX, -1, &err) == 0) {
            bad += hec_journal_open(path, &reading, &reader, &err) < 0 ||
                   !check_key(reader, (uint32_t)(stage_any() % KEYS));
            bad += hec_journal_close(reader, &err) < 0;
        } else if (what < 98) {
            bad += hec_journal_close(j, &err) < 0;
            j = NULL;
        }
    }
    hec_journal_close(j, &err);
    ok(bad == 0, "%d operations do what they do in memory", ROUNDS);
    ok(hec_journal_open(path, &reading, &j, &err) == 0, "it is opened a last time");
    for (uint32_t k = 0; k < KEYS; k++) {
        keys += memory[k].verdict != 0;
        bad += !check_key(j, k);
    }
    ok(bad == 0 && hec_journal_count(j) == keys, "and has what it should");
    hec_journal_close(j, &err);
}

/* Small records, each hurried to disk so that the thread is mostly in the midst of a write when a
 * large one comes, which it writes from where it is. */
static void test_large_while_writing(void)
{
    const char *path = stage_path("large.hecj");
    hec_journal *j = NULL;
    stage_record r;
    uint64_t seq = 0;
    int bad = 0;

    ok(hec_journal_open(path, &quick, &j, &err) == 0, "a journal is opened");
    for (uint32_t i = 0; i < 100 && !bad; i++) {
        for (uint32_t k = 0; k < 8; k++) {
            stage_make(&r, 1000 + 8 * i + k, false);
            bad += hec_journal_append(j, r.entries, r.n, r.parts, r.m, &seq, &err) < 0;
        }
        stage_make(&r, i, true);
        (void)hec_journal_sync(j, seq, 0, NULL); /* does not wait: it is under way */
        bad += hec_journal_append(j, r.entries, r.n, r.parts, r.m, &seq, &err) < 0;
    }
    ok(bad == 0, "large records that come while others are written: %s", err.text);
    ok(hec_journal_close(j, &err) == 0, "and all are on disk");
}

int main(void)
{
    stage_open();
    test_new();
    test_entries();
    test_again();
    test_which_counts();
    test_notes();
    test_folder();
    test_fork();
    test_always();
    test_random();
    test_large_while_writing();
    ok(strcmp(hec_part_word(HEC_PART_C_STACK), "c_stack") == 0 &&
           strcmp(hec_part_word(99), "?") == 0,
       "parts have words");
    stage_close();
    return done_testing();
}
