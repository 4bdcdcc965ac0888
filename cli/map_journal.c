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
#define TAIL_BYTES UINT64_C(16384) /* of the errors of a task of a run */

int map_journal_open(map_run *run, hec_error *err)
{
    hec_journal_options o = {0};
    int r;

    if (!realpath(run->o->workdir ? run->o->workdir : ".", run->folder))
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_ESYS, errno,
                         "cannot tell which folder this is: '%.150s'",
                         run->o->workdir ? run->o->workdir : ".");
    r = run->o->in_run ? map_dir_find(run, err) : 0;
    if (r == 0)
        r = hec_journal_open(run->dir ? run->journal_path : run->o->journal, &o, &run->journal,
                             err);
    if (r == 0 && run->dir)
        r = map_dir_begin(run, err);
    return r == 0 && run->o->plan ? sweep_rows_begin(run, err) : r;
}

/* Only what does not change with the place where it runs. Of a plan also the parameters that are in
 * no argument. */
int map_journal_key(map_run *run, const map_row *row, uint64_t seq, map_seen *seen,
                    unsigned char key[HEC_KEY_SIZE], hec_error *err)
{
    const char *tag = run->o->journal_tag;
    HEC_AUTO_STRBUF both;
    int r = map_template_expand(run->template, row, seq, 0, &run->words, err);

    hec__strbuf_init(&both);
    if (r == 0 && run->o->plan) {
        hec__strbuf_addf(&both, "%s %s",
                         row->values[sweep_plan_parameters(run->o->plan) + SWEEP_ID],
                         tag ? tag : "");
        tag = both.data;
    }
    if (both.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the key of a command");
    if (r == 0)
        r = map_key(run->words.argv, run->folder, tag, key, err);
    return r < 0 ? r : map_seen_count(seen, key, err);
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
        r = run->before ? map_dir_replay(run, t, err) : take_parts(run, t, c, place->position, err);
    }
    hec_journal_content_destroy(c);
    return r;
}

int map_journal_find(map_run *run, map_task *t, hec_error *err)
{
    const map_row row = map_row_of(t);
    hec_journal_place place;
    int r = map_journal_key(run, &row, t->seq, &run->seen, t->key, err);

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

typedef struct parts {
    hec_journal_part list[6];
    uint32_t n;
} parts;

static void add_part(parts *p, int kind, int format, const char *data, uint64_t size)
{
    if (size == 0)
        return;
    p->list[p->n++] =
        (hec_journal_part){.kind = (uint16_t)kind,
                           .format = (uint16_t)format,
                           .entry = 1,
                           .data = data,
                           .size = size < PART_BYTES ? (size_t)size : (size_t)PART_BYTES};
}

/* Of what is in the run's stream the journal has only the end of the errors; with it the parameters
 * and the result, found in `json`. */
static int add_of_run(map_run *run, const map_task *t, const char *out, uint64_t out_size,
                      const char *errs, uint64_t errs_size, hec__strbuf *json, parts *p,
                      hec_error *err)
{
    uint64_t tail = errs_size < TAIL_BYTES ? errs_size : TAIL_BYTES;
    size_t params;
    int r = map_result_params(run, t, json, err);

    params = json->len;
    if (r == 0)
        r = map_result_take(run, t, out, (size_t)out_size, json, err);
    if (r < 0)
        return r;
    add_part(p, HEC_PART_PARAMS, HEC_FORMAT_JSON, json->data, params);
    /* A failure has no result: what it printed before is in its output. */
    if (t->end.verdict == HEC_TASK_DONE)
        add_part(p, HEC_PART_RESULT, HEC_FORMAT_JSON, json->data + params, json->len - params);
    add_part(p, HEC_PART_STDERR, HEC_FORMAT_BYTES, errs + (errs_size - tail), tail);
    return 0;
}

static int add_entry(map_run *run, const map_task *t, const char *out, uint64_t out_size,
                     const char *errs, uint64_t errs_size, hec_error *err)
{
    const char *text = map_task_text(run, t);
    hec_journal_entry e = entry_of(t);
    HEC_AUTO_STRBUF json;
    parts p = {.n = 0};
    int r = 0;

    hec__strbuf_init(&json);
    add_part(&p, HEC_PART_ARGS, HEC_FORMAT_TEXT, text, strlen(text));
    if (run->dir) {
        r = add_of_run(run, t, out, out_size, errs, errs_size, &json, &p, err);
    } else {
        add_part(&p, HEC_PART_STDOUT, HEC_FORMAT_BYTES, out, out_size);
        add_part(&p, HEC_PART_STDERR, HEC_FORMAT_BYTES, errs, errs_size);
    }
    add_part(&p, HEC_PART_MESSAGE, HEC_FORMAT_TEXT, t->end.why, strlen(t->end.why));
    return r < 0 ? r : hec_journal_append(run->journal, &e, 1, p.list, p.n, NULL, err);
}

int map_journal_add(map_run *run, const map_task *t, hec_error *err)
{
    const map_spool *out = map_said_all(&run->out, &t->said, 1);
    const map_spool *errs = map_said_all(&run->out, &t->said, 2);
    const char *out_view, *err_view;
    int r = map_spool_view(out, &run->out.store, &out_view, err);

    if (r < 0)
        return r;
    r = map_spool_view(errs, &run->out.store, &err_view, err);
    if (r == 0) {
        r = add_entry(run, t, out_view, out->size, err_view, errs->size, err);
        map_spool_unview(errs, err_view);
    }
    map_spool_unview(out, out_view);
    return r;
}
