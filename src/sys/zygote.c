/* SPDX-License-Identifier: MIT
 *
 * The end of the socket that asks. The other one is in serve.c, what goes through in letter.h.
 */
#include "sys/zygote.h"

#include "base/error.h"
#include "sys/letter.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* To start an interpreter takes a tenth of a second, on a file system that many wait for seconds;
 * to fork takes milliseconds. Beyond this something is wrong. */
#define START_MS  60000
#define ANSWER_MS 20000
/* After the zygote's end the kernel has killed its children; when that has been heard of. */
#define FALL_MS 5000

struct hec_zygote {
    pthread_mutex_t mutex; /* one question at a time */
    pid_t owner;           /* the process it works for */
    pid_t pid;             /* 0: it has ended */
    int sock;
    char **argv;
};

/* ---- starting ---- */

static void free_argv(char **argv)
{
    for (char **a = argv; a && *a; a++)
        free(*a);
    free(argv);
}

static char **copy_argv(const char *const *argv)
{
    size_t n = 0;
    char **copy;

    while (argv[n])
        n++;
    copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strdup(argv[i]);
        if (!copy[i]) {
            free_argv(copy);
            return NULL;
        }
    }
    return copy;
}

/* Takes the end of a zygote that does not answer, or that has gone. */
static void bury(hec_zygote *z)
{
    int status;

    if (z->sock >= 0)
        close(z->sock);
    z->sock = -1;
    if (!z->pid)
        return;
    kill(z->pid, SIGKILL);
    while (waitpid(z->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    z->pid = 0;
}

/* The descriptor from HEC__ZYGOTE_FD + 1 on, so that its copy there is another one. */
static int above(int fd)
{
    int copy;

    if (fd < 0 || fd > HEC__ZYGOTE_FD)
        return fd;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, HEC__ZYGOTE_FD + 1);
    close(fd);
    return copy;
}

static int launch(hec_zygote *z, int theirs)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    int r = posix_spawn_file_actions_init(&files);

    if (r)
        return r;
    r = posix_spawnattr_init(&attributes);
    if (r) {
        posix_spawn_file_actions_destroy(&files);
        return r;
    }
    sigemptyset(&none);
    r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!r)
        r = posix_spawn_file_actions_adddup2(&files, theirs, HEC__ZYGOTE_FD);
    if (!r)
        r = posix_spawnattr_setsigmask(&attributes, &none);
    if (!r)
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    if (!r)
        r = posix_spawn(&z->pid, z->argv[0], &files, &attributes, z->argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (r)
        z->pid = 0;
    return r;
}

