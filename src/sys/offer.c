/* SPDX-License-Identifier: MIT */
#include "sys/offer.h"

#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* O_NONBLOCK belongs to the open file and not to the descriptor. So a pipe or a terminal is opened
 * once more, for a moment: what stayed open would keep its reader waiting for an end. */
static ssize_t write_again(int fd, const void *data, size_t n)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    char path[40];
    ssize_t r;
    int own, sys;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = hec__above_stdio(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own >= 0) {
        r = write(own, data, n);
        sys = errno;
        close(own);
        errno = sys;
        return r;
    }
    if (errno == ENXIO) { /* a pipe that nobody reads */
        errno = EPIPE;
        return -1;
    }
    /* It may not be opened (another user's terminal, no /proc): a pipe that says it is ready takes
     * PIPE_BUF bytes, unless somebody else is quicker. */
    if (poll(&ready, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, data, n < PIPE_BUF ? n : PIPE_BUF);
}

static ssize_t write_now(int fd, const void *data, size_t n)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    if (S_ISSOCK(st.st_mode))
        return send(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        return write_again(fd, data, n);
    return write(fd, data, n); /* a file: its offset is shared, and it does not wait for anybody */
}

ssize_t hec__offer(int fd, const void *data, size_t n)
{
    sigset_t broken, before;
    ssize_t r;
    int sys;

    /* SIGPIPE comes to the thread that writes: held off, and taken away if it has come. */
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    do
        r = write_now(fd, data, n);
    while (r < 0 && errno == EINTR);
    sys = errno;
    if (r < 0 && sys == EPIPE && !sigismember(&before, SIGPIPE))
        sigtimedwait(&broken, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0 && (sys == EAGAIN || sys == EWOULDBLOCK || sys == ENOBUFS))
        return 0;
    return r;
}
