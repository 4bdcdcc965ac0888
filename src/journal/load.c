/* SPDX-License-Identifier: MIT
 *
 * Reading one record, and all of them in a row.
 */
#include "journal/state.h"

#include "base/error.h"
#include "base/hash.h"

#include <string.h>
#include <sys/stat.h>

#define ALIGN 64u

/* A content is one piece of memory: itself, its entries, its parts, and their data. */
typedef struct content {
    hec_journal_content c;
    hec_journal_entry *entries;
    hec_journal_part *parts;
    unsigned char *data;
} content;

void hec_journal_content_destroy(hec_journal_content *c)
{
    free(c);
}

static int damaged(const hec_journal *j, const hec_journal_place *place, hec_error *err)
{
    return hec__fail(err, HEC_EFORMAT, 0, "the journal '%.120s' is damaged at byte %llu", j->path,
                     (unsigned long long)place->offset);
}

static size_t aligned(size_t n)
{
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Each part's data begin at a multiple of ALIGN. */
static size_t data_size(const unsigned char *top, const hec__jhead *h)
{
    size_t sum = 0;
    hec_journal_part p;

    for (uint32_t i = 0; i < h->nparts; i++) {
        hec__jpart_get(top, h, i, &p);
        sum += aligned((size_t)hec__jpad(p.size));
    }
    return sum;
}

static content *make_content(const unsigned char *top, const hec__jhead *h, hec_load what)
{
    size_t entries = aligned(sizeof(content));
    size_t parts = entries + aligned(h->nentries * sizeof(hec_journal_entry));
    size_t data = parts + aligned(h->nparts * sizeof(hec_journal_part));
    unsigned char *p = malloc(data + (what == HEC_LOAD_ALL ? data_size(top, h) : 0) + ALIGN);
    content *c = (content *)(void *)p;

    if (!c)
        return NULL;
    c->entries = (hec_journal_entry *)(void *)(p + entries);
    c->parts = (hec_journal_part *)(void *)(p + parts);
    /* malloc() aligns to less. */
    c->data = (unsigned char *)aligned((size_t)(uintptr_t)(p + data));
    c->c = (hec_journal_content){.kind = h->kind,
                                 .session = UINT32_MAX,
                                 .seq = h->seq,
                                 .time_ns = h->time_ns,
                                 .nentries = h->nentries,
                                 .nparts = h->nparts,
                                 .entries = c->entries,
                                 .parts = c->parts};
    for (uint32_t i = 0; i < h->nentries; i++)
        hec__jentry_get(top, i, &c->entries[i]);
    for (uint32_t i = 0; i < h->nparts; i++)
        hec__jpart_get(top, h, i, &c->parts[i]);
    return c;
}

/* Reads the parts to where they belong, and sums them up. 1, 0: they are not what was written. */
static int read_parts(int fd, uint64_t at, content *c, const hec__jhead *h, uint64_t seed,
                      hec_error *err)
{
    unsigned char *to = c->data;
    hec__hasher hasher;

    hec__hasher_init(&hasher, seed);
    for (uint32_t i = 0; i < h->nparts; i++) {
        size_t padded = (size_t)hec__jpad(c->parts[i].size);
        int r = hec__read_at(fd, at, to, padded, err);

        if (r <= 0)
            return r;
        hec__hasher_add(&hasher, to, padded);
        c->parts[i].data = to;
        at += padded;
        to += aligned(padded);
    }
    return hec__hasher_sum(&hasher) == h->data_check;
}

/* The session that a record belongs to: the last one of its file that begins at it or before. */
static uint32_t session_of(const hec_journal *j, const hec_journal_place *place)
{
    uint32_t low = 0, high = j->nsessions;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const hec__jsession *s = &j->sessions[mid];

        if (s->file < place->file || (s->file == place->file && s->offset <= place->offset))
            low = mid + 1;
        else
            high = mid;
    }
    return low && j->sessions[low - 1].file == place->file ? low - 1 : UINT32_MAX;
}

/* Header, entries and table; free(). 1, 0: there is no such record. */
static int read_top(int fd, uint64_t offset, uint64_t seed, hec__jhead *head,
                    unsigned char **ret_top, hec_error *err)
{
    unsigned char first[HEC__JHEAD_SIZE];
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0 || offset < HEC__JFILE_SIZE || offset > (uint64_t)st.st_size)
        return 0;
    r = hec__read_at(fd, offset, first, sizeof first, err);
    if (r <= 0 || !hec__jhead_get(first, (uint64_t)st.st_size - offset, head))
        return r < 0 ? r : 0;

    HEC_AUTO_STR top = malloc(hec__jtop_size(head));

    if (!top)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading a journal");
    r = hec__read_at(fd, offset, top, hec__jtop_size(head), err);
    if (r <= 0 || !hec__jtop_check((unsigned char *)top, head, seed))
        return r < 0 ? r : 0;
    *ret_top = (unsigned char *)HEC_STEAL(&top);
    return 1;
}