/* The mutex is held, the zygote has ended. */
static int start(hec_zygote *z, hec_error *err)
{
    hec__letter hello = {.kind = HEC__LETTER_HELLO, .pid = getpid()}, ready;
    int ends[2], r;

    /* The kernel tells a child of the end of the thread that started it. */
    hello.value = getpid() == (pid_t)syscall(SYS_gettid);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot start a zygote (socketpair)");
    ends[0] = above(ends[0]);
    ends[1] = above(ends[1]);
    r = ends[0] < 0 || ends[1] < 0 ? errno : launch(z, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    z->sock = ends[0];
    if (r) {
        bury(z);
        return hec__fail(err, HEC_ESYS, r, "cannot start a zygote (%s)", z->argv[0]);
    }
    r = hec__letter_send(z->sock, &hello, NULL, 0);
    if (r >= 0)
        r = hec__letter_receive(z->sock, &ready, NULL, NULL, START_MS);
    if (r <= 0 || ready.kind != HEC__LETTER_READY) {
        bury(z);
        return hec__fail(err, HEC_ESYS, 0, "the zygote (%s) has ended, or does not answer",
                         z->argv[0]);
    }
    return 0;
}

int hec_zygote_create(const char *const *argv, hec_zygote **ret_zygote, hec_error *err)
{
    hec_zygote *z = argv[0] ? calloc(1, sizeof *z) : NULL;
    int r;

    if (!argv[0])
        return hec__fail(err, HEC_EINVAL, 0, "cannot start a zygote: no program is named");
    if (!z)
        return hec__fail(err, HEC_ENOMEM, 0, "cannot start a zygote");
    pthread_mutex_init(&z->mutex, NULL);
    z->owner = getpid();
    z->sock = -1;
    z->argv = copy_argv(argv);
    r = z->argv ? start(z, err) : hec__fail(err, HEC_ENOMEM, 0, "cannot start a zygote");
    if (r < 0) {
        hec_zygote_destroy(z);
        return r;
    }
    *ret_zygote = z;
    return 0;
}

int32_t hec_zygote_pid(hec_zygote *z)
{
    pid_t pid;

    if (z->owner != getpid())
        return 0;
    pthread_mutex_lock(&z->mutex);
    pid = z->pid;
    pthread_mutex_unlock(&z->mutex);
    return pid;
}

void hec_zygote_destroy(hec_zygote *z)
{
    if (!z)
        return;
    if (z->owner != getpid())
        z->pid = 0; /* the parent's */
    bury(z);
    /* Of a copy the mutex may be held by a thread that is not here. */
    if (z->owner == getpid())
        pthread_mutex_destroy(&z->mutex);
    free_argv(z->argv);
    free(z);
}

/* ---- asking ---- */

/* A question and its answer; the mutex is held. 0, or HEC_ESYS when the zygote is gone. A
 * descriptor that came with the answer is *ret_fd (-1: none). */
static int ask_locked(hec_zygote *z, const hec__letter *question, const int *fds, int nfds,
                      hec__letter *answer, int *ret_fd)
{
    int got[HEC__ZYGOTE_FDS], ngot = 0;

    if (z->owner != getpid() || !z->pid)
        return HEC_ESYS;
    if (hec__letter_send(z->sock, question, fds, nfds) < 0 ||
        hec__letter_receive(z->sock, answer, got, &ngot, ANSWER_MS) <= 0) {
        bury(z);
        return HEC_ESYS;
    }
    for (int i = 1; i < ngot; i++)
        close(got[i]);
    *ret_fd = ngot ? got[0] : -1;
    return 0;
}

static int ask(const hec__child *child, uint32_t kind, int value, hec__letter *answer)
{
    hec_zygote *z = child->zygote;
    hec__letter question = {.kind = kind, .pid = child->pid, .value = value};
    int r, fd;

    pthread_mutex_lock(&z->mutex);
    r = ask_locked(z, &question, NULL, 0, answer, &fd);
    pthread_mutex_unlock(&z->mutex);
    return r;
}

int hec__zygote_fork(hec_zygote *z, const void *what, size_t size, const int *fds, int nfds,
                     hec__child *ret, hec_error *err)
{
    hec__letter order = {.kind = HEC__LETTER_FORK, .size = (uint32_t)size}, answer;
    int r, fd = -1;

    if (size > sizeof order.what || nfds > HEC__ZYGOTE_FDS)
        return hec__fail(err, HEC_EINVAL, 0, "a worker cannot be told so much");
    memcpy(order.what, what, size);
    pthread_mutex_lock(&z->mutex);
    r = ask_locked(z, &order, fds, nfds, &answer, &fd);
    if (r < 0 && z->owner == getpid()) {
        r = start(z, err);
        if (r == 0)
            r = ask_locked(z, &order, fds, nfds, &answer, &fd);
    }
    pthread_mutex_unlock(&z->mutex);
    if (r == 0 && answer.pid > 0 && fd >= 0) {
        *ret = (hec__child){
            .pid = answer.pid, .fd = hec__above_stdio(fd), .is_pidfd = answer.value, .zygote = z};
        return 0;
    }
    if (fd >= 0)
        close(fd);
    if (r == 0)
        return hec__fail(err, HEC_ESYS, answer.value, "cannot start a worker (in the zygote)");
    return hec__fail(err, HEC_ESYS, 0, "cannot start a worker: the zygote has ended");
}

static bool is_heard(const hec__child *child, int timeout_ms)
{
    struct pollfd p = {.fd = child->fd, .events = POLLIN};
    int r;

    do
        r = poll(&p, 1, timeout_ms);
    while (r < 0 && errno == EINTR);
    return r == 1;
}

bool hec__zygote_ended(const hec__child *child)
{
    hec__letter answer;

    if (child->is_pidfd)
        return is_heard(child, 0);
    return ask(child, HEC__LETTER_LOOK, 0, &answer) < 0 || answer.value;
}

int hec__zygote_reap(const hec__child *child, bool wait, int *ret_status, hec__spent *ret_spent)
{
    hec__letter answer;

    /* The usual question, and not worth a letter. */
    if (!wait && child->is_pidfd && !is_heard(child, 0))
        return 0;
    if (wait && child->is_pidfd)
        is_heard(child, ANSWER_MS);
    if (ask(child, HEC__LETTER_REAP, wait, &answer) < 0) {
        /* The zygote is gone, and by the kernel's hand so is what it forked. */
        is_heard(child, FALL_MS);
        *ret_status = SIGKILL;
        return 1;
    }
    if (!answer.pid)
        return 0;
    *ret_status = answer.value;
    if (answer.size == sizeof *ret_spent)
        memcpy(ret_spent, answer.what, sizeof *ret_spent);
    return 1;
}

void hec__zygote_kill(const hec__child *child, int sig)
{
    hec__letter answer;

#ifdef SYS_pidfd_send_signal
    if (child->is_pidfd && syscall(SYS_pidfd_send_signal, child->fd, sig, NULL, 0) == 0)
        return;
#endif
    ask(child, HEC__LETTER_KILL, sig, &answer);
}
