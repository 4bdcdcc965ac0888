/* SPDX-License-Identifier: MIT
 *
 * The engine of commands as others see it.
 */
#include "command/far.h"
#include "command/state.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/clock.h"
#include "sys/shm.h"

#include <hec/topology.h>

#include <fcntl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH_MAX     4096u
#define GRACE_MS      2000u
#define LEAVE_NS      UINT64_C(5000000000) /* for those that got SIGKILL when all is over */
#define TICK_MS       10                   /* how often to look at that, without pidfds */
#define NS_PER_MS     UINT64_C(1000000)
#define TAGS_PER_WAIT 16

static int create(hec_commands *c, hec_error *err)
{
    int r;

    c->places = calloc(c->width, sizeof *c->places);
    c->scratch = malloc(HEC__SCRATCH_BYTES);
    for (uint32_t i = 0; c->places && i < c->width; i++) {
        hec__place *p = &c->places[i];

        p->pidfd = p->hold = p->captures[0].fd = p->captures[1].fd = -1;
        hec__strbuf_init(&p->captures[0].text);
        hec__strbuf_init(&p->captures[1].text);
    }
    if (!c->places || !c->scratch)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for %u commands at a time", c->width);
    r = hec__watch_init(&c->watch, err);
    if (r == 0)
        r = hec__spawner_init(&c->spawner, c->width, err);
    if (r < 0)
        return r;
    c->null = hec__above_stdio(open("/dev/null", O_RDWR | O_CLOEXEC));
    return c->null < 0 ? hec__fail(err, HEC_ESYS, errno, "cannot open /dev/null") : 0;
}

/* How many CPUs there are, where that was not said, and where kills for memory are counted. */
static int see_machine(hec_commands *c, hec_error *err)
{
    hec_topology *t;
    hec_error why = {0};
    int r = hec_topology_read(NULL, &t, &why);

    if (r < 0 && c->width == 0 && err)
        *err = why;
    if (r < 0)
        return c->width == 0 ? r : 0;
    if (c->width == 0)
        c->width = (uint32_t)hec_topology_cpus(t);
    if (c->width > WIDTH_MAX)
        c->width = WIDTH_MAX;
    hec__oom_begin(c, t);
    hec_topology_destroy(t);
    return 0;
}

int hec_commands_create(const hec_commands_options *o, hec_commands **ret_commands, hec_error *err)
{
    hec_commands *c;
    int r;

    if (o->width > WIDTH_MAX)
        return hec__fail(err, HEC_EINVAL, 0, "1 to %u commands may run at a time, not %u",
                         WIDTH_MAX, o->width);
    c = calloc(1, sizeof *c);
    if (!c)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to run commands");
    c->ops = *o->ops;
    c->ctx = o->ctx;
    c->width = o->width;
    c->grace_ns = (o->grace_ms ? o->grace_ms : GRACE_MS) * NS_PER_MS;
    c->pid = getpid();
    c->null = c->ear = c->watch.epoll = c->watch.bell = -1;
    hec__strbuf_init(&c->paths);
    r = see_machine(c, err);
    if (r == 0)
        r = create(c, err);
    if (r < 0) {
        hec_commands_destroy(c, 0);
        return r;
    }
    *ret_commands = c;
    return 0;
}

/* ---- the end of all ---- */

/* Whether all processes have ended, reaping them, until then. Not their groups: those are killed
 * while their leader is not reaped. */
static bool all_ended(hec_commands *c, uint64_t until_ns)
{
    for (uint32_t i = 0; i < c->width; i++) {
        hec__place *p = &c->places[i];

        while (p->state != HEC__FREE && hec__spawn_ended(p->pid) == HEC__RUNS) {
            struct pollfd pfd = {.fd = p->pidfd, .events = POLLIN};
            uint64_t now = hec__now_ns();
            int ms = now < until_ns ? (int)((until_ns - now) / NS_PER_MS) + 1 : 0;

            if (ms == 0)
                return false;
            poll(&pfd, 1, p->pidfd < 0 && ms > TICK_MS ? TICK_MS : ms);
        }
    }
    return true;
}

