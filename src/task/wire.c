/* SPDX-License-Identifier: MIT */
#include "task/wire.h"

#include "base/error.h"
#include "base/little.h"

#include <stdlib.h>
#include <string.h>

#define NO_TEXT UINT32_MAX

/* ---- writing ---- */

static void put32(hec__strbuf *b, uint32_t v)
{
    unsigned char bytes[4];

    hec__put32(bytes, v);
    hec__strbuf_add(b, bytes, sizeof bytes);
}

static void put64(hec__strbuf *b, uint64_t v)
{
    unsigned char bytes[8];

    hec__put64(bytes, v);
    hec__strbuf_add(b, bytes, sizeof bytes);
}

static void put_text(hec__strbuf *b, const char *s)
{
    size_t n = s ? strlen(s) : 0;

    put32(b, s ? (uint32_t)n : NO_TEXT);
    if (s)
        hec__strbuf_add(b, s, n + 1);
}

static void put_list(hec__strbuf *b, char *const *list)
{
    uint32_t n = 0;

    if (!list) {
        put32(b, NO_TEXT);
        return;
    }
    while (list[n])
        n++;
    put32(b, n);
    for (uint32_t i = 0; i < n; i++)
        put_text(b, list[i]);
}

static void put_error(hec__strbuf *b, const hec_error *e)
{
    put32(b, (uint32_t)e->code);
    put32(b, (uint32_t)e->sys);
    put_text(b, e->text);
}

static void put_end(hec__strbuf *b, const hec__frame *f)
{
    const hec_command_end *e = &f->end;

    put32(b, e->verdict);
    put32(b, (uint32_t)e->exit_status);
    put32(b, (uint32_t)e->signal);
    put32(b, (uint32_t)e->pid);
    put64(b, e->started_ns);
    put64(b, e->duration_ns);
    put64(b, e->cpu_ns);
    put64(b, e->max_rss);
    put_error(b, &f->error);
}

static void put_payload(hec__strbuf *b, const hec__frame *f)
{
    switch ((enum hec__wire_type)f->type) {
    case HEC__WIRE_HELLO:
        put32(b, f->version), put32(b, f->cpus);
        put_text(b, f->release), put_text(b, f->name), put_text(b, f->host);
        return;
    case HEC__WIRE_BEGIN:
        put32(b, f->version), put32(b, f->width), put32(b, f->grace_ms), put32(b, f->mask);
        put_text(b, f->release), put_text(b, f->cwd), put_list(b, f->env);
        return;
    case HEC__WIRE_RUN:
        put64(b, f->task), put64(b, f->timeout_ms), put64(b, f->memory_bytes);
        put_text(b, f->cwd), put_list(b, f->argv), put_list(b, f->env);
        return;
    case HEC__WIRE_CANCEL:
    case HEC__WIRE_KILL:
    case HEC__WIRE_BACK:
        put64(b, f->task);
        return;
    case HEC__WIRE_TAKE:
        put32(b, f->count);
        return;
    case HEC__WIRE_DATA:
        put64(b, f->task), put32(b, (uint32_t)f->stream);
        hec__strbuf_add(b, f->bytes, f->size);
        return;
    case HEC__WIRE_END:
        put64(b, f->task);
        put_end(b, f);
        return;
    case HEC__WIRE_PING:
        return;
    case HEC__WIRE_TROUBLE:
        put_error(b, &f->error);
    }
}

