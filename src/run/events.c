/* SPDX-License-Identifier: MIT
 *
 * The file `state`: a line of JSON for whatever happened, never changed. One write() for each, in
 * append mode, so that lines of several processes do not mix.
 */
#include "base/error.h"
#include "base/json.h"
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* Whether the last line has no end: a machine went down while it was written. */
static bool is_torn(int fd)
{
    struct stat st;
    char last = '\n';

    return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
           last != '\n';
}

void hec__note_add(hec__strbuf *lines, const char *event, const char *fields)
{
    int64_t now = hec__run_now_ms();
    hec__json j;

    hec__strbuf_addf(lines, "{\"time\":%" PRId64 ".%03d,\"event\":", now / 1000, (int)(now % 1000));
    hec__json_init(&j, lines);
    hec__json_str(&j, event);
    if (fields && *fields == '{' && fields[1] && fields[1] != '}')
        hec__strbuf_addf(lines, ",%s\n", fields + 1);
    else
        hec__strbuf_adds(lines, "}\n");
}

int hec__note_write(hec_rundir *run, const hec__strbuf *lines, hec_error *err)
{
    HEC_AUTO_STRBUF text;
    HEC_AUTO_FD fd = -1;
    ssize_t n;
    int r;

    hec__strbuf_init(&text);
    r = hec__run_open_file(run, "state", O_RDWR | O_APPEND | O_CREAT, &fd, err);
    if (r < 0)
        return r;
    if (is_torn(fd))
        hec__strbuf_addc(&text, '\n');
    hec__strbuf_add(&text, lines->data, lines->len);
    if (lines->failed || text.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a line of the run's state");
    do
        n = write(fd, text.data, text.len);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)text.len || fdatasync(fd) < 0)
        return hec__fail(err, HEC_EIO, n < 0 || n == (ssize_t)text.len ? errno : ENOSPC,
                         "cannot write to 'state' of the run %.120s", run->path);
    return 0;
}

int hec_rundir_note(hec_rundir *run, const char *event, const char *fields, hec_error *err)
{
    HEC_AUTO_STRBUF line;

    hec__strbuf_init(&line);
    hec__note_add(&line, event, fields);
    return hec__note_write(run, &line, err);
}

static int64_t time_of(const hec_value *fields)
{
    const hec_value *v = hec_value_get(fields, "time");

    if (v && v->kind == HEC_VALUE_REAL && v->as.real > 0 && v->as.real < 1e15)
        return (int64_t)(v->as.real * 1000 + 0.5);
    if (v && v->kind == HEC_VALUE_INT && v->as.integer > 0 && v->as.integer < INT64_MAX / 1000)
        return v->as.integer * 1000;
    return 0;
}

static int tell(const char *line, size_t n, hec_rundir_told *told, void *ctx, hec_error *err)
{
    hec_rundir_event event;
    hec_yaml *yaml = NULL;
    int r = hec_yaml_parse("state", line, n, &yaml, err);

    if (r < 0)
        return r == HEC_EFORMAT ? 0 : r;
    event.fields = hec_yaml_documents(yaml) ? hec_yaml_document(yaml, 0) : NULL;
    event.event = event.fields ? hec__run_text(event.fields, "event") : NULL;
    if (event.event) {
        event.time_ms = time_of(event.fields);
        r = told(ctx, &event);
    }
    hec_yaml_destroy(yaml);
    return r;
}

int hec_rundir_events(hec_rundir *run, hec_rundir_told *told, void *ctx, hec_error *err)
{
    HEC_AUTO_STRBUF text;
    int r;

    hec__strbuf_init(&text);
    r = hec__run_read_file(run, "state", &text, err);
    if (r < 0)
        return r == HEC_ENOENT ? 0 : r;
    for (const char *p = text.data, *end = p + text.len; r == 0 && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));

        if (!stop)
            break; /* it is being written */
        r = tell(p, (size_t)(stop - p), told, ctx, err);
        p = stop + 1;
    }
    return r;
}
