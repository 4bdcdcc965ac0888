/* SPDX-License-Identifier: MIT
 *
 * Reading a file when it is opened: what is whole goes into the index, of the rest is noted where
 * it is.
 */
#include "journal/state.h"

#include "base/error.h"

#include <string.h>

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "out of memory reading a journal");
}

int hec__jnote_put(hec_journal *j, const char *name, const char *value, hec_error *err)
{
    HEC_AUTO_STR v = strdup(value);
    HEC_AUTO_STR n = NULL;
    hec__jnote *notes;

    if (!v)
        return no_memory(err);
    for (uint32_t i = 0; i < j->nnotes; i++)
        if (strcmp(j->notes[i].name, name) == 0) {
            char *old = j->notes[i].value;

            j->notes[i].value = HEC_STEAL(&v);
            v = old;
            return 0;
        }
    n = strdup(name);
    notes = hec__jgrow(j->notes, j->nnotes, sizeof *notes);
    if (notes)
        j->notes = notes;
    if (!n || !notes)
        return no_memory(err);
    j->notes[j->nnotes++] = (hec__jnote){HEC_STEAL(&n), HEC_STEAL(&v)};
    return 0;
}

int hec__jsession_put(hec_journal *j, const hec__jsession *s, hec_error *err)
{
    HEC_AUTO_STR host = strdup(s->host ? s->host : "");
    HEC_AUTO_STR program = strdup(s->program ? s->program : "");
    hec__jsession *sessions = hec__jgrow(j->sessions, j->nsessions, sizeof *sessions);

    if (sessions)
        j->sessions = sessions;
    if (!host || !program || !sessions)
        return no_memory(err);
    j->sessions[j->nsessions] = *s;
    j->sessions[j->nsessions].host = HEC_STEAL(&host);
    j->sessions[j->nsessions].program = HEC_STEAL(&program);
    j->nsessions++;
    return 0;
}

/* A text of its own of part i, which ends at the first NUL. */
static char *text_of(const hec_journal_content *c, uint32_t i)
{
    return strndup(c->parts[i].size ? c->parts[i].data : "", c->parts[i].size);
}

/* "OFFSET SIZE", and in a folder the name of the file: an earlier session has said that. */
static void mark_known(hec_journal *j, uint32_t file, const char *value)
{
    char *behind;
    uint64_t offset = strtoull(value, &behind, 10), size;

    if (behind == value || *behind != ' ')
        return;
    value = behind;
    size = strtoull(value, &behind, 10);
    if (behind == value)
        return;
    for (uint32_t i = 0; i < j->ndamages; i++) {
        hec__jdamage *d = &j->damages[i];
        bool here =
            *behind == ' ' ? strcmp(behind + 1, j->files[d->file].name) == 0 : d->file == file;

        if (here && d->offset == offset && d->size == size)
            d->known = true;
    }
}

/* One pair of the record that begins a session. The session takes host and program. */
static void begin_pair(hec_journal *j, hec__jsession *s, const char *name, char **value)
{
    if (strcmp(name, "host") == 0 && !s->host)
        s->host = HEC_STEAL(value);
    else if (strcmp(name, "program") == 0 && !s->program)
        s->program = HEC_STEAL(value);
    else if (strcmp(name, "pid") == 0)
        s->pid = (int32_t)strtol(*value, NULL, 10);
    else if (strcmp(name, "started") == 0)
        s->started_ns = strtoull(*value, NULL, 10);
    else if (strcmp(name, "bad") == 0)
        mark_known(j, s->file, *value);
}

/* Names and values, of a note or of a beginning. */
static int read_pairs(hec_journal *j, const hec_journal_content *c, hec__jsession *s,
                      hec_error *err)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i + 1 < c->nparts; i++) {
        if (c->parts[i].kind != HEC_PART_NAME || c->parts[i + 1].kind != HEC_PART_VALUE)
            continue;

        HEC_AUTO_STR name = text_of(c, i);
        HEC_AUTO_STR value = text_of(c, i + 1);

        if (!name || !value)
            return no_memory(err);
        if (s)
            begin_pair(j, s, name, &value);
        else
            r = hec__jnote_put(j, name, value, err);
    }
    return r;
}

/* A record that is no list of entries; few are. */
static int read_notes(hec_journal *j, uint32_t file, const hec__jscan *scan, hec_error *err)
{
    hec_journal_place place = {.file = file, .offset = scan->at};
    hec__jsession s = {.file = file, .offset = scan->at};
    HEC_AUTO(hec_journal_content) c = NULL;
    int r = hec__jload(j, &place, HEC_LOAD_ALL, &c, err);

    if (r < 0)
        return r;
    if (c->kind == HEC_RECORD_NOTE)
        return read_pairs(j, c, NULL, err);
    r = read_pairs(j, c, &s, err);
    if (r == 0)
        r = hec__jsession_put(j, &s, err);
    free(s.host);
    free(s.program);
    return r;
}

static void end_session(hec_journal *j, uint32_t file)
{
    if (j->nsessions && j->sessions[j->nsessions - 1].file == file)
        j->sessions[j->nsessions - 1].ended = true;
}

static int read_entries(hec_journal *j, uint32_t file, const hec__jscan *scan, hec_error *err)
{
    hec_journal_place place = {.file = file, .offset = scan->at};
    hec_journal_entry e;

    if (hec__jindex_reserve(&j->index, scan->head.nentries) < 0)
        return no_memory(err);
    for (uint32_t i = 0; i < scan->head.nentries; i++) {
        hec__jentry_get(scan->top, i, &e);
        place.position = i;
        place.verdict = e.verdict;
        hec__jindex_put(&j->index, e.key, &place);
    }
    j->entries += scan->head.nentries;
    return 0;
}

static int read_record(hec_journal *j, uint32_t file, const hec__jscan *scan, hec_error *err)
{
    j->records++;
    j->files[file].seq = scan->head.seq > j->files[file].seq ? scan->head.seq : j->files[file].seq;
    switch (scan->head.kind) {
    case HEC_RECORD_TASKS:
        return read_entries(j, file, scan, err);
    case HEC_RECORD_BEGIN:
    case HEC_RECORD_NOTE:
        return read_notes(j, file, scan, err);
    case HEC_RECORD_END:
        end_session(j, file);
        return 0;
    }
    return 0;
}

static int note_damage(hec_journal *j, uint32_t file, const hec__jscan *scan, bool at_end,
                       hec_error *err)
{
    hec__jdamage *damages;

    if (!scan->bad_size)
        return 0;
    damages = hec__jgrow(j->damages, j->ndamages, sizeof *damages);
    if (!damages)
        return no_memory(err);
    j->damages = damages;
    j->damages[j->ndamages++] = (hec__jdamage){
        .file = file, .at_end = at_end, .offset = scan->bad_at, .size = scan->bad_size};
    j->bad_bytes += scan->bad_size;
    return 0;
}

int hec__jrecover(hec_journal *j, uint32_t file, hec_error *err)
{
    hec__jscan scan;
    bool more;
    int fd, r = hec__jfiles_fd(j, file, &fd, err);

    if (r < 0)
        return r;
    r = hec__jscan_init(&scan, fd, j->files[file].seed, HEC__JFILE_SIZE, err);
    if (r < 0)
        return r;
    j->files[file].end = scan.window.end;
    do {
        r = hec__jscan_next(&scan, err);
        more = r > 0;
        if (r >= 0)
            r = note_damage(j, file, &scan, !more, err);
        if (r == 0 && more)
            r = read_record(j, file, &scan, err);
    } while (r == 0 && more);
    hec__jscan_fini(&scan);
    return r;
}
