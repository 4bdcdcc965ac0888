/* SPDX-License-Identifier: MIT
 *
 * The launch of a program on many nodes. What it and the launcher say goes to a file in memory, so
 * that nobody has to read it while it runs. Its first process comes to an abstract socket: that has
 * no file that could be left behind, and who comes is asked by the kernel whose process it is.
 */
#include "command/far.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/clock.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define NS_PER_MS UINT64_C(1000000)
/* After the launcher has ended, its first process may still be on its way for so long. */
#define LATE_NS UINT64_C(500000000)

int hec_nodes_here(char *buf, size_t size, hec_error *err)
{
    char boot[64] = "", net[64] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    struct stat st;

    if (f) {
        if (fgets(boot, sizeof boot, f))
            boot[strcspn(boot, "\n")] = '\0';
        fclose(f);
    }
    if (stat("/proc/self/ns/net", &st) == 0)
        snprintf(net, sizeof net, "%ju", (uintmax_t)st.st_ino);
    if (!boot[0] || !net[0])
        return hec__fail(err, HEC_ESYS, errno, "cannot tell which machine this is (/proc)");
    snprintf(buf, size, "%s:%s", boot, net);
    return 0;
}

static int listen_here(hec__launch *l, hec_error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    uint64_t dice[2];
    int n;

    if (getrandom(dice, sizeof dice, 0) != sizeof dice)
        return hec__fail(err, HEC_ESYS, errno, "cannot name a socket");
    n = snprintf(l->name, sizeof l->name, "hec-%016" PRIx64 "%016" PRIx64, dice[0], dice[1]);
    memcpy(at.sun_path + 1, l->name, (size_t)n);
    l->listener = hec__above_stdio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (l->listener < 0 ||
        bind(l->listener, (struct sockaddr *)&at,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0 ||
        listen(l->listener, 8) < 0)
        return hec__fail(err, HEC_ESYS, errno, "cannot wait for other nodes (socket)");
    return 0;
}

static int next(void *ctx, uint64_t task, hec_command *command)
{
    const hec__launch *l = ctx;

    if (task > 0)
        return 0;
    command->argv = l->argv;
    command->env = l->env;
    command->out.kind = command->err.kind = HEC_STREAM_FD;
    command->out.fd = command->err.fd = l->said;
    return 1;
}

static int end(void *ctx, const hec_command_end *e)
{
    hec__launch *l = ctx;

    l->ended = true;
    if (e->error)
        snprintf(l->how, sizeof l->how, "%.90s", e->error->text);
    else if (e->signal)
        snprintf(l->how, sizeof l->how, "it was killed by signal %d", e->signal);
    else
        snprintf(l->how, sizeof l->how, "it ended with status %d", e->exit_status);
    return 0;
}

int hec__launch_begin(hec__launch *l, const hec_nodes_options *o, hec_error *err)
{
    static const hec_command_ops ops = {.next = next, .end = end};
    hec_commands_options eo = {.width = 1, .grace_ms = 2000, .ops = &ops, .ctx = l};
    char here[80];
    size_t n = 0;
    const char **argv = NULL;
    int r = hec_nodes_here(here, sizeof here, err);

    if (r == 0)
        r = listen_here(l, err);
    l->said = r < 0 ? -1 : hec__above_stdio(memfd_create("hec-launch", MFD_CLOEXEC));
    if (r == 0 && l->said < 0)
        r = hec__fail(err, HEC_ESYS, errno, "cannot keep what a launcher says");
    if (r == 0)
        r = hec_commands_create(&eo, &l->engine, err);
    if (r < 0)
        return r;
    while (o->launcher[n])
        n++;
    argv = calloc(n + 8, sizeof *argv);
    if (!argv)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to start '%.100s'", o->launcher[0]);
    for (size_t i = 0; i < n; i++)
        argv[i] = o->launcher[i];
    argv[n++] = o->program;
    argv[n++] = l->name;
    argv[n++] = here;
    argv[n++] = o->agent;
    l->argv = argv;
    l->env = o->env;
    r = hec_commands_step(l->engine, 0, err);
    l->argv = NULL;
    free((void *)argv);
    if (r >= 0 && l->ended)
        return hec__fail(err, HEC_ENOENT, 0, "%s", l->how);
    return r < 0 ? r : 0;
}

void hec__launch_look(hec__launch *l)
{
    if (l->engine && !l->ended)
        hec_commands_step(l->engine, 0, NULL);
}

int hec__launch_fd(const hec__launch *l)
{
    return l->engine && !l->ended ? l->engine->watch.epoll : -1;
}

/* Whether it is this user's, and comes from this machine: nobody else may give results. */
static bool is_ours(int fd)
{
    struct ucred who;
    socklen_t n = sizeof who;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && who.uid == geteuid();
}

int hec__launch_accept(hec__launch *l, uint64_t until, hec_error *err)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = l->listener, .events = POLLIN},
                              {.fd = hec__launch_fd(l), .events = POLLIN}};
        uint64_t now = hec__now_ns();
        int fd;

        if (now >= until)
            return hec__fail(err, HEC_ECLOSED, 0, "%s",
                             l->ended ? l->how : "the nodes were not there in time");
        if (poll(p, 2, (int)((until - now) / NS_PER_MS) + 1) < 0)
            return hec__fail(err, errno == EINTR ? HEC_EINTR : HEC_ESYS, errno,
                             "cannot wait for other nodes");
        fd = hec__above_stdio(accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd >= 0 && is_ours(fd)) {
            hec__close_fd(&l->listener);
            l->listener = -1;
            return fd;
        }
        hec__close_fd(&fd);
        hec__launch_look(l);
        if (l->ended && hec__now_ns() + LATE_NS < until)
            until = hec__now_ns() + LATE_NS;
    }
}

char *hec__launch_said(const hec__launch *l, size_t most)
{
    off_t size = l->said < 0 ? 0 : lseek(l->said, 0, SEEK_END);
    off_t from = size > (off_t)most ? size - (off_t)most : 0;
    char *text = calloc(1, most + 1), *line;
    ssize_t n;

    if (!text || size <= 0)
        return text;
    n = pread(l->said, text, (size_t)(size - from), from);
    text[n > 0 ? n : 0] = '\0';
    line = from > 0 ? strchr(text, '\n') : NULL;
    if (line && line[1])
        memmove(text, line + 1, strlen(line + 1) + 1);
    for (n = (ssize_t)strlen(text); n > 0 && text[n - 1] == '\n'; n--)
        text[n - 1] = '\0';
    return text;
}

void hec__launch_end(hec__launch *l, uint64_t until)
{
    while (l->engine && !l->ended && hec__now_ns() < until)
        if (hec_commands_step(l->engine, (int)((until - hec__now_ns()) / NS_PER_MS) + 1, NULL) < 0)
            break;
    hec_commands_destroy(l->engine, 1000);
    l->engine = NULL;
    hec__close_fd(&l->said);
    hec__close_fd(&l->listener);
    l->said = l->listener = -1;
}