int hec__wire_put(hec__strbuf *out, const hec__frame *f, hec_error *err)
{
    size_t at = out->len, size;

    put32(out, 0);
    put32(out, f->type);
    put_payload(out, f);
    if (out->failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a command of another node");
    size = out->len - at - HEC__WIRE_HEAD;
    if (size > HEC__WIRE_MAX) {
        out->len = at;
        out->data[at] = '\0';
        return hec__fail(err, HEC_EINVAL, 0,
                         "a command with %zu bytes of arguments is too long for another node",
                         size);
    }
    hec__put32((unsigned char *)out->data + at, (uint32_t)size);
    return 0;
}

/* ---- reading ---- */

typedef struct reader {
    const unsigned char *at, *end;
    bool bad, no_memory;
} reader;

static uint32_t get32(reader *r)
{
    if (r->bad || r->end - r->at < 4) {
        r->bad = true;
        return 0;
    }
    r->at += 4;
    return hec__get32(r->at - 4);
}

static uint64_t get64(reader *r)
{
    if (r->bad || r->end - r->at < 8) {
        r->bad = true;
        return 0;
    }
    r->at += 8;
    return hec__get64(r->at - 8);
}

/* NULL: there is none; of `required` that is bad. */
static const char *get_text(reader *r, bool required)
{
    uint32_t n = get32(r);
    const char *s = (const char *)r->at;

    if (r->bad || (n == NO_TEXT && !required))
        return NULL;
    if (n == NO_TEXT || (size_t)(r->end - r->at) <= n || s[n] != '\0' || strlen(s) != n) {
        r->bad = true;
        return NULL;
    }
    r->at += (size_t)n + 1;
    return s;
}

static char **get_list(reader *r)
{
    uint32_t n = get32(r);
    char **list;

    if (r->bad || n == NO_TEXT)
        return NULL;
    /* Each has five bytes at least: a count that lies asks for no memory. */
    if ((size_t)(r->end - r->at) / 5 < n) {
        r->bad = true;
        return NULL;
    }
    list = calloc((size_t)n + 1, sizeof *list);
    if (!list) {
        r->no_memory = r->bad = true;
        return NULL;
    }
    for (uint32_t i = 0; i < n && !r->bad; i++)
        list[i] = (char *)(uintptr_t)get_text(r, true);
    return list;
}

static void get_error(reader *r, hec_error *e)
{
    int32_t code = (int32_t)get32(r), sys = (int32_t)get32(r);
    const char *text = get_text(r, true);

    if (r->bad)
        return;
    if (code > 0)
        r->bad = true;
    else if (code < 0)
        hec__error_fill(e, code, 0, "%s", text);
    e->sys = sys;
}

static void get_end(reader *r, hec__frame *f)
{
    hec_command_end *e = &f->end;
    uint32_t verdict = get32(r);

    e->task = f->task;
    e->verdict = verdict;
    e->exit_status = (int32_t)get32(r);
    e->signal = (int32_t)get32(r);
    e->pid = (int32_t)get32(r);
    e->started_ns = get64(r);
    e->duration_ns = get64(r);
    e->cpu_ns = get64(r);
    e->max_rss = get64(r);
    get_error(r, &f->error);
    if (verdict < HEC_TASK_DONE || verdict > HEC_TASK_SKIPPED)
        r->bad = true;
}

static void get_begin(reader *r, hec__frame *f)
{
    f->version = get32(r), f->width = get32(r), f->grace_ms = get32(r), f->mask = get32(r);
    f->release = get_text(r, true), f->cwd = get_text(r, false);
    f->env = f->owned[0] = get_list(r);
    if (!f->env)
        r->bad = true;
}

static void get_run(reader *r, hec__frame *f)
{
    f->task = get64(r), f->timeout_ms = get64(r), f->memory_bytes = get64(r);
    f->cwd = get_text(r, false);
    f->argv = f->owned[0] = get_list(r);
    f->env = f->owned[1] = r->bad ? NULL : get_list(r);
    if (!f->argv || !f->argv[0])
        r->bad = true;
}

static void get_data(reader *r, hec__frame *f)
{
    f->task = get64(r);
    f->stream = (int32_t)get32(r);
    f->bytes = r->at;
    f->size = (size_t)(r->end - r->at);
    r->at = r->end;
    if (f->stream != 1 && f->stream != 2)
        r->bad = true;
}

static void get_payload(reader *r, hec__frame *f)
{
    switch ((enum hec__wire_type)f->type) {
    case HEC__WIRE_HELLO:
        f->version = get32(r), f->cpus = get32(r);
        f->release = get_text(r, true), f->name = get_text(r, true), f->host = get_text(r, true);
        return;
    case HEC__WIRE_BEGIN:
        get_begin(r, f);
        return;
    case HEC__WIRE_RUN:
        get_run(r, f);
        return;
    case HEC__WIRE_CANCEL:
    case HEC__WIRE_KILL:
    case HEC__WIRE_BACK:
        f->task = get64(r);
        return;
    case HEC__WIRE_TAKE:
        f->count = get32(r);
        return;
    case HEC__WIRE_DATA:
        get_data(r, f);
        return;
    case HEC__WIRE_END:
        f->task = get64(r);
        get_end(r, f);
        return;
    case HEC__WIRE_PING:
        return;
    case HEC__WIRE_TROUBLE:
        get_error(r, &f->error);
        return;
    }
    r->bad = true;
}

int64_t hec__wire_size(const void *bytes, size_t size, hec_error *err)
{
    uint32_t payload;

    if (size < HEC__WIRE_HEAD)
        return 0;
    payload = hec__get32(bytes);
    if (payload > HEC__WIRE_MAX)
        return hec__fail(err, HEC_EFORMAT, 0, "another node sent what is no frame");
    return (int64_t)payload + HEC__WIRE_HEAD;
}

int hec__wire_get(const void *bytes, size_t size, hec__frame *ret, hec_error *err)
{
    hec__frame f = {0};
    reader r = {.at = (const unsigned char *)bytes + HEC__WIRE_HEAD,
                .end = (const unsigned char *)bytes + size};

    if (size < HEC__WIRE_HEAD || hec__wire_size(bytes, size, NULL) != (int64_t)size)
        return hec__fail(err, HEC_EFORMAT, 0, "another node sent half a frame");
    f.type = hec__get32((const unsigned char *)bytes + 4);
    get_payload(&r, &f);
    if (!r.bad && r.at == r.end) {
        *ret = f;
        return 0;
    }
    hec__wire_fini(&f);
    if (r.no_memory)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for what another node sent");
    return hec__fail(err, HEC_EFORMAT, 0,
                     "another node sent a frame of type %u that makes no sense", f.type);
}

void hec__wire_fini(hec__frame *f)
{
    free(f->owned[0]);
    free(f->owned[1]);
    f->owned[0] = f->owned[1] = NULL;
}
