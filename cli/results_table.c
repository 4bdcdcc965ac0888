/* SPDX-License-Identifier: MIT */
#include "results.h"

#include "base/cleanup.h"
#include "out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAIL_LINES 5 /* of its standard error */

const char *results_verdict(const results_task *t)
{
    return t->entry ? hec_verdict_word(t->entry->verdict) : "waiting";
}

/* How it ended, in words. */
static const char *say_verdict(const results_task *t, char *buf, size_t size)
{
    const hec_journal_entry *e = t->entry;

    if (e && e->verdict == HEC_TASK_EXITED)
        snprintf(buf, size, "exited %" PRId32, e->detail);
    else if (e && e->verdict == HEC_TASK_KILLED && e->detail > 0)
        snprintf(buf, size, "killed by %" PRId32, e->detail);
    else
        snprintf(buf, size, "%s", results_verdict(t));
    return buf;
}

void results_table_begin(void)
{
    printf("%6s  %-14s %5s  %-19s %9s %9s %9s  %-20s %s\n", "task", "verdict", "tries", "started",
           "seconds", "CPU", "memory", "process", "what");
}

/* The last lines, each behind a bar. */
static void tail(const char *text)
{
    const char *from = text + strlen(text);
    int lines = 0;

    while (from > text && (from[-1] != '\n' || ++lines < TAIL_LINES))
        from--;
    while (*from) {
        size_t n = strcspn(from, "\n");

        printf("        | %.*s\n", (int)n, from);
        from += n + (from[n] != '\0');
    }
}

/* "lr=0.1 depth=3", of a map in JSON. */
static void add_params(hec__strbuf *out, const char *json)
{
    hec_yaml *parsed = NULL;
    const hec_value *map;

    if (hec_json_parse("parameters", json, strlen(json), &parsed, NULL) < 0)
        return;
    map = hec_yaml_document(parsed, 0);
    for (uint64_t i = 0; map->kind == HEC_VALUE_MAP && i < map->count; i++) {
        HEC_AUTO_STR value = NULL;

        if (hec_value_json(&map->as.members[i].value, &value, NULL) == 0)
            hec__strbuf_addf(out, "%s%s=%s", out->len ? " " : "", map->as.members[i].key.as.text,
                             value);
    }
    hec_yaml_destroy(parsed);
}

void results_table_row(const results_task *t)
{
    const hec_usage none = {0}, *u = t->entry ? &t->entry->usage : &none;
    time_t seconds = (time_t)(u->started_ns / 1000000000u);
    struct tm tm;
    char verdict[32], started[32] = "-", memory[32] = "-", process[80] = "-";
    HEC_AUTO_STRBUF what;

    hec__strbuf_init(&what);
    if (t->row)
        add_params(&what, t->params.data);
    if (u->started_ns && localtime_r(&seconds, &tm))
        strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S", &tm);
    if (u->max_rss)
        out_bytes(u->max_rss, memory, sizeof memory);
    if (u->pid)
        snprintf(process, sizeof process, "%" PRId32 "%s%.60s", u->pid, *t->host ? "@" : "",
                 t->host);
    printf("%6" PRIu64 "  %-14s %5" PRIu32 "  %-19s %9.3f %9.3f %9s  %-20s %s%s%s\n", t->number,
           say_verdict(t, verdict, sizeof verdict), u->attempt, started,
           (double)u->duration_ns / 1e9, (double)u->cpu_ns / 1e9, memory, process,
           what.len ? what.data : t->what.data, t->result.len ? " -> " : "", t->result.data);
    if (!t->entry || t->entry->verdict == HEC_TASK_DONE)
        return;
    tail(t->message.data);
    tail(t->err.data);
}
