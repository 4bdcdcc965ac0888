/* SPDX-License-Identifier: MIT
 *
 * Commands and their ends as bytes: there and back; cut anywhere they are no frame; counts and
 * lengths that lie are found out.
 */
#include "base/little.h"
#include "tap.h"
#include "task/wire.h"

#include <stdlib.h>

static const char *const words[] = {"prog", "", "a\nb \xff", NULL};
static const char *const env[] = {"A=1", "B", NULL}, *const none[] = {NULL};

static hec__frame frames[] = {
    {.type = HEC__WIRE_HELLO, .version = 1, .cpus = 8, .release = "1.2", .name = "n1", .host = "h"},
    {.type = HEC__WIRE_BEGIN,
     .version = 1,
     .width = 4,
     .grace_ms = 5,
     .mask = 022,
     .release = "1.2",
     .cwd = "/x",
     .env = (char **)env},
    {.type = HEC__WIRE_RUN,
     .task = 7,
     .timeout_ms = 8,
     .memory_bytes = 9,
     .argv = (char **)words,
     .env = (char **)env,
     .cwd = "/y"},
    {.type = HEC__WIRE_RUN, .task = UINT64_MAX - 1, .argv = (char **)words},
    {.type = HEC__WIRE_RUN, .argv = (char **)words, .env = (char **)none, .cwd = ""},
    {.type = HEC__WIRE_CANCEL, .task = HEC_COMMANDS_ALL},
    {.type = HEC__WIRE_KILL, .task = 3},
    {.type = HEC__WIRE_TAKE, .count = 6},
    {.type = HEC__WIRE_DATA, .task = 4, .stream = 2, .bytes = "\0two", .size = 4},
    {.type = HEC__WIRE_END,
     .task = 5,
     .end = {.task = 5,
             .verdict = HEC_TASK_EXITED,
             .exit_status = 3,
             .pid = 77,
             .started_ns = 1,
             .duration_ns = 2,
             .cpu_ns = 3,
             .max_rss = 4}},
    {.type = HEC__WIRE_END,
     .task = 6,
     .end = {.task = 6, .verdict = HEC_TASK_REFUSED, .exit_status = -1},
     .error = {.code = HEC_ENOENT, .sys = 2, .text = "no such program"}},
    {.type = HEC__WIRE_BACK, .task = 9},
    {.type = HEC__WIRE_PING},
    {.type = HEC__WIRE_TROUBLE, .error = {.code = HEC_ESYS, .text = "why"}},
};

