/* SPDX-License-Identifier: MIT
 *
 * The public functions that open, look, and append; reading a record is in load.c.
 */
#include "journal/state.h"

#include "base/error.h"

#include <string.h>

const char *hec_part_word(int kind)
{
    switch (kind) {
#define HEC_PART_WORD(name, value, word)                                                           \
    case value:                                                                                    \
        return word;
        HEC_PARTS(HEC_PART_WORD)
#undef HEC_PART_WORD
    }
    return "?";
}

int hec__jmine(const hec_journal *j, hec_error *err)
{
    if (j->pid != getpid())
        return hec__fail(err, HEC_ECLOSED, 0, "a journal belongs to the process that opened it");
    return 0;
}

/* A pair of parts. */
static void put_pair(hec_journal_part *parts, const char *name, const char *value)
{
    parts[0] = (hec_journal_part){
        .kind = HEC_PART_NAME, .format = HEC_FORMAT_TEXT, .data = name, .size = strlen(name)};
    parts[1] = (hec_journal_part){
        .kind = HEC_PART_VALUE, .format = HEC_FORMAT_TEXT, .data = value, .size = strlen(value)};
}

/* Puts a record behind the others, and its entries into the index: both or none. */
static int append(hec_journal *j, hec_record_kind kind, const hec_journal_entry *entries,
                  uint32_t n, const hec_journal_part *parts, uint32_t m, uint64_t *ret_seq,
                  hec_error *err)
{
    hec_journal_place place = {.file = j->own};
    hec__jnew new;
    uint64_t seq = 0;
    int r = hec__jnew_make(&new, &j->writer, kind, entries, n, parts, m, err);

    if (r < 0)
        return r;
    do {
        r = hec__jwriter_room(&j->writer, err);
        if (r < 0)
            break;
        pthread_mutex_lock(&j->lock);
        if (hec__jindex_reserve(&j->index, n) < 0)
            r = hec__fail(err, HEC_ENOMEM, 0, "out of memory writing a journal");
        else
            r = hec__jwriter_put(&j->writer, &new, &place.offset, &seq, err);
        for (uint32_t i = 0; r > 0 && i < n; i++) {
            place.position = i;
            place.verdict = entries[i].verdict;
            hec__jindex_put(&j->index, entries[i].key, &place);
        }
        j->records += r > 0;
        j->entries += r > 0 ? n : 0;
        pthread_mutex_unlock(&j->lock);
    } while (r == 0);
    if (r > 0 && new.top)
        r = hec__jwriter_written(&j->writer, seq, err);
    free(new.top);
    if (r >= 0 && j->writer.fsync == HEC_FSYNC_ALWAYS)
        r = hec__jwriter_sync(&j->writer, seq, -1, err);
    if (r < 0)
        return r;
    if (ret_seq)
        *ret_seq = seq;
    return 0;
}

/* ---- opening ---- */

static int check_options(const hec_journal_options *o, hec_error *err)
{
    if ((int)o->fsync < HEC_FSYNC_GROUP || o->fsync > HEC_FSYNC_NEVER)
        return hec__fail(err, HEC_EINVAL, 0, "fsync of a journal: %d is none of the three",
                         (int)o->fsync);
    if (o->group_ms > 60000)
        return hec__fail(err, HEC_EINVAL, 0, "group_ms of a journal: %u is over a minute",
                         o->group_ms);
    return 0;
}

static hec_journal *make(const char *path)
{
    hec_journal *j = calloc(1, sizeof *j);
    char *copy = strdup(path);

    if (!j || !copy) {
        free(j);
        free(copy);
        return NULL;
    }
    j->pid = getpid();
    j->path = copy;
    j->dir = j->open_fd = j->lockfile.fd = -1;
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

/* Notes for the damages that no session has told of yet. */
static uint32_t put_damages(hec_journal *j, hec_journal_part *parts, char (*texts)[320],
                            uint32_t most)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < j->ndamages && n < most; i++) {
        const hec__jdamage *d = &j->damages[i];
        bool own = d->file == j->own;

        if (d->known)
            continue;
        snprintf(texts[n], sizeof *texts, "%llu %llu%s%s", (unsigned long long)d->offset,
                 (unsigned long long)d->size, own ? "" : " ", own ? "" : j->files[d->file].name);
        put_pair(parts + 2 * (size_t)n, "bad", texts[n]);
        n++;
    }
    return n;
}

enum { BAD_MOST = 64, PAIRS = 4 };

