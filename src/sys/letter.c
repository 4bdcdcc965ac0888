/* SPDX-License-Identifier: MIT */
#include "sys/letter.h"

#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(HEC__ZYGOTE_FDS * sizeof(int))];
};

int hec__letter_send(int sock, const hec__letter *letter, const int *fds, int nfds)
{
    struct iovec io = {.iov_base = (void *)letter, .iov_len = sizeof *letter};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
    union control control;
    ssize_t r;

    if (nfds > 0) {
        struct cmsghdr *c;

        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)nfds * sizeof(int));
    }
    do
        r = sendmsg(sock, &message, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r == (ssize_t)sizeof *letter ? 0 : HEC_ESYS;
}

static int wait_for_letter(int sock, int timeout_ms)
{
    uint64_t end = hec__now_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000;
    struct pollfd p = {.fd = sock, .events = POLLIN};

    for (;;) {
        uint64_t now = hec__now_ns();
        int left = timeout_ms < 0 ? -1 : now < end ? (int)((end - now) / 1000000) + 1 : 0;
        int r = poll(&p, 1, left);

        if (r > 0 || (r < 0 && errno != EINTR))
            return r;
        if (r == 0 && left == 0)
            return 0;
    }
}

static int take_fds(struct msghdr *message, int *fds)
{
    int n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (fds && n < HEC__ZYGOTE_FDS)
                fds[n++] = fd;
            else
                close(fd);
        }
    }
    return n;
}

int hec__letter_receive(int sock, hec__letter *ret, int *fds, int *ret_nfds, int timeout_ms)
{
    struct iovec io = {.iov_base = ret, .iov_len = sizeof *ret};
    union control control;
    struct msghdr message = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int n = wait_for_letter(sock, timeout_ms);
    ssize_t r;

    if (n <= 0)
        return n < 0 ? HEC_ESYS : 0;
    do
        r = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == ECONNRESET ? 0 : HEC_ESYS;
    n = take_fds(&message, fds);
    if (ret_nfds)
        *ret_nfds = n;
    if (r == (ssize_t)sizeof *ret && ret->size <= sizeof ret->what)
        return 1;
    for (int i = 0; fds && i < n; i++)
        close(fds[i]);
    return r == 0 ? 0 : HEC_ESYS;
}
