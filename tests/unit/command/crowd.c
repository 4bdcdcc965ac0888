/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "sys/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int next(void *ctx, uint64_t task, hec_command *command)
{
    crowd *c = ctx;

    if (task >= c->n || (c->held_back && task >= c->held_back))
        return 0;
    *command = c->commands[task];
    c->given = task + 1;
    return 1;
}

static char *keep(const hec_captured *k)
{
    char *s = malloc(k->size + 1);

    if (s) {
        memcpy(s, k->data, k->size);
        s[k->size] = '\0';
    }
    return s;
}

static int end(void *ctx, const hec_command_end *e)
{
    crowd *c = ctx;
    crowd_end *mine = &c->ends[e->task];

    mine->end = *e;
    mine->out = keep(&e->out);
    mine->err = keep(&e->err);
    if (e->error)
        mine->why = *e->error;
    mine->times++;
    c->told++;
    return 0;
}

const hec_command_ops crowd_ops = {.next = next, .end = end};

hec_command *crowd_add(crowd *c, const char *line)
{
    static const char *argvs[CROWD_MAX][4];
    const char **argv = argvs[c->n];
    hec_command *command = &c->commands[c->n++];

    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = line;
    *command = (hec_command){
        .argv = argv, .out = {.kind = HEC_STREAM_MEMORY}, .err = {.kind = HEC_STREAM_MEMORY}};
    return command;
}

hec_commands *crowd_start(crowd *c, uint32_t width, uint32_t grace_ms)
{
    hec_commands_options o = {.width = width, .grace_ms = grace_ms, .ops = &crowd_ops, .ctx = c};
    hec_commands *engine = NULL;

    return hec_commands_create(&o, &engine, NULL) < 0 ? NULL : engine;
}

bool crowd_until(crowd *c, hec_commands *engine, uint64_t told, hec_error *err)
{
    uint64_t end = hec__now_ns() + UINT64_C(20000000000);

    while (c->told < told) {
        int r = hec_commands_step(engine, 1000, err);

        if (r < 0 || hec__now_ns() > end)
            return false;
    }
    return true;
}

int crowd_run(crowd *c, uint32_t width, hec_error *err)
{
    hec_commands_options o = {.width = width, .ops = &crowd_ops, .ctx = c};
    hec_commands *engine = NULL;
    int r = hec_commands_create(&o, &engine, err);

    while (r >= 0 && c->told < c->n)
        r = hec_commands_step(engine, -1, err);
    hec_commands_destroy(engine, 0);
    return r < 0 ? r : 0;
}

void crowd_fini(crowd *c)
{
    for (int i = 0; i < CROWD_MAX; i++) {
        free(c->ends[i].out);
        free(c->ends[i].err);
    }
    *c = (crowd){0};
}

/* Whether a process lives and has the text in its arguments. */
static bool has_mark(const char *pid, const char *mark)
{
    char path[64], text[4096];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof text); /* of a zombie: nothing */
    close(fd);
    return n > 0 && memmem(text, (size_t)n, mark, strlen(mark));
}

int crowd_count(const char *mark)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    int n = 0;

    while (d && (e = readdir(d)))
        n += isdigit((unsigned char)e->d_name[0]) && has_mark(e->d_name, mark);
    if (d)
        closedir(d);
    return n;
}

bool crowd_wait_count(const char *mark, int n)
{
    uint64_t end = hec__now_ns() + UINT64_C(10000000000);

    while (crowd_count(mark) != n) {
        if (hec__now_ns() > end)
            return false;
        usleep(2000);
    }
    return true;
}

int crowd_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

bool crowd_no_children(void)
{
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}
