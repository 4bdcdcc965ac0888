/* SPDX-License-Identifier: MIT
 *
 * Commands from their start to what they give: status, output, input, environment, folder.
 */
#include "crowd.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void statuses(void)
{
    crowd c = {0};
    hec_error err = {0};
    const crowd_end *e = c.ends;

    crowd_add(&c, "exit 0");
    crowd_add(&c, "exit 3");
    crowd_add(&c, "kill -SEGV $$");
    crowd_add(&c, "echo out; echo err >&2");
    ok(crowd_run(&c, 2, &err) == 0 && c.told == 4, "commands run %s", err.text);
    ok(e[0].end.verdict == HEC_TASK_DONE && e[0].end.exit_status == 0 && e[0].end.pid > 0,
       "exit status 0 is done");
    ok(e[1].end.verdict == HEC_TASK_EXITED && e[1].end.exit_status == 3 && !e[1].end.signal,
       "another one is told");
    ok(e[2].end.verdict == HEC_TASK_KILLED && e[2].end.signal == SIGSEGV &&
           e[2].end.exit_status == -1,
       "a signal is told");
    is_str(e[3].out, "out\n", "output is kept");
    is_str(e[3].err, "err\n", "and apart from it errors");
    ok(e[3].end.duration_ns > 0 && e[3].end.cpu_ns > 0 &&
           e[3].end.started_ns > UINT64_C(1600000000) * 1000000000u,
       "when it began, how long it took, what it used");
    ok(crowd_no_children(), "nobody is left");
    crowd_fini(&c);
}

static void memory_is_told(void)
{
    crowd c = {0};

    crowd_add(&c, "head -c 100000000 /dev/zero | tail -c 99999999 >/dev/null");
    ok(crowd_run(&c, 1, NULL) == 0 && c.ends[0].end.max_rss > 90000000,
       "the largest memory is told: %llu", (unsigned long long)c.ends[0].end.max_rss);
    crowd_fini(&c);
}

static void refusals(void)
{
    static const char *const nowhere[] = {"hec-no-such-program", NULL};
    static const char *const gone[] = {"/nowhere/program", NULL};
    static const char *const forbidden[] = {"/etc/passwd", NULL};
    static const char *const orphan[] = {"/tmp/hec-test-orphan", NULL};
    static const char *const empty[] = {"", NULL};
    static const char *const nothing[] = {NULL};
    static const char *const fine[] = {"true", NULL};
    int fd = open(orphan[0], O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0700);
    bool written = fd >= 0 && write(fd, "#!/nowhere/sh\n", 14) == 14;
    crowd c = {.n = 9};
    const crowd_end *e = c.ends;

    if (fd >= 0)
        close(fd);
    c.commands[0].argv = nowhere;
    c.commands[1].argv = gone;
    c.commands[2].argv = forbidden;
    c.commands[3].argv = orphan;
    c.commands[4].argv = empty;
    c.commands[5].argv = nothing;
    c.commands[6] = (hec_command){.argv = fine, .cwd = "/nowhere"};
    c.commands[7] = (hec_command){.argv = fine, .in = {.kind = HEC_STREAM_FD, .fd = 999}};
    c.commands[8].argv = fine;
    ok(crowd_run(&c, 2, NULL) == 0 && c.told == 9, "what cannot be started stops nothing");
    is_str(e[0].why.text, "cannot start 'hec-no-such-program': no such program in PATH",
           "a program that is nowhere");
    ok(e[0].why.code == HEC_ENOENT && e[0].end.verdict == HEC_TASK_REFUSED && !e[0].end.pid,
       "is refused");
    is_str(e[1].why.text, "cannot start '/nowhere/program': No such file or directory",
           "a path that leads nowhere");
    is_str(e[2].why.text, "cannot start '/etc/passwd': Permission denied", "no program");
    ok(e[2].why.code == HEC_ESYS && e[2].why.sys == EACCES, "its errno is told");
    /* valgrind cannot take it back when an execve() fails that it thought would work, and dies. */
    ok(!written || e[3].end.verdict == HEC_TASK_EXITED ||
           strstr(e[3].why.text, "the interpreter that it names is not there"),
       "a script without its interpreter: %s", e[3].why.text);
    ok(e[4].why.code == HEC_ENOENT, "an empty name: %s", e[4].why.text);
    ok(e[5].why.code == HEC_EINVAL, "no name: %s", e[5].why.text);
    is_str(e[6].why.text, "cannot run 'true' in the folder '/nowhere': No such file or directory",
           "no such folder");
    ok(e[7].why.sys == EBADF, "no such descriptor: %s", e[7].why.text);
    ok(e[8].end.verdict == HEC_TASK_DONE, "and the last one runs");
    unlink(orphan[0]);
    crowd_fini(&c);
}

