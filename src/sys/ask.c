/* SPDX-License-Identifier: MIT */
#include "sys/ask.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/shm.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LOOK_MS    20 /* where the kernel cannot tell of an end */
#define DEFAULT_MS 60000

/* ---- before it runs ---- */

/* What it is started with. */
typedef struct asking {
    const hec__question *ask;
    hec__strbuf paths;
    char **env;
    hec__spawner spawner;
    int opened[4]; /* its sides: input, output, errors, guard */
    int hold, fds[2];
} asking;

static bool is_changed(const char *const *changes, const char *entry)
{
    for (; changes && *changes; changes++) {
        size_t n = strcspn(*changes, "=");

        if (strncmp(*changes, entry, n) == 0 && entry[n] == '=')
            return true;
    }
    return false;
}

static int make_env(asking *q, hec_error *err)
{
    const char *const *changes = q->ask->changes;
    size_t have = 0, more = 0, n = 0;

    while (environ && environ[have])
        have++;
    while (changes && changes[more])
        more++;
    q->env = calloc(have + more + 1, sizeof *q->env);
    if (!q->env)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for an environment");
    for (size_t i = 0; i < have; i++)
        if (!is_changed(changes, environ[i]))
            q->env[n++] = environ[i];
    for (size_t i = 0; i < more; i++)
        if (strchr(changes[i], '='))
            q->env[n++] = (char *)(uintptr_t)changes[i];
    return 0;
}

static int make_paths(asking *q, hec_error *err)
{
    const char *program = q->ask->argv[0], *path = getenv("PATH");
    size_t size = strlen(program) + 1;

    if (strchr(program, '/'))
        path = NULL;
    else if (!path || !*path)
        path = "/bin:/usr/bin";
    if (!path)
        hec__strbuf_add(&q->paths, program, size);
    while (path) {
        size_t n = strcspn(path, ":");

        hec__strbuf_add(&q->paths, n ? path : ".", n ? n : 1);
        hec__strbuf_addc(&q->paths, '/');
        hec__strbuf_add(&q->paths, program, size);
        path = path[n] ? path + n + 1 : NULL;
    }
    hec__strbuf_addc(&q->paths, '\0');
    return q->paths.failed ? hec__fail(err, HEC_ENOMEM, 0, "no memory to look for a program") : 0;
}

static int open_ends(asking *q, hec_error *err)
{
    const char *input = q->ask->input ? q->ask->input : "/dev/null";
    int r;

    q->opened[0] = hec__above_stdio(open(input, O_RDONLY | O_CLOEXEC));
    if (q->opened[0] < 0)
        return hec__fail(err, HEC_EIO, errno, "cannot read '%.120s'", input);
    for (int i = 0; i < 2; i++) {
        int pipe[2];

        if (pipe2(pipe, O_CLOEXEC) < 0)
            return hec__fail(err, HEC_ESYS, errno, "cannot start '%.60s' (pipe)", q->ask->argv[0]);
        q->fds[i] = hec__above_stdio(pipe[0]);
        q->opened[i + 1] = hec__above_stdio(pipe[1]);
        fcntl(q->fds[i], F_SETFL, O_NONBLOCK);
    }
    r = hec__guard_create(&q->hold, &q->opened[3], err);
    return r;
}

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hec__close_fd(&fds[i]);
        fds[i] = -1;
    }
}

static void asking_fini(asking *q)
{
    close_all(q->opened, 4);
    close_all(q->fds, 2);
    close_all(&q->hold, 1);
    hec__spawner_fini(&q->spawner);
    hec__strbuf_fini(&q->paths);
    free(q->env);
}

/* ---- while it runs ---- */

/* Takes what can be read now. 1: the stream is at its end. */
static int drain(int *fd, hec__strbuf *out, const char *name, hec_error *err)
{
    for (;;) {
        ssize_t n;

        if (hec__strbuf_reserve(out, 65536) < 0)
            return hec__fail(err, HEC_ENOMEM, 0, "no memory for what '%.60s' prints", name);
        n = read(*fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            out->data[out->len] = '\0';
            if (n == 0)
                close_all(fd, 1);
            return 0;
        }
        out->len += (size_t)n;
        out->data[out->len] = '\0';
        if (out->len > HEC__ASK_MAX)
            return hec__fail(err, HEC_EFORMAT, 0, "'%.60s' printed more than %zu MiB", name,
                             HEC__ASK_MAX >> 20);
    }
}

