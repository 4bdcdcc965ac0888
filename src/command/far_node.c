/* SPDX-License-Identifier: MIT
 *
 * What nodes say: that they are there, what their commands write, and how those end. And what
 * becomes of commands whose node is lost.
 */
#include "command/far.h"

#include "base/error.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void hec__node_queue(hec__far *f, uint32_t node)
{
    hec__node *n = &f->nodes[node];

    if (n->queued || n->lost || !n->begun)
        return;
    n->queued = true;
    f->ring[(f->ring_first + f->ring_count++) % f->n_nodes] = node;
}

/* ---- commands ---- */

static hec__flight **find(const hec__far *f, uint64_t task, uint32_t node)
{
    hec__flight **at = &f->buckets[task & (f->n_buckets - 1)];

    while (*at && (*at)->task != task)
        at = &(*at)->next;
    return *at && (*at)->node == node ? at : NULL;
}

static hec__flight *take_out(hec__far *f, hec__flight **at)
{
    hec__flight *flight = *at;

    *at = flight->next;
    flight->next = NULL;
    f->nodes[flight->node].under_way--;
    return flight;
}

static int tell(hec__far *f, hec_command_end *end, hec_error *err)
{
    end->out.data = end->err.data = "";
    f->under_way--;
    f->told++;
    if (f->ops.end && f->ops.end(f->ctx, end) < 0)
        return hec__fail(err, HEC_ECALLBACK, 0, "the end of a command could not be taken");
    return 0;
}

/* Lines of commands that write by themselves go where ours go. */
static int write_through(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR)
            return -1;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int hear_data(hec__far *f, uint32_t node, const hec__frame *d, hec_error *err)
{
    hec__flight **at = find(f, d->task, node);
    int r = 0;

    if (!at)
        return hec__fail(err, HEC_EFORMAT, 0, "it spoke of a command that it does not have");
    if ((*at)->kinds[d->stream - 1] == HEC_STREAM_INHERIT)
        r = write_through(d->stream, d->bytes, d->size);
    else if ((*at)->kinds[d->stream - 1] == HEC_STREAM_DATA && !f->failed)
        r = f->ops.data(f->ctx, d->task, d->stream, d->bytes, d->size);
    f->failed |= r < 0;
    return 0;
}

static int hear_end(hec__far *f, uint32_t node, hec__frame *e, hec_error *err)
{
    hec__flight **at = find(f, e->task, node);
    hec__node *n = &f->nodes[node];
    uint64_t took = e->end.duration_ns;

    if (!at)
        return hec__fail(err, HEC_EFORMAT, 0, "it ended a command that it does not have");
    free(take_out(f, at));
    n->taking = false;
    n->mean_ns = n->mean_ns ? n->mean_ns - n->mean_ns / 8 + took / 8 : took;
    hec__node_queue(f, node);
    e->end.error = e->error.code ? &e->error : NULL;
    return tell(f, &e->end, err);
}

static int hear_back(hec__far *f, uint32_t node, const hec__frame *b, hec_error *err)
{
    hec__flight **at = find(f, b->task, node), *flight;

    if (!at)
        return hec__fail(err, HEC_EFORMAT, 0, "it gave back a command that it does not have");
    flight = take_out(f, at);
    f->nodes[node].taking = false;
    flight->next = f->back;
    f->back = flight;
    return 0;
}

/* ---- the beginning ---- */

static int set_width(hec__far *f, hec__node *n)
{
    const hec_nodes_options *o = &f->options;

    for (size_t i = 0; i < o->n_granted; i++)
        if (o->granted[i].cpus && o->granted[i].cpus < n->cpus &&
            (strcmp(o->granted[i].name, n->name) == 0 || strcmp(o->granted[i].name, n->host) == 0))
            n->cpus = o->granted[i].cpus;
    n->width = o->width ? o->width(o->ctx, n->cpus) : n->cpus;
    return n->width ? 0 : -1;
}

static int answer(hec__far *f, uint32_t node, hec_error *err)
{
    hec__frame b = {.type = HEC__WIRE_BEGIN,
                    .version = HEC__WIRE_VERSION,
                    .release = HEC_VERSION,
                    .width = f->nodes[node].width,
                    .grace_ms = f->options.grace_ms,
                    .env = environ};
    hec__strbuf bytes;
    char *cwd = getcwd(NULL, 0);
    int r;

    b.cwd = cwd;
    b.mask = umask(0);
    umask((mode_t)b.mask);
    hec__strbuf_init(&bytes);
    r = hec__wire_put(&bytes, &b, err);
    if (r == 0)
        r = hec__far_send(f, node, bytes.data, bytes.len, err);
    hec__strbuf_fini(&bytes);
    free(cwd);
    return r;
}