static void signal_all(hec_commands *c, int sig)
{
    for (uint32_t i = 0; i < c->width; i++)
        if (c->places[i].state != HEC__FREE)
            hec__place_signal(&c->places[i], sig);
}

static void end_all(hec_commands *c, uint32_t grace_ms)
{
    if (grace_ms) {
        signal_all(c, SIGTERM);
        signal_all(c, SIGCONT);
        all_ended(c, hec__now_ns() + grace_ms * NS_PER_MS);
    }
    signal_all(c, SIGKILL);
    all_ended(c, hec__now_ns() + LEAVE_NS);
    for (uint32_t i = 0; i < c->width; i++)
        if (c->places[i].state != HEC__FREE)
            waitpid(c->places[i].pid, NULL, WNOHANG);
}

void hec_commands_destroy(hec_commands *c, uint32_t grace_ms)
{
    if (!c)
        return;
    if (c->far) {
        hec__far_destroy(c->far);
        free(c);
        return;
    }
    if (c->running && c->pid == getpid())
        end_all(c, grace_ms);
    for (uint32_t i = 0; c->places && i < c->width; i++)
        hec__place_clear(c, &c->places[i]);
    free(c->places);
    free(c->scratch);
    free(c->env);
    free(c->oom_file);
    hec__strbuf_fini(&c->paths);
    hec__spawner_fini(&c->spawner);
    hec__watch_fini(&c->watch);
    hec__close_fd(&c->null);
    free(c);
}

/* ---- steps ---- */

static hec__place *free_place(hec_commands *c)
{
    uint32_t i = 0;

    while (c->places[i].state != HEC__FREE)
        i++;
    return &c->places[i];
}

