/* SPDX-License-Identifier: MIT
 *
 * What jobs say of themselves: files of the folder `marks`, "PART" or "PART.INDEX".
 */
#include "base/error.h"
#include "run/jobs.h"
#include "sys/file.h"
#include "sys/shm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* "17" or "1.4": false for any other name. */
static bool parse_name(const char *name, uint32_t *ret_part, int64_t *ret_index)
{
    char *end;
    unsigned long part = strtoul(name, &end, 10);

    if (*name < '0' || *name > '9' || part == 0 || part > UINT32_MAX || (*end && *end != '.'))
        return false;
    *ret_part = (uint32_t)part;
    *ret_index = -1;
    if (!*end)
        return true;
    if (end[1] < '0' || end[1] > '9')
        return false;
    *ret_index = (int64_t)strtoul(end + 1, &end, 10);
    return !*end && *ret_index <= UINT32_MAX;
}

/* "0m1.500s 0m0.250s" is 1.75; -1 for anything else. */
static double parse_cpu(const char *s)
{
    double seconds = 0;
    char *end;

    for (int i = 0; i < 4; i++) {
        double part = s ? strtod(s, &end) : 0;

        if (!s || end == s || *end != (i % 2 ? 's' : 'm'))
            return -1;
        seconds += i % 2 ? part : part * 60;
        s = end + 1;
    }
    return seconds;
}

static const char *keep(hec__known *k, const char *s)
{
    return s ? hec__arena_copy(&k->arena, s, strlen(s)) : NULL;
}

static void read_event(hec__known *k, hec__mark *m, const hec_value *fields)
{
    const char *event = hec__run_text(fields, "event");
    int64_t at = hec__run_int(fields, "time", 0) * 1000;

    if (!event)
        return;
    if (strcmp(event, "waits") == 0) {
        *m = (hec__mark){.part = m->part, .index = m->index, .waits = at, .cpu_s = -1};
        m->other = keep(k, hec__run_text(fields, "run"));
    } else if (strcmp(event, "begin") == 0) {
        /* Begun again, by a scheduler that has put it back into its queue. */
        *m = (hec__mark){
            .part = m->part, .index = m->index, .waits = m->waits, .begin = at, .cpu_s = -1};
        m->host = keep(k, hec__run_text(fields, "host"));
    } else if (strcmp(event, "requeue") == 0) {
        *m = (hec__mark){.part = m->part, .index = m->index, .waits = at, .cpu_s = -1};
    } else if (strcmp(event, "skip") == 0) {
        m->skipped = true;
        m->other = keep(k, hec__run_text(fields, "run"));
    } else if (strcmp(event, "no-folder") == 0) {
        m->no_folder = true;
    } else if (strcmp(event, "warned") == 0) {
        m->warned = at;
    } else if (strcmp(event, "over") == 0) {
        m->over = hec__run_int(fields, "memory", 1);
    } else if (strcmp(event, "terminated") == 0) {
        m->terminated = at;
    } else if (strcmp(event, "end") == 0) {
        m->end = at;
        m->status = (int32_t)hec__run_int(fields, "status", -1);
        m->full = hec__run_int(fields, "full", 0) != 0;
        m->refused = hec__run_int(fields, "refused", 0) != 0;
        m->cpu_s = parse_cpu(hec__run_text(fields, "cpu"));
    }
}

static int read_mark(const char *folder, const char *name, hec__known *k, hec__mark *m,
                     hec_error *err)
{
    HEC_AUTO_STRBUF text;
    int r;

    hec__strbuf_init(&text);
    r = hec__file_read(folder, name, &text, err);
    for (const char *p = text.data, *stop; r == 0 && (stop = strchr(p, '\n')); p = stop + 1) {
        hec_yaml *yaml = NULL;

        r = hec_yaml_parse("marks", p, (size_t)(stop - p), &yaml, err);
        if (r == 0 && hec_yaml_documents(yaml))
            read_event(k, m, hec_yaml_document(yaml, 0));
        hec_yaml_destroy(yaml);
        if (r == HEC_EFORMAT)
            r = 0;
    }
    return r == HEC_ENOENT ? 0 : r;
}

static int compare(const void *a, const void *b)
{
    const hec__mark *x = a, *y = b;

    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int read_all(DIR *d, const char *folder, hec__known *k, hec_error *err)
{
    struct dirent *e;
    int r = 0;

    while (r == 0 && (e = readdir(d))) {
        hec__mark m = {.cpu_s = -1};
        hec__mark *grown;

        if (!parse_name(e->d_name, &m.part, &m.index))
            continue;
        r = read_mark(folder, e->d_name, k, &m, err);
        grown = hec__arena_grow(&k->arena, k->marks, k->n_marks, &k->cap_marks, sizeof *grown);
        if (r == 0 && !grown)
            r = hec__fail(err, HEC_ENOMEM, 0, "no memory for the state of a run");
        if (r < 0)
            break;
        k->marks = grown;
        k->marks[k->n_marks++] = m;
    }
    if (r == 0 && k->n_marks)
        qsort(k->marks, k->n_marks, sizeof *k->marks, compare);
    return r;
}

int hec__marks_read(const hec_rundir *run, hec__known *k, hec_error *err)
{
    HEC_AUTO_STRBUF folder;
    HEC_AUTO_FD fd = -1;
    DIR *d;
    int r;

    hec__strbuf_init(&folder);
    if (hec__strbuf_addf(&folder, "%s/marks", run->path) < 0)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    r = hec__run_folder(folder.data, &fd, err);
    if (r < 0)
        return r == HEC_ENOENT ? 0 : r;
    d = fdopendir(fd);
    if (!d)
        return hec__fail(err, HEC_EIO, errno, "cannot read '%.160s'", folder.data);
    fd = -1;
    r = read_all(d, folder.data, k, err);
    closedir(d);
    return r;
}
