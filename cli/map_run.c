/* SPDX-License-Identifier: MIT
 *
 * Rows of input become tasks, tasks become commands of the engine, and their ends come back. One
 * thread; what is waited for is an end, more input, a signal, or the time to try something again.
 */
#include "map.h"

#include "base/error.h"
#include "exit.h"
#include "out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
/* So many tasks may wait to be tried again before others are begun. */
#define AGAIN_MAX 10000u
/* Rows that come to nothing, handled before somebody looks at what runs. */
#define ROWS_AT_ONCE 1000
/* How often what runs is gone through for the one that has run longest. */
#define LOOK_NS (50 * NS_PER_MS)

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void map_run_stop(map_run *run, enum map_stop how)
{
    if (how > run->stop)
        run->stop = how;
}

void map_run_fail(map_run *run, const hec_error *err)
{
    if (run->error.code == 0)
        run->error = *err;
    map_run_stop(run, MAP_CEASE);
}

/* ---- tasks ---- */

static map_task *make_task(map_run *run, const map_row *row)
{
    map_task *t = calloc(1, sizeof *t);
    bool good = t != NULL;

    if (!t)
        return NULL;
    map_said_init(&t->said, ++run->given);
    t->seq = run->given;
    t->memory = run->o->memory;
    t->line = row->line;
    t->where = row->where;
    hec__strbuf_init(&t->row.text);
    t->row.argv = calloc(row->n + 1, sizeof *t->row.argv);
    t->row.n = row->n;
    for (size_t i = 0; i < row->n; i++)
        if (row->values[i])
            hec__strbuf_add(&t->row.text, row->values[i], strlen(row->values[i]) + 1);
    good = t->row.argv && !t->row.text.failed;
    for (size_t i = 0, at = 0; good && i < row->n; i++) {
        if (!row->values[i])
            continue;
        t->row.argv[i] = t->row.text.data + at;
        at += strlen(t->row.argv[i]) + 1;
    }
    if (good)
        return t;
    map_words_fini(&t->row);
    free(t);
    return NULL;
}

void map_task_destroy(map_task *t)
{
    map_words_fini(&t->row);
    free((void *)(uintptr_t)t->said.tag);
    free(t);
}

map_row map_row_of(const map_task *t)
{
    return (map_row){.values = t->row.argv, .n = t->row.n, .line = t->line, .where = t->where};
}

/* What stands before its lines: the input, with blanks between the columns. */
static bool make_tag(const map_run *run, map_task *t)
{
    hec__strbuf tag;

    hec__strbuf_init(&tag);
    for (size_t i = 0; i < map_input_shown(run->in, t->row.n); i++) {
        if (i > 0)
            hec__strbuf_addc(&tag, ' ');
        if (t->row.argv[i])
            hec__strbuf_adds(&tag, t->row.argv[i]);
    }
    t->said.tag = hec__strbuf_detach(&tag);
    return t->said.tag != NULL;
}

const char *map_task_text(map_run *run, const map_task *t)
{
    static hec__strbuf text;
    const map_row row = map_row_of(t);
    const char *const *words;

    if (!text.data)
        hec__strbuf_init(&text);
    hec__strbuf_clear(&text);
    if (map_template_expand(run->template, &row, t->seq, t->place, &run->words, NULL) < 0)
        return "?";
    words = run->words.argv;
    if (run->o->shell)
        words += 2; /* the line, as it was written */
    if (run->o->shell && !strpbrk(*words, "\n\t"))
        hec__strbuf_adds(&text, *words);
    else
        map_quote_all(&text, words, true);
    return text.failed ? "?" : text.data;
}

static void no_memory(map_run *run)
{
    hec_error err = {0};

    hec__fail(&err, HEC_ENOMEM, 0, "no memory for a task");
    map_run_fail(run, &err);
}

/* ---- what is begun next ---- */

/* Whether the longest that was seen would be over in time. Nothing is known before the first end;
 * what runs longer than the others says so too. */
static bool fits(map_run *run)
{
    uint64_t now = now_ns(), longest = run->longest_ns;

    if (!run->o->deadline_ns)
        return true;
    if (now - run->looked_ns > LOOK_NS) {
        run->looked_ns = run->oldest_ns = now;
        for (uint32_t i = 0; i < run->n_running; i++)
            for (const map_task *t = run->running[i]; t; t = t->next)
                if (t->began_ns < run->oldest_ns)
                    run->oldest_ns = t->began_ns;
    }
    if (now - run->oldest_ns > longest)
        longest = now - run->oldest_ns;
    return now + longest < run->o->deadline_ns;
}

