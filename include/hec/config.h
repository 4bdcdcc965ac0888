/* SPDX-License-Identifier: MIT
 *
 * Parameters: values from YAML, rows of CSV, and the runs that both describe.
 *
 * Everything here is plain reading: no value names a type or a function of a program, nothing is
 * run, no other file is opened than the ones that are named. Malformed input is HEC_EFORMAT, with
 * a text "FILE:LINE: what is wrong"; in YAML "FILE:LINE:COLUMN: what is wrong: "the line"".
 *
 * No globals: different objects may be used by different threads at the same time.
 */
#ifndef HEC_CONFIG_H
#define HEC_CONFIG_H

#include <hec/error.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- values ---- */

enum hec_value_kind {
    HEC_VALUE_NULL,
    HEC_VALUE_BOOL,
    HEC_VALUE_INT,  /* fits 64 bits with a sign */
    HEC_VALUE_BIG,  /* an integer that does not: its decimal digits, and perhaps a minus, as text */
    HEC_VALUE_REAL, /* may be NaN and infinite */
    HEC_VALUE_TEXT,
    HEC_VALUE_LIST,
    HEC_VALUE_MAP,
};

typedef struct hec_value {
    int32_t kind;          /* hec_value_kind */
    uint32_t line, column; /* where it begins in its file, from 1; 0: not known */
    uint64_t count;        /* bytes of a text, elements of a list, members of a map; else 0 */
    union {
        int32_t boolean; /* 0 or 1 */
        int64_t integer;
        double real;
        const char *text; /* UTF-8 with a NUL behind it and none inside; also of HEC_VALUE_BIG */
        const struct hec_value *items;
        const struct hec_member *members; /* in the order of the file */
    } as;
} hec_value;

/* A key is no list and no map, and no two of a map are equal (1, 1.0 and true are). */
typedef struct hec_member {
    hec_value key, value;
} hec_member;

/* The value of the member whose key is this text; NULL where there is none, or `map` is no map.
 * Lives as long as the map. */
HEC_API const hec_value *hec_value_get(const hec_value *map, const char *key);

/* A value as JSON, without line breaks; the caller's, to end with free(). What JSON cannot say is
 * a string: ".inf", "-.inf", ".nan". Keys that are no text are written as text. HEC_ENOMEM. */
HEC_API int hec_value_json(const hec_value *value, char **ret_json, hec_error *err);

/* How a number, a bool or null is written, in YAML, CSV and on a command line: "0.1", "1e-05",
 * "3.0", ".inf", "true", "null". A text is itself. Of a list or a map: HEC_EINVAL. Appends nothing
 * beyond `size` and returns the length that the whole has, as snprintf() does. */
HEC_API int hec_value_text(const hec_value *value, char *buf, size_t size, hec_error *err);

/* One JSON text in memory, as what programs print: RFC 8259, and NaN, Infinity and -Infinity as
 * Python writes them. `name` stands for it in messages. On success the same as a file of YAML with
 * one document. HEC_EFORMAT, with line and column: what is no JSON; two equal keys; a string with a
 * NUL; more than 64 levels, or 10000 members of a map; bytes that are not UTF-8. HEC_ENOMEM. */
struct hec_yaml;
HEC_API int hec_json_parse(const char *name, const char *bytes, size_t size,
                           struct hec_yaml **ret_json, hec_error *err);

/* ---- YAML ---- */

/* The documents of one file. */
typedef struct hec_yaml hec_yaml;

/* Reads a file whole: YAML 1.2 with the types of its core schema, aliases, and `<<` to merge maps.
 * HEC_EFORMAT, each with file, line, column and the line: what is no YAML; a tab that indents; two
 * equal keys; a key that is a list or a map; a tag other than those of the core schema; a text
 * with a NUL; an anchor that contains itself; more than 64 levels; aliases that would stand for
 * more than about a million values; bytes that are not UTF-8; over 64 MiB.
 * HEC_ENOENT, HEC_EIO, HEC_ENOMEM. HEC_ESYS: this hec was built without YAML. */
HEC_API int hec_yaml_read(const char *path, hec_yaml **ret_yaml, hec_error *err);

/* The same of bytes in memory; `name` stands for the file in messages. */
HEC_API int hec_yaml_parse(const char *name, const char *bytes, size_t size, hec_yaml **ret_yaml,
                           hec_error *err);

HEC_API size_t hec_yaml_documents(const hec_yaml *yaml);

/* Borrowed: valid until the file is destroyed. i < hec_yaml_documents(). */
HEC_API const hec_value *hec_yaml_document(const hec_yaml *yaml, size_t i);

HEC_API void hec_yaml_destroy(hec_yaml *yaml); /* NULL is fine */

/* ---- CSV ---- */

/* A file of records, read in memory that does not grow with it. */
typedef struct hec_csv hec_csv;

typedef struct hec_csv_field {
    const char *text; /* UTF-8, with a NUL behind it and none inside; quotes are taken off */
    size_t size;
    int32_t quoted;
} hec_csv_field;

