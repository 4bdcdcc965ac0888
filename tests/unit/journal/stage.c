/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG_SIZE (1300u * 1024u + 5u)

static char folder[4096];
static unsigned char *bytes; /* what the parts of a record are cut from */

const char *stage_open(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/hec-test-journal.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    bytes = malloc(BIG_SIZE + 65536);
    if (!bytes || !mkdtemp(folder))
        abort();
    for (size_t i = 0; i < BIG_SIZE + 65536; i++)
        bytes[i] = (unsigned char)(i * 131 ^ i >> 7);
    return folder;
}

static void empty(const char *path)
{
    char name[4400];
    struct dirent *e;
    DIR *d = opendir(path);

    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (unlink(name) < 0) {
            empty(name);
            rmdir(name);
        }
    }
    if (d)
        closedir(d);
}

void stage_close(void)
{
    empty(folder);
    rmdir(folder);
    free(bytes);
}

const char *stage_path(const char *name)
{
    static char paths[4][4400];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

unsigned char *stage_read(const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char *data = NULL;
    struct stat st;

    *ret_size = 0;
    if (fd >= 0 && fstat(fd, &st) == 0 && (data = malloc((size_t)st.st_size + 1))) {
        ssize_t n = read(fd, data, (size_t)st.st_size);

        *ret_size = n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return data;
}

bool stage_write(const char *path, const void *data, size_t size)
{
    int fd;
    bool good;

    unlink(path); /* over an old one some file systems wait for the disk */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    good = fd >= 0 && write(fd, data, size) == (ssize_t)size;

    return fd >= 0 && close(fd) == 0 && good;
}

static uint64_t state = 88172645463325252u;

void stage_seed(uint64_t seed)
{
    state = (seed + 1) * 0x9e3779b97f4a7c15u | 1;
}

uint64_t stage_any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A number from a number. */
static uint32_t mix(uint32_t i, uint32_t salt)
{
    uint64_t x = ((uint64_t)i << 32 | salt) * 0x9e3779b97f4a7c15u;

    return (uint32_t)((x ^ x >> 29) * 0xbf58476d1ce4e5b9u >> 33);
}

void stage_key(unsigned char key[HEC_KEY_SIZE], uint32_t i, uint32_t entry)
{
    uint32_t words[4] = {i, entry, mix(i, 1), mix(entry, 2)};

    memcpy(key, words, HEC_KEY_SIZE);
}

void stage_make(stage_record *r, uint32_t i, bool big)
{
    static const uint16_t kinds[STAGE_PARTS] = {HEC_PART_RESULT, HEC_PART_BUFFER, HEC_PART_ARGS,
                                                HEC_PART_STDERR};

    memset(r, 0, sizeof *r);
    r->n = mix(i, 3) % 3 ? 1 : 1 + mix(i, 4) % STAGE_ENTRIES;
    r->m = mix(i, 5) % (STAGE_PARTS + 1);
    if (big && r->m == 0)
        r->m = 1;
    for (uint32_t e = 0; e < r->n; e++) {
        stage_key(r->entries[e].key, i, e);
        r->entries[e].task = i * 1000u + e;
        r->entries[e].verdict = mix(i, 6) % 4 ? HEC_TASK_DONE : HEC_TASK_KILLED;
        r->entries[e].detail = r->entries[e].verdict == HEC_TASK_DONE ? 0 : 9;
        r->entries[e].usage = (hec_usage){.started_ns = mix(i, 7),
                                          .duration_ns = mix(i, 8),
                                          .cpu_ns = mix(i, 9),
                                          .max_rss = mix(i, 10),
                                          .pid = (int32_t)(mix(i, 11) & 0x7fff),
                                          .attempt = 1 + mix(i, 12) % 3};
    }
    for (uint32_t p = 0; p < r->m; p++)
        r->parts[p] = (hec_journal_part){.kind = kinds[p],
                                         .format = (uint16_t)(p % 3),
                                         .entry = mix(i, 13) % (r->n + 1),
                                         .data = bytes + mix(i, 14 + p) % 65536,
                                         .size = big && p == 0 ? BIG_SIZE : mix(i, 20 + p) % 300};
}

uint32_t stage_number(const hec_journal_content *c)
{
    uint32_t words[4];

    if (c->nentries == 0)
        return UINT32_MAX;
    memcpy(words, c->entries[0].key, sizeof words);
    return words[0];
}

static bool same_entry(const hec_journal_entry *a, const hec_journal_entry *b)
{
    return memcmp(a->key, b->key, HEC_KEY_SIZE) == 0 && a->task == b->task &&
           a->verdict == b->verdict && a->detail == b->detail &&
           a->usage.started_ns == b->usage.started_ns &&
           a->usage.duration_ns == b->usage.duration_ns && a->usage.cpu_ns == b->usage.cpu_ns &&
           a->usage.max_rss == b->usage.max_rss && a->usage.pid == b->usage.pid &&
           a->usage.attempt == b->usage.attempt;
}

bool stage_same(const hec_journal_content *c, bool big)
{
    stage_record r;

    if (c->kind != HEC_RECORD_TASKS || c->nentries == 0)
        return false;
    stage_make(&r, stage_number(c), big);
    if (r.n != c->nentries || r.m != c->nparts)
        return false;
    for (uint32_t e = 0; e < r.n; e++)
        if (!same_entry(&r.entries[e], &c->entries[e]))
            return false;
    for (uint32_t p = 0; p < r.m; p++)
        if (r.parts[p].kind != c->parts[p].kind || r.parts[p].format != c->parts[p].format ||
            r.parts[p].entry != c->parts[p].entry || r.parts[p].size != c->parts[p].size ||
            memcmp(r.parts[p].data, c->parts[p].data, r.parts[p].size) != 0)
            return false;
    return true;
}
