/* SPDX-License-Identifier: MIT
 *
 * Output that is handed over as it comes, commands that are killed at once or take too much memory,
 * and a descriptor that is listened to meanwhile.
 */
#include "crowd.h"
#include "tap.h"

#include "sys/clock.h"

#include <signal.h>
#include <stdint.h>
#include <unistd.h>

typedef struct heard {
    const char *lines[4];
    uint64_t n, ended;
    uint64_t bytes[2];
    char first[2][64];
    hec_command_end end[4];
    uint64_t memory;
    bool refuse; /* data() fails */
    bool early;  /* something came before the end */
} heard;

static int next(void *ctx, uint64_t task, hec_command *command)
{
    static const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    heard *h = ctx;

    if (task >= h->n)
        return 0;
    argv[2] = h->lines[task];
    command->argv = argv;
    command->out.kind = command->err.kind = HEC_STREAM_DATA;
    command->memory_bytes = h->memory;
    return 1;
}

static int end(void *ctx, const hec_command_end *e)
{
    heard *h = ctx;

    h->end[e->task] = *e;
    h->ended++;
    return 0;
}

static int data(void *ctx, uint64_t task, int stream, const void *bytes, size_t size)
{
    heard *h = ctx;
    int i = stream - 1;
    size_t used = strlen(h->first[i]), room = sizeof h->first[i] - 1 - used;

    (void)task;
    if (h->refuse)
        return -1;
    h->early = h->early || h->ended == 0;
    memcpy(h->first[i] + used, bytes, size < room ? size : room);
    h->bytes[i] += size;
    return 0;
}

static const hec_command_ops ops = {.next = next, .end = end, .data = data};

static hec_commands *start(heard *h, const hec_command_ops *o)
{
    hec_commands_options eo = {.width = 4, .ops = o, .ctx = h};
    hec_commands *engine = NULL;

    ok(hec_commands_create(&eo, &engine, NULL) == 0, "an engine");
    return engine;
}

static bool run_until(hec_commands *engine, const heard *h, uint64_t ended)
{
    uint64_t until = hec__now_ns() + 20000000000u;

    while (h->ended < ended && hec__now_ns() < until)
        if (hec_commands_step(engine, 1000, NULL) < 0)
            return false;
    return h->ended >= ended;
}

static void handing_over(void)
{
    heard h = {.lines = {"echo out; echo err >&2; sleep 0.1; head -c 1000000 /dev/zero"}, .n = 1};
    hec_commands *engine = start(&h, &ops);

    ok(run_until(engine, &h, 1) && h.end[0].verdict == HEC_TASK_DONE, "a command that writes");
    is_str(h.first[0], "out\n", "what it wrote is handed over");
    is_str(h.first[1], "err\n", "by stream");
    ok(h.early, "as it comes");
    ok(h.bytes[0] == 1000004, "all of it, before its end: %llu", (unsigned long long)h.bytes[0]);
    ok(h.end[0].out.size == 0 && h.end[0].out.total == 1000004, "and not kept, only counted");
    hec_commands_destroy(engine, 0);
}

static void nobody_takes_it(void)
{
    const hec_command_ops none = {.next = next, .end = end};
    heard h = {.lines = {"echo"}, .n = 1};
    hec_commands *engine = start(&h, &none);
    hec_error err = {0};
    int r = 0;

    ok(run_until(engine, &h, 1) && h.end[0].verdict == HEC_TASK_REFUSED,
       "without data() there is nobody to take it");
    hec_commands_destroy(engine, 0);
    h = (heard){.lines = {"echo"}, .n = 1, .refuse = true};
    engine = start(&h, &ops);
    for (int i = 0; r >= 0 && h.ended == 0 && i < 1000; i++)
        r = hec_commands_step(engine, 1000, &err);
    ok(r == HEC_ECALLBACK, "that data() fails ends the step");
    is_str(err.text, "the output of a command could not be taken", "and is said");
    hec_commands_destroy(engine, 0);
}

