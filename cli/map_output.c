/* SPDX-License-Identifier: MIT */
#include "map_output.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What waits for its turn may take so much memory; what is more goes to the file. */
#define MEMORY_BYTES ((uint64_t)32 << 20)
#define LOOK_MS      100

int map_output_init(map_output *o, hec_error *err)
{
    map_store_init(&o->store);
    hec__strbuf_init(&o->line);
    o->turn = 1;
    if (o->keep_order)
        o->held = calloc(OUTPUT_WINDOW, sizeof *o->held);
    return o->keep_order && !o->held ? hec__fail(err, HEC_ENOMEM, 0, "no memory to keep an order")
                                     : 0;
}

void map_output_fini(map_output *o)
{
    map_store_fini(&o->store);
    hec__strbuf_fini(&o->line);
    free((void *)o->held);
    o->held = NULL;
}

void map_said_init(map_said *s, uint64_t turn)
{
    *s = (map_said){.turn = turn};
    for (int i = 0; i < 2; i++) {
        map_spool_init(&s->shown[i]);
        map_spool_init(&s->kept[i]);
    }
}

void map_said_clear(map_said *s, map_output *o)
{
    for (int i = 0; i < 2; i++) {
        map_spool_fini(&s->shown[i], &o->store);
        map_spool_fini(&s->kept[i], &o->store);
    }
}

void map_said_fini(map_said *s, map_output *o)
{
    map_said_clear(s, o);
}

const map_spool *map_said_all(const map_output *o, const map_said *s, int stream)
{
    return o->mode == OUTPUT_LINES ? &s->kept[stream - 1] : &s->shown[stream - 1];
}

bool map_output_full(const map_output *o, uint64_t turn)
{
    return o->keep_order && turn >= o->turn + OUTPUT_WINDOW;
}

/* ---- writing ---- */

/* Waits until it can be written to, where somebody has made it non-blocking; not for long at a
 * time, since a signal that comes just before a wait does not end it. */
static bool wait_for(map_output *o, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int r = poll(&p, 1, LOOK_MS);

    return (r >= 0 || errno == EINTR) && !o->give_up(o->ctx);
}

/* Standard error that cannot be written to is nobody's loss; standard output is. */
static int write_all(map_output *o, int stream, const char *bytes, size_t n)
{
    if (o->failed && stream == STDOUT_FILENO)
        return -1;
    if (n)
        o->before(o->ctx);
    while (n > 0) {
        ssize_t w = write(stream, bytes, n);

        if (w >= 0) {
            bytes += w;
            n -= (size_t)w;
        } else if (errno == EINTR && o->give_up(o->ctx)) {
            return -1;
        } else if (errno == EAGAIN) {
            if (!wait_for(o, stream))
                return -1;
        } else if (errno != EINTR) {
            if (stream == STDOUT_FILENO)
                o->failed = errno;
            return stream == STDOUT_FILENO ? -1 : 0;
        }
    }
    return 0;
}

typedef struct passing {
    map_output *o;
    map_said *s;
    int stream;
} passing;

static int pass_plain(passing *p, const char *bytes, size_t n)
{
    if (n)
        p->s->inside[p->stream - 1] = bytes[n - 1] != '\n';
    return write_all(p->o, p->stream, bytes, n);
}

/* Each line with its tag in front; many lines are one write. */
static int pass_tagged(passing *p, const char *bytes, size_t n)
{
    bool *inside = &p->s->inside[p->stream - 1];
    hec__strbuf *line = &p->o->line;

    hec__strbuf_clear(line);
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t size = end ? (size_t)(end - bytes) + 1 : n;

        if (!*inside) {
            hec__strbuf_adds(line, p->s->tag);
            hec__strbuf_addc(line, '\t');
        }
        hec__strbuf_add(line, bytes, size);
        *inside = !end;
        bytes += size;
        n -= size;
    }
    return line->failed ? -1 : write_all(p->o, p->stream, line->data, line->len);
}

static int sink(void *ctx, const char *bytes, size_t n)
{
    passing *p = ctx;

    return p->s->tag ? pass_tagged(p, bytes, n) : pass_plain(p, bytes, n);
}

/* Shows the first n bytes that are left. That nobody reads us is no error here: it is remembered,
 * and the caller looks at it. */
static int show(map_output *o, map_said *s, int stream, uint64_t n, hec_error *err)
{
    passing p = {o, s, stream};
    int r = map_spool_pass(&s->shown[stream - 1], &o->store, n, sink, &p, err);

    return r == HEC_ECALLBACK ? 0 : r;
}

/* ---- tasks ---- */

static bool is_live(const map_output *o, const map_said *s)
{
    return o->mode == OUTPUT_LINES && (!o->keep_order || s->turn == o->turn);
}

static int show_lines(map_output *o, map_said *s, int stream, hec_error *err)
{
    uint64_t lines = s->shown[stream - 1].lines;

    return lines ? show(o, s, stream, lines, err) : 0;
}

int map_output_data(map_output *o, map_said *s, int stream, const char *bytes, size_t n,
                    hec_error *err)
{
    int r = map_spool_add(&s->shown[stream - 1], &o->store, bytes, n, err);

    if (r == 0 && o->mode == OUTPUT_LINES && o->keep)
        r = map_spool_add(&s->kept[stream - 1], &o->store, bytes, n, err);
    if (r == 0 && is_live(o, s))
        r = show_lines(o, s, stream, err);
    return r;
}

/* All of it. Lines that carry a tag, or that come between others', end as lines. */
static int show_all(map_output *o, map_said *s, hec_error *err)
{
    int r = 0;

    for (int stream = 1; r == 0 && stream <= 2; stream++) {
        r = show(o, s, stream, s->shown[stream - 1].size, err);
        if (s->inside[stream - 1] && (s->tag || o->mode == OUTPUT_LINES))
            write_all(o, stream, "\n", 1);
    }
    o->over(o->ctx, s);
    return r;
}

static int hold(map_output *o, map_said *s, hec_error *err)
{
    int r = 0;

    o->held[s->turn % OUTPUT_WINDOW] = s;
    for (int i = 0; r == 0 && i < 2; i++)
        if (o->store.memory > MEMORY_BYTES)
            r = map_spool_to_file(&s->shown[i], &o->store, err);
    return r;
}

int map_output_end(map_output *o, map_said *s, hec_error *err)
{
    int r;

    if (!o->keep_order)
        return show_all(o, s, err);
    if (s->turn != o->turn)
        return hold(o, s, err);
    r = show_all(o, s, err);
    for (o->turn++; r == 0 && o->held[o->turn % OUTPUT_WINDOW]; o->turn++) {
        map_said *other = o->held[o->turn % OUTPUT_WINDOW];

        o->held[o->turn % OUTPUT_WINDOW] = NULL;
        r = show_all(o, other, err);
    }
    return r;
}

int map_output_finish(map_output *o, hec_error *err)
{
    int r = 0;

    for (uint32_t i = 0; o->keep_order && i < OUTPUT_WINDOW; i++) {
        map_said **at = &o->held[(o->turn + i) % OUTPUT_WINDOW], *s = *at;
        int shown;

        if (!s)
            continue;
        *at = NULL;
        shown = show_all(o, s, r == 0 ? err : NULL);
        r = r < 0 ? r : shown;
    }
    return r;
}
