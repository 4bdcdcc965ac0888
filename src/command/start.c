/* SPDX-License-Identifier: MIT
 *
 * From a hec_command to a process.
 */
#include "command/state.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_NS UINT64_C(100000000) /* without pidfds */

/* ---- the program and its environment ---- */

/* Whether an entry "NAME=value" of the environment is the one that a change is about. */
static bool is_about(const char *change, const char *entry)
{
    size_t n = strcspn(change, "=");

    return strncmp(change, entry, n) == 0 && entry[n] == '=';
}

static bool is_changed(const char *const *changes, const char *entry)
{
    for (; *changes; changes++)
        if (is_about(*changes, entry))
            return true;
    return false;
}

/* Of several changes of one variable the last one holds. */
static bool is_overruled(const char *const *change)
{
    size_t n = strcspn(*change, "=");

    for (const char *const *later = change + 1; *later; later++)
        if (strncmp(*change, *later, n) == 0 && ((*later)[n] == '=' || (*later)[n] == '\0'))
            return true;
    return false;
}

/* The environment that the command gets; NULL without memory. Borrowed: valid until the next one
 * is made. */
static char *const *make_env(hec_commands *c, const char *const *changes)
{
    static char *nothing[] = {NULL};
    char *const *own = environ ? environ : nothing; /* clearenv() leaves NULL */
    size_t have = 0, more = 0, n = 0;

    if (!changes)
        return own;
    while (own[have])
        have++;
    while (changes[more])
        more++;
    if (have + more + 1 > c->env_cap) {
        char **env = realloc(c->env, (have + more + 1) * sizeof *env);

        if (!env)
            return NULL;
        c->env = env;
        c->env_cap = have + more + 1;
    }
    for (size_t i = 0; i < have; i++)
        if (!is_changed(changes, own[i]))
            c->env[n++] = own[i];
    for (size_t i = 0; i < more; i++)
        if (strchr(changes[i], '=') && !is_overruled(&changes[i]))
            c->env[n++] = (char *)(uintptr_t)changes[i];
    c->env[n] = NULL;
    return c->env;
}

/* Every place where the program may be, as hec__spawn() wants it. */
static int make_paths(hec_commands *c, const char *program, char *const *env, hec_error *err)
{
    const char *path = "/bin:/usr/bin"; /* as execvp() has it where there is no PATH */
    hec__strbuf *out = &c->paths;

    hec__strbuf_clear(out);
    if (strchr(program, '/')) {
        hec__strbuf_add(out, program, strlen(program) + 1);
    } else if (*program) {
        for (; *env; env++)
            if (strncmp(*env, "PATH=", 5) == 0)
                path = *env + 5;
        for (;;) {
            size_t n = strcspn(path, ":");

            hec__strbuf_add(out, n ? path : ".", n ? n : 1); /* an empty one means here */
            hec__strbuf_addc(out, '/');
            hec__strbuf_add(out, program, strlen(program) + 1);
            if (path[n] == '\0')
                break;
            path += n + 1;
        }
    }
    hec__strbuf_addc(out, '\0');
    return out->failed ? hec__fail(err, HEC_ENOMEM, 0, "no memory to look for a program") : 0;
}

/* ---- descriptors ---- */

/* What a command is started with, and this process closes afterwards. */
typedef struct ends {
    int opened[4]; /* its sides of what was made for it, -1: none: in, out, err, guard */
    int streams[3];
    int captured[2]; /* our sides, -1: none */
    int hold;
} ends;

static void close_fds(int *fds, int n)
{
    for (int i = 0; i < n; i++)
        hec__close_fd(&fds[i]);
}

/* Bytes as input are a file without a name, not a pipe: there is nothing to be written while the
 * command runs, and nobody gets SIGPIPE when it does not want them. */
static int open_bytes(const void *data, size_t size, hec_error *err)
{
    int fd = hec__above_stdio(memfd_create("hec-input", MFD_CLOEXEC));
    size_t done = 0;

    while (fd >= 0 && done < size) {
        ssize_t n = write(fd, (const char *)data + done, size - done);

        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd < 0 || done < size || lseek(fd, 0, SEEK_SET) < 0) {
        int sys = errno;

        hec__close_fd(&fd);
        return hec__fail(err, HEC_ESYS, sys, "cannot store %zu bytes of input", size);
    }
    return fd;
}

