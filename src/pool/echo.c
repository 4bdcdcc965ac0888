/* SPDX-License-Identifier: MIT */
#include "pool/echo.h"

#include "sys/clock.h"
#include "sys/offer.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a pipe holds, if nobody has asked for more. */
#define PUMP_MAX (64u * 1024u)

hec__echo *hec__echo_open(int *ret_write)
{
    hec__echo *e = calloc(1, sizeof *e);
    int ends[2];

    if (!e)
        return NULL;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        free(e);
        return NULL;
    }
    ends[0] = hec__above_stdio(ends[0]);
    ends[1] = hec__above_stdio(ends[1]);
    e->fd = ends[0];
    if (ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        if (ends[1] >= 0)
            close(ends[1]);
        hec__echo_close(e);
        return NULL;
    }
    *ret_write = ends[1];
    return e;
}

void hec__echo_close(hec__echo *e)
{
    if (e && e->fd >= 0)
        close(e->fd);
    free(e);
}

bool hec__echo_has_news(const hec__echo *e)
{
    int n = 0;

    if (e->fd >= 0 && ioctl(e->fd, FIONREAD, &n) == 0 && n > 0)
        return true;
    /* Asked after the pipe: what has left it by then is seen here, or is written. */
    return atomic_load_explicit(&e->busy, memory_order_acquire);
}

/* Writes what is held. False when not all of it could be. */
static bool let_go(hec__echo *e)
{
    while (e->held_at < e->held_end) {
        ssize_t n = hec__offer(STDERR_FILENO, e->held + e->held_at, e->held_end - e->held_at);

        if (n == 0)
            return false;
        /* Nobody will ever read it: then it is lost, as it would be without us. */
        e->held_at = n < 0 ? e->held_end : e->held_at + (uint32_t)n;
    }
    atomic_store_explicit(&e->busy, 0, memory_order_release);
    return true;
}

static void mark(hec__echo *e)
{
    hec__mark m = {hec__now_ns(), e->end};

    if (e->nmarks == HEC__MARKS) {
        /* The two oldest become one, as if all of it had come late: rather too much is shown. */
        memmove(e->marks, e->marks + 1, (HEC__MARKS - 1) * sizeof *e->marks);
        e->nmarks--;
    }
    e->marks[e->nmarks++] = m;
}

static void keep(hec__echo *e, const char *data, size_t n)
{
    while (n > 0) {
        size_t at = e->end % HEC__TAIL, fits = HEC__TAIL - at < n ? HEC__TAIL - at : n;

        memcpy(e->tail + at, data, fits);
        e->end += fits;
        data += fits;
        n -= fits;
    }
    mark(e);
}

hec__pumped hec__echo_pump(hec__echo *e)
{
    size_t total = 0;

    if (!let_go(e))
        return HEC__PUMPED_STUCK;
    while (e->fd >= 0 && total < PUMP_MAX) {
        ssize_t n;

        /* Before the read: who finds the pipe empty then looks here. */
        atomic_store_explicit(&e->busy, 1, memory_order_seq_cst);
        n = read(e->fd, e->held, sizeof e->held);
        if (n <= 0)
            atomic_store_explicit(&e->busy, 0, memory_order_release);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? HEC__PUMPED_END : HEC__PUMPED_ALL;
        e->held_at = 0;
        e->held_end = (uint32_t)n;
        total += (size_t)n;
        keep(e, e->held, (size_t)n);
        if (!let_go(e))
            return HEC__PUMPED_STUCK;
    }
    return HEC__PUMPED_ALL;
}

void hec__echo_tail(const hec__echo *e, uint64_t since_ns, char ret[HEC__TAIL + 1])
{
    uint64_t from = e->end > HEC__TAIL ? e->end - HEC__TAIL : 0;
    size_t n;

    for (uint32_t i = 0; i < e->nmarks && e->marks[i].at_ns < since_ns; i++)
        if (e->marks[i].end > from)
            from = e->marks[i].end;
    n = (size_t)(e->end - from);
    for (size_t i = 0; i < n; i++)
        ret[i] = e->tail[(from + i) % HEC__TAIL] ? e->tail[(from + i) % HEC__TAIL] : ' ';
    ret[n] = '\0';
}
