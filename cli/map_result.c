/* SPDX-License-Identifier: MIT
 *
 * What a task gave as its result, and what it was given as parameters, as JSON.
 */
#include "map.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESULT_BYTES ((size_t)16 << 20) /* of a file; a larger one is no result but data */
#define TAIL_BYTES   ((size_t)1 << 20)  /* of the output, in which a result is looked for */
#define LINES_MAX    1000               /* of them */

static int no_memory(hec_error *err)
{
    return hec__fail(err, HEC_ENOMEM, 0, "no memory for a result");
}

/* Appends a text that is JSON, as hec writes it. HEC_EFORMAT: it is none. */
static int add_json(const char *name, const char *text, size_t size, hec__strbuf *ret,
                    hec_error *err)
{
    hec_yaml *json = NULL;
    HEC_AUTO_STR written = NULL;
    int r = hec_json_parse(name, text, size, &json, err);

    if (r == 0)
        r = hec_value_json(hec_yaml_document(json, 0), &written, err);
    hec_yaml_destroy(json);
    if (r < 0)
        return r;
    return hec__strbuf_adds(ret, written) < 0 ? no_memory(err) : 0;
}

/* ---- $HEC_RESULT ---- */

/* 1: it is in *out; 0: there is none. HEC_EFORMAT: too much. */
static int read_file(const char *path, hec__strbuf *out, hec_error *err)
{
    HEC_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? 0 : hec__fail(err, HEC_EIO, errno, "cannot read the result");
    for (;;) {
        ssize_t n;

        if (hec__strbuf_reserve(out, 65536) < 0)
            return no_memory(err);
        n = read(fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hec__fail(err, HEC_EIO, errno, "cannot read the result");
        if (n == 0)
            break;
        out->len += (size_t)n;
        if (out->len > RESULT_BYTES)
            return hec__fail(err, HEC_EFORMAT, 0, "it has more than 16 MiB");
    }
    out->data[out->len] = '\0';
    return out->len > 0;
}

/* 1: the task has written one; 0: it has not, or what it wrote is none, which is said. */
static int from_file(map_run *run, const map_task *t, hec__strbuf *ret, hec_error *err)
{
    const char *path = map_dir_file(run, t, "result");
    HEC_AUTO_STRBUF bytes;
    hec_error why = {0};
    int r;

    hec__strbuf_init(&bytes);
    r = read_file(path, &bytes, &why);
    if (r >= 0)
        unlink(path);
    if (r > 0)
        r = add_json("HEC_RESULT", bytes.data, bytes.len, ret, &why) < 0 ? why.code : 1;
    if (r == HEC_ENOMEM) {
        *err = why;
        return r;
    }
    if (r >= 0)
        return r;
    if (run->bar)
        map_bar_hide(run->bar);
    out_complain("task %" PRIu64 " has no result: what it wrote to $HEC_RESULT cannot be taken: %s",
                 t->seq, why.text);
    return 0;
}

/* ---- the last line ---- */

/* Lists and maps only: a line that is a number says nothing of what it means. */
static int from_output(const char *out, size_t size, hec__strbuf *ret, hec_error *err)
{
    const char *end = out + size, *first = size > TAIL_BYTES ? end - TAIL_BYTES : out;

    for (int lines = 0; end > first && lines < LINES_MAX; lines++) {
        const char *from, *to = end;
        hec_error no;
        int r;

        while (to > first && strchr(" \t\r\n", to[-1]) && to[-1])
            to--;
        if (to == first)
            break;
        from = memrchr(first, '\n', (size_t)(to - first));
        from = from ? from + 1 : first;
        end = from;
        if (from == first && first != out)
            break; /* not all of the line is there */
        while (from < to && (*from == ' ' || *from == '\t'))
            from++;
        if ((*from != '{' || to[-1] != '}') && (*from != '[' || to[-1] != ']'))
            continue;
        r = add_json("output", from, (size_t)(to - from), ret, &no);
        if (r == HEC_ENOMEM)
            return no_memory(err);
        if (r == 0)
            break;
    }
    return 0;
}

int map_result_take(map_run *run, const map_task *t, const char *out, size_t size, hec__strbuf *ret,
                    hec_error *err)
{
    int r = from_file(run, t, ret, err);

    if (run->o->plan)
        unlink(map_dir_file(run, t, "params"));
    return r == 0 ? from_output(out, size, ret, err) : r < 0 ? r : 0;
}

/* ---- parameters ---- */

int map_result_params(map_run *run, const map_task *t, hec__strbuf *ret, hec_error *err)
{
    const char *const *names;
    size_t n_names = map_input_names(run->in, &names);
    hec__json j;

    if (run->o->plan) {
        hec__strbuf_adds(ret, t->row.argv[sweep_plan_parameters(run->o->plan) + SWEEP_JSON]);
        return ret->failed ? no_memory(err) : 0;
    }
    hec__json_init(&j, ret);
    hec__json_open(&j, '{');
    for (size_t i = 0; i < t->row.n; i++) {
        char number[24];

        snprintf(number, sizeof number, "%zu", i + 1);
        hec__json_key(&j, i < n_names ? names[i] : number);
        hec__json_str(&j, t->row.argv[i]);
    }
    hec__json_close(&j);
    return ret->failed ? no_memory(err) : 0;
}
