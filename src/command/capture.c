/* SPDX-License-Identifier: MIT
 *
 * What commands write: kept in memory, or handed over.
 */
#include "command/state.h"

#include <errno.h>
#include <unistd.h>

/* One turn takes so many bytes of one stream, so that the others get theirs; it is also at least
 * what a pipe holds, so that one turn after the end of a command takes all that it has written. */
#define TURN_BYTES ((size_t)2 << 20)

/* Without memory for more, it is as if the limit were here: `total` tells. */
static void keep(hec_commands *c, hec__capture *k, const char *bytes, size_t n)
{
    size_t room = k->limit - k->text.len;

    k->total += n;
    if (k->handed) {
        if (!c->data_failed && c->ops.data(c->ctx, k->task, k->handed, bytes, n) < 0)
            c->data_failed = true;
        return;
    }
    if (n > room)
        n = room;
    if (n && hec__strbuf_add(&k->text, bytes, n) < 0)
        k->limit = k->text.len;
}

void hec__capture_pump(hec_commands *c, hec__capture *k)
{
    size_t taken = 0;

    while (k->fd >= 0 && taken < TURN_BYTES) {
        ssize_t n = read(k->fd, c->scratch, HEC__SCRATCH_BYTES);

        if (n > 0) {
            keep(c, k, c->scratch, (size_t)n);
            taken += (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            hec__capture_close(c, k);
        } else if (errno == EAGAIN) {
            break;
        }
    }
}

void hec__capture_close(hec_commands *c, hec__capture *k)
{
    if (k->fd < 0)
        return;
    if (k->watched &&
        c->pid == getpid()) /* the watch is shared with forked copies of this process */
        hec__watch_remove(&c->watch, k->fd);
    close(k->fd);
    k->fd = -1;
}

void hec__place_listen(hec_commands *c, hec__place *p, uint64_t now)
{
    bool deaf = false;

    for (int i = 0; i < 2; i++) {
        hec__capture *k = &p->captures[i];

        if (k->fd < 0 || k->watched)
            continue;
        k->watched = hec__watch_add(&c->watch, k->fd, hec__tag(c, p, HEC__NEWS_OUT + i), NULL) == 0;
        if (!k->watched) {
            hec__capture_pump(c, k);
            deaf = true;
        }
    }
    p->listen_ns = deaf ? now + HEC__LISTEN_NS : HEC__NEVER;
}

hec_captured hec__capture_view(const hec__capture *k)
{
    return (hec_captured){.data = k->text.data, .size = k->text.len, .total = k->total};
}