int hec__jload(hec_journal *j, const hec_journal_place *place, hec_load what,
               hec_journal_content **ret_content, hec_error *err)
{
    unsigned char *top = NULL;
    hec__jhead head;
    uint64_t seed;
    content *c;
    int fd, r;

    if (place->file >= j->nfiles)
        return hec__fail(err, HEC_EINVAL, 0, "the journal has no file %u", place->file);
    seed = j->files[place->file].seed;
    r = hec__jfiles_fd(j, place->file, &fd, err);
    if (r < 0)
        return r;
    r = read_top(fd, place->offset, seed, &head, &top, err);
    if (r <= 0)
        return r < 0 ? r : damaged(j, place, err);
    c = make_content(top, &head, what);
    free(top);
    if (!c)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading %llu bytes of a journal",
                         (unsigned long long)head.size);
    c->c.session = session_of(j, place);
    if (what == HEC_LOAD_ALL)
        r = read_parts(fd, place->offset + hec__jtop_size(&head), c, &head, seed, err);
    if (r <= 0) {
        free(c);
        return r < 0 ? r : damaged(j, place, err);
    }
    *ret_content = &c->c;
    return 0;
}

/* What is appended here and is not in the file yet has to be written first. Without the lock. */
static int flush_for(hec_journal *j, const hec_journal_place *place, hec_error *err)
{
    uint64_t written, seq;

    if (!j->writes || place->file != j->own)
        return 0;
    pthread_mutex_lock(&j->writer.lock);
    written = j->writer.written;
    seq = j->writer.seq;
    pthread_mutex_unlock(&j->writer.lock);
    return place->offset < written ? 0 : hec__jwriter_written(&j->writer, seq, err);
}

int hec_journal_load(hec_journal *j, const hec_journal_place *place, hec_load what,
                     hec_journal_content **ret_content, hec_error *err)
{
    int r = hec__jmine(j, err);

    if (r == 0)
        r = flush_for(j, place, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&j->lock);
    r = hec__jload(j, place, what, ret_content, err);
    pthread_mutex_unlock(&j->lock);
    return r;
}

/* Makes the walk stand behind the record at a place. */
static int walk_to(hec_journal *j, const hec_journal_place *place, hec_error *err)
{
    uint64_t offset = place->offset ? place->offset : HEC__JFILE_SIZE;
    struct stat st;
    int fd, r = hec__jfiles_fd(j, place->file, &fd, err);

    if (r < 0)
        return r;
    if (j->walk.window.bytes && j->walk_file == place->file && place->offset &&
        j->walk.at == offset && j->walk.window.fd == fd) {
        if (fstat(fd, &st) == 0)
            j->walk.window.end = (uint64_t)st.st_size; /* it may have grown */
        return 0;
    }
    hec__jscan_fini(&j->walk);
    r = hec__jscan_init(&j->walk, fd, j->files[place->file].seed, offset, err);
    j->walk_file = place->file;
    if (r == 0 && place->offset) /* over the one that came last */
        r = hec__jscan_next(&j->walk, err);
    return r < 0 ? r : 0;
}

static int next(hec_journal *j, hec_journal_place *place, hec_load what,
                hec_journal_content **ret_content, hec_error *err)
{
    hec_journal_place at = *place;
    int r;

    for (; at.file < j->nfiles; at = (hec_journal_place){.file = at.file + 1}) {
        r = walk_to(j, &at, err);
        if (r == 0)
            r = hec__jscan_next(&j->walk, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        at = (hec_journal_place){.file = at.file, .offset = j->walk.at};
        r = hec__jload(j, &at, what, ret_content, err);
        if (r < 0)
            return r;
        *place = at;
        return 1;
    }
    return 0;
}

int hec_journal_next(hec_journal *j, hec_journal_place *place, hec_load what,
                     hec_journal_content **ret_content, hec_error *err)
{
    hec_journal_place end = {.file = j->own, .offset = UINT64_MAX};
    int r = hec__jmine(j, err);

    if (r == 0 && place->file >= j->own)
        r = flush_for(j, &end, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&j->lock);
    r = next(j, place, what, ret_content, err);
    pthread_mutex_unlock(&j->lock);
    return r;
}