/* The next row as a task. NULL: there is none, at present or for good. */
static map_task *next_row(map_run *run)
{
    hec_error err = {0};
    map_row row;
    map_task *t;
    int r;

    if (run->input_over || run->n_again >= AGAIN_MAX || map_output_full(&run->out, run->given + 1))
        return NULL;
    r = map_input_next(run->in, &row, &err);
    run->wants_input = r == MAP_LATER;
    if (r == MAP_END) {
        run->input_over = true;
        run->total = run->given;
    } else if (r == MAP_LATER) {
        /* A file that cannot be waited for never says so. */
        hec_commands_listen(run->engine, map_input_fd(run->in), NULL);
    } else if (r < 0 && r != HEC_EINTR) {
        if (run->error.code == 0)
            run->error = err;
        map_run_stop(run, MAP_DRAIN);
    }
    if (r != MAP_ROW)
        return NULL;
    t = make_task(run, &row);
    if (!t || (run->o->tag && !make_tag(run, t)))
        no_memory(run);
    return t;
}

/* A row that the journal knows is over at once. NULL then, and *ret_over is set. */
static map_task *next_unknown(map_run *run, bool *ret_over)
{
    map_task *t = next_row(run);
    hec_error err = {0};
    int r;

    if (!t || !run->journal)
        return t;
    r = map_journal_find(run, t, &err);
    if (r == 0)
        return t;
    *ret_over = true;
    if (r < 0)
        map_run_fail(run, &err);
    if (r == 1)
        run->replayed++;
    else
        t->end.verdict = HEC_TASK_SKIPPED;
    map_conclude(run, t);
    return NULL;
}

static map_task *next_task(map_run *run, bool *ret_over)
{
    map_task *t = run->again;

    if (!t || t->due_ns > now_ns())
        return next_unknown(run, ret_over);
    run->again = t->next;
    run->n_again--;
    return t;
}

/* It cannot be begun at all. */
static void refuse(map_run *run, map_task *t, const hec_error *err)
{
    t->end = (map_end){.verdict = HEC_TASK_REFUSED, .exit_status = -1};
    snprintf(t->end.why, sizeof t->end.why, "%s", err->text);
    map_conclude(run, t);
}

/* Fills the engine's command. False: it cannot be made, and is over. */
static bool make_command(map_run *run, map_task *t, hec_command *command)
{
    const map_row row = map_row_of(t);
    const map_options *o = run->o;
    hec_error err = {0};

    t->place = run->places[run->n_places - 1];
    if (map_template_expand(run->template, &row, t->seq, t->place, &run->words, &err) < 0 ||
        map_env_make(run, t, &err) < 0) {
        t->place = 0;
        refuse(run, t, &err);
        return false;
    }
    run->n_places--;
    command->argv = run->words.argv;
    command->env = run->env.argv;
    command->cwd = o->workdir;
    command->timeout_ms = o->timeout_ms;
    command->memory_bytes = t->memory;
    command->out.kind = command->err.kind =
        o->output == OUTPUT_FREE ? HEC_STREAM_INHERIT : HEC_STREAM_DATA;
    t->attempts++;
    t->stream = (hec_stream_task){.task = t->seq, .attempt = t->attempts};
    memcpy(t->stream.key, t->key, sizeof t->key);
    t->began_ns = now_ns();
    return true;
}

static int next(void *ctx, uint64_t number, hec_command *command)
{
    map_run *run = ctx;

    for (int rows = 0; rows < ROWS_AT_ONCE && run->stop == MAP_GO; rows++) {
        bool over = false;
        map_task *t;

        if (!fits(run)) {
            run->out_of_time = true;
            map_run_stop(run, MAP_DRAIN);
            return 0;
        }
        t = next_task(run, &over);
        if (over)
            continue;
        if (!t)
            return 0;
        if (run->stop != MAP_GO || !make_command(run, t, command))
            continue;
        t->number = number;
        t->next = run->running[number & (run->n_running - 1)];
        run->running[number & (run->n_running - 1)] = t;
        return 1;
    }
    return 0;
}

/* ---- what comes back ---- */

static map_task **find(map_run *run, uint64_t number)
{
    map_task **at = &run->running[number & (run->n_running - 1)];

    while ((*at)->number != number)
        at = &(*at)->next;
    return at;
}

