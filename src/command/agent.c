/* SPDX-License-Identifier: MIT
 *
 * The agent of a node: frames that come are commands for an engine of this node, what they write
 * and their ends go back. One thread. What cannot be sent waits in the way: who does not take the
 * output of commands stops them, as a pipe does.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "sys/clock.h"
#include "task/wire.h"

#include <hec/nodes.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

/* How often it says that it lives. */
#define PING_MS 5000
#define PING_NS (PING_MS * UINT64_C(1000000))
/* What has gathered is sent at least when it is so much. */
#define SEND_BYTES ((size_t)256 << 10)
#define READ_BYTES ((size_t)64 << 10)
/* So long the other side may take to say how to begin. */
#define BEGIN_MS 120000

/* A command that was sent and has not begun. */
typedef struct order {
    struct order *next;
    size_t size;
    unsigned char bytes[]; /* its frame */
} order;

typedef struct agent {
    int fd;
    hec_commands *engine;
    hec__strbuf in, out;
    size_t taken; /* bytes of `in` that were read */
    order *first, **last;
    order *now;       /* the engine looks at it */
    hec__frame frame; /* of that one */
    struct {
        uint64_t local, task;
        bool used;
    } * running; /* [width + 1] */
    uint32_t width;
    uint64_t sent_ns;
    bool gone; /* the other side */
} agent;

/* ---- the stream ---- */

