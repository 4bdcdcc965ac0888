/* SPDX-License-Identifier: MIT
 *
 * A pool whose workers a zygote forks does all that a pool does but inherit. The zygote is this
 * very program, started with an argument.
 */
#include "squares.h"
#include "tap.h"

#include <hec/zygote.h>

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char self[PATH_MAX];

/* ---- the zygote ---- */

/* What the test expects its workers to find, as text: "VARIABLE=VALUE\nFOLDER". */
static void prepare(void *ctx, const void *data, size_t size)
{
    char text[PATH_MAX + 64] = "", folder[PATH_MAX] = "";
    const char *value = getenv("HEC_TEST_COLOUR");
    char *line;

    (void)ctx;
    if (size >= sizeof text || !getcwd(folder, sizeof folder))
        _exit(50);
    memcpy(text, data, size);
    line = strchr(text, '\n');
    if (!line)
        _exit(51);
    *line++ = '\0';
    if (!value || strcmp(value, text) != 0)
        _exit(52);
    if (strcmp(folder, line) != 0 || getenv("HEC_TEST_GONE"))
        _exit(53);
}

static int serve(void)
{
    hec_runner runner = squares_runner(NULL);
    hec_error err = {0};

    return hec_zygote_serve(&runner, prepare, &err) < 0 ? 1 : 0;
}

/* ---- the pool ---- */

static hec_zygote *create(void)
{
    const char *argv[] = {self, "serve", NULL};
    hec_zygote *z = NULL;
    hec_error err = {0};

    if (hec_zygote_create(argv, &z, &err) < 0)
        printf("# zygote: %s\n", err.text);
    return z;
}

static hec_pool *make(hec_zygote *z, uint32_t workers, const char *colour, const char *folder)
{
    hec_runner runner = squares_runner(NULL);
    char data[PATH_MAX + 64];
    hec_pool_options o = {.workers = workers, .runner = &runner, .zygote = z, .start_data = data};
    hec_error err = {0};
    hec_pool *p = NULL;

    setenv("HEC_TEST_COLOUR", colour, 1);
    if (chdir(folder) < 0)
        return NULL;
    o.start_size = (size_t)snprintf(data, sizeof data, "%s\n%s", colour, folder);
    if (hec_pool_create(&o, &p, &err) < 0)
        printf("# pool: %s\n", err.text);
    return p;
}

static bool compute(hec_pool *p, uint64_t n, const unsigned char *deeds, squares *s)
{
    hec_call *c = NULL;
    hec_error err = {0};
    bool good = squares_init(s, n, deeds) && hec_call_open(p, &squares_ops, s, n, &c, &err) == 0 &&
                squares_finish(p, s, &err);

    if (!good)
        printf("# call: %s, %llu of %llu done\n", err.text, (unsigned long long)s->done,
               (unsigned long long)n);
    if (c)
        hec_call_close(c);
    return good;
}

static void calls(hec_zygote *z)
{
    static unsigned char deeds[2000];
    hec_pool *p;
    squares s;

    setenv("HEC_TEST_GONE", "1", 1);
    unsetenv("HEC_TEST_GONE");
    p = make(z, 2, "red", "/");
    if (!ok(p && hec_pool_workers(p) == 2, "two workers of a zygote"))
        return;
    ok(compute(p, 5000, NULL, &s) && squares_right(&s), "they answer 5,000 tasks, each once");
    squares_fini(&s);
    for (int i = 0; i < 2000; i += 100)
        deeds[i] = i % 200 ? BIG : RAISE;
    ok(compute(p, 2000, deeds, &s) && squares_right(&s), "large answers and failures too");
    squares_fini(&s);
    memset(deeds, WELL, sizeof deeds);
    deeds[40] = DIE_BY_SIGNAL;
    deeds[90] = EXIT;
    ok(compute(p, 200, deeds, &s) && squares_right(&s) && s.deaths == 2 &&
           s.last_signal == SIGSEGV && s.last_status == 7,
       "tasks that end their worker are named, with signal and status; the others are computed");
    squares_fini(&s);
    hec_pool_destroy(p, HEC_POOL_FINISH);
}

static void surroundings(hec_zygote *z)
{
    hec_pool *p = make(z, 1, "blue", "/tmp");
    squares s;

    ok(p && compute(p, 10, NULL, &s) && squares_right(&s),
       "workers have the environment and the folder of the pool's making, not the zygote's");
    squares_fini(&s);
    hec_pool_destroy(p, HEC_POOL_NOW);
}

static void death_of_the_zygote(hec_zygote *z)
{
    hec_pool *p = make(z, 2, "green", "/");
    static unsigned char deeds[400];
    hec_call *c = NULL;
    hec_error err = {0};
    uint64_t failed = 0, wrong = 0;
    int32_t before = hec_zygote_pid(z);
    squares s = {0};

    memset(deeds, SLEEP_1MS, sizeof deeds);
    if (!ok(p && squares_init(&s, 400, deeds) &&
                hec_call_open(p, &squares_ops, &s, 400, &c, &err) == 0,
            "a call of 400 tasks"))
        return;
    while (s.done < 20 && hec_pool_step(p, 1000, &err) >= 0)
        continue;
    kill(before, SIGKILL);
    ok(squares_finish(p, &s, &err), "it ends although the zygote was killed in the middle %s",
       err.text);
    for (uint64_t i = 0; i < 400; i++) {
        failed += s.verdicts[i] == HEC_TASK_KILLED;
        wrong += s.counts[i] != 1 || (s.verdicts[i] != HEC_TASK_KILLED &&
                                      (s.verdicts[i] != HEC_TASK_DONE || s.values[i] != i * i));
    }
    ok(wrong == 0 && failed <= 2, "all are right but the ones that ran (%llu)",
       (unsigned long long)failed);
    ok(hec_zygote_pid(z) != 0 && hec_zygote_pid(z) != before, "a new one has taken its place");
    hec_call_close(c);
    hec_pool_destroy(p, HEC_POOL_FINISH);
    squares_fini(&s);
}

static void refusals(hec_zygote *z)
{
    squares s;
    hec_runner runner = squares_runner(&s);
    hec_pool_options o = {.workers = 1, .runner = &runner, .zygote = z};
    hec_pool *p = NULL;
    hec_error err = {0};

    squares_init(&s, 1, NULL);
    o.inherit = &squares_ops;
    o.inherit_ctx = &s;
    o.inherit_total = 1;
    ok(hec_pool_create(&o, &p, &err) == HEC_EINVAL && !p, "nothing is inherited: %s", err.text);
    squares_fini(&s);
}

int main(int argc, char **argv)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    hec_zygote *z;

    if (n < 0)
        return 1;
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve();
    setenv("HEC_TEST_GONE", "1", 1);
    z = create();
    if (!ok(z != NULL, "a zygote starts"))
        return done_testing();
    calls(z);
    surroundings(z);
    death_of_the_zygote(z);
    refusals(z);
    hec_zygote_destroy(z);
    return done_testing();
}
