/* SPDX-License-Identifier: MIT
 *
 * The bytes of format 1, for ever: the files below tests/data/journal/v1 are read, and are written
 * again byte by byte by the functions that write journals. tests/data/journal/README.md says how
 * they came about; a change that fails here makes people's journals unreadable.
 */
#include "stage.h"
#include "tap.h"

#include "base/hash.h"
#include "journal/format.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const hec_journal_options reading = {.read_only = 1};
static hec_error err;

static unsigned char out[65536];
static size_t used;
static uint64_t seed;

/* A record as the writer lays it out. */
static void put(uint16_t kind, const hec_journal_entry *entries, uint32_t n,
                const hec_journal_part *parts, uint32_t m)
{
    static uint64_t seq;
    hec__jhead h = {.kind = kind,
                    .nentries = n,
                    .nparts = m,
                    .seq = seq + 1,
                    .time_ns = 1700000001000000000u + seq + 1};
    unsigned char *data;

    seq++;
    hec__jparts_size(parts, m, n, &h.size);
    data = out + used + hec__jtop_size(&h);
    memset(data, 0, h.size);
    for (uint32_t i = 0; i < m; i++) {
        memcpy(data, parts[i].data, parts[i].size);
        data += hec__jpad(parts[i].size);
    }
    h.data_check = hec__hash64(data - h.size, h.size, seed);
    hec__jtop_put(out + used, &h, entries, parts, seed);
    used += hec__jsize(&h);
}

static hec_journal_part text(hec_part_kind kind, const char *s)
{
    return (hec_journal_part){
        .kind = (uint16_t)kind, .format = HEC_FORMAT_TEXT, .data = s, .size = strlen(s)};
}

static void make_entry(hec_journal_entry *e, unsigned char first, uint64_t task, int verdict)
{
    *e = (hec_journal_entry){.task = task,
                             .verdict = verdict,
                             .detail = verdict == HEC_TASK_DONE ? 0 : 11,
                             .usage = {.started_ns = 1700000000500000000u + task,
                                       .duration_ns = 1234567 + task,
                                       .cpu_ns = 1200000,
                                       .max_rss = 31457280,
                                       .pid = 4242,
                                       .attempt = 1 + (uint32_t)task}};
    for (unsigned i = 0; i < HEC_KEY_SIZE; i++)
        e->key[i] = (unsigned char)(first + i);
}

/* Two sessions; the first one was torn off in the middle of its last record. */
static void make_file(void)
{
    static const unsigned char id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    hec_journal_entry e[2];
    hec_journal_part p[12];
    size_t torn;
    char bad[64];

    hec__jfile_put(out, id, 1700000000000000000u);
    used = HEC__JFILE_SIZE;
    if (hec__jfile_get(out, &seed, &err) < 0)
        return;
    const char *first[] = {"host",    "node1",    "pid", "100", "started", "1700000001000000000",
                           "program", "hec 0.1.0"};
    for (int i = 0; i < 8; i++)
        p[i] = text(i % 2 ? HEC_PART_VALUE : HEC_PART_NAME, first[i]);
    put(HEC_RECORD_BEGIN, NULL, 0, p, 8);
    p[0] = text(HEC_PART_NAME, "code:f");
    p[1] = text(HEC_PART_VALUE, "00112233");
    put(HEC_RECORD_NOTE, NULL, 0, p, 2);
    make_entry(&e[0], 0x10, 0, HEC_TASK_DONE);
    make_entry(&e[1], 0x30, 1, HEC_TASK_DONE);
    p[0] = (hec_journal_part){HEC_PART_RESULT, HEC_FORMAT_PICKLE, 0, "\x80\x05]q.", 5};
    p[1] = (hec_journal_part){HEC_PART_BUFFER, HEC_FORMAT_BYTES, 0, "12345678", 8};
    put(HEC_RECORD_TASKS, e, 2, p, 2);
    torn = used;
    make_entry(&e[0], 0x50, 2, HEC_TASK_KILLED);
    p[0] = text(HEC_PART_MESSAGE, "killed by signal 11");
    p[0].entry = 1;
    p[1] = text(HEC_PART_STDERR, "boom\n");
    put(HEC_RECORD_TASKS, e, 1, p, 2);
    used = torn + 100;
    snprintf(bad, sizeof bad, "%zu 100", torn);
    const char *second[] = {"host",    "node2",     "pid", "200", "started", "1700000002000000000",
                            "program", "hec 0.1.0", "bad", bad};
    for (int i = 0; i < 10; i++)
        p[i] = text(i % 2 ? HEC_PART_VALUE : HEC_PART_NAME, second[i]);
    put(HEC_RECORD_BEGIN, NULL, 0, p, 10);
    p[0] = text(HEC_PART_MESSAGE, "killed by signal 11");
    p[0].entry = 1;
    p[1] = text(HEC_PART_STDERR, "boom\n");
    put(HEC_RECORD_TASKS, e, 1, p, 2);
    put(77, NULL, 0, p + 1, 1); /* of a later version */
    put(HEC_RECORD_END, NULL, 0, NULL, 0);
}

