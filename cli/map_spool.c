/* SPDX-License-Identifier: MIT */
#include "map_spool.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void map_store_init(map_store *store)
{
    *store = (map_store){.fd = -1};
}

void map_store_fini(map_store *store)
{
    if (store->fd >= 0)
        close(store->fd);
    store->fd = -1;
}

static int open_store(map_store *store, hec_error *err)
{
    const char *folder = getenv("TMPDIR");
    HEC_AUTO_STRBUF name;

    hec__strbuf_init(&name);
    if (store->fd >= 0)
        return 0;
    if (!folder || !*folder)
        folder = "/tmp";
    store->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (store->fd >= 0)
        return 0;
    /* A file system that has no files without names. */
    hec__strbuf_addf(&name, "%s/hec-map-XXXXXX", folder);
    if (name.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the name of a temporary file");
    store->fd = mkostemp(name.data, O_CLOEXEC);
    if (store->fd < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot make a temporary file in '%.150s'", folder);
    unlink(name.data);
    return 0;
}

static int write_at(int fd, const char *bytes, size_t n, uint64_t at, hec_error *err)
{
    while (n > 0) {
        ssize_t w = pwrite(fd, bytes, n, (off_t)at);

        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return hec__fail(err, HEC_EIO, w < 0 ? errno : ENOSPC,
                             "cannot write output to a temporary file");
        bytes += w;
        n -= (size_t)w;
        at += (uint64_t)w;
    }
    return 0;
}

static void free_chunk(map_store *store, uint64_t at)
{
    if (--store->chunks == 0) {
        store->end = 0;
        /* That the file stays as large as it was does no harm: what is in it is written anew. */
        if (ftruncate(store->fd, 0) == 0)
            return;
    }
    fallocate(store->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, SPOOL_CHUNK);
}

void map_spool_init(map_spool *s)
{
    *s = (map_spool){0};
    hec__strbuf_init(&s->tail);
}

void map_spool_fini(map_spool *s, map_store *store)
{
    for (size_t i = s->taken; i < s->n; i++)
        free_chunk(store, s->chunks[i].at);
    store->memory -= s->tail.len;
    hec__strbuf_fini(&s->tail);
    free(s->chunks);
    map_spool_init(s);
}

static int add_chunk(map_spool *s, map_store *store, const char *bytes, size_t n, hec_error *err)
{
    int r;

    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 8;
        struct piece_of_file *chunks = realloc(s->chunks, cap * sizeof *chunks);

        if (!chunks)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory to keep output");
        s->chunks = chunks;
        s->cap = cap;
    }
    r = open_store(store, err);
    if (r == 0)
        r = write_at(store->fd, bytes, n, store->end, err);
    if (r < 0)
        return r;
    s->chunks[s->n++] = (struct piece_of_file){store->end, (uint32_t)n};
    store->end += SPOOL_CHUNK;
    store->chunks++;
    return 0;
}

/* The tail begins to be passed on only when all chunks are: it is whole while it grows. */
static int flush_tail(map_spool *s, map_store *store, hec_error *err)
{
    size_t skip = s->taken == s->n ? s->passed : 0, n = s->tail.len - skip;
    int r = n ? add_chunk(s, store, s->tail.data + skip, n, err) : 0;

    if (r < 0)
        return r;
    if (skip)
        s->passed = 0;
    store->memory -= s->tail.len;
    hec__strbuf_clear(&s->tail);
    return 0;
}

int map_spool_add(map_spool *s, map_store *store, const char *bytes, size_t n, hec_error *err)
{
    const char *line = memrchr(bytes, '\n', n);

    if (line)
        s->lines = s->size + (size_t)(line - bytes) + 1;
    s->size += n;
    while (n > 0) {
        size_t room = SPOOL_CHUNK - s->tail.len, part = n < room ? n : room;
        int r;

        if (hec__strbuf_add(&s->tail, bytes, part) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory to keep output");
        store->memory += part;
        bytes += part;
        n -= part;
        r = s->tail.len == SPOOL_CHUNK ? flush_tail(s, store, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int map_spool_to_file(map_spool *s, map_store *store, hec_error *err)
{
    int r = flush_tail(s, store, err);

    if (r == 0)
        hec__strbuf_fini(&s->tail);
    return r;
}

static int pass_chunk(map_spool *s, map_store *store, uint64_t *n, map_spool_sink sink, void *ctx,
                      hec_error *err)
{
    const struct piece_of_file *c = &s->chunks[s->taken];
    char buf[16384];

    while (*n > 0 && s->passed < c->size) {
        size_t part = c->size - s->passed;
        ssize_t got;

        part = part < sizeof buf ? part : sizeof buf;
        part = part < *n ? part : (size_t)*n;
        got = pread(store->fd, buf, part, (off_t)(c->at + s->passed));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return hec__fail(err, HEC_EIO, got < 0 ? errno : EIO,
                             "cannot read output from a temporary file");
        if (sink(ctx, buf, (size_t)got) < 0)
            return hec__fail(err, HEC_ECALLBACK, 0, "output could not be passed on");
        s->passed += (size_t)got;
        *n -= (uint64_t)got;
    }
    if (s->passed == c->size) {
        free_chunk(store, c->at);
        s->taken++;
        s->passed = 0;
    }
    return 0;
}

int map_spool_pass(map_spool *s, map_store *store, uint64_t n, map_spool_sink sink, void *ctx,
                   hec_error *err)
{
    uint64_t left = n;

    while (left > 0 && s->taken < s->n) {
        int r = pass_chunk(s, store, &left, sink, ctx, err);

        if (r < 0)
            return r;
    }
    if (left > 0 && sink(ctx, s->tail.data + s->passed, (size_t)left) < 0)
        return hec__fail(err, HEC_ECALLBACK, 0, "output could not be passed on");
    s->passed += (size_t)left;
    s->size -= n;
    s->lines = s->lines > n ? s->lines - n : 0;
    if (s->taken == s->n && s->passed == s->tail.len) { /* all of it */
        store->memory -= s->tail.len;
        hec__strbuf_clear(&s->tail);
        s->passed = 0;
        s->n = s->taken = 0;
    }
    return 0;
}

/* ---- all at once ---- */

static size_t mapped_size(const map_spool *s)
{
    return s->n * SPOOL_CHUNK + SPOOL_CHUNK; /* the chunks, and one for the tail */
}

int map_spool_view(const map_spool *s, const map_store *store, const char **ret, hec_error *err)
{
    char *base;

    if (s->n == 0) {
        *ret = s->tail.data;
        return 0;
    }
    base = mmap(NULL, mapped_size(s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return hec__fail(err, HEC_ENOMEM, errno, "no room for the output of a command");
    for (size_t i = 0; i < s->n;) {
        size_t run = 1;

        while (i + run < s->n && s->chunks[i + run].at == s->chunks[i].at + run * SPOOL_CHUNK)
            run++;
        if (mmap(base + i * SPOOL_CHUNK, run * SPOOL_CHUNK, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED, store->fd, (off_t)s->chunks[i].at) == MAP_FAILED) {
            int sys = errno;

            munmap(base, mapped_size(s));
            return hec__fail(err, HEC_EIO, sys, "cannot map a temporary file");
        }
        i += run;
    }
    memcpy(base + s->n * SPOOL_CHUNK, s->tail.data, s->tail.len);
    *ret = base;
    return 0;
}

void map_spool_unview(const map_spool *s, const char *view)
{
    if (s->n)
        munmap((void *)(uintptr_t)view, mapped_size(s));
}