/* All that has gathered; waits until it is taken. */
static void send_all(agent *a)
{
    size_t done = 0;

    while (!a->gone && done < a->out.len) {
        ssize_t n = write(a->fd, a->out.data + done, a->out.len - done);
        struct pollfd p = {.fd = a->fd, .events = POLLOUT};

        if (n > 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            poll(&p, 1, -1); /* its end, too, is heard */
        else if (errno != EINTR)
            a->gone = true;
    }
    if (a->out.len)
        a->sent_ns = hec__now_ns();
    hec__strbuf_clear(&a->out);
}

static int say(agent *a, const hec__frame *f, hec_error *err)
{
    int r = hec__wire_put(&a->out, f, err);

    if (a->out.len >= SEND_BYTES)
        send_all(a);
    return r;
}

/* Takes what there is. */
static int receive(agent *a, hec_error *err)
{
    for (;;) {
        ssize_t n;

        if (a->taken == a->in.len) {
            hec__strbuf_clear(&a->in);
            a->taken = 0;
        } else if (a->taken > READ_BYTES) {
            memmove(a->in.data, a->in.data + a->taken, a->in.len - a->taken);
            a->in.len -= a->taken;
            a->taken = 0;
        }
        if (hec__strbuf_reserve(&a->in, READ_BYTES) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for the commands of a node");
        n = read(a->fd, a->in.data + a->in.len, READ_BYTES);
        if (n > 0)
            a->in.len += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            a->gone = true;
        if (n < (ssize_t)READ_BYTES)
            return 0;
    }
}

/* The next frame that is there in full: 1, and its bytes, valid until more is received. */
static int next_frame(agent *a, const char **ret_bytes, size_t *ret_size, hec_error *err)
{
    const char *at = a->in.data + a->taken;
    size_t have = a->in.len - a->taken;
    int64_t size = hec__wire_size(at, have, err);

    if (size <= 0 || (size_t)size > have)
        return size < 0 ? (int)size : 0;
    a->taken += (size_t)size;
    *ret_bytes = at;
    *ret_size = (size_t)size;
    return 1;
}

/* ---- commands ---- */

static int tell_unbegun(agent *a, uint64_t task)
{
    hec__frame f = {.type = HEC__WIRE_END, .task = task};

    f.end = (hec_command_end){.verdict = HEC_TASK_CANCELLED, .exit_status = -1};
    return say(a, &f, NULL);
}

static int take_order(agent *a, const char *bytes, size_t size, hec_error *err)
{
    order *o = malloc(sizeof *o + size);

    if (!o)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the commands of a node");
    o->next = NULL;
    o->size = size;
    memcpy(o->bytes, bytes, size);
    *a->last = o;
    a->last = &o->next;
    return 0;
}

/* The task of an order; its place in the frame is fixed. */
static uint64_t task_of(const order *o)
{
    hec__frame f = {0};
    uint64_t task = 0;

    if (hec__wire_get(o->bytes, o->size, &f, NULL) == 0)
        task = f.task;
    hec__wire_fini(&f);
    return task;
}

/* Ends what was asked to end. */
static void end_some(agent *a, uint64_t task, bool now)
{
    for (order **at = &a->first; *at;) {
        order *o = *at;

        if (task != HEC_COMMANDS_ALL && task_of(o) != task) {
            at = &o->next;
            continue;
        }
        tell_unbegun(a, task_of(o));
        *at = o->next;
        free(o);
    }
    for (a->last = &a->first; *a->last;)
        a->last = &(*a->last)->next;
    for (uint32_t i = 0; i <= a->width; i++)
        if (a->running[i].used && (task == HEC_COMMANDS_ALL || a->running[i].task == task)) {
            if (now)
                hec_commands_kill(a->engine, a->running[i].local);
            else
                hec_commands_cancel(a->engine, a->running[i].local);
        }
}

/* Gives back the last of those that were not begun. */
static int give_back(agent *a, uint32_t count, hec_error *err)
{
    size_t n = 0, keep;
    order **at = &a->first;
    int r = 0;

    for (const order *o = a->first; o; o = o->next)
        n++;
    for (keep = n > count ? n - count : 0; keep > 0 && *at; keep--)
        at = &(*at)->next;
    a->last = at;
    while (*at) {
        order *o = *at;
        hec__frame f = {.type = HEC__WIRE_BACK, .task = task_of(o)};

        if (r == 0)
            r = say(a, &f, err);
        *at = o->next;
        free(o);
    }
    return r;
}

static int handle(agent *a, const char *bytes, size_t size, hec_error *err)
{
    hec__frame f = {0};
    int r = hec__wire_get(bytes, size, &f, err);

    if (r < 0)
        return r;
    switch (f.type) {
    case HEC__WIRE_RUN:
        r = take_order(a, bytes, size, err);
        break;
    case HEC__WIRE_CANCEL:
    case HEC__WIRE_KILL:
        end_some(a, f.task, f.type == HEC__WIRE_KILL);
        break;
    case HEC__WIRE_TAKE:
        r = give_back(a, f.count, err);
        break;
    default:
        r = hec__fail(err, HEC_EFORMAT, 0, "an agent was sent a frame of type %u", f.type);
    }
    hec__wire_fini(&f);
    return r;
}

static int handle_all(agent *a, hec_error *err)
{
    const char *bytes = NULL;
    size_t size = 0;
    int r = receive(a, err);

    while (r == 0 && (r = next_frame(a, &bytes, &size, err)) == 1)
        r = handle(a, bytes, size, err);
    return r;
}

/* ---- the engine's questions ---- */

static void forget_now(agent *a)
{
    hec__wire_fini(&a->frame);
    free(a->now);
    a->now = NULL;
}

static int next(void *ctx, uint64_t local, hec_command *command)
{
    agent *a = ctx;
    uint32_t i = 0;

    forget_now(a);
    if (!a->first)
        return 0;
    a->now = a->first;
    a->first = a->now->next;
    if (!a->first)
        a->last = &a->first;
    if (hec__wire_get(a->now->bytes, a->now->size, &a->frame, NULL) < 0)
        return -1;
    command->argv = (const char *const *)a->frame.argv;
    command->env = (const char *const *)a->frame.env;
    command->cwd = a->frame.cwd;
    command->timeout_ms = a->frame.timeout_ms;
    command->memory_bytes = a->frame.memory_bytes;
    command->out.kind = command->err.kind = HEC_STREAM_DATA;
    while (a->running[i].used)
        i++;
    a->running[i].used = true;
    a->running[i].local = local;
    a->running[i].task = a->frame.task;
    return 1;
}

static uint32_t find(const agent *a, uint64_t local)
{
    uint32_t i = 0;

    while (!a->running[i].used || a->running[i].local != local)
        i++;
    return i;
}

static int data(void *ctx, uint64_t local, int stream, const void *bytes, size_t size)
{
    agent *a = ctx;
    hec__frame f = {.type = HEC__WIRE_DATA,
                    .task = a->running[find(a, local)].task,
                    .stream = stream,
                    .bytes = bytes,
                    .size = size};

    return say(a, &f, NULL);
}

static int end(void *ctx, const hec_command_end *e)
{
    agent *a = ctx;
    uint32_t i = find(a, e->task);
    hec__frame f = {.type = HEC__WIRE_END, .task = a->running[i].task, .end = *e};

    a->running[i].used = false;
    if (e->error)
        f.error = *e->error;
    return say(a, &f, NULL);
}

/* ---- begin and end ---- */

/* What a node has of its own; the rest of the environment is the giver's. */
static const char *const own_names[] = {
    "SLURMD_NODENAME",      "SLURM_NODEID",
    "SLURM_CPUS_ON_NODE",   "SLURM_TOPOLOGY_ADDR",
    "SLURM_STEP_GPUS",      "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK",
    "GPU_DEVICE_ORDINAL",   "HOSTNAME",
};

enum { N_OWN = sizeof own_names / sizeof *own_names };

static int set_environment(char **env, hec_error *err)
{
    char *own[N_OWN];
    int bad = 0;

    for (size_t i = 0; i < N_OWN; i++) {
        const char *value = getenv(own_names[i]);

        own[i] = value ? strdup(value) : NULL;
        bad |= value && !own[i];
    }
    clearenv();
    for (; *env; env++) {
        char *equals = strchr(*env, '=');

        if (!equals)
            continue;
        *equals = '\0';
        bad |= setenv(*env, equals + 1, 1);
        *equals = '=';
    }
    for (size_t i = 0; i < N_OWN; i++) {
        if (own[i])
            bad |= setenv(own_names[i], own[i], 1);
        free(own[i]);
    }
    /* A hec map inside of a task has this node, and not all of them once more. */
    bad |= setenv("HEC_NODES", "1", 1);
    return bad ? hec__fail(err, HEC_ENOMEM, 0, "no memory for the environment of a node") : 0;
}

static int hello(agent *a, hec_error *err)
{
    hec__frame f = {.type = HEC__WIRE_HELLO, .version = HEC__WIRE_VERSION, .release = HEC_VERSION};
    const char *name = getenv("SLURMD_NODENAME");
    hec_topology *t = NULL;
    char host[256] = "";
    int r = hec_topology_read(NULL, &t, err);

    if (r < 0)
        return r;
    gethostname(host, sizeof host - 1);
    f.host = host;
    f.name = name && *name ? name : host;
    f.cpus = (uint32_t)hec_topology_cpus(t);
    r = say(a, &f, err);
    send_all(a);
    hec_topology_destroy(t);
    return r;
}

static int begin(agent *a, const hec__frame *f, hec_error *err)
{
    static const hec_command_ops ops = {.next = next, .end = end, .data = data};
    hec_commands_options o = {.width = f->width, .grace_ms = f->grace_ms, .ops = &ops, .ctx = a};
    int r;

    if (f->type != HEC__WIRE_BEGIN || f->version != HEC__WIRE_VERSION)
        return hec__fail(err, HEC_EFORMAT, 0, "an agent was not told how to begin");
    if (strcmp(f->release, HEC_VERSION) != 0)
        return hec__fail(err, HEC_EFORMAT, 0, "it is hec %s here, and %s where it was started",
                         HEC_VERSION, f->release);
    r = hec_commands_create(&o, &a->engine, err); /* it looks at what this node has */
    if (r == 0)
        r = set_environment(f->env, err);
    if (r < 0)
        return r;
    umask(f->mask);
    if (f->cwd && chdir(f->cwd) < 0)
        return hec__fail(err, HEC_ENOENT, errno, "cannot work in the folder '%.160s'", f->cwd);
    a->width = hec_commands_width(a->engine);
    a->running = calloc((size_t)a->width + 1, sizeof *a->running);
    return a->running ? 0 : hec__fail(err, HEC_ENOMEM, 0, "no memory for the places of a node");
}

/* Waits for the answer. 0 with a->gone: nobody is there any more. */
static int await_begin(agent *a, hec_error *err)
{
    uint64_t until = hec__now_ns() + BEGIN_MS * UINT64_C(1000000);
    struct pollfd p = {.fd = a->fd, .events = POLLIN};
    const char *bytes = NULL;
    size_t size = 0;
    hec__frame f = {0};
    int r = 0;

    while (r == 0 && !a->gone) {
        if (hec__now_ns() > until)
            return hec__fail(err, HEC_ECLOSED, 0, "nobody has told an agent what to do");
        poll(&p, 1, PING_MS);
        r = receive(a, err);
        if (r == 0)
            r = next_frame(a, &bytes, &size, err);
    }
    if (r == 1)
        r = hec__wire_get(bytes, size, &f, err);
    if (r == 0 && f.type)
        r = begin(a, &f, err);
    hec__wire_fini(&f);
    return r;
}

/* One turn: what runs, what came, what is to be sent. */
static int turn(agent *a, hec_error *err)
{
    struct pollfd p = {.fd = a->fd, .events = POLLIN};
    hec__frame ping = {.type = HEC__WIRE_PING};
    int r = hec_commands_listen(a->engine, a->fd, err);

    if (r == 0)
        r = hec_commands_step(a->engine, PING_MS, err);
    if (r < 0 && r != HEC_EINTR)
        return r;
    send_all(a);
    if (!hec_commands_running(a->engine) && !a->first)
        poll(&p, 1, PING_MS);
    r = handle_all(a, err);
    if (r == 0 && hec__now_ns() - a->sent_ns >= PING_NS)
        r = say(a, &ping, err);
    send_all(a);
    return r;
}

static void agent_fini(agent *a)
{
    hec_commands_destroy(a->engine, 0);
    forget_now(a);
    while (a->first) {
        order *o = a->first;

        a->first = o->next;
        free(o);
    }
    free(a->running);
    hec__strbuf_fini(&a->in);
    hec__strbuf_fini(&a->out);
}

int hec_nodes_agent(int fd, hec_error *err)
{
    agent a = {.fd = fd};
    hec_error why = {0};
    int r;

    a.last = &a.first;
    hec__strbuf_init(&a.in);
    hec__strbuf_init(&a.out);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return hec__fail(err, HEC_ESYS, errno, "descriptor %d is nobody's to work for", fd);
    r = hello(&a, &why);
    if (r == 0)
        r = await_begin(&a, &why);
    if (r == 0 && !a.gone)
        r = handle_all(&a, &why); /* what came with that */
    while (r == 0 && !a.gone)
        r = turn(&a, &why);
    if (r < 0 && !a.gone) {
        hec__frame f = {.type = HEC__WIRE_TROUBLE, .error = why};

        say(&a, &f, NULL);
        send_all(&a);
    }
    agent_fini(&a);
    if (r < 0 && err)
        *err = why;
    return r < 0 ? r : 0;
}