static int data(void *ctx, uint64_t number, int stream, const void *bytes, size_t n)
{
    map_run *run = ctx;
    map_task *t = *find(run, number);
    hec_error err = {0};

    if (map_output_data(&run->out, &t->said, stream, bytes, n, &err) < 0 ||
        (run->stream && map_dir_data(run, t, stream, bytes, n, &err) < 0))
        map_run_fail(run, &err);
    return 0;
}

static int end(void *ctx, const hec_command_end *e)
{
    map_run *run = ctx;
    map_task **at = find(run, e->task), *t = *at;

    *at = t->next;
    t->next = NULL;
    t->end = (map_end){.verdict = e->verdict,
                       .exit_status = e->exit_status,
                       .signal = e->signal,
                       .pid = e->pid,
                       .started_ns = e->started_ns,
                       .duration_ns = e->duration_ns,
                       .cpu_ns = e->cpu_ns,
                       .max_rss = e->max_rss};
    if (e->error)
        snprintf(t->end.why, sizeof t->end.why, "%s", e->error->text);
    if (e->duration_ns > run->longest_ns)
        run->longest_ns = e->duration_ns;
    map_end_of(run, t);
    return 0;
}

/* ---- the loop ---- */

static void heed_signals(map_run *run)
{
    enum map_stop asked = map_signals_asked();

    if (run->out.failed)
        map_run_stop(run, MAP_CEASE);
    if (asked == MAP_DRAIN && run->stop == MAP_GO)
        run->drained = true;
    if (asked > run->stop && run->bar)
        map_bar_hide(run->bar);
    if (asked == MAP_DRAIN && run->stop == MAP_GO)
        out_complain("a signal came: nothing more is begun, and %" PRIu32
                     " running task%s waited for",
                     hec_commands_running(run->engine),
                     hec_commands_running(run->engine) == 1 ? " is" : "s are");
    if (asked == MAP_CEASE && run->stop < MAP_CEASE && hec_commands_running(run->engine))
        out_complain("stopping; once more, and what runs is killed at once");
    map_run_stop(run, asked);
    if (run->stop == MAP_CEASE)
        hec_commands_cancel(run->engine, HEC_COMMANDS_ALL);
    else if (run->stop == MAP_KILL)
        hec_commands_kill(run->engine, HEC_COMMANDS_ALL);
}

static bool is_over(const map_run *run)
{
    if (hec_commands_running(run->engine))
        return false;
    return run->stop != MAP_GO || (run->input_over && !run->again);
}

/* The shorter of two times, of which -1 is for ever. */
static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* How long to sleep at most. */
static int patience(map_run *run)
{
    int ms = run->bar ? map_bar_tick(run->bar) : -1;
    uint64_t now = now_ns();
    hec_error err = {0};
    int tick = map_dir_tick(run, &err);

    if (tick < -1)
        map_run_fail(run, &err);
    else
        ms = sooner(ms, tick);
    if (run->again && run->stop == MAP_GO) {
        uint64_t wait = run->again->due_ns > now ? (run->again->due_ns - now) / NS_PER_MS + 1 : 0;

        ms = sooner(ms, wait > 3600000 ? 3600000 : (int)wait);
    }
    return ms;
}

static int loop(map_run *run, hec_error *err)
{
    for (;;) {
        int r;

        heed_signals(run);
        r = hec_commands_step(run->engine, patience(run), err);
        if (r == HEC_ECLOSED) { /* no node is left */
            run->nodes_gone = true;
            return 0;
        }
        if (r < 0 && r != HEC_EINTR)
            return r;
        if (is_over(run))
            return 0;
        if (r == 0 && !hec_commands_running(run->engine) && run->stop == MAP_GO)
            map_signals_wait(run->wants_input ? map_input_fd(run->in) : -1, patience(run));
    }
}

/* Those that wait to be tried again, when nothing is begun any more. */
static void leave(map_run *run)
{
    while (run->again) {
        map_task *t = run->again;

        run->again = t->next;
        run->n_again--;
        run->left++;
        map_said_fini(&t->said, &run->out);
        map_task_destroy(t);
    }
}

/* ---- begin and end ---- */

static void before_output(void *ctx)
{
    map_run *run = ctx;

    if (run->bar)
        map_bar_hide(run->bar);
}

static bool give_up(void *ctx)
{
    (void)ctx;
    return map_signals_asked() == MAP_KILL;
}

static void over(void *ctx, map_said *said)
{
    map_run *run = ctx;

    map_said_fini(said, &run->out);
    map_task_destroy((map_task *)(void *)said);
}

