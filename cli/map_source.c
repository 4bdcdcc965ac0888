/* SPDX-License-Identifier: MIT */
#include "map_source.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES   ((size_t)64 << 10)
#define RECORD_BYTES ((size_t)64 << 20) /* a longer one is no line of anything */

int source_open(source *s, const map_source *from, char end, hec_error *err)
{
    bool is_stdin = from->file && strcmp(from->file, "-") == 0;
    struct stat st;

    *s = (source){.from = from, .end = end, .fd = -1};
    hec__strbuf_init(&s->buf);
    if (from->values) {
        snprintf(s->where, sizeof s->where, "the values after ':::'");
        return 0;
    }
    snprintf(s->where, sizeof s->where, is_stdin ? "standard input" : "'%.70s'", from->file);
    s->own = !is_stdin;
    s->fd = is_stdin ? STDIN_FILENO : open(from->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return hec__fail(err, errno == ENOENT ? HEC_ENOENT : HEC_EIO, errno, "cannot open %s",
                         s->where);
    if (S_ISDIR(st.st_mode))
        return hec__fail(err, HEC_EIO, EISDIR, "cannot read %s", s->where);
    s->waits = !S_ISREG(st.st_mode);
    return 0;
}

void source_close(source *s)
{
    if (s->own && s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    hec__strbuf_fini(&s->buf);
}

/* More bytes. MAP_ROW: some came; MAP_END; MAP_LATER; negative. */
static int more(source *s, bool wait, hec_error *err)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    ssize_t n;
    int r;

    if (s->at > 0) { /* what was taken makes room */
        memmove(s->buf.data, s->buf.data + s->at, s->buf.len - s->at + 1);
        s->buf.len -= s->at;
        s->looked -= s->at;
        s->at = 0;
    }
    if (s->buf.len > RECORD_BYTES)
        return hec__fail(err, HEC_EFORMAT, 0, "line %" PRIu64 " of %s is longer than 64 MiB",
                         s->line + 1, s->where);
    r = s->waits ? poll(&p, 1, wait ? -1 : 0) : 1;
    if (r <= 0)
        return r == 0 ? MAP_LATER : hec__fail(err, HEC_EINTR, 0, "interrupted");
    if (hec__strbuf_reserve(&s->buf, READ_BYTES) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory to read %s", s->where);
    n = read(s->fd, s->buf.data + s->buf.len, READ_BYTES);
    if (n < 0 && errno == EAGAIN)
        return MAP_LATER;
    if (n < 0)
        return hec__fail(err, errno == EINTR ? HEC_EINTR : HEC_EIO, errno, "cannot read %s",
                         s->where);
    s->buf.len += (size_t)n;
    s->buf.data[s->buf.len] = '\0';
    return n ? MAP_ROW : MAP_END;
}

static int take(source *s, size_t size, const char **ret, hec_error *err)
{
    char *record = s->buf.data + s->at;

    s->line++;
    record[size] = '\0';
    if (strlen(record) != size)
        return hec__fail(err, HEC_EFORMAT, 0,
                         "line %" PRIu64 " of %s has a NUL byte, which no argument can have",
                         s->line, s->where);
    *ret = record;
    return MAP_ROW;
}

static int next_of_file(source *s, bool wait, const char **ret, hec_error *err)
{
    for (;;) {
        const char *from = s->buf.data + s->looked;
        const char *end = memchr(from, s->end, s->buf.len - s->looked);
        int r;

        if (end) {
            size_t size = (size_t)(end - s->buf.data) - s->at;

            r = take(s, size, ret, err);
            s->at = s->looked = s->at + size + 1;
            return r;
        }
        s->looked = s->buf.len;
        if (s->at_end) {
            size_t size = s->buf.len - s->at;

            if (size == 0)
                return MAP_END;
            r = take(s, size, ret, err);
            s->at = s->looked = s->buf.len;
            return r;
        }
        r = more(s, wait, err);
        if (r < 0 || (r == MAP_LATER && !wait))
            return r;
        if (r == MAP_END)
            s->at_end = true;
    }
}

int source_next(source *s, bool wait, const char **ret, hec_error *err)
{
    if (!s->from->values)
        return next_of_file(s, wait, ret, err);
    if (s->line == s->from->n_values)
        return MAP_END;
    *ret = s->from->values[s->line++];
    return MAP_ROW;
}

uint64_t source_count(source *s)
{
    char buf[READ_BYTES];
    off_t at;
    uint64_t n = 0;
    ssize_t got;
    bool open_end = false;

    if (s->from->values)
        return s->from->n_values - s->line;
    if (s->waits)
        return 0;
    for (size_t i = s->at; i < s->buf.len; i++)
        n += s->buf.data[i] == s->end;
    open_end = s->buf.len > s->at && s->buf.data[s->buf.len - 1] != s->end;
    at = lseek(s->fd, 0, SEEK_CUR);
    while (at >= 0 && (got = pread(s->fd, buf, sizeof buf, at)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            n += buf[i] == s->end;
        open_end = buf[got - 1] != s->end;
        at += got;
    }
    return n + open_end;
}
