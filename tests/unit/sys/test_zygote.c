/* SPDX-License-Identifier: MIT
 *
 * A zygote forks what it is asked for, its children end as their parent sees it, and none of them
 * outlives the process that has it. The zygote is this very program, started with an argument.
 */
#include "sys/zygote.h"
#include "sys/clock.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static char self[4096];

/* ---- the zygote ---- */

typedef struct order {
    char deed; /* 'e': exit with `value`, 'k': kill itself by `value`, 's': sleep, 'w': write */
    int value;
} order;

static void obey(const hec__summons *s)
{
    order o;
    pid_t pid = getpid();

    memcpy(&o, s->what, sizeof o);
    if (s->size != sizeof o)
        _exit(99);
    if (s->nfds > 0 && write(s->fds[0], &pid, sizeof pid) != sizeof pid)
        _exit(98);
    if (o.deed == 'e')
        _exit(o.value);
    if (o.deed == 'k') {
        signal(o.value, SIG_DFL);
        raise(o.value);
    }
    if (o.deed == 'w') /* how many descriptors it has: those it was given, 0 to 2, and its life */
        _exit(fcntl(3, F_GETFD) < 0 ? 0 : 1);
    for (;;)
        pause();
}

static int serve(void)
{
    hec__summons s;
    hec_error err = {0};
    int r = hec__zygote_serve(NULL, NULL, NULL, &s, &err);

    if (r == 1)
        obey(&s);
    return r < 0 ? 1 : 0;
}

/* ---- the process that has it ---- */

static hec_zygote *create(void)
{
    const char *argv[] = {self, "serve", NULL};
    hec_zygote *z = NULL;
    hec_error err = {0};

    if (hec_zygote_create(argv, &z, &err) < 0)
        printf("# create: %s\n", err.text);
    return z;
}

static bool start(hec_zygote *z, char deed, int value, const int *fds, int nfds, hec__child *ret)
{
    order o;
    hec_error err = {0};
    int r;

    memset(&o, 0, sizeof o); /* what lies between the two is sent as well */
    o.deed = deed;
    o.value = value;
    r = hec__zygote_fork(z, &o, sizeof o, fds, nfds, ret, &err);

    if (r < 0)
        printf("# fork: %s\n", err.text);
    return r == 0;
}

static bool ends(const hec__child *child)
{
    struct pollfd p = {.fd = child->fd, .events = POLLIN};

    return poll(&p, 1, PATIENCE_MS) == 1;
}

/* A pipe may tell of the end before the zygote has. */
static bool ended_soon(const hec__child *child)
{
    uint64_t end = hec__now_ns() + PATIENCE_MS * UINT64_C(1000000);

    while (!hec__child_ended(child) && hec__now_ns() < end)
        poll(NULL, 0, 1);
    return hec__child_ended(child);
}

static bool is_gone(pid_t pid)
{
    uint64_t end = hec__now_ns() + PATIENCE_MS * UINT64_C(1000000);

    while (kill(pid, 0) == 0 && hec__now_ns() < end) {
        char path[64], text[256] = "";
        int fd;

        /* Reaped by nobody in a container whose first process does not care: a zombie is gone. */
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        fd = open(path, O_RDONLY);
        if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, ") Z")) {
            close(fd);
            return true;
        }
        if (fd >= 0)
            close(fd);
        poll(NULL, 0, 5);
    }
    return kill(pid, 0) < 0;
}

static void children_of(bool pidfds)
{
    const char *how = pidfds ? "pidfds" : "pipes";
    hec__child a = {0}, b = {0}, c = {0};
    hec_zygote *z;
    int status = -1, went[2];
    pid_t told = 0;

    if (!pidfds)
        setenv("HEC_NO_PIDFD", "1", 1);
    z = create();
    ok(z && hec_zygote_pid(z) > 0 && hec_zygote_pid(z) != getpid(), "a zygote starts (%s)", how);
    if (!z)
        return;
    ok(start(z, 'e', 7, NULL, 0, &a) && ends(&a) && ended_soon(&a) &&
           hec__child_reap(&a, true, &status) == 1 && WIFEXITED(status) && WEXITSTATUS(status) == 7,
       "a child's exit status comes back");
    hec__child_forget(&a);
    ok(start(z, 'k', SIGTERM, NULL, 0, &a) && ends(&a) && hec__child_reap(&a, true, &status) == 1 &&
           WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM,
       "and the signal that ended it");
    hec__child_forget(&a);
    ok(pipe2(went, O_CLOEXEC) == 0 && start(z, 's', 0, &went[1], 1, &b) &&
           read(went[0], &told, sizeof told) == sizeof told && told == b.pid,
       "descriptors are handed over, and the process id is the child's");
    ok(!hec__child_ended(&b) && hec__child_reap(&b, false, &status) == 0 && b.pid == told,
       "a child that runs has not ended and is not reaped");
    hec__child_kill(&b, SIGUSR1);
    ok(ends(&b) && hec__child_reap(&b, true, &status) == 1 && b.pid == 0 && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGUSR1,
       "it can be killed");
    ok(start(z, 'w', 0, NULL, 0, &c) && ends(&c) && hec__child_reap(&c, true, &status) == 1 &&
           WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "a child does not have the zygote's end of the socket");
    hec__child_forget(&b);
    hec__child_forget(&c);
    close(went[0]);
    close(went[1]);
    hec_zygote_destroy(z);
    unsetenv("HEC_NO_PIDFD");
}

