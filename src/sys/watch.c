/* SPDX-License-Identifier: MIT */
#include "sys/watch.h"

#include "base/error.h"
#include "sys/shm.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int hec__watch_init(hec__watch *w, hec_error *err)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u32 = HEC__WATCH_BELL};

    w->bell = -1;
    w->epoll = hec__above_stdio(epoll_create1(EPOLL_CLOEXEC));
    if (w->epoll >= 0)
        w->bell = hec__above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    /* Edge-triggered: a ring is heard once and the counter never has to be read back. */
    if (w->bell < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->bell, &ev) < 0) {
        int sys = errno;

        hec__watch_fini(w);
        return hec__fail(err, HEC_ESYS, sys, "cannot create the pool's doorbell");
    }
    return 0;
}

void hec__watch_fini(hec__watch *w)
{
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->bell >= 0)
        close(w->bell);
    w->epoll = w->bell = -1;
}

int hec__watch_add(hec__watch *w, int fd, uint32_t tag, hec_error *err)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = tag};

    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot watch a worker");
    return 0;
}

void hec__watch_remove(hec__watch *w, int fd)
{
    epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int hec__watch_wait(hec__watch *w, uint32_t *tags, int max, int timeout_ms, hec_error *err)
{
    struct epoll_event ev[16];
    int n = epoll_wait(w->epoll, ev, max < 16 ? max : 16, timeout_ms);

    if (n < 0)
        return errno == EINTR ? hec__fail(err, HEC_EINTR, 0, "interrupted")
                              : hec__fail(err, HEC_ESYS, errno, "cannot wait for workers");
    for (int i = 0; i < n; i++)
        tags[i] = ev[i].data.u32;
    return n;
}

void hec__watch_ring(const hec__watch *w)
{
    uint64_t one = 1;
    ssize_t r = write(w->bell, &one, sizeof one);

    /* EAGAIN means that the counter is full: then it rings already, and nothing is lost. */
    (void)r;
}

void hec__watch_in_child(hec__watch *w)
{
    close(w->epoll);
    w->epoll = -1;
}
