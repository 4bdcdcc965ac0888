/* SPDX-License-Identifier: MIT
 *
 * The engine of many nodes: which node gets which command, and the order in which things happen.
 *
 * A node has as many commands as it has places, and some more where its commands are short: those
 * that it is through with while it would wait for us. They wait there; when others have nothing to
 * do they are asked back.
 */
#include "command/far.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/little.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NS_PER_MS  UINT64_C(1000000)
#define START_MS   120000u
#define SILENCE_MS 60000u
/* A way to a node and back, with everybody asleep when it begins. */
#define WAY_NS UINT64_C(20000000)
/* At most so many times its places may wait at a node. */
#define AHEAD_MAX 8u
/* hec-mpi ends itself within this time, or is ended. */
#define LEAVE_NS UINT64_C(10000000000)
/* After what was to be killed at once, a node that says nothing is not waited for longer. */
#define KILLED_NS UINT64_C(10000000000)

/* ---- begin ---- */

static int make_nodes(hec__far *f, uint32_t n, hec_error *err)
{
    f->nodes = calloc(n, sizeof *f->nodes);
    f->ring = calloc(n, sizeof *f->ring);
    f->list = calloc(n, sizeof *f->list);
    if (!f->nodes || !f->ring || !f->list)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for %u nodes", n);
    for (f->n_nodes = 0; f->n_nodes < n; f->n_nodes++) {
        hec__strbuf_init(&f->nodes[f->n_nodes].in);
        f->nodes[f->n_nodes].heard_ns = hec__now_ns();
    }
    return 0;
}

static int check_hello(const hec__far *f, const unsigned char *head, size_t size, hec_error *err)
{
    const hec_nodes_options *o = &f->options;
    const unsigned char *hello = head + HEC__PACKET_HEAD;
    uint32_t ranks;

    if (hec__get32(head) != HEC__PACKET_HELLO || hec__get32(head + 4) != HEC__MPI_MAGIC ||
        size < 8 || hec__get32(hello) != HEC_MPI_PROTOCOL)
        return hec__fail(err, HEC_EFORMAT, 0,
                         "'%.120s' is of another version than hec " HEC_VERSION, o->program);
    ranks = hec__get32(hello + 4);
    if (ranks == 0 || ranks > 65536 || (o->nodes && ranks != o->nodes))
        return hec__fail(err, HEC_ECLOSED, 0,
                         "%u of %u processes have found each other: the MPI of hec-mpi (%.*s) and "
                         "what '%.40s' offers it are not made for each other",
                         ranks, o->nodes, (int)(size - 8 < 60 ? size - 8 : 60), hello + 8,
                         o->launcher[0]);
    return (int)ranks;
}