static int open_input(const hec_commands *c, const hec_input *in, ends *e, hec_error *err)
{
    switch (in->kind) {
    case HEC_STREAM_INHERIT:
        e->streams[0] = 0;
        return 0;
    case HEC_STREAM_FD:
        e->streams[0] = in->fd;
        return 0;
    case HEC_STREAM_MEMORY:
        e->streams[0] = e->opened[0] = open_bytes(in->data, in->size, err);
        return e->opened[0] < 0 ? e->opened[0] : 0;
    case HEC_STREAM_DATA:
        return hec__fail(err, HEC_EINVAL, 0, "the input of a command is no stream of data()");
    case HEC_STREAM_NULL:
        break;
    }
    e->streams[0] = c->null;
    return 0;
}

static int open_output(const hec_commands *c, const hec_output *out, int which, ends *e,
                       hec_error *err)
{
    int fds[2];

    switch (out->kind) {
    case HEC_STREAM_INHERIT:
        e->streams[which] = which;
        return 0;
    case HEC_STREAM_FD:
        e->streams[which] = out->fd;
        return 0;
    case HEC_STREAM_DATA:
        if (!c->ops.data)
            return hec__fail(err, HEC_EINVAL, 0, "nobody takes the output of a command");
        __attribute__((fallthrough));
    case HEC_STREAM_MEMORY:
        if (pipe2(fds, O_CLOEXEC) < 0)
            return hec__fail(err, HEC_ESYS, errno, "cannot take the output of a command (pipe)");
        e->captured[which - 1] = hec__above_stdio(fds[0]);
        e->streams[which] = e->opened[which] = hec__above_stdio(fds[1]);
        /* Only our side: the program is not to find its output strange. */
        fcntl(e->captured[which - 1], F_SETFL, O_NONBLOCK);
        return 0;
    case HEC_STREAM_NULL:
        break;
    }
    e->streams[which] = c->null;
    return 0;
}

static int open_ends(const hec_commands *c, const hec_command *command, ends *e, hec_error *err)
{
    int r = open_input(c, &command->in, e, err);

    if (r == 0)
        r = open_output(c, &command->out, 1, e, err);
    if (r == 0)
        r = open_output(c, &command->err, 2, e, err);
    return r < 0 ? r : hec__guard_create(&e->hold, &e->opened[3], err);
}

/* ---- the process ---- */

static hec__spawn_report *report_of(const hec_commands *c, const hec__place *p)
{
    return &c->spawner.reports[p - c->places];
}

/* Why it could not be executed, in words that say more than errno where there are any. */
static int refuse_program(const char *program, int sys, hec_error *err)
{
    int code = sys == ENOENT ? HEC_ENOENT : HEC_ESYS;

    if (sys == ENOENT && !strchr(program, '/'))
        code = hec__fail(err, code, 0, "cannot start '%.150s': no such program in PATH", program);
    else if (sys == ENOENT && program[0] == '/' && access(program, F_OK) == 0)
        code =
            hec__fail(err, code, 0,
                      "cannot start '%.120s': the interpreter that it names is not there", program);
    else
        return hec__fail(err, code, sys, "cannot start '%.150s'", program);
    err->sys = sys;
    return code;
}

int hec__command_refusal(const hec_commands *c, const hec__place *p, const hec_command *command,
                         hec_error *err)
{
    const hec__spawn_report *report = report_of(c, p);
    int step = __atomic_load_n(&report->step, __ATOMIC_ACQUIRE);
    const char *program = command ? command->argv[0] : "?";

    switch (step) {
    case 0:
        return 0;
    case HEC__SPAWN_FOLDER:
        return hec__fail(err, report->sys == ENOENT ? HEC_ENOENT : HEC_ESYS, report->sys,
                         "cannot run '%.60s' in the folder '%.120s'", program,
                         command ? command->cwd : "?");
    case HEC__SPAWN_STREAMS:
        return hec__fail(err, HEC_ESYS, report->sys, "cannot start '%.150s': its streams", program);
    default:
        return refuse_program(program, report->sys, err);
    }
}