static void zygote_dies(void)
{
    hec_zygote *z = create();
    hec__child a = {0}, b = {0};
    pid_t before = z ? hec_zygote_pid(z) : 0, child;
    int status = -1;

    if (!ok(z && start(z, 's', 0, NULL, 0, &a), "a child of a zygote"))
        return;
    child = a.pid;
    kill(before, SIGKILL);
    ok(ends(&a), "when the zygote is killed, the child ends");
    ok(hec__child_reap(&a, false, &status) == 1 && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL,
       "by the kernel's SIGKILL, as its parent is told");
    ok(is_gone(child), "it is gone");
    hec__child_forget(&a);
    ok(start(z, 'e', 3, NULL, 0, &b) && ends(&b) && hec__child_reap(&b, true, &status) == 1 &&
           WEXITSTATUS(status) == 3,
       "the next child comes from a new zygote");
    ok(hec_zygote_pid(z) > 0 && hec_zygote_pid(z) != before, "which is another process");
    hec__child_forget(&b);
    before = hec_zygote_pid(z);
    hec_zygote_destroy(z);
    ok(is_gone(before), "a zygote that is destroyed is gone");
}

static void stopped(void)
{
    hec_zygote *z = create();
    hec__child a = {0};
    int status = -1;

    if (!ok(z && start(z, 's', 0, NULL, 0, &a), "a child of a zygote"))
        return;
    kill(hec_zygote_pid(z), SIGSTOP);
    hec__child_kill(&a, SIGKILL);
    kill(hec_zygote_pid(z), SIGCONT);
    ok(ends(&a) && hec__child_reap(&a, true, &status) == 1, "a child of a zygote that stood still");
    hec__child_forget(&a);
    hec_zygote_destroy(z);
}

/* The process that has a zygote is killed. */
static void parent_dies(void)
{
    pid_t pids[2] = {0}, child;
    hec__child never = {0};
    int ends_of[2];

    if (!ok(pipe2(ends_of, O_CLOEXEC) == 0, "a pipe"))
        return;
    child = fork();
    if (child == 0) {
        hec_zygote *z = create();

        pids[0] = z ? hec_zygote_pid(z) : 0;
        if (!z || !start(z, 's', 0, NULL, 0, &never))
            _exit(1);
        pids[1] = never.pid;
        if (write(ends_of[1], pids, sizeof pids) != sizeof pids)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends_of[1]);
    ok(child > 0 && read(ends_of[0], pids, sizeof pids) == sizeof pids && pids[0] > 0 &&
           pids[1] > 0,
       "a process with a zygote and a child of that");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ok(is_gone(pids[0]), "when it is killed its zygote is gone");
    ok(is_gone(pids[1]), "and so is the child");
    close(ends_of[0]);
}

static void a_copy(void)
{
    hec_zygote *z = create();
    pid_t child;
    int status;

    if (!ok(z != NULL, "a zygote"))
        return;
    child = fork();
    if (child == 0) {
        hec__child a = {0};
        hec_error err = {0};
        bool none =
            hec_zygote_pid(z) == 0 && hec__zygote_fork(z, "", 0, NULL, 0, &a, &err) == HEC_ESYS;

        hec_zygote_destroy(z);
        _exit(none ? 0 : 1);
    }
    ok(waitpid(child, &status, 0) == child && status == 0,
       "in a forked process there is none, and its copy can be destroyed");
    ok(kill(hec_zygote_pid(z), 0) == 0, "which does not end it");
    hec_zygote_destroy(z);
}

static void no_zygotes(void)
{
    const char *no_program[] = {"/no/such/program", NULL}, *no_zygote[] = {"/bin/true", NULL};
    hec_zygote *z = NULL;
    hec_error err = {0};

    /* Below valgrind an execve() that fails is the end of the child, and has no errno. */
    ok(hec_zygote_create(no_program, &z, &err) == HEC_ESYS && !z &&
           (err.sys == ENOENT || strstr(err.text, "has ended")),
       "a program that is not there is an error: %s", err.text);
    ok(hec_zygote_create(no_zygote, &z, &err) == HEC_ESYS && !z,
       "and so is one that does not serve: %s", err.text);
    hec_zygote_destroy(NULL);
    ok(1, "NULL is fine");
}

int main(int argc, char **argv)
{
    ssize_t n;

    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve();
    n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return 1;
    children_of(true);
    children_of(false);
    zygote_dies();
    stopped();
    parent_dies();
    a_copy();
    no_zygotes();
    return done_testing();
}
