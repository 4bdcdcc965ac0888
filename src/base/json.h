/* SPDX-License-Identifier: MIT
 *
 * A JSON writer: commas, quotes and escapes, nothing else. Strings that are not UTF-8 have each
 * bad byte replaced by U+FFFD. The caller opens and closes in order; errors of memory stick in
 * the buffer's `failed`, to be looked at once.
 *
 *     hec__json j; hec__json_init(&j, &buf);
 *     hec__json_open(&j, '{');
 *     hec__json_key(&j, "cpus"); hec__json_int(&j, 8);
 *     hec__json_close(&j);
 */
#ifndef HEC_BASE_JSON_H
#define HEC_BASE_JSON_H

#include "base/strbuf.h"

#include <stdint.h>

#define HEC__JSON_DEPTH 80

typedef struct hec__json {
    hec__strbuf *out;
    int depth;
    bool after_key;
    char close[HEC__JSON_DEPTH]; /* what ends each open level */
    bool any[HEC__JSON_DEPTH];   /* whether a level has a member already */
} hec__json;

void hec__json_init(hec__json *j, hec__strbuf *out);
void hec__json_open(hec__json *j, char bracket); /* '{' or '[' */
void hec__json_close(hec__json *j);
void hec__json_key(hec__json *j, const char *key);
void hec__json_str(hec__json *j, const char *s); /* NULL writes null */
void hec__json_int(hec__json *j, int64_t v);
void hec__json_uint(hec__json *j, uint64_t v);
void hec__json_real(hec__json *j, double v);         /* null for NaN and infinities */
void hec__json_raw(hec__json *j, const char *value); /* a value that is JSON already */
void hec__json_bool(hec__json *j, bool v);
void hec__json_null(hec__json *j);

#endif