static int hear_hello(hec__far *f, uint32_t node, const hec__frame *h, hec_error *err)
{
    hec__node *n = &f->nodes[node];

    if (n->begun)
        return hec__fail(err, HEC_EFORMAT, 0, "it said hello twice");
    n->name = strdup(h->name);
    n->host = strdup(h->host);
    if (!n->name || !n->host)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a node's name");
    if (h->version != HEC__WIRE_VERSION || strcmp(h->release, HEC_VERSION) != 0)
        return hec__fail(err, HEC_EFORMAT, 0, "it is hec %.40s there, and %s here", h->release,
                         HEC_VERSION);
    n->cpus = h->cpus;
    if (set_width(f, n) < 0)
        return hec__fail(err, HEC_EINVAL, 0, "no command may run there");
    n->begun = true;
    f->n_begun++;
    return answer(f, node, err);
}

/* ---- frames ---- */

static int handle(hec__far *f, uint32_t node, hec__frame *frame, hec_error *err)
{
    if (!f->nodes[node].begun && frame->type != HEC__WIRE_HELLO && frame->type != HEC__WIRE_TROUBLE)
        return hec__fail(err, HEC_EFORMAT, 0, "it did not say hello");
    switch (frame->type) {
    case HEC__WIRE_HELLO:
        return hear_hello(f, node, frame, err);
    case HEC__WIRE_DATA:
        return hear_data(f, node, frame, err);
    case HEC__WIRE_END:
        return hear_end(f, node, frame, err);
    case HEC__WIRE_BACK:
        return hear_back(f, node, frame, err);
    case HEC__WIRE_PING:
        return 0;
    case HEC__WIRE_TROUBLE:
        if (err)
            *err = frame->error;
        return frame->error.code ? frame->error.code : HEC_EFORMAT;
    default:
        return hec__fail(err, HEC_EFORMAT, 0, "it sent a frame of type %u", frame->type);
    }
}

int hec__node_read(hec__far *f, uint32_t node, hec_error *err)
{
    hec__node *n = &f->nodes[node];
    hec_error why = {0};
    int r = 0;

    while (!n->lost) {
        size_t have = n->in.len - n->taken;
        int64_t size = hec__wire_size(n->in.data + n->taken, have, &why);
        hec__frame frame = {0};

        if (size == 0 || (size > 0 && (size_t)size > have))
            break;
        r = size < 0 ? (int)size : hec__wire_get(n->in.data + n->taken, (size_t)size, &frame, &why);
        if (r == 0) {
            n->taken += (size_t)size;
            r = handle(f, node, &frame, &why);
            hec__wire_fini(&frame);
        }
        if (r == HEC_ECALLBACK) {
            if (err)
                *err = why;
            return r;
        }
        if (r < 0)
            return hec__node_lose(f, node, &why, err);
    }
    if (n->taken == n->in.len) {
        hec__strbuf_clear(&n->in);
        n->taken = 0;
    } else if (n->taken > n->in.len / 2) {
        memmove(n->in.data, n->in.data + n->taken, n->in.len - n->taken);
        n->in.len -= n->taken;
        n->taken = 0;
    }
    return 0;
}

/* ---- the end of a node ---- */

static int lose_commands(hec__far *f, uint32_t node, const hec_error *why, hec_error *err)
{
    int r = 0;

    for (uint32_t b = 0; f->nodes[node].under_way && b < f->n_buckets; b++)
        for (hec__flight **at = &f->buckets[b]; *at && r == 0;) {
            hec_command_end end = {
                .task = (*at)->task, .verdict = HEC_TASK_LOST, .exit_status = -1, .error = why};

            if ((*at)->node != node) {
                at = &(*at)->next;
                continue;
            }
            free(take_out(f, at));
            r = tell(f, &end, err);
        }
    return r;
}

int hec__node_lose(hec__far *f, uint32_t node, const hec_error *why, hec_error *err)
{
    hec__node *n = &f->nodes[node];
    hec_error text = {0};

    if (n->lost)
        return 0;
    n->lost = true;
    f->n_lost++;
    if (n->name)
        hec__fail(&text, why->code, 0, "node '%.60s': %.170s", n->name, why->text);
    else
        hec__fail(&text, why->code, 0, "node %u: %.170s", node, why->text);
    if (f->why.code == 0)
        f->why = text;
    hec__strbuf_fini(&n->in);
    n->taken = 0;
    return lose_commands(f, node, &text, err);
}