/* The first record of this session. */
static int begin(hec_journal *j, const hec_journal_options *options, hec_error *err)
{
    hec_journal_part parts[2 * (PAIRS + BAD_MOST)];
    char bad[BAD_MOST][320], host[128], pid[24], started[24];
    const char *program = options->program ? options->program : "hec " HEC_VERSION;
    struct timespec ts;
    hec__jsession s = {.file = j->own, .pid = j->pid, .host = host};
    uint32_t n;

    clock_gettime(CLOCK_REALTIME, &ts);
    s.started_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    s.offset = j->files[j->own].end;
    hec__jlock_me(host, sizeof host);
    *strrchr(host, '-') = '\0';
    snprintf(pid, sizeof pid, "%d", (int)j->pid);
    snprintf(started, sizeof started, "%llu", (unsigned long long)s.started_ns);
    put_pair(parts, "host", host);
    put_pair(parts + 2, "pid", pid);
    put_pair(parts + 4, "started", started);
    put_pair(parts + 6, "program", program);
    n = put_damages(j, parts + 2 * (size_t)PAIRS, bad, BAD_MOST);
    s.program = strdup(program);
    if (!s.program)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory opening a journal");

    int r = hec__jsession_put(j, &s, err);

    free(s.program);
    if (r < 0)
        return r;
    return append(j, HEC_RECORD_BEGIN, NULL, 0, parts, 2 * (PAIRS + n), NULL, err);
}

static int start_writing(hec_journal *j, const hec_journal_options *options, hec_error *err)
{
    HEC_AUTO_FD fd = -1;
    const hec__jfile *f;
    int r = hec__jfiles_own(j, &fd, err);

    if (r < 0)
        return r;
    f = &j->files[j->own];
    r = hec__jwriter_start(&j->writer, fd, f->seed, f->end, f->seq, options,
                           j->base ? &j->lockfile : NULL, j->path, err);
    if (r < 0)
        return r;
    fd = -1;
    j->writes = true;
    return begin(j, options, err);
}

static int open_at(hec_journal *j, const char *path, const hec_journal_options *options,
                   hec_error *err)
{
    int r = hec__jfiles_place(j, path, options, err);

    if (r == 0 && j->base && !options->read_only)
        r = hec__jlock_take(&j->lockfile, j->dir, j->base, path, err);
    if (r == 0)
        r = hec__jfiles_list(j, !options->read_only, err);
    for (uint32_t i = 0; r == 0 && i < j->nfiles; i++)
        r = hec__jrecover(j, i, err);
    if (r == 0 && !options->read_only)
        r = start_writing(j, options, err);
    return r;
}

int hec_journal_open(const char *path, const hec_journal_options *options,
                     hec_journal **ret_journal, hec_error *err)
{
    static const hec_journal_options none;
    hec_journal *j;
    int r;

    if (!options)
        options = &none;
    r = check_options(options, err);
    if (r < 0)
        return r;
    j = make(path);
    if (!j)
        return hec__fail(err, HEC_ENOMEM, 0, "out of memory opening a journal");
    r = open_at(j, path, options, err);
    if (r < 0) {
        hec_journal_close(j, NULL);
        return r;
    }
    *ret_journal = j;
    return 0;
}

static void free_lists(hec_journal *j)
{
    for (uint32_t i = 0; i < j->nfiles; i++)
        free(j->files[i].name);
    for (uint32_t i = 0; i < j->nsessions; i++) {
        free(j->sessions[i].host);
        free(j->sessions[i].program);
    }
    for (uint32_t i = 0; i < j->nnotes; i++) {
        free(j->notes[i].name);
        free(j->notes[i].value);
    }
    free(j->files);
    free(j->sessions);
    free(j->notes);
    free(j->damages);
    hec__jindex_fini(&j->index);
    hec__jscan_fini(&j->walk);
}

int hec_journal_close(hec_journal *j, hec_error *err)
{
    int r = 0, stopped = 0;
    hec_error late;

    if (!j)
        return 0;
    if (j->pid != getpid()) {
        if (j->writes)
            hec__jwriter_forget(&j->writer);
        if (j->lockfile.fd >= 0)
            close(j->lockfile.fd);
    } else {
        if (j->writes) {
            r = append(j, HEC_RECORD_END, NULL, 0, NULL, 0, NULL, err);
            stopped = hec__jwriter_stop(&j->writer, &late);
            if (r == 0 && stopped < 0)
                r = hec__fail(err, late.code, 0, "%s", late.text);
        }
        hec__jlock_drop(&j->lockfile);
        pthread_mutex_destroy(&j->lock);
    }
    if (j->open_fd >= 0)
        close(j->open_fd);
    if (j->dir >= 0)
        close(j->dir);
    free_lists(j);
    free(j->base);
    free(j->path);
    free(j);
    return r;
}

/* ---- what there is ---- */

int hec_journal_find(hec_journal *j, const unsigned char key[HEC_KEY_SIZE],
                     hec_journal_place *ret_place)
{
    const hec__jrow *row;
    int r = hec__jmine(j, NULL);

    if (r < 0)
        return r;
    pthread_mutex_lock(&j->lock);
    row = hec__jindex_find(&j->index, key);
    if (row)
        *ret_place = row->place;
    pthread_mutex_unlock(&j->lock);
    return row != NULL;
}

uint64_t hec_journal_count(hec_journal *j)
{
    uint64_t n;

    if (hec__jmine(j, NULL) < 0)
        return 0;
    pthread_mutex_lock(&j->lock);
    n = j->index.count;
    pthread_mutex_unlock(&j->lock);
    return n;
}