static void big_output(void)
{
    crowd c = {0};
    hec_command *limited;
    const crowd_end *e = c.ends;

    /* Both pipes at once, each far more than a pipe holds. */
    crowd_add(&c, "head -c 3000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait");
    limited = crowd_add(&c, "head -c 3000000 /dev/zero; head -c 10 /dev/zero >&2");
    limited->out.limit = 1000;
    limited->err.limit = 10;
    ok(crowd_run(&c, 2, NULL) == 0, "commands that write a lot end");
    ok(e[0].end.out.size == 3000000 && e[0].end.err.size == 5000000, "all of both is kept");
    ok(e[0].end.out.total == 3000000, "and counted");
    ok(e[1].end.out.size == 1000 && e[1].end.out.total == 3000000,
       "of more than the limit the beginning is kept, and the rest counted");
    ok(e[1].end.err.size == 10 && e[1].end.err.total == 10, "the limit itself fits");
    crowd_fini(&c);
}

static void inputs(void)
{
    size_t size = 1000000;
    char *bytes = malloc(size);
    int fds[2] = {-1, -1};
    crowd c = {0};
    const crowd_end *e = c.ends;

    if (!bytes || pipe2(fds, O_CLOEXEC) < 0)
        return;
    memset(bytes, 'x', size);
    ok(write(fds[1], "by hand\n", 8) == 8, "a pipe is filled");
    close(fds[1]);
    crowd_add(&c, "readlink /proc/self/fd/0");
    crowd_add(&c, "wc -c")->in = (hec_input){HEC_STREAM_MEMORY, 0, bytes, size};
    crowd_add(&c, "wc -c")->in = (hec_input){.kind = HEC_STREAM_MEMORY};
    crowd_add(&c, "true")->in = (hec_input){HEC_STREAM_MEMORY, 0, bytes, size};
    crowd_add(&c, "cat")->in = (hec_input){.kind = HEC_STREAM_FD, .fd = fds[0]};
    ok(crowd_run(&c, 2, NULL) == 0, "commands with input run");
    is_str(e[0].out, "/dev/null\n", "without input it is /dev/null");
    ok(e[1].out && strtol(e[1].out, NULL, 10) == 1000000, "bytes, more than a pipe holds");
    ok(e[2].out && *e[2].out == '0', "no bytes");
    ok(e[3].end.verdict == HEC_TASK_DONE, "who does not read them does not mind");
    is_str(e[4].out, "by hand\n", "a descriptor");
    close(fds[0]);
    free(bytes);
    crowd_fini(&c);
}

static void outputs(void)
{
    int fds[2] = {-1, -1};
    char text[64] = "";
    crowd c = {0};
    hec_command *k;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return;
    k = crowd_add(&c, "echo to fd; echo thrown away >&2");
    k->out = (hec_output){.kind = HEC_STREAM_FD, .fd = fds[1]};
    k->err = (hec_output){0};
    /* This process's standard output as the command's standard error, while its own is kept: the
     * two numbers must not get into each other's way. */
    k = crowd_add(&c, "echo kept; echo '# this line is a command speaking' >&2");
    k->err = (hec_output){.kind = HEC_STREAM_FD, .fd = 1};
    crowd_add(&c, "echo '# so is this'")->out = (hec_output){.kind = HEC_STREAM_INHERIT};
    ok(crowd_run(&c, 1, NULL) == 0, "output goes elsewhere");
    ok(read(fds[0], text, sizeof text - 1) == 6, "a descriptor has got it");
    is_str(text, "to fd\n", "as it was written");
    ok(c.ends[0].end.out.size == 0 && c.ends[0].end.err.size == 0, "and nothing is kept");
    is_str(c.ends[1].out, "kept\n", "what is kept is kept");
    close(fds[0]);
    close(fds[1]);
    crowd_fini(&c);
}