/* Starts what there is room for. Bounded, for the case that none of them can be started. */
static int fill(hec_commands *c, hec_error *err)
{
    for (uint32_t tries = 0; c->running < c->width && tries < c->width; tries++) {
        hec_error why = {0};
        int r;

        if (!c->has_pending) {
            c->pending = (hec_command){0};
            r = c->ops.next(c->ctx, c->next_task, &c->pending);
            if (r < 0)
                return hec__fail(err, HEC_ECALLBACK, 0, "the next command could not be had");
            if (r == 0)
                return 0;
            c->has_pending = true;
        }
        r = hec__command_start(c, free_place(c), &c->pending, &why);
        if (r == HEC_EAGAIN && c->running)
            return 0; /* when one of those has ended */
        c->has_pending = false;
        c->next_task++;
        if (r < 0) {
            r = hec__tell_refusal(c, c->next_task - 1, &why, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* When something is due first: a deadline, or, earlier, output to be listened to. */
static uint64_t first_due(const hec_commands *c, bool *ret_listen)
{
    uint64_t first = HEC__NEVER, listen = HEC__NEVER;

    for (uint32_t i = 0; i < c->width; i++) {
        const hec__place *p = &c->places[i];

        if (p->state == HEC__FREE)
            continue;
        first = p->deadline_ns < first ? p->deadline_ns : first;
        first = p->look_ns < first ? p->look_ns : first;
        first = p->weigh_ns < first ? p->weigh_ns : first;
        listen = p->listen_ns < listen ? p->listen_ns : listen;
    }
    *ret_listen = listen < first;
    return listen < first ? listen : first;
}

/* Milliseconds until then, rounded up: too early would be in vain. */
static int ms_until(uint64_t then_ns, uint64_t now)
{
    uint64_t ms = then_ns <= now ? 0 : (then_ns - now + NS_PER_MS - 1) / NS_PER_MS;

    return then_ns == HEC__NEVER ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int due(hec_commands *c, hec_error *err)
{
    uint64_t now = hec__now_ns();
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < c->width; i++)
        if (c->places[i].state != HEC__FREE)
            r = hec__place_due(c, &c->places[i], now, err);
    return r;
}

/* Sleeps until there is news, something is due, or the time is up. That a command has run for long
 * enough to be listened to is no reason to return. */
static int sleep_for_news(hec_commands *c, int timeout_ms, uint32_t *tags, hec_error *err)
{
    uint64_t now = hec__now_ns();
    uint64_t end = timeout_ms < 0 ? HEC__NEVER : now + (uint64_t)timeout_ms * NS_PER_MS;

    for (;; now = hec__now_ns()) {
        bool listen;
        uint64_t until = first_due(c, &listen);
        int n;

        listen = listen && until < end;
        n = hec__watch_wait(&c->watch, tags, TAGS_PER_WAIT,
                            ms_until(until < end ? until : end, now), err);
        if (n != 0 || !listen)
            return n;
        now = hec__now_ns();
        for (uint32_t i = 0; i < c->width; i++)
            if (c->places[i].state != HEC__FREE && c->places[i].listen_ns <= now)
                hec__place_listen(c, &c->places[i], now);
    }
}

static int wait_and_hear(hec_commands *c, int timeout_ms, hec_error *err)
{
    uint32_t tags[TAGS_PER_WAIT];
    int n, r = 0;

    if (c->ops.wait_begin)
        c->ops.wait_begin(c->ctx);
    n = sleep_for_news(c, timeout_ms, tags, err);
    if (c->ops.wait_end)
        c->ops.wait_end(c->ctx);
    if (n < 0)
        return n;
    for (int i = 0; r == 0 && i < n; i++)
        if (tags[i] == HEC__TAG_EAR)
            hec_commands_deafen(c);
        else if (tags[i] != HEC__WATCH_BELL)
            r = hec__place_news(c, &c->places[tags[i] / 4], tags[i] % 4, err);
    return r < 0 ? r : due(c, err);
}

int hec_commands_step(hec_commands *c, int timeout_ms, hec_error *err)
{
    int r;

    if (c->far)
        return hec__far_step(c->far, timeout_ms, err);
    c->told = 0;
    c->data_failed = false;
    r = fill(c, err);
    if (r == 0 && c->running && c->told == 0) {
        r = wait_and_hear(c, timeout_ms, err);
        if (r == 0)
            r = fill(c, err); /* the cores do not wait while the caller looks at what has ended */
    }
    if (r == 0 && c->data_failed)
        return hec__fail(err, HEC_ECALLBACK, 0, "the output of a command could not be taken");
    return r < 0 ? r : c->told;
}

uint32_t hec_commands_running(const hec_commands *c)
{
    return c->far ? c->far->under_way : c->running;
}

uint32_t hec_commands_width(const hec_commands *c)
{
    return c->far ? c->far->width : c->width;
}

uint32_t hec_commands_cancel(hec_commands *c, uint64_t task)
{
    uint32_t n = 0;

    if (c->far)
        return hec__far_end(c->far, task, false);
    for (uint32_t i = 0; i < c->width; i++)
        if (task == HEC_COMMANDS_ALL || c->places[i].task == task)
            n += hec__place_ask(c, &c->places[i], HEC_TASK_CANCELLED);
    return n;
}

uint32_t hec_commands_kill(hec_commands *c, uint64_t task)
{
    uint32_t n = 0;

    if (c->far)
        return hec__far_end(c->far, task, true);
    for (uint32_t i = 0; i < c->width; i++)
        if (task == HEC_COMMANDS_ALL || c->places[i].task == task)
            n += hec__place_kill(&c->places[i], HEC_TASK_CANCELLED);
    return n;
}

int hec_commands_listen(hec_commands *c, int fd, hec_error *err)
{
    int r;

    if (c->far)
        return hec__far_listen(c->far, fd);
    if (c->ear == fd)
        return 0;
    hec_commands_deafen(c);
    r = hec__watch_add(&c->watch, fd, HEC__TAG_EAR, err);
    if (r == 0)
        c->ear = fd;
    return r;
}

void hec_commands_deafen(hec_commands *c)
{
    if (c->far) {
        hec__far_listen(c->far, -1);
        return;
    }
    if (c->ear >= 0)
        hec__watch_remove(&c->watch, c->ear);
    c->ear = -1;
}

void hec_commands_wake(const hec_commands *c)
{
    hec__watch_ring(c->far ? &c->far->watch : &c->watch);
}
