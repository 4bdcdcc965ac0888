/* SPDX-License-Identifier: MIT
 *
 * Tasks that were finished before are not run: what they wrote is shown again. Everything else is
 * recorded when it is over, with all that it wrote.
 */
#include "map.h"

#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A part of a record is no larger than that; of a command that writes more the first so many bytes
 * are recorded. */
#define PART_BYTES ((uint64_t)1 << 31)

int map_journal_open(map_run *run, hec_error *err)
{
    hec_journal_options o = {0};

    if (!realpath(run->o->workdir ? run->o->workdir : ".", run->folder))
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_ESYS, errno,
                         "cannot tell which folder this is: '%.150s'",
                         run->o->workdir ? run->o->workdir : ".");
    return hec_journal_open(run->o->journal, &o, &run->journal, err);
}

/* Only what does not change with the place where it runs. */
static int make_key(map_run *run, map_task *t, hec_error *err)
{
    map_row row = {.values = t->row.argv, .n = t->row.n, .line = t->line, .where = t->where};
    int r = map_template_expand(run->template, &row, t->seq, 0, &run->words, err);

    if (r == 0)
        r = map_key(run->words.argv, run->folder, run->o->journal_tag, t->key, err);
    return r < 0 ? r : map_seen_count(&run->seen, t->key, err);
}

/* ---- from the journal ---- */

/* The parts that are of this entry. */
static int take_parts(map_run *run, map_task *t, const hec_journal_content *c, uint32_t position,
                      hec_error *err)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < c->nparts; i++) {
        const hec_journal_part *p = &c->parts[i];
        bool ours = p->entry == 0 || p->entry == position + 1;

        if (ours && p->size && (p->kind == HEC_PART_STDOUT || p->kind == HEC_PART_STDERR))
            r = map_output_data(&run->out, &t->said, p->kind == HEC_PART_STDOUT ? 1 : 2, p->data,
                                p->size, err);
    }
    return r;
}

static int replay(map_run *run, map_task *t, const hec_journal_place *place, hec_error *err)
{
    hec_journal_content *c;
    int r = hec_journal_load(run->journal, place, HEC_LOAD_ALL, &c, err);

    if (r < 0)
        return r;
    if (place->position < c->nentries) {
        const hec_journal_entry *e = &c->entries[place->position];

        t->attempts = e->usage.attempt;
        t->end = (map_end){.verdict = HEC_TASK_DONE,
                           .pid = e->usage.pid,
                           .started_ns = e->usage.started_ns,
                           .duration_ns = e->usage.duration_ns,
                           .cpu_ns = e->usage.cpu_ns,
                           .max_rss = e->usage.max_rss};
        r = take_parts(run, t, c, place->position, err);
    }
    hec_journal_content_destroy(c);
    return r;
}

int map_journal_find(map_run *run, map_task *t, hec_error *err)
{
    hec_journal_place place;
    int r = make_key(run, t, err);

    if (r == HEC_EINVAL)
        return 0; /* it cannot be run, and will be told so */
    if (r < 0)
        return r;
    t->has_key = true;
    if (run->o->resume == RESUME_NEVER)
        return 0;
    r = hec_journal_find(run->journal, t->key, &place);
    if (r < 0)
        return hec__fail(err, r, 0, "the journal cannot be asked");
    if (r == 0)
        return run->o->resume == RESUME_FAILED ? 2 : 0;
    if (place.verdict != HEC_TASK_DONE)
        return 0;
    t->known = true;
    r = replay(run, t, &place, err);
    return r < 0 ? r : 1;
}

/* ---- to the journal ---- */

static hec_journal_entry entry_of(const map_task *t)
{
    const map_end *end = &t->end;
    hec_journal_entry e = {.task = t->seq - 1, .verdict = end->verdict};

    memcpy(e.key, t->key, sizeof e.key);
    e.detail = end->exit_status >= 0 ? end->exit_status : end->signal;
    e.usage = (hec_usage){.started_ns = end->started_ns,
                          .duration_ns = end->duration_ns,
                          .cpu_ns = end->cpu_ns,
                          .max_rss = end->max_rss,
                          .pid = end->pid,
                          .attempt = t->attempts};
    return e;
}

static void add_part(hec_journal_part *parts, uint32_t *n, int kind, const char *data,
                     uint64_t size)
{
    if (size == 0)
        return;
    parts[(*n)++] = (hec_journal_part){
        .kind = (uint16_t)kind,
        .format =
            kind == HEC_PART_STDOUT || kind == HEC_PART_STDERR ? HEC_FORMAT_BYTES : HEC_FORMAT_TEXT,
        .entry = 1,
        .data = data,
        .size = size < PART_BYTES ? (size_t)size : (size_t)PART_BYTES};
}

int map_journal_add(map_run *run, const map_task *t, hec_error *err)
{
    const map_spool *out = map_said_all(&run->out, &t->said, 1);
    const map_spool *errs = map_said_all(&run->out, &t->said, 2);
    hec_journal_entry e = entry_of(t);
    const char *text = map_task_text(run, t), *out_view, *err_view;
    hec_journal_part parts[4];
    uint32_t n = 0;
    int r;

    r = map_spool_view(out, &run->out.store, &out_view, err);
    if (r < 0)
        return r;
    r = map_spool_view(errs, &run->out.store, &err_view, err);
    if (r == 0) {
        add_part(parts, &n, HEC_PART_ARGS, text, strlen(text));
        add_part(parts, &n, HEC_PART_STDOUT, out_view, out->size);
        add_part(parts, &n, HEC_PART_STDERR, err_view, errs->size);
        add_part(parts, &n, HEC_PART_MESSAGE, t->end.why, strlen(t->end.why));
        r = hec_journal_append(run->journal, &e, 1, parts, n, NULL, err);
        map_spool_unview(errs, err_view);
    }
    map_spool_unview(out, out_view);
    return r;
}