/* Until the first packet is there, or all nodes have begun. */
static int await(hec__far *f, uint64_t until, bool first, hec_error *err)
{
    while (first ? f->in.len < HEC__PACKET_HEAD ||
                       f->in.len - HEC__PACKET_HEAD <
                           hec__get32((const unsigned char *)f->in.data + 8)
                 : f->n_begun < f->n_nodes) {
        uint64_t now = hec__now_ns();
        int r;

        hec__far_flush(f);
        if (f->n_lost)
            return hec__fail(err, f->why.code, 0, "%s", f->why.text);
        if (now >= until || f->socket < 0)
            return hec__fail(err, HEC_ECLOSED, 0, "%s",
                             f->socket < 0 ? "hec-mpi ended before it began"
                                           : "the nodes were not there in time");
        if (first && f->in.len >= HEC__PACKET_HEAD &&
            hec__get32((const unsigned char *)f->in.data + 8) > HEC__PACKET_MAX)
            return hec__fail(err, HEC_EFORMAT, 0, "hec-mpi sent what is no packet");
        r = hec__far_wait(f, (int)((until - now) / NS_PER_MS) + 1, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Two nodes of one name are told apart by their hosts' names, or by their numbers. */
static int name_nodes(hec__far *f, hec_error *err)
{
    bool same = false, same_host = false;

    for (uint32_t i = 1; i < f->n_nodes; i++) {
        same |= strcmp(f->nodes[i].name, f->nodes[0].name) == 0;
        same_host |= strcmp(f->nodes[i].host, f->nodes[0].host) == 0;
    }
    for (uint32_t i = 0; i < f->n_nodes; i++) {
        hec__node *n = &f->nodes[i];
        char name[300];

        snprintf(name, sizeof name, "%.255s%s%.0u", same ? n->host : n->name,
                 same && same_host ? "#" : "", same && same_host ? i + 1 : 0);
        free(n->name);
        n->name = strdup(name);
        if (!n->name)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for a node's name");
        f->list[i] = (hec_node){.name = n->name, .cpus = n->width};
        f->width += n->width * (1 + AHEAD_MAX);
        hec__node_queue(f, i);
    }
    for (f->n_buckets = 64; f->n_buckets < f->width; f->n_buckets *= 2)
        continue;
    f->buckets = calloc(f->n_buckets, sizeof *f->buckets);
    return f->buckets ? 0 : hec__fail(err, HEC_ENOMEM, 0, "no memory for the commands of nodes");
}

static int begin(hec__far *f, hec_error *err)
{
    const hec_nodes_options *o = &f->options;
    uint64_t until = hec__now_ns() + (o->start_ms ? o->start_ms : START_MS) * NS_PER_MS;
    size_t size;
    int r = hec__watch_init(&f->watch, err);

    if (r == 0)
        r = hec__launch_begin(&f->launch, o, err);
    if (r == 0)
        r = hec__launch_accept(&f->launch, until, err);
    if (r < 0)
        return r;
    f->socket = r;
    r = await(f, until, true, err);
    if (r < 0)
        return r;
    size = hec__get32((const unsigned char *)f->in.data + 8);
    r = check_hello(f, (const unsigned char *)f->in.data, size, err);
    if (r < 0)
        return r;
    f->taken = HEC__PACKET_HEAD + size;
    r = make_nodes(f, (uint32_t)r, err);
    if (r == 0)
        r = hec__far_handle(f, err); /* what came with it */
    if (r == 0)
        r = await(f, until, false, err);
    return r < 0 ? r : name_nodes(f, err);
}

/* With what was said over there, when there is something. */
static void add_said(const hec__far *f, hec_error *err)
{
    HEC_AUTO_STR said = hec__launch_said(&f->launch, 160);
    size_t n = strlen(err->text);

    if (said && *said && n + 16 < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - n, "\n%s", said);
}

int hec_nodes_create(const hec_nodes_options *o, hec_commands **ret_commands, hec_error *err)
{
    hec_commands *c = calloc(1, sizeof *c);
    hec__far *f = calloc(1, sizeof *f);
    hec_error why = {0};
    int r;

    if (!c || !f) {
        free(c);
        free(f);
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to run commands");
    }
    c->far = f;
    f->ops = *o->ops;
    f->ctx = o->ctx;
    f->options = *o;
    f->pid = getpid();
    f->launch.listener = f->launch.said = f->socket = f->ear = f->watch.epoll = f->watch.bell = -1;
    f->silence_ns = (o->silence_ms ? o->silence_ms : SILENCE_MS) * NS_PER_MS;
    hec__strbuf_init(&f->in);
    hec__strbuf_init(&f->out);
    r = begin(f, &why);
    if (r < 0) {
        if (r == HEC_ECLOSED)
            add_said(f, &why);
        hec_commands_destroy(c, 0);
        if (err)
            *err = why;
        return r;
    }
    f->looked_ns = hec__now_ns();
    *ret_commands = c;
    return 0;
}

/* ---- which node gets what ---- */

static uint32_t room(const hec__node *n)
{
    uint64_t ahead = n->mean_ns ? n->width * WAY_NS / n->mean_ns : 0;

    if (ahead > n->width * AHEAD_MAX)
        ahead = n->width * AHEAD_MAX;
    return n->lost || n->under_way >= n->width + ahead ? 0
                                                       : n->width + (uint32_t)ahead - n->under_way;
}

/* The next node that has room, in turn; f->n_nodes: none has. */
static uint32_t pick(hec__far *f)
{
    while (f->ring_count) {
        uint32_t node = f->ring[f->ring_first];

        f->ring_first = (f->ring_first + 1) % f->n_nodes;
        f->ring_count--;
        f->nodes[node].queued = false;
        if (room(&f->nodes[node])) {
            hec__node_queue(f, node);
            return node;
        }
    }
    return f->n_nodes;
}

/* A node with a place that has nothing to do: what was asked back is for such a one. */
static uint32_t pick_idle(const hec__far *f)
{
    uint32_t i = 0;

    while (i < f->n_nodes && (f->nodes[i].lost || f->nodes[i].under_way >= f->nodes[i].width))
        i++;
    return i;
}

static int give(hec__far *f, uint32_t node, hec__flight *flight, hec_error *err)
{
    hec__flight **bucket = &f->buckets[flight->task & (f->n_buckets - 1)];

    flight->node = node;
    flight->next = *bucket;
    *bucket = flight;
    f->nodes[node].under_way++;
    f->nodes[node].asked = 0;
    return hec__far_send(f, node, flight->frame, flight->size, err);
}

static bool is_fit(hec_stream_kind kind)
{
    return kind == HEC_STREAM_NULL || kind == HEC_STREAM_DATA || kind == HEC_STREAM_INHERIT;
}

/* A command as a frame. NULL: it cannot be one, and err says why. */
static hec__flight *make_flight(hec__far *f, const hec_command *command, hec_error *err)
{
    hec__frame run = {.type = HEC__WIRE_RUN,
                      .task = f->next_task,
                      .argv = (char **)(uintptr_t)command->argv,
                      .env = (char **)(uintptr_t)command->env,
                      .cwd = command->cwd,
                      .timeout_ms = command->timeout_ms,
                      .memory_bytes = command->memory_bytes};
    hec__flight *flight = NULL;
    hec__strbuf bytes;
    int r = 0;

    hec__strbuf_init(&bytes);
    if (!command->argv || !command->argv[0])
        r = hec__fail(err, HEC_EINVAL, 0, "a command has at least a program");
    else if ((command->in.kind != HEC_STREAM_NULL && command->in.kind != HEC_STREAM_INHERIT) ||
             !is_fit(command->out.kind) || !is_fit(command->err.kind))
        r = hec__fail(err, HEC_EINVAL, 0, "a command of another node has no such input or output");
    if (r == 0)
        r = hec__wire_put(&bytes, &run, err);
    if (r == 0)
        flight = malloc(sizeof *flight + bytes.len);
    if (r == 0 && !flight)
        hec__fail(err, HEC_ENOMEM, 0, "no memory for a command of another node");
    if (flight) {
        *flight = (hec__flight){
            .task = run.task, .kinds = {command->out.kind, command->err.kind}, .size = bytes.len};
        memcpy(flight->frame, bytes.data, bytes.len);
    }
    hec__strbuf_fini(&bytes);
    return flight;
}

static int refuse(hec__far *f, uint64_t task, const hec_error *why, hec_error *err)
{
    hec_command_end end = hec__refusal(task, why);

    f->told++;
    if (f->ops.end && f->ops.end(f->ctx, &end) < 0)
        return hec__fail(err, HEC_ECALLBACK, 0, "the end of a command could not be taken");
    return 0;
}

/* The commands of a node wait there, and others could have them. */
static int ask_back(hec__far *f, hec_error *err)
{
    uint32_t idle = 0, node = f->n_nodes, most = 0;
    hec__frame take = {.type = HEC__WIRE_TAKE};
    hec__strbuf bytes;
    int r;

    for (uint32_t i = 0; i < f->n_nodes; i++) {
        const hec__node *n = &f->nodes[i];
        uint32_t waiting = n->under_way > n->width ? n->under_way - n->width : 0;

        if (n->lost)
            continue;
        idle += n->under_way < n->width ? n->width - n->under_way : 0;
        if (!n->taking && waiting > most) {
            most = waiting;
            node = i;
        }
    }
    if (!idle || !most)
        return 0;
    take.count = most < idle ? most : idle;
    f->nodes[node].taking = true;
    hec__strbuf_init(&bytes);
    r = hec__wire_put(&bytes, &take, err);
    if (r == 0)
        r = hec__far_send(f, node, bytes.data, bytes.len, err);
    hec__strbuf_fini(&bytes);
    return r;
}

/* Gives commands to nodes that have room, as long as there are any of both. */
static int fill(hec__far *f, hec_error *err)
{
    uint32_t node;
    int r = 0;

    while (r == 0 && f->back && (node = pick_idle(f)) < f->n_nodes) {
        hec__flight *flight = f->back;

        f->back = flight->next;
        r = give(f, node, flight, err);
    }
    while (r == 0 && !f->back && (node = pick(f)) < f->n_nodes) {
        hec_command command = {0};
        hec_error why = {0};
        hec__flight *flight;

        r = f->ops.next(f->ctx, f->next_task, &command);
        if (r < 0)
            return hec__fail(err, HEC_ECALLBACK, 0, "the next command could not be had");
        if (r == 0)
            return f->under_way ? ask_back(f, err) : 0;
        flight = make_flight(f, &command, &why);
        r = 0;
        if (flight) {
            f->under_way++;
            r = give(f, node, flight, err);
        } else {
            r = refuse(f, f->next_task, &why, err);
        }
        f->next_task++;
    }
    return r;
}

/* ---- steps ---- */

/* Commands that came back when no node is left. */
static int lose_back(hec__far *f, hec_error *err)
{
    int r = 0;

    while (r == 0 && f->back) {
        hec__flight *flight = f->back;
        hec_command_end end = {.task = flight->task,
                               .verdict = HEC_TASK_LOST,
                               .exit_status = -1,
                               .out = {.data = ""},
                               .err = {.data = ""},
                               .error = &f->why};

        f->back = flight->next;
        free(flight);
        f->under_way--;
        f->told++;
        if (f->ops.end && f->ops.end(f->ctx, &end) < 0)
            r = hec__fail(err, HEC_ECALLBACK, 0, "the end of a command could not be taken");
    }
    return r;
}

/* Who has said nothing for too long is lost. A step that comes late, since this process was
 * stopped or the caller had to wait, says nothing about the nodes. */
static int look_for_silence(hec__far *f, hec_error *err)
{
    uint64_t now = hec__now_ns(), quarter = f->silence_ns / 4;
    bool late = now - f->looked_ns > 2 * quarter;
    int r = 0;

    if (now - f->looked_ns < quarter / 4)
        return 0;
    f->looked_ns = now;
    for (uint32_t i = 0; i < f->n_nodes && r == 0; i++) {
        hec__node *n = &f->nodes[i];
        uint64_t limit = n->asked == 2 && f->silence_ns > KILLED_NS ? KILLED_NS : f->silence_ns;
        hec_error why = {0};

        if (late)
            n->heard_ns = now;
        if (n->lost || now - n->heard_ns < limit)
            continue;
        hec__fail(&why, HEC_ECLOSED, 0, "nothing was heard of it for %u s",
                  (uint32_t)((now - n->heard_ns) / 1000000000u));
        r = hec__node_lose(f, i, &why, err);
    }
    return r;
}

static int wait_and_hear(hec__far *f, int timeout_ms, hec_error *err)
{
    int most = (int)(f->silence_ns / 4 / NS_PER_MS), r;

    if (timeout_ms < 0 || timeout_ms > most)
        timeout_ms = most;
    if (f->ops.wait_begin)
        f->ops.wait_begin(f->ctx);
    r = hec__far_wait(f, timeout_ms, err);
    if (f->ops.wait_end)
        f->ops.wait_end(f->ctx);
    return r;
}

int hec__far_step(hec__far *f, int timeout_ms, hec_error *err)
{
    int r;

    f->told = 0;
    f->failed = false;
    if (f->n_lost == f->n_nodes && !f->back)
        return hec__fail(err, HEC_ECLOSED, 0, "%s", f->why.text);
    r = fill(f, err);
    if (r == 0)
        hec__far_flush(f);
    if (r == 0)
        r = wait_and_hear(f, f->under_way && !f->told ? timeout_ms : 0, err);
    if (r == 0)
        r = look_for_silence(f, err);
    if (r == 0 && f->n_lost == f->n_nodes)
        r = lose_back(f, err);
    else if (r == 0)
        r = fill(f, err);
    if (r == 0)
        hec__far_flush(f);
    if (r == 0 && f->failed)
        return hec__fail(err, HEC_ECALLBACK, 0, "the output of a command could not be taken");
    return r < 0 ? r : f->told;
}

/* ---- the rest ---- */

uint32_t hec__far_end(hec__far *f, uint64_t task, bool now)
{
    hec__frame frame = {.type = now ? HEC__WIRE_KILL : HEC__WIRE_CANCEL, .task = task};
    uint32_t ended = 0;

    for (uint32_t i = 0; i < f->n_nodes; i++) {
        hec__node *n = &f->nodes[i];
        hec__strbuf bytes;

        if (n->lost || !n->under_way || (task == HEC_COMMANDS_ALL && n->asked >= 1 + (int)now))
            continue;
        if (task == HEC_COMMANDS_ALL)
            n->asked = 1 + now;
        hec__strbuf_init(&bytes);
        if (hec__wire_put(&bytes, &frame, NULL) == 0)
            hec__far_send(f, i, bytes.data, bytes.len, NULL);
        hec__strbuf_fini(&bytes);
        ended += n->under_way;
    }
    hec__far_flush(f);
    return ended;
}

int hec__far_listen(hec__far *f, int fd)
{
    f->ear = fd;
    return 0;
}

/* hec-mpi hears the end of the socket, and all of it comes to its end. */
static void leave(hec__far *f)
{
    uint64_t until = hec__now_ns() + LEAVE_NS;
    char rest[4096];

    if (f->socket >= 0)
        shutdown(f->socket, SHUT_WR);
    while (f->socket >= 0 && hec__now_ns() < until) {
        struct pollfd p = {.fd = f->socket, .events = POLLIN};
        ssize_t n;

        poll(&p, 1, (int)((until - hec__now_ns()) / NS_PER_MS) + 1);
        n = read(f->socket, rest, sizeof rest);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
    }
    hec__launch_end(&f->launch, f->socket >= 0 ? until : hec__now_ns() + LEAVE_NS / 10);
}

void hec__far_destroy(hec__far *f)
{
    if (f->pid == getpid())
        leave(f);
    else
        hec_commands_destroy(f->launch.engine, 0);
    hec__close_fd(&f->socket);
    for (uint32_t i = 0; i < f->n_nodes; i++) {
        hec__strbuf_fini(&f->nodes[i].in);
        free(f->nodes[i].name);
        free(f->nodes[i].host);
    }
    for (uint32_t b = 0; b < f->n_buckets; b++)
        while (f->buckets && f->buckets[b]) {
            hec__flight *flight = f->buckets[b];

            f->buckets[b] = flight->next;
            free(flight);
        }
    while (f->back) {
        hec__flight *flight = f->back;

        f->back = flight->next;
        free(flight);
    }
    hec__watch_fini(&f->watch);
    hec__strbuf_fini(&f->in);
    hec__strbuf_fini(&f->out);
    free(f->nodes);
    free(f->ring);
    free(f->list);
    free(f->buckets);
    free(f);
}

size_t hec_nodes_list(const hec_commands *c, const hec_node **ret_nodes)
{
    *ret_nodes = c->far ? c->far->list : NULL;
    return c->far ? c->far->n_nodes : 0;
}

uint32_t hec_nodes_lost(const hec_commands *c)
{
    return c->far ? c->far->n_lost : 0;
}

const char *hec_nodes_why(const hec_commands *c)
{
    return c->far ? c->far->why.text : "";
}

char *hec_nodes_said(const hec_commands *c)
{
    return c->far ? hec__launch_said(&c->far->launch, 2000) : calloc(1, 1);
}