static int make_places(map_run *run, hec_error *err)
{
    uint32_t width = hec_commands_width(run->engine);

    for (run->n_running = 16; run->n_running < width; run->n_running *= 2)
        continue;
    run->running = calloc(run->n_running, sizeof *run->running);
    run->places = calloc(width, sizeof *run->places);
    if (!run->running || !run->places)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for %" PRIu32 " tasks at a time", width);
    for (uint32_t i = 0; i < width; i++)
        run->places[run->n_places++] = width - i;
    return 0;
}

static int open_all(map_run *run, hec_error *err)
{
    static const hec_command_ops ops = {.next = next, .end = end, .data = data};
    const map_options *o = run->o;
    map_template_options to = {
        .words = o->words, .n_words = o->n_words, .shell = o->shell, .only_names = o->plan != NULL};
    map_input_options io = {o->sources, o->n_sources, o->null, o->colsep, o->header, o->plan};
    int r = map_input_create(&io, &run->in, err);

    if (r == 0)
        r = map_input_begin(run->in, err);
    if (r < 0)
        return r;
    to.n_names = map_input_names(run->in, &to.names);
    to.n_columns = map_input_columns(run->in);
    r = map_template_create(&to, &run->template, err);
    if (r == 0 && o->dry_run)
        return 0;
    if (r == 0)
        r = map_output_init(&run->out, err);
    if (r == 0)
        r = map_engine_open(run, &ops, err);
    if (r == 0 && (o->journal || o->in_run))
        r = map_journal_open(run, err);
    if (r == 0 && o->joblog)
        r = map_joblog_open(run, err);
    return r < 0 ? r : make_places(run, err);
}

static void close_all(map_run *run)
{
    hec_commands_destroy(run->engine, 0);
    hec_stream_close(run->stream, NULL);
    hec_stream_destroy(run->before);
    hec_journal_close(run->journal, NULL);
    hec_rundir_destroy(run->dir);
    free(run->journal_path);
    map_seen_fini(&run->seen);
    if (run->joblog)
        fclose(run->joblog);
    map_bar_destroy(run->bar);
    map_output_fini(&run->out);
    map_template_destroy(run->template);
    map_input_destroy(run->in);
    map_words_fini(&run->words);
    map_words_fini(&run->env);
    free((void *)run->running);
    free(run->places);
}

/* Shows every command, and runs none. */
static int show_commands(map_run *run, hec_error *err)
{
    map_row row;
    int r;

    while ((r = map_input_next(run->in, &row, err)) != MAP_END) {
        map_task *t;

        if (r == MAP_LATER)
            map_signals_wait(map_input_fd(run->in), -1);
        if (r < 0)
            return r;
        if (r != MAP_ROW)
            continue;
        if (map_template_expand(run->template, &row, run->given + 1, 1, &run->words, err) < 0)
            return err->code;
        t = make_task(run, &row);
        if (!t)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for a task");
        t->place = 1;
        puts(map_task_text(run, t));
        map_task_destroy(t);
    }
    return 0;
}

static int run_all(map_run *run)
{
    hec_error err = {0};
    int r, status;

    run->total = map_input_total(run->in, run->o->bar || run->o->eta);
    if (run->o->bar || run->o->eta)
        run->bar = map_bar_create(run);
    map_signals_catch(run->engine);
    r = loop(run, &err);
    if (r < 0)
        map_run_fail(run, &err);
    leave(run);
    if (map_output_finish(&run->out, &err) < 0)
        map_run_fail(run, &err);
    if (run->bar)
        map_bar_hide(run->bar);
    if (hec_journal_close(run->journal, &err) < 0)
        map_run_fail(run, &err);
    run->journal = NULL;
    map_signals_restore();
    status = map_finish(run);
    if (run->dir && map_dir_end(run, status, &err) < 0)
        return out_error("keep the run", &err);
    return status;
}

int map_run_all(const map_options *o)
{
    map_run run = {.o = o, .began_ns = now_ns()};
    hec_error err = {0};
    int r;

    run.out.mode = o->output;
    run.out.keep_order = o->keep_order;
    run.out.keep = o->results || o->journal || o->in_run;
    run.out.before = before_output;
    run.out.give_up = give_up;
    run.out.over = over;
    run.out.ctx = &run;
    r = open_all(&run, &err);
    if (r == 0 && o->dry_run)
        r = show_commands(&run, &err);
    if (r < 0) {
        r = out_error("run anything", &err);
        if (run.stream)
            map_dir_end(&run, r, NULL);
        close_all(&run);
        return r;
    }
    r = o->dry_run ? STATUS_OK : run_all(&run);
    close_all(&run);
    return r;
}