static void settle_in(const hec_commands *c, hec__place *p, const hec_command *command, pid_t pid,
                      ends *e)
{
    const hec_output *out[2] = {&command->out, &command->err};

    p->state = HEC__RUNNING;
    p->pid = pid;
    p->task = c->next_task;
    p->pidfd = hec__pidfd_open(pid);
    p->hold = e->hold;
    p->cause = 0;
    p->unheard = false;
    p->ended_ns = 0;
    p->deadline_ns =
        command->timeout_ms ? p->began_ns + command->timeout_ms * UINT64_C(1000000) : HEC__NEVER;
    p->look_every_ns = LOOK_NS;
    p->listen_ns =
        e->captured[0] >= 0 || e->captured[1] >= 0 ? p->began_ns + HEC__LISTEN_NS : HEC__NEVER;
    p->memory_limit = command->memory_bytes;
    p->peak = 0;
    p->weigh_ns = p->memory_limit ? p->began_ns : HEC__NEVER;
    p->look_ns = p->pidfd < 0 ? p->began_ns + LOOK_NS : HEC__NEVER;
    for (int i = 0; i < 2; i++) {
        hec__strbuf_init(&p->captures[i].text);
        p->captures[i].fd = e->captured[i];
        p->captures[i].limit = out[i]->limit ? out[i]->limit : SIZE_MAX;
        p->captures[i].total = 0;
        p->captures[i].watched = false;
        p->captures[i].task = p->task;
        p->captures[i].handed = out[i]->kind == HEC_STREAM_DATA ? i + 1 : 0;
        e->captured[i] = -1;
    }
    e->hold = -1;
}

static int watch_place(hec_commands *c, hec__place *p, hec_error *err)
{
    if (p->pidfd >= 0)
        return hec__watch_add(&c->watch, p->pidfd, hec__tag(c, p, HEC__NEWS_END), err);
    return hec__watch_add(&c->watch, p->hold, hec__tag(c, p, HEC__NEWS_GUARD), err);
}

/* The process was started and cannot be kept. It is over, or killed here, before it has done much;
 * that it was reaped elsewhere does not matter. */
static void give_up(hec_commands *c, hec__place *p)
{
    hec__place_signal(p, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    hec__place_clear(c, p);
}

static int start(hec_commands *c, hec__place *p, const hec_command *command, ends *e,
                 hec_error *err)
{
    hec__program s = {.argv = (char *const *)(uintptr_t)command->argv,
                      .cwd = command->cwd,
                      .report = report_of(c, p)};
    struct rusage own = {0};
    struct timespec now;
    pid_t pid;
    int r;

    s.envp = make_env(c, command->env);
    if (!s.envp)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for the environment of a command");
    r = make_paths(c, command->argv[0], s.envp, err);
    if (r == 0)
        r = open_ends(c, command, e, err);
    if (r < 0)
        return r;
    s.paths = c->paths.data;
    memcpy(s.streams, e->streams, sizeof s.streams);
    s.guard = e->opened[3];
    hec__oom_look(c, hec__now_ns());
    getrusage(RUSAGE_SELF, &own);
    p->parent_rss = (uint64_t)own.ru_maxrss * 1024;
    clock_gettime(CLOCK_REALTIME, &now);
    p->started_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    p->began_ns = hec__now_ns();
    if (c->ops.wait_begin)
        c->ops.wait_begin(c->ctx);
    r = hec__spawn(&c->spawner, &s, &pid, err);
    if (c->ops.wait_end)
        c->ops.wait_end(c->ctx);
    if (r < 0)
        return r;
    settle_in(c, p, command, pid, e);
    r = hec__command_refusal(c, p, command, err);
    if (r == 0)
        r = watch_place(c, p, err);
    if (r < 0)
        give_up(c, p);
    return r;
}

static bool is_short(int code, const hec_error *err)
{
    return code == HEC_ENOMEM || err->sys == EAGAIN || err->sys == ENOMEM || err->sys == EMFILE ||
           err->sys == ENFILE || err->sys == ENOSPC;
}

int hec__command_start(hec_commands *c, hec__place *p, const hec_command *command, hec_error *err)
{
    ends e = {.opened = {-1, -1, -1, -1}, .captured = {-1, -1}, .hold = -1};
    int r;

    if (!command->argv || !command->argv[0])
        return hec__fail(err, HEC_EINVAL, 0, "a command has at least a program");
    r = start(c, p, command, &e, err);
    close_fds(e.opened, 4);
    close_fds(e.captured, 2);
    hec__close_fd(&e.hold);
    if (r < 0)
        return is_short(r, err) ? HEC_EAGAIN : r;
    c->running++;
    return 0;
}