enum { N = sizeof frames / sizeof *frames };

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(char **a, char **b)
{
    if (!a || !b)
        return a == b;
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool same_end(const hec_command_end *a, const hec_command_end *b)
{
    return a->task == b->task && a->verdict == b->verdict && a->exit_status == b->exit_status &&
           a->signal == b->signal && a->pid == b->pid && a->started_ns == b->started_ns &&
           a->duration_ns == b->duration_ns && a->cpu_ns == b->cpu_ns && a->max_rss == b->max_rss;
}

static bool same(const hec__frame *a, const hec__frame *b)
{
    return a->type == b->type && a->version == b->version && a->cpus == b->cpus &&
           a->width == b->width && a->grace_ms == b->grace_ms && a->mask == b->mask &&
           a->task == b->task && a->count == b->count && a->stream == b->stream &&
           a->size == b->size && (!a->size || memcmp(a->bytes, b->bytes, a->size) == 0) &&
           a->timeout_ms == b->timeout_ms && a->memory_bytes == b->memory_bytes &&
           same_text(a->name, b->name) && same_text(a->host, b->host) &&
           same_text(a->release, b->release) && same_text(a->cwd, b->cwd) &&
           same_list(a->argv, b->argv) && same_list(a->env, b->env) && same_end(&a->end, &b->end) &&
           a->error.code == b->error.code && same_text(a->error.text, b->error.text);
}

/* With the size in its head made right, each cut is what a short frame would be. */
static int cut(const hec__strbuf *b)
{
    int taken = 0;

    for (size_t n = 0; n < b->len; n++) {
        unsigned char *bytes = malloc(n ? n : 1); /* so that a read beyond is seen */
        hec__frame f = {0};

        memcpy(bytes, b->data, n);
        if (hec__wire_get(bytes, n, &f, NULL) == 0)
            taken++;
        if (n >= HEC__WIRE_HEAD) {
            hec__put32(bytes, (uint32_t)(n - HEC__WIRE_HEAD));
            /* Of output a part is output. */
            if (hec__wire_get(bytes, n, &f, NULL) == 0 && f.type != HEC__WIRE_DATA)
                taken++;
        }
        hec__wire_fini(&f);
        free(bytes);
    }
    return taken;
}

static void there_and_back(int i)
{
    hec__strbuf b;
    hec__frame f = {0};

    hec__strbuf_init(&b);
    ok(hec__wire_put(&b, &frames[i], NULL) == 0 &&
           hec__wire_size(b.data, b.len, NULL) == (int64_t)b.len,
       "frame %d of type %u is written, and knows its size", i, frames[i].type);
    ok(hec__wire_get(b.data, b.len, &f, NULL) == 0 && same(&f, &frames[i]), "and read");
    hec__wire_fini(&f);
    ok(cut(&b) == 0, "cut anywhere it is none");
    hec__strbuf_addc(&b, 'x');
    hec__put32((unsigned char *)b.data, (uint32_t)(b.len - HEC__WIRE_HEAD));
    ok((hec__wire_get(b.data, b.len, &f, NULL) < 0) == (frames[i].type != HEC__WIRE_DATA),
       "nor with a byte too many");
    hec__wire_fini(&f);
    hec__strbuf_fini(&b);
}

static int get_raw(uint32_t type, const void *payload, uint32_t n)
{
    unsigned char bytes[256];
    hec__frame f = {0};
    int r;

    hec__put32(bytes, n);
    hec__put32(bytes + 4, type);
    memcpy(bytes + HEC__WIRE_HEAD, payload, n);
    r = hec__wire_get(bytes, HEC__WIRE_HEAD + n, &f, NULL);
    hec__wire_fini(&f);
    return r;
}

static void lies(void)
{
    unsigned char p[64] = {0}, huge[8];

    ok(get_raw(0, p, 0) == HEC_EFORMAT && get_raw(99, p, 0) == HEC_EFORMAT, "no such type");
    memset(p, 0xff, sizeof p);
    memset(p + 24, 0xff, 4);                  /* no folder */
    hec__put32(p + 28, UINT32_C(0x7fffffff)); /* so many arguments */
    ok(get_raw(HEC__WIRE_RUN, p, 40) == HEC_EFORMAT, "a count that lies asks for no memory");
    hec__put32(p + 28, 0);
    ok(get_raw(HEC__WIRE_RUN, p, 36) == HEC_EFORMAT, "a command has a program");
    hec__put32(huge, HEC__WIRE_MAX + 1);
    hec__put32(huge + 4, HEC__WIRE_DATA);
    ok(hec__wire_size(huge, sizeof huge, NULL) == HEC_EFORMAT, "no frame is so large");
    ok(hec__wire_size(huge, 7, NULL) == 0, "of half a head nothing is known");
    memset(p, 0, sizeof p);
    hec__put32(p + 8, 3);
    ok(get_raw(HEC__WIRE_DATA, p, 12) == HEC_EFORMAT, "there are two streams");
    memset(p, 0, sizeof p);
    hec__put32(p + 8, 99);
    ok(get_raw(HEC__WIRE_END, p, 64) == HEC_EFORMAT, "a verdict is one that there is");
}

static void too_long(void)
{
    char *huge = malloc(HEC__WIRE_MAX + 1);
    const char *const argv[] = {"x", huge, NULL};
    hec__frame f = {.type = HEC__WIRE_RUN, .argv = (char **)argv};
    hec__strbuf b;

    memset(huge, 'a', HEC__WIRE_MAX);
    huge[HEC__WIRE_MAX] = '\0';
    hec__strbuf_init(&b);
    hec__strbuf_adds(&b, "before");
    ok(hec__wire_put(&b, &f, NULL) == HEC_EINVAL && b.len == 6,
       "arguments that no frame holds are refused, and what was there before stays");
    hec__strbuf_fini(&b);
    free(huge);
}

int main(void)
{
    for (int i = 0; i < N; i++)
        there_and_back(i);
    lies();
    too_long();
    return done_testing();
}
