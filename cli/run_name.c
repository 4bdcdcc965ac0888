/* SPDX-License-Identifier: MIT
 *
 * Rows are in `rows`, JSON, one object a line; see docs/formats/run-v1.md.
 */
#include "run_name.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define ROWS "rows"

int run_name_open(const char *name, hec_rundir **ret_run, hec_error *err)
{
    HEC_AUTO_STRBUF yaml;
    struct stat st;

    hec__strbuf_init(&yaml);
    hec__strbuf_addf(&yaml, "%s/run.yaml", name);
    if (yaml.failed)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a path");
    if (stat(name, &st) == 0 && (!S_ISDIR(st.st_mode) || access(yaml.data, F_OK) < 0)) {
        *ret_run = NULL;
        return 0;
    }
    if (stat(name, &st) == 0 && !strchr(name, '/')) { /* a folder here, which is a run */
        hec__strbuf_clear(&yaml);
        hec__strbuf_addf(&yaml, "./%s", name);
        return yaml.failed ? hec__fail(err, HEC_ENOMEM, 0, "no memory for a path")
                           : hec_rundir_open(yaml.data, ret_run, err);
    }
    return hec_rundir_open(name, ret_run, err);
}

int run_name_file(const hec_rundir *run, const char *file, hec__strbuf *ret, hec_error *err)
{
    hec__strbuf_addf(ret, "%s/%s", hec_rundir_path(run), file);
    return ret->failed ? hec__fail(err, HEC_ENOMEM, 0, "no memory for a path") : 0;
}

/* ---- rows ---- */

struct run_rows {
    FILE *f;
    char *line;
    size_t cap;
    uint64_t n;
    hec_yaml *json;
};

int run_rows_open(const hec_rundir *run, run_rows **ret, hec_error *err)
{
    HEC_AUTO_STRBUF path;
    run_rows *rows;
    int r;

    hec__strbuf_init(&path);
    r = run_name_file(run, ROWS, &path, err);
    if (r < 0)
        return r;
    rows = calloc(1, sizeof *rows);
    if (!rows)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for rows");
    rows->f = fopen(path.data, "re");
    if (!rows->f) {
        int sys = errno;

        free(rows);
        return sys == ENOENT ? 0 : hec__fail(err, HEC_EIO, sys, "cannot read '%.160s'", path.data);
    }
    *ret = rows;
    return 1;
}

void run_rows_close(run_rows *rows)
{
    if (!rows)
        return;
    fclose(rows->f);
    free(rows->line);
    hec_yaml_destroy(rows->json);
    free(rows);
}

bool run_hex(const char *text, unsigned char *ret, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        const char *high = text[2 * i] ? strchr(digits, text[2 * i]) : NULL;
        const char *low = high && text[2 * i + 1] ? strchr(digits, text[2 * i + 1]) : NULL;

        if (!high || !low)
            return false;
        ret[i] = (unsigned char)((high - digits) * 16 + (low - digits));
    }
    return text[2 * n] == '\0';
}

static const char *text_of(const hec_value *map, const char *key)
{
    const hec_value *v = hec_value_get(map, key);

    return v && v->kind == HEC_VALUE_TEXT ? v->as.text : NULL;
}

static uint64_t number_of(const hec_value *map, const char *key)
{
    const hec_value *v = hec_value_get(map, key);

    return v && v->kind == HEC_VALUE_INT && v->as.integer > 0 ? (uint64_t)v->as.integer : 0;
}

int run_rows_next(run_rows *rows, run_row *ret, hec_error *err)
{
    ssize_t n = getline(&rows->line, &rows->cap, rows->f);
    const hec_value *map;
    const char *key;
    run_row row;
    int r;

    hec_yaml_destroy(rows->json);
    rows->json = NULL;
    if (n < 0 && ferror(rows->f))
        return hec__fail(err, HEC_EIO, errno, "cannot read the rows of the run");
    if (n < 0)
        return 0;
    rows->n++;
    r = hec_json_parse(ROWS, rows->line, (size_t)n, &rows->json, err);
    if (r < 0)
        return r;
    map = hec_yaml_document(rows->json, 0);
    key = text_of(map, "key");
    row = (run_row){.task = number_of(map, "task"),
                    .row = number_of(map, "row"),
                    .id = text_of(map, "id"),
                    .file = text_of(map, "file"),
                    .params = hec_value_get(map, "parameters")};
    if (!key || !run_hex(key, row.key, HEC_KEY_SIZE) || !row.id || !row.file || !row.params)
        return hec__fail(err, HEC_EFORMAT, 0, "line %llu of the rows of the run is damaged",
                         (unsigned long long)rows->n);
    *ret = row;
    return 1;
}

void run_row_write(const run_row *row, const char *json, hec__strbuf *out)
{
    char key[2 * HEC_KEY_SIZE + 1];
    hec__json j;

    for (size_t i = 0; i < HEC_KEY_SIZE; i++)
        snprintf(key + 2 * i, 3, "%02x", row->key[i]);
    hec__json_init(&j, out);
    hec__json_open(&j, '{');
    hec__json_key(&j, "task"), hec__json_uint(&j, row->task);
    hec__json_key(&j, "key"), hec__json_str(&j, key);
    hec__json_key(&j, "id"), hec__json_str(&j, row->id);
    hec__json_key(&j, "file"), hec__json_str(&j, row->file);
    hec__json_key(&j, "row"), hec__json_uint(&j, row->row);
    hec__json_key(&j, "parameters"), hec__json_raw(&j, json);
    hec__json_close(&j);
    hec__strbuf_addc(out, '\n');
}