static int wait_for_more(asking *q, int pidfd, uint64_t until, hec_error *err)
{
    struct pollfd p[3] = {{q->fds[0], POLLIN, 0}, {q->fds[1], POLLIN, 0}, {pidfd, POLLIN, 0}};
    uint64_t now = hec__now_ns(), left = until > now ? (until - now) / 1000000 + 1 : 0;
    uint32_t limit = q->ask->timeout_ms ? q->ask->timeout_ms : DEFAULT_MS;

    if (now >= until)
        return hec__fail(err, HEC_EAGAIN, 0, "'%.60s' did not answer within %.1f s",
                         q->ask->argv[0], limit / 1000.0);
    if (pidfd < 0 && left > LOOK_MS)
        left = LOOK_MS;
    if (poll(p, 3, (int)left) < 0) {
        if (errno == EINTR)
            return hec__fail(err, HEC_EINTR, 0, "interrupted while '%.60s' ran", q->ask->argv[0]);
        return hec__fail(err, HEC_ESYS, errno, "cannot wait for '%.60s'", q->ask->argv[0]);
    }
    return 0;
}

/* Reads until the program has ended. */
static int attend(asking *q, pid_t pid, hec__answer *a, hec_error *err)
{
    uint32_t limit = q->ask->timeout_ms ? q->ask->timeout_ms : DEFAULT_MS;
    uint64_t until = hec__now_ns() + (uint64_t)limit * 1000000;
    HEC_AUTO_FD pidfd = hec__pidfd_open(pid);

    for (;;) {
        bool ended = hec__spawn_ended(pid) != HEC__RUNS; /* before the last look at the streams */
        hec__strbuf *streams[2] = {&a->out, &a->err};
        int r = 0;

        for (int i = 0; i < 2 && r == 0; i++)
            if (q->fds[i] >= 0)
                r = drain(&q->fds[i], streams[i], q->ask->argv[0], err);
        if (r == 0 && ended)
            return 0;
        if (r == 0)
            r = wait_for_more(q, pidfd, until, err);
        if (r < 0)
            return r;
    }
}

static int reap(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1; /* the host program has taken it */
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int not_started(const asking *q, hec_error *err)
{
    const hec__spawn_report *report = &q->spawner.reports[0];

    if (report->step == HEC__SPAWN_FOLDER)
        return hec__fail(err, HEC_ENOENT, report->sys, "cannot go to '%.120s'", q->ask->cwd);
    return hec__fail(err, report->sys == ENOENT ? HEC_ENOENT : HEC_ESYS, report->sys,
                     "cannot start '%.60s'", q->ask->argv[0]);
}

static int run(asking *q, hec__answer *a, hec_error *err)
{
    hec__program program = {.paths = q->paths.data,
                            .argv = (char *const *)(uintptr_t)q->ask->argv,
                            .envp = q->env,
                            .cwd = q->ask->cwd,
                            .streams = {q->opened[0], q->opened[1], q->opened[2]},
                            .guard = q->opened[3],
                            .report = &q->spawner.reports[0]};
    pid_t pid;
    int r = hec__spawn(&q->spawner, &program, &pid, err);

    if (r < 0)
        return r;
    close_all(q->opened, 4);
    r = attend(q, pid, a, err);
    if (r < 0)
        kill(-pid, SIGKILL); /* it has not been reaped: the number is its own */
    a->exit_status = reap(pid);
    if (r == 0 && __atomic_load_n(&program.report->step, __ATOMIC_ACQUIRE))
        return not_started(q, err);
    return r;
}

int hec__ask(const hec__question *question, hec__answer *ret, hec_error *err)
{
    asking q = {.ask = question, .opened = {-1, -1, -1, -1}, .hold = -1, .fds = {-1, -1}};
    hec__answer a = {.exit_status = 0};
    int r;

    hec__strbuf_init(&q.paths);
    hec__strbuf_init(&a.out);
    hec__strbuf_init(&a.err);
    r = hec__spawner_init(&q.spawner, 1, err);
    if (r == 0)
        r = make_env(&q, err);
    if (r == 0)
        r = make_paths(&q, err);
    if (r == 0)
        r = open_ends(&q, err);
    if (r == 0)
        r = run(&q, &a, err);
    asking_fini(&q);
    if (r < 0)
        hec__answer_fini(&a);
    else
        *ret = a;
    return r;
}

void hec__answer_fini(hec__answer *answer)
{
    hec__strbuf_fini(&answer->out);
    hec__strbuf_fini(&answer->err);
}
