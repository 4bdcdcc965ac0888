/* SPDX-License-Identifier: MIT
 *
 * Packets between this process and the first process of hec-mpi. Neither side ever waits for the
 * other to take something before it takes what the other has: so none waits for ever.
 */
#include "command/far.h"

#include "base/error.h"
#include "base/little.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)
/* In one wait so much is taken at most: the caller wants to do something, too. */
#define TURN_BYTES ((size_t)4 << 20)

int hec__far_send(hec__far *f, uint32_t node, const char *bytes, size_t size, hec_error *err)
{
    if (f->sent == f->out.len) {
        hec__strbuf_clear(&f->out);
        f->sent = 0;
    }
    for (size_t done = 0; done < size;) {
        size_t n = size - done < HEC__PACKET_MAX ? size - done : HEC__PACKET_MAX;
        unsigned char head[HEC__PACKET_HEAD];

        hec__put32(head, HEC__PACKET_BYTES);
        hec__put32(head + 4, node);
        hec__put32(head + 8, (uint32_t)n);
        hec__strbuf_add(&f->out, head, sizeof head);
        hec__strbuf_add(&f->out, bytes + done, n);
        done += n;
    }
    /* Half a packet would be worse than none: without memory there is no going on. */
    return f->out.failed ? hec__fail(err, HEC_ENOMEM, 0, "no memory for what is sent to a node")
                         : 0;
}

static void close_link(hec__far *f)
{
    if (f->socket >= 0)
        close(f->socket);
    f->socket = -1;
}

void hec__far_flush(hec__far *f)
{
    while (f->socket >= 0 && f->sent < f->out.len) {
        ssize_t n = write(f->socket, f->out.data + f->sent, f->out.len - f->sent);

        if (n > 0)
            f->sent += (size_t)n;
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR) {
            /* What it has sent before is still to be read: reading finds the end. */
            f->sent = f->out.len;
            return;
        }
    }
}

static int hear_closed(hec__far *f, uint32_t node, const char *text, size_t size, hec_error *err)
{
    hec_error why = {0};

    hec__fail(&why, HEC_ECLOSED, 0, "%.*s", (int)(size < 200 ? size : 200), text);
    return hec__node_lose(f, node, &why, err);
}

/* One packet after the hello. */
static int handle(hec__far *f, uint32_t kind, uint32_t node, const char *bytes, size_t size,
                  hec_error *err)
{
    if (node >= f->n_nodes || (kind != HEC__PACKET_BYTES && kind != HEC__PACKET_CLOSED))
        return hec__fail(err, HEC_EFORMAT, 0, "hec-mpi sent what makes no sense");
    if (f->nodes[node].lost)
        return 0;
    f->nodes[node].heard_ns = hec__now_ns();
    if (kind == HEC__PACKET_CLOSED)
        return hear_closed(f, node, bytes, size, err);
    if (hec__strbuf_add(&f->nodes[node].in, bytes, size) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for what a node sent");
    return hec__node_read(f, node, err);
}

int hec__far_handle(hec__far *f, hec_error *err)
{
    int r = 0;

    while (r == 0 && f->n_nodes && f->in.len - f->taken >= HEC__PACKET_HEAD) {
        const unsigned char *head = (const unsigned char *)f->in.data + f->taken;
        uint32_t size = hec__get32(head + 8);

        if (size > HEC__PACKET_MAX)
            return hec__fail(err, HEC_EFORMAT, 0, "hec-mpi sent what is no packet");
        if (f->in.len - f->taken - HEC__PACKET_HEAD < size)
            break;
        f->taken += HEC__PACKET_HEAD + size;
        r = handle(f, hec__get32(head), hec__get32(head + 4), (const char *)head + HEC__PACKET_HEAD,
                   size, err);
    }
    return r;
}

static void make_room(hec__far *f)
{
    if (f->taken == 0)
        return;
    memmove(f->in.data, f->in.data + f->taken, f->in.len - f->taken);
    f->in.len -= f->taken;
    f->taken = 0;
}

/* The other side has ended, and with it every node. */
static int lose_all(hec__far *f, hec_error *err)
{
    hec_error why = {0};
    int r = 0;

    hec__launch_look(&f->launch);
    hec__fail(&why, HEC_ECLOSED, 0, "hec-mpi has ended%s%s", f->launch.ended ? ": " : "",
              f->launch.ended ? f->launch.how : "");
    for (uint32_t i = 0; i < f->n_nodes && r == 0; i++)
        if (!f->nodes[i].lost)
            r = hec__node_lose(f, i, &why, err);
    return r;
}

static int take(hec__far *f, hec_error *err)
{
    size_t turn = 0;
    int r = 0;

    while (r == 0 && f->socket >= 0 && turn < TURN_BYTES) {
        ssize_t n;

        make_room(f);
        if (hec__strbuf_reserve(&f->in, READ_BYTES) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for what nodes send");
        n = read(f->socket, f->in.data + f->in.len, READ_BYTES);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close_link(f);
            return f->n_nodes ? lose_all(f, err) : 0;
        }
        f->in.len += (size_t)n;
        turn += (size_t)n;
        r = hec__far_handle(f, err);
    }
    return r;
}

int hec__far_wait(hec__far *f, int timeout_ms, hec_error *err)
{
    struct pollfd p[4] = {{.fd = f->socket, .events = POLLIN},
                          {.fd = f->watch.bell, .events = POLLIN},
                          {.fd = hec__launch_fd(&f->launch), .events = POLLIN},
                          {.fd = f->ear, .events = POLLIN}};
    uint64_t rings;
    int n;

    if (f->sent < f->out.len)
        p[0].events |= POLLOUT;
    n = poll(p, 4, timeout_ms);
    if (n < 0)
        return hec__fail(err, errno == EINTR ? HEC_EINTR : HEC_ESYS, errno,
                         "cannot wait for other nodes");
    if (p[1].revents && read(f->watch.bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
        return hec__fail(err, HEC_ESYS, errno, "cannot hear a doorbell");
    if (p[2].revents)
        hec__launch_look(&f->launch);
    if (p[3].revents)
        f->ear = -1;
    if (p[0].revents & POLLOUT)
        hec__far_flush(f);
    return p[0].revents ? take(f, err) : 0;
}
