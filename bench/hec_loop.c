/* SPDX-License-Identifier: MIT
 *
 *     hec_loop COUNT WIDTH MEGABYTES COMMAND [ARGUMENT ...]
 *
 * What spawn_loop does, by hec/command.h, and with the output of the commands taken.
 */
#include <hec/hec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct loop {
    const char *const *argv;
    uint64_t count, ended, failed;
} loop;

static int next(void *ctx, uint64_t task, hec_command *command)
{
    const loop *l = ctx;

    if (task >= l->count)
        return 0;
    command->argv = l->argv;
    command->out.kind = command->err.kind = HEC_STREAM_MEMORY;
    return 1;
}

static int end(void *ctx, const hec_command_end *e)
{
    loop *l = ctx;

    l->ended++;
    l->failed += e->verdict != HEC_TASK_DONE;
    return 0;
}

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const hec_command_ops ops = {.next = next, .end = end};
    loop l = {0};
    hec_commands_options o = {.ops = &ops, .ctx = &l};
    hec_commands *engine = NULL;
    hec_error err = {0};
    size_t megabytes;
    char *memory;
    double began;
    int r;

    if (argc < 5) {
        fprintf(stderr, "usage: hec_loop COUNT WIDTH MEGABYTES COMMAND [ARGUMENT ...]\n");
        return 2;
    }
    l.count = strtoull(argv[1], NULL, 10);
    o.width = (uint32_t)strtoul(argv[2], NULL, 10);
    megabytes = strtoul(argv[3], NULL, 10);
    l.argv = (const char *const *)argv + 4;
    memory = malloc(megabytes << 20);
    if (megabytes && memory)
        memset(memory, 1, megabytes << 20);
    began = now_s();
    r = hec_commands_create(&o, &engine, &err);
    while (r >= 0 && l.ended < l.count)
        r = hec_commands_step(engine, -1, &err);
    hec_commands_destroy(engine, 0);
    free(memory);
    if (r < 0 || l.failed) {
        fprintf(stderr, "hec_loop: %s\n", r < 0 ? err.text : "a command failed");
        return 1;
    }
    printf("%.1f\n", (double)l.count / (now_s() - began));
    return 0;
}