static void killing(void)
{
    heard h = {.lines = {"trap '' TERM; echo; sleep 1000.31; sleep 1000.31", "sleep 1000.31"},
               .n = 2};
    hec_commands *engine = start(&h, &ops);
    uint64_t began;

    while (h.bytes[0] == 0)
        hec_commands_step(engine, 1000, NULL);
    hec_commands_cancel(engine, 0);
    began = hec__now_ns();
    ok(hec_commands_kill(engine, HEC_COMMANDS_ALL) == 2, "two are killed, asked before or not");
    ok(hec_commands_kill(engine, HEC_COMMANDS_ALL) == 0, "once");
    ok(run_until(engine, &h, 2) && hec__now_ns() - began < 1500000000u, "there is no grace");
    ok(h.end[0].verdict == HEC_TASK_CANCELLED && h.end[1].verdict == HEC_TASK_CANCELLED &&
           h.end[1].signal == SIGKILL,
       "they are cancelled");
    ok(crowd_wait_count("1000.31", 0), "and their groups gone");
    hec_commands_destroy(engine, 0);
}

static void memory(void)
{
    /* The first takes it itself, the second by a child of its child. */
    heard h = {.lines = {"python3 -c 'x = b\"x\" * 300000000; import time; time.sleep(1000.32)'",
                         "(sh -c 'python3 -c \"x = b\\\"x\\\" * 300000000; import time; "
                         "time.sleep(1000.32)\"; true'; true); true",
                         "sleep 0.5"},
               .n = 3,
               .memory = 200u << 20};
    hec_commands *engine = start(&h, &ops);

    ok(run_until(engine, &h, 3), "three commands with a limit of memory");
    ok(h.end[0].verdict == HEC_TASK_OVER_MEMORY, "one that takes more is ended: %s",
       hec_verdict_word(h.end[0].verdict));
    ok(h.end[1].verdict == HEC_TASK_OVER_MEMORY, "whichever of its processes takes it: %s",
       hec_verdict_word(h.end[1].verdict));
    ok(h.end[0].max_rss > 200u << 20, "how much it had is told: %llu",
       (unsigned long long)h.end[0].max_rss);
    ok(h.end[2].verdict == HEC_TASK_DONE, "one that does not comes to its end");
    ok(crowd_wait_count("1000.32", 0), "nothing is left");
    hec_commands_destroy(engine, 0);
}

static void listening(void)
{
    heard h = {.lines = {"sleep 1000.33"}, .n = 1};
    hec_commands *engine = start(&h, &ops);
    uint64_t began = hec__now_ns();
    hec_error err = {0};
    FILE *file = tmpfile();
    int fds[2], r;

    ok(pipe(fds) == 0, "a pipe");
    hec_commands_step(engine, 0, NULL);
    ok(hec_commands_listen(engine, fds[0], NULL) == 0 &&
           hec_commands_listen(engine, fds[0], NULL) == 0,
       "listened to, once is enough");
    ok(hec_commands_step(engine, 50, NULL) == 0, "nothing comes");
    ok(write(fds[1], "x", 1) == 1, "something does");
    r = hec_commands_step(engine, 10000, NULL);
    ok(r == 0 && hec__now_ns() - began < 8000000000u, "the step returns");
    ok(hec_commands_step(engine, 50, NULL) == 0, "and does not do so again until asked to");
    ok(!file || hec_commands_listen(engine, fileno(file), &err) == HEC_ESYS,
       "a file cannot be waited for");
    hec_commands_kill(engine, 0);
    ok(run_until(engine, &h, 1), "the rest is as always");
    hec_commands_destroy(engine, 0);
    close(fds[0]);
    close(fds[1]);
    if (file)
        fclose(file);
}

int main(void)
{
    handing_over();
    nobody_takes_it();
    killing();
    memory();
    listening();
    return done_testing();
}
