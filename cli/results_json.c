/* SPDX-License-Identifier: MIT */
#include "results.h"

static void key_text(hec__json *j, const char *key, const char *text)
{
    hec__json_key(j, key);
    hec__json_str(j, *text ? text : NULL);
}

static void key_raw(hec__json *j, const char *key, const hec__strbuf *json)
{
    hec__json_key(j, key);
    if (json->len)
        hec__json_raw(j, json->data);
    else
        hec__json_null(j);
}

/* A number, or null where it says nothing. */
static void key_number(hec__json *j, const char *key, bool is_known, int64_t n)
{
    hec__json_key(j, key);
    if (is_known)
        hec__json_int(j, n);
    else
        hec__json_null(j);
}

void results_json_row(hec__json *j, const results_task *t)
{
    static const hec_journal_entry none = {0};
    const hec_journal_entry *e = t->entry ? t->entry : &none;
    bool exited = t->entry && (e->verdict == HEC_TASK_DONE || e->verdict == HEC_TASK_EXITED);

    hec__json_open(j, '{');
    hec__json_key(j, "task"), hec__json_uint(j, t->number);
    hec__json_key(j, "id"), hec__json_str(j, t->row ? t->row->id : NULL);
    hec__json_key(j, "file"), hec__json_str(j, t->row ? t->row->file : NULL);
    key_number(j, "row", t->row != NULL, t->row ? (int64_t)t->row->row : 0);
    key_raw(j, "parameters", &t->params);
    hec__json_key(j, "verdict"), hec__json_str(j, results_verdict(t));
    key_raw(j, "result", &t->result);
    key_number(j, "exit_status", exited, e->detail);
    key_number(j, "signal", t->entry && e->verdict == HEC_TASK_KILLED && e->detail > 0, e->detail);
    hec__json_key(j, "attempts"), hec__json_uint(j, e->usage.attempt);
    hec__json_key(j, "started"), hec__json_real(j, (double)e->usage.started_ns / 1e9);
    hec__json_key(j, "seconds"), hec__json_real(j, (double)e->usage.duration_ns / 1e9);
    hec__json_key(j, "cpu_seconds"), hec__json_real(j, (double)e->usage.cpu_ns / 1e9);
    key_number(j, "max_rss", e->usage.max_rss > 0, (int64_t)e->usage.max_rss);
    hec__json_key(j, "pid"), hec__json_int(j, e->usage.pid);
    key_text(j, "host", t->host);
    key_text(j, "what", t->what.data);
    key_text(j, "message", t->message.data);
    key_text(j, "stderr", t->err.data);
    hec__json_close(j);
}