static void surroundings(void)
{
    static const char *const env[] = {"HEC_A=new",  "HEC_B",      "HEC_C=first",
                                      "HEC_C=last", "HEC_EMPTY=", NULL};
    static const char *const path[] = {"PATH=/nowhere:/bin:/usr/bin", NULL};
    static const char *const no_path[] = {"PATH=/nowhere", NULL};
    static const char *const where[] = {"pwd", NULL};
    crowd c = {0};
    const crowd_end *e = c.ends;

    setenv("HEC_A", "old", 1);
    setenv("HEC_B", "old", 1);
    setenv("HEC_D", "kept", 1);
    signal(SIGINT, SIG_IGN);
    crowd_add(&c,
              "echo $HEC_A ${HEC_B-unset} $HEC_C $HEC_D ${HEC_EMPTY-unset}; env | grep -c HEC_C")
        ->env = env;
    crowd_add(&c, "echo $HEC_A")->cwd = "/";
    crowd_add(&c, "")->argv = where;
    c.commands[2].cwd = "/usr";
    c.commands[2].env = path;
    crowd_add(&c, "")->argv = where;
    c.commands[3].env = no_path;
    crowd_add(&c, "cat /proc/self/status | grep -E 'Sig(Ign|Blk|Cgt)'");
    ok(crowd_run(&c, 2, NULL) == 0, "commands have surroundings");
    is_str(e[0].out, "new unset last kept\n1\n", "a changed environment");
    is_str(e[1].out, "old\n", "an unchanged one");
    is_str(e[2].out, "/usr\n", "a folder, and a program found in the PATH that it gets");
    ok(e[3].end.verdict == HEC_TASK_REFUSED, "or not found there");
    ok(e[4].out &&
           strstr(e[4].out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000300000\nSigCgt:\t"
                            "0000000000000000"),
       "signals are at their defaults, but for those of a background group at a terminal");
    signal(SIGINT, SIG_DFL);
    crowd_fini(&c);
}

static int say_no_next(void *ctx, uint64_t task, hec_command *command)
{
    (void)ctx;
    (void)task;
    (void)command;
    return -1;
}

static int say_no_end(void *ctx, const hec_command_end *e)
{
    (void)ctx;
    (void)e;
    return -1;
}

static void callbacks(void)
{
    crowd c = {.held_back = 1};
    hec_command_ops ops = {.next = say_no_next};
    hec_commands_options o = {.width = 1, .ops = &ops, .ctx = &c};
    hec_commands *engine = NULL;
    hec_error err = {0};

    ok(hec_commands_create(&o, &engine, NULL) == 0 &&
           hec_commands_step(engine, -1, &err) == HEC_ECALLBACK,
       "next() can fail: %s", err.text);
    hec_commands_destroy(engine, 0);
    ops = crowd_ops;
    ops.end = say_no_end;
    crowd_add(&c, "true");
    ok(hec_commands_create(&o, &engine, NULL) == 0 && !crowd_until(&c, engine, 1, &err) &&
           err.code == HEC_ECALLBACK,
       "end() can fail: %s", err.text);
    hec_commands_destroy(engine, 0);
    o.width = 4097;
    ok(hec_commands_create(&o, &engine, &err) == HEC_EINVAL, "too many at a time: %s", err.text);
    o.width = 0;
    ok(hec_commands_create(&o, &engine, &err) == 0 && hec_commands_width(engine) >= 1,
       "0 at a time are as many as CPUs were granted");
    hec_commands_destroy(engine, 0);
    hec_commands_destroy(NULL, 0);
    crowd_fini(&c);

    c.held_back = 1;
    engine = crowd_start(&c, 2, 0);
    crowd_add(&c, "exit 1");
    crowd_add(&c, "exit 2");
    ok(crowd_until(&c, engine, 1, NULL) && hec_commands_step(engine, -1, NULL) == 0 &&
           hec_commands_running(engine) == 0,
       "a source may have nothing at present");
    c.held_back = 0;
    ok(crowd_until(&c, engine, 2, NULL) && c.ends[1].end.exit_status == 2, "and more later");
    hec_commands_destroy(engine, 0);
    crowd_fini(&c);
}

int main(void)
{
    int before = crowd_descriptors();

    statuses();
    memory_is_told();
    refusals();
    big_output();
    inputs();
    outputs();
    surroundings();
    callbacks();
    ok(crowd_descriptors() == before && crowd_no_children(),
       "no descriptor and no process is left");
    return done_testing();
}
