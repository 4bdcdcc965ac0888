/* SPDX-License-Identifier: MIT
 *
 * How far it is, in one line at the bottom of the terminal, drawn anew a few times a second.
 * Somewhere else than at a terminal it is a line now and then.
 */
#include "map.h"

#include "out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DRAW_MS   100
#define LINE_MS   10000 /* where it is no terminal */
#define CELLS_MIN 10
#define CELLS_MAX 40

struct map_bar {
    const map_run *run;
    bool terminal, shown, is_utf8;
    uint64_t drawn_ns;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool has_utf8(void)
{
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
    }
    return false;
}

map_bar *map_bar_create(const map_run *run)
{
    map_bar *bar = calloc(1, sizeof *bar);

    if (!bar)
        return NULL; /* then there is none */
    bar->run = run;
    bar->terminal = isatty(STDERR_FILENO);
    bar->is_utf8 = has_utf8();
    bar->drawn_ns = bar->terminal ? 0 : now_ns();
    return bar;
}

void map_bar_destroy(map_bar *bar)
{
    free(bar);
}

void map_bar_hide(map_bar *bar)
{
    if (!bar->shown)
        return;
    fputs("\r\033[K", stderr);
    bar->shown = false;
    bar->drawn_ns = 0;
}

static uint64_t ended(const map_run *run)
{
    return run->done + run->failed + run->cancelled;
}

/* ", 1m 20s left"; "" while that cannot be said. */
static void time_left(const map_run *run, uint64_t now, char *buf, size_t size)
{
    uint64_t n = ended(run);
    char text[32];
    double seconds;

    *buf = '\0';
    if (n == 0 || run->total <= n)
        return;
    seconds = (double)(now - run->began_ns) / 1e9 / (double)n * (double)(run->total - n);
    snprintf(buf, size, ", %s left",
             out_seconds((unsigned long long)(seconds + 0.5), text, sizeof text));
}

/* The numbers: "120/1000 done, 3 failed, 4 running, 20s gone, 1m 20s left". */
static void numbers(const map_bar *bar, uint64_t now, char *buf, size_t size)
{
    const map_run *run = bar->run;
    char of[32] = "", failed[40] = "", again[48] = "", left[48], spent[32];

    if (run->total)
        snprintf(of, sizeof of, "/%" PRIu64, run->total);
    if (run->failed)
        snprintf(failed, sizeof failed, ", %" PRIu64 " failed", run->failed);
    if (run->n_again)
        snprintf(again, sizeof again, ", %" PRIu64 " to be tried again", run->n_again);
    time_left(run, now, left, sizeof left);
    snprintf(buf, size, "%" PRIu64 "%s done%s, %" PRIu32 " running%s, %s gone%s", run->done, of,
             failed, hec_commands_running(run->engine), again,
             out_seconds((now - run->began_ns) / 1000000000u, spent, sizeof spent), left);
}

static void draw_cells(const map_bar *bar, int columns, int used)
{
    const map_run *run = bar->run;
    int cells = columns - used - 10, full;

    if (!run->o->bar || !run->total || cells < CELLS_MIN)
        return;
    if (cells > CELLS_MAX)
        cells = CELLS_MAX;
    full = (int)((double)cells * (double)ended(run) / (double)run->total);
    fprintf(stderr, "%3d%% ", (int)(100.0 * (double)ended(run) / (double)run->total));
    for (int i = 0; i < cells; i++)
        fputs(i < full ? (bar->is_utf8 ? "█" : "#") : (bar->is_utf8 ? "░" : "."), stderr);
    fputc(' ', stderr);
}

static void draw(map_bar *bar, uint64_t now)
{
    struct winsize w = {0};
    char text[200];
    int columns;

    numbers(bar, now, text, sizeof text);
    if (!bar->terminal) {
        fprintf(stderr, "hec: %s\n", text);
        return;
    }
    columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
    fputs("\r\033[K", stderr);
    draw_cells(bar, columns, (int)strlen(text));
    fprintf(stderr, "%.*s", columns - 1, text);
    fflush(stderr);
    bar->shown = true;
}

int map_bar_tick(map_bar *bar)
{
    uint64_t now = now_ns(), every = (bar->terminal ? DRAW_MS : LINE_MS) * UINT64_C(1000000);

    if (now - bar->drawn_ns >= every) {
        draw(bar, now);
        bar->drawn_ns = now;
    }
    return (int)((bar->drawn_ns + every - now) / 1000000) + 1;
}