static bool same_entry(const hec_journal_entry *a, unsigned char first, uint64_t task, int verdict)
{
    hec_journal_entry b;

    make_entry(&b, first, task, verdict);
    return memcmp(a, &b, sizeof b) == 0;
}

static bool same_text(const hec_journal_part *p, hec_part_kind kind, uint32_t entry, const char *s)
{
    return p->kind == kind && p->entry == entry && p->size == strlen(s) &&
           memcmp(p->data, s, p->size) == 0;
}

static void check_content(hec_journal *j)
{
    unsigned char key[HEC_KEY_SIZE];
    hec_journal_content *c = NULL;
    hec_journal_place place;

    for (unsigned i = 0; i < HEC_KEY_SIZE; i++)
        key[i] = (unsigned char)(0x30 + i);
    ok(hec_journal_find(j, key, &place) == 1 && place.position == 1 &&
           hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == 0,
       "a result is found");
    ok(c && c->seq == 3 && c->session == 0 && c->time_ns == 1700000001000000003u &&
           c->nentries == 2 && same_entry(&c->entries[0], 0x10, 0, HEC_TASK_DONE) &&
           same_entry(&c->entries[1], 0x30, 1, HEC_TASK_DONE),
       "with its entries");
    ok(c && c->nparts == 2 && c->parts[0].format == HEC_FORMAT_PICKLE &&
           same_text(&c->parts[0], HEC_PART_RESULT, 0, "\x80\x05]q.") &&
           same_text(&c->parts[1], HEC_PART_BUFFER, 0, "12345678"),
       "and its parts");
    hec_journal_content_destroy(c);
    c = NULL;
    ok(hec_journal_at(j, 2, &place) == 0 && place.verdict == HEC_TASK_KILLED &&
           hec_journal_load(j, &place, HEC_LOAD_ALL, &c, &err) == 0 && c->session == 1 &&
           same_entry(&c->entries[0], 0x50, 2, HEC_TASK_KILLED) &&
           same_text(&c->parts[0], HEC_PART_MESSAGE, 1, "killed by signal 11") &&
           same_text(&c->parts[1], HEC_PART_STDERR, 0, "boom\n"),
       "and a failure, of the second session");
    hec_journal_content_destroy(c);
}

static void check_file(const char *path)
{
    hec_journal_session a = {0}, b = {0};
    hec_journal_damage d = {0};
    hec_journal_info info;
    hec_journal *j = NULL;

    if (!ok(hec_journal_open(path, &reading, &j, &err) == 0, "it is opened: %s", err.text))
        return;
    hec_journal_info_get(j, &info);
    ok(info.sessions == 2 && info.records == 7 && info.entries == 3 && info.keys == 3 &&
           info.done == 2 && info.damages == 1 && info.bad_bytes == 100,
       "it has what it should, and a record of a kind of its own");
    ok(hec_journal_session_at(j, 0, &a) == 0 && hec_journal_session_at(j, 1, &b) == 0 &&
           a.pid == 100 && !a.ended && b.pid == 200 && b.ended &&
           b.started_ns == 1700000002000000000u && a.offset == 64,
       "sessions are known");
    is_str(a.host, "node1", "their hosts");
    is_str(b.program, "hec 0.1.0", "and programs");
    is_str(hec_journal_noted(j, "code:f"), "00112233", "a note is there");
    ok(hec_journal_damage_at(j, 0, &d) == 0 && d.known && !d.at_end && d.size == 100,
       "the damage is known to the second session");
    check_content(j);
    hec_journal_close(j, &err);
}

int main(void)
{
    const char *data = getenv("HEC_TEST_DATA"), *path;
    const char *make = getenv("HEC_WRITE_DATA");
    char name[4200];
    unsigned char *file;
    size_t size;

    stage_open();
    make_file();
    snprintf(name, sizeof name, "%s/journal/v1/sessions.hecj", data ? data : "tests/data");
    if (make && *make)
        stage_write(name, out, used);
    file = stage_read(name, &size);
    ok(file && size == used && memcmp(file, out, size) == 0,
       "what is written today is what was written then: %zu bytes", used);
    path = stage_path("v1.hecj"); /* a checkout may be writable by a group */
    ok(file && stage_write(path, file, size), "a copy of %s", name);
    free(file);
    check_file(path);
    stage_close();
    return done_testing();
}