/* Opens a file as RFC 4180 has it: quotes, quotes doubled within quotes, line breaks within
 * quotes; lines end with LF, CR LF or CR, the last one may not end at all; a byte order mark is
 * skipped, and so are lines without a single byte. delimiter: ',', or what stands instead of it;
 * neither a quote nor a line break. HEC_ENOENT, HEC_EIO, HEC_EINVAL, HEC_ENOMEM. */
HEC_API int hec_csv_open(const char *path, char delimiter, hec_csv **ret_csv, hec_error *err);

/* The next record: 1, or 0 at the end. The fields are valid until the next call.
 * HEC_EFORMAT: a quote within a field that does not begin with one; anything but a delimiter or a
 * line break after a closing quote; a quote that is never closed; a NUL; bytes that are not UTF-8;
 * a record of more than 16 MiB. HEC_EIO, HEC_ENOMEM. After an error every call fails. */
HEC_API int hec_csv_next(hec_csv *csv, const hec_csv_field **ret_fields, size_t *ret_count,
                         hec_error *err);

/* The line on which the last record began, from 1. */
HEC_API uint64_t hec_csv_line(const hec_csv *csv);

HEC_API void hec_csv_destroy(hec_csv *csv); /* NULL is fine */

/* ---- runs ---- */

/* One run: what one row of a CSV or one file of YAML asks for. */
typedef struct hec_run {
    const hec_value *parameters; /* a map with texts as keys */
    const char *id; /* 32 hexadecimal digits: a hash of the parameters, whatever their order */
    uint64_t seed;  /* below 2^53; follows from the id */
    const char *file;
    uint64_t row; /* of its file, from 1; the header of a CSV does not count */
} hec_run;

/* Runs, one after the other, from any number of files. */
typedef struct hec_runs hec_runs;

/* Opens files, or patterns as the shell has them (*, ?, [...]), of which each stands for its files
 * in sorted order; a name that exists is no pattern. The name's ending says what a file is:
 *
 *   .yaml, .yml   each document that is a map is a run, and each map of one that is a list. Of its
 *                 members, `grid` (a map of lists) stands for all combinations, `zip` (lists of
 *                 one length) for the first elements together, the second ..., and `sample` for
 *                 seeded random draws; see docs/guide/parameters.md
 *   .csv, .tsv    each record after the first is a run, of which the first has the names. A field
 *                 means what it would mean in YAML without quotes; an empty one is null, "" is an
 *                 empty text; blanks around a number do not matter
 *
 * schema: a file that says what is allowed; NULL: that which lies beside each file,
 * NAME.schema.yaml for NAME.csv, where there is one; "": none.
 * HEC_ENOENT: no such file, or nothing that matches. HEC_EINVAL: another ending. HEC_EFORMAT: the
 * schema is malformed. Files are opened when their turn comes. */
HEC_API int hec_runs_open(const char *const *patterns, size_t n, const char *schema,
                          hec_runs **ret_runs, hec_error *err);

/* The next run: 1, or 0 at the end. It is valid until the next call. HEC_EFORMAT: as the readers
 * above; also a record that has more or fewer fields than the header, two columns of one name, one
 * without a name, a parameter whose name is no text, and what the schema does not allow. After
 * HEC_EFORMAT the next call goes on where it can: with the next record of a CSV whose fields were
 * too many or too few, after a run that the schema does not allow, else with the next file. */
HEC_API int hec_runs_next(hec_runs *runs, const hec_run **ret_run, hec_error *err);

HEC_API void hec_runs_destroy(hec_runs *runs); /* NULL is fine */

/* Told of each problem, as one line without a line break. */
typedef void hec_problem(void *ctx, const char *text);

/* Reads all runs and tells of all that is wrong with them, as hec_runs_open() and hec_runs_next()
 * would one at a time; of one run all that the schema does not allow. The number of problems.
 * HEC_ENOENT, HEC_EINVAL: as hec_runs_open(). HEC_EIO, HEC_ENOMEM.
 * ret_runs, where not NULL: how many runs could be read, allowed or not. */
HEC_API int64_t hec_runs_check(const char *const *patterns, size_t n, const char *schema,
                               hec_problem *problem, void *ctx, uint64_t *ret_runs, hec_error *err);

/* Writes all runs to a stream, in one way or another. */
typedef int hec_runs_writer(const char *const *patterns, size_t n, FILE *out, hec_error *err);

/* Writes all runs to a stream as a table: names in the order in which they come up, null and what
 * a run does not have as empty fields. Reading it back gives the same runs with the same ids, so
 * HEC_EFORMAT: a list or a map as a parameter (named in the text), or a text that a CSV would give
 * back as something else ("1.10"). Whole runs have been written then. HEC_EIO and the errors of
 * hec_runs_next(). */
HEC_API int hec_runs_write_csv(const char *const *patterns, size_t n, FILE *out, hec_error *err);

/* The same as YAML: one list, one map for each run. */
HEC_API int hec_runs_write_yaml(const char *const *patterns, size_t n, FILE *out, hec_error *err);

/* Has one of these write into a new file beside `path`, which takes its place when it is whole; on
 * failure `path` is as it was, and nothing is left. HEC_EIO and the errors of the writer. */
HEC_API int hec_runs_save(hec_runs_writer *write, const char *const *patterns, size_t n,
                          const char *path, hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