int hec_journal_at(hec_journal *j, uint64_t i, hec_journal_place *ret_place)
{
    int r = hec__jmine(j, NULL);

    if (r < 0)
        return r;
    pthread_mutex_lock(&j->lock);
    if (i < j->index.count)
        *ret_place = j->index.rows[i].place;
    else
        r = HEC_EINVAL;
    pthread_mutex_unlock(&j->lock);
    return r;
}

int hec_journal_session_at(hec_journal *j, uint32_t i, hec_journal_session *ret_session)
{
    int r = hec__jmine(j, NULL);

    if (r < 0)
        return r;
    pthread_mutex_lock(&j->lock);
    if (i < j->nsessions) {
        const hec__jsession *s = &j->sessions[i];

        *ret_session = (hec_journal_session){.file = j->files[s->file].name,
                                             .host = s->host,
                                             .program = s->program,
                                             .pid = s->pid,
                                             .ended = s->ended,
                                             .started_ns = s->started_ns,
                                             .offset = s->offset};
    } else {
        r = HEC_EINVAL;
    }
    pthread_mutex_unlock(&j->lock);
    return r;
}

const char *hec_journal_noted(hec_journal *j, const char *name)
{
    const char *value = NULL;

    if (hec__jmine(j, NULL) < 0)
        return NULL;
    pthread_mutex_lock(&j->lock);
    for (uint32_t i = 0; i < j->nnotes; i++)
        if (strcmp(j->notes[i].name, name) == 0)
            value = j->notes[i].value;
    pthread_mutex_unlock(&j->lock);
    return value;
}

int hec_journal_damage_at(hec_journal *j, uint32_t i, hec_journal_damage *ret_damage)
{
    int r = hec__jmine(j, NULL);

    if (r == 0 && i >= j->ndamages)
        r = HEC_EINVAL;
    if (r == 0) /* the list does not change any more */
        *ret_damage = (hec_journal_damage){.file = j->files[j->damages[i].file].name,
                                           .offset = j->damages[i].offset,
                                           .size = j->damages[i].size,
                                           .at_end = j->damages[i].at_end,
                                           .known = j->damages[i].known};
    return r;
}

void hec_journal_info_get(hec_journal *j, hec_journal_info *ret_info)
{
    *ret_info = (hec_journal_info){0};
    if (hec__jmine(j, NULL) < 0)
        return;
    pthread_mutex_lock(&j->lock);
    *ret_info = (hec_journal_info){.files = j->nfiles,
                                   .sessions = j->nsessions,
                                   .damages = j->ndamages,
                                   .bad_bytes = j->bad_bytes,
                                   .records = j->records,
                                   .entries = j->entries,
                                   .keys = j->index.count,
                                   .done = j->index.done};
    for (uint32_t i = 0; i < j->nfiles; i++)
        ret_info->bytes += j->files[i].end;
    if (j->writes) {
        pthread_mutex_lock(&j->writer.lock);
        ret_info->bytes += j->writer.end - j->files[j->own].end;
        ret_info->commits = j->writer.commits;
        ret_info->waited_ns = j->writer.waited_ns;
        pthread_mutex_unlock(&j->writer.lock);
    }
    pthread_mutex_unlock(&j->lock);
}

/* ---- writing ---- */

static int may_write(const hec_journal *j, hec_error *err)
{
    int r = hec__jmine(j, err);

    if (r == 0 && !j->writes)
        r = hec__fail(err, HEC_EINVAL, 0, "the journal '%.160s' was opened to be read", j->path);
    return r;
}

int hec_journal_append(hec_journal *j, const hec_journal_entry *entries, uint32_t n,
                       const hec_journal_part *parts, uint32_t m, uint64_t *ret_seq, hec_error *err)
{
    int r = may_write(j, err);

    if (r == 0 && n == 0)
        r = hec__fail(err, HEC_EINVAL, 0, "a record of a journal needs an entry");
    return r < 0 ? r : append(j, HEC_RECORD_TASKS, entries, n, parts, m, ret_seq, err);
}

int hec_journal_note(hec_journal *j, const char *name, const char *value, uint64_t *ret_seq,
                     hec_error *err)
{
    hec_journal_part parts[2];
    int r = may_write(j, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&j->lock);
    r = hec__jnote_put(j, name, value, err);
    pthread_mutex_unlock(&j->lock);
    if (r < 0)
        return r;
    put_pair(parts, name, value);
    return append(j, HEC_RECORD_NOTE, NULL, 0, parts, 2, ret_seq, err);
}

uint64_t hec_journal_durable(hec_journal *j)
{
    uint64_t seq;

    if (hec__jmine(j, NULL) < 0 || !j->writes)
        return 0;
    pthread_mutex_lock(&j->writer.lock);
    seq = j->writer.durable_seq;
    pthread_mutex_unlock(&j->writer.lock);
    return seq;
}

int hec_journal_sync(hec_journal *j, uint64_t seq, int timeout_ms, hec_error *err)
{
    int r = may_write(j, err);

    return r < 0 ? r : hec__jwriter_sync(&j->writer, seq, timeout_ms, err);
}
