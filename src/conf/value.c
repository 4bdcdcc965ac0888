/* SPDX-License-Identifier: MIT */
#include "conf/value.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "conf/scalar.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool hec__value_is_text(const hec_value *value, const char *text)
{
    return value->kind == HEC_VALUE_TEXT && strcmp(value->as.text, text) == 0;
}

const hec_value *hec_value_get(const hec_value *map, const char *key)
{
    if (map->kind != HEC_VALUE_MAP)
        return NULL;
    for (uint64_t i = 0; i < map->count; i++)
        if (hec__value_is_text(&map->as.members[i].key, key))
            return &map->as.members[i].value;
    return NULL;
}

double hec__value_number(const hec_value *value)
{
    if (value->kind == HEC_VALUE_INT)
        return (double)value->as.integer;
    /* Digits only: no decimal point that a locale could have an opinion on. */
    return value->kind == HEC_VALUE_BIG ? strtod(value->as.text, NULL) : value->as.real;
}

const char *hec__value_kind_name(const hec_value *value)
{
    switch ((enum hec_value_kind)value->kind) {
    case HEC_VALUE_NULL:
        return "null";
    case HEC_VALUE_BOOL:
        return "a bool";
    case HEC_VALUE_INT:
    case HEC_VALUE_BIG:
        return "an integer";
    case HEC_VALUE_REAL:
        return "a float";
    case HEC_VALUE_TEXT:
        return "text";
    case HEC_VALUE_LIST:
        return "a list";
    case HEC_VALUE_MAP:
        return "a map";
    }
    return "?";
}

int hec_value_text(const hec_value *value, char *buf, size_t size, hec_error *err)
{
    char real[40];

    switch ((enum hec_value_kind)value->kind) {
    case HEC_VALUE_NULL:
        return snprintf(buf, size, "null");
    case HEC_VALUE_BOOL:
        return snprintf(buf, size, "%s", value->as.boolean ? "true" : "false");
    case HEC_VALUE_INT:
        return snprintf(buf, size, "%" PRId64, value->as.integer);
    case HEC_VALUE_REAL:
        hec__scalar_real_text(value->as.real, real, sizeof real);
        return snprintf(buf, size, "%s", real);
    case HEC_VALUE_BIG:
    case HEC_VALUE_TEXT:
        return snprintf(buf, size, "%s", value->as.text);
    case HEC_VALUE_LIST:
    case HEC_VALUE_MAP:
        break;
    }
    return hec__fail(err, HEC_EINVAL, 0, "%s is not one value", hec__value_kind_name(value));
}

/* ---- JSON ---- */

static void write_key(hec__json *j, const hec_value *key)
{
    char buf[40];

    if (key->kind == HEC_VALUE_TEXT || key->kind == HEC_VALUE_BIG) {
        hec__json_key(j, key->as.text);
    } else {
        hec_value_text(key, buf, sizeof buf, NULL);
        hec__json_key(j, buf);
    }
}

static void write_value(hec__json *j, const hec_value *value)
{
    char buf[40];

    switch ((enum hec_value_kind)value->kind) {
    case HEC_VALUE_NULL:
        hec__json_null(j);
        break;
    case HEC_VALUE_BOOL:
        hec__json_bool(j, value->as.boolean);
        break;
    case HEC_VALUE_INT:
        hec__json_int(j, value->as.integer);
        break;
    case HEC_VALUE_BIG:
        hec__json_raw(j, value->as.text);
        break;
    case HEC_VALUE_REAL:
        hec__scalar_real_text(value->as.real, buf, sizeof buf);
        if (isfinite(value->as.real))
            hec__json_raw(j, buf);
        else
            hec__json_str(j, buf);
        break;
    case HEC_VALUE_TEXT:
        hec__json_str(j, value->as.text);
        break;
    case HEC_VALUE_LIST:
        hec__json_open(j, '[');
        for (uint64_t i = 0; i < value->count; i++)
            write_value(j, &value->as.items[i]);
        hec__json_close(j);
        break;
    case HEC_VALUE_MAP:
        hec__json_open(j, '{');
        for (uint64_t i = 0; i < value->count; i++) {
            write_key(j, &value->as.members[i].key);
            write_value(j, &value->as.members[i].value);
        }
        hec__json_close(j);
        break;
    }
}

int hec_value_json(const hec_value *value, char **ret_json, hec_error *err)
{
    HEC_AUTO_STRBUF out;
    hec__json j;
    char *json;

    hec__strbuf_init(&out);
    hec__json_init(&j, &out);
    write_value(&j, value);
    json = hec__strbuf_detach(&out);
    if (!json)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for a value as JSON");
    *ret_json = json;
    return 0;
}

/* ---- bytes ---- */

void hec__value_key_bytes(const hec_value *key, hec__strbuf *out)
{
    double real = key->as.real;

    if (key->kind == HEC_VALUE_TEXT) {
        hec__strbuf_addc(out, 's');
        hec__strbuf_add(out, key->as.text, key->count);
    } else if (key->kind == HEC_VALUE_NULL) {
        hec__strbuf_addc(out, 'n');
    } else if (key->kind == HEC_VALUE_BIG) {
        hec__strbuf_addf(out, "d%s", key->as.text);
    } else if (key->kind == HEC_VALUE_REAL && (isnan(real) || real != floor(real) || isinf(real))) {
        hec__strbuf_addf(out, "r%a", real);
    } else if (key->kind == HEC_VALUE_REAL) {
        hec__strbuf_addf(out, "d%.0f", real == 0 ? 0.0 : real); /* -0.0 is 0 */
    } else {
        int64_t v = key->kind == HEC_VALUE_BOOL ? key->as.boolean : key->as.integer;

        hec__strbuf_addf(out, "d%" PRId64, v);
    }
}

/* Digits in a base up to 16, at least `width` of them. Every run of a table comes by here several
 * times, and printf() takes longer than all the rest. */
static void add_digits(hec__strbuf *out, uint64_t n, unsigned base, size_t width)
{
    char digits[24];
    size_t at = sizeof digits;

    do {
        digits[--at] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n || sizeof digits - at < width);
    hec__strbuf_add(out, digits + at, sizeof digits - at);
}

static void add_int(hec__strbuf *out, int64_t n)
{
    hec__strbuf_addc(out, 'i');
    if (n < 0)
        hec__strbuf_addc(out, '-');
    add_digits(out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 10, 1);
    hec__strbuf_addc(out, ';');
}

static void add_real(hec__strbuf *out, double real)
{
    uint64_t bits;

    if (isnan(real)) {
        hec__strbuf_adds(out, "rnan;");
        return;
    }
    memcpy(&bits, &real, sizeof bits);
    hec__strbuf_addc(out, 'r');
    add_digits(out, bits, 16, 16);
    hec__strbuf_addc(out, ';');
}

typedef struct piece {
    size_t at, key, size; /* within the pieces' buffer: where a member begins, how long its parts */
    const char *bytes;
} piece;

static int compare_pieces(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    size_t n = x->key < y->key ? x->key : y->key;
    int r = memcmp(x->bytes, y->bytes, n);

    return r ? r : x->key < y->key ? -1 : x->key > y->key;
}

/* A map's members by the order of their keys' bytes: first all into a buffer, then sorted. */
static int add_map(const hec_value *map, hec__strbuf *out, hec_error *err)
{
    HEC_AUTO_STRBUF all;
    HEC_AUTO_STR memory = NULL;
    piece *pieces;
    size_t n = (size_t)map->count;

    hec__strbuf_init(&all);
    pieces = calloc(n ? n : 1, sizeof *pieces);
    memory = (char *)(void *)pieces;
    if (!pieces)
        return hec__fail(err, HEC_ENOMEM, 0, "no memory for an id");
    for (size_t i = 0; i < n; i++) {
        int r;

        pieces[i].at = all.len;
        r = hec__value_canonical(&map->as.members[i].key, &all, err);
        pieces[i].key = all.len - pieces[i].at;
        if (r == 0)
            r = hec__value_canonical(&map->as.members[i].value, &all, err);
        if (r < 0)
            return r;
        pieces[i].size = all.len - pieces[i].at;
    }
    for (size_t i = 0; i < n; i++)
        pieces[i].bytes = all.data + pieces[i].at;
    qsort(pieces, n, sizeof *pieces, compare_pieces);
    hec__strbuf_addc(out, '{');
    for (size_t i = 0; i < n; i++)
        hec__strbuf_add(out, pieces[i].bytes, pieces[i].size);
    hec__strbuf_addc(out, '}');
    return 0;
}

int hec__value_canonical(const hec_value *value, hec__strbuf *out, hec_error *err)
{
    int r = 0;

    switch ((enum hec_value_kind)value->kind) {
    case HEC_VALUE_NULL:
        hec__strbuf_adds(out, "n;");
        break;
    case HEC_VALUE_BOOL:
        hec__strbuf_adds(out, value->as.boolean ? "t;" : "f;");
        break;
    case HEC_VALUE_INT:
        add_int(out, value->as.integer);
        break;
    case HEC_VALUE_BIG:
        hec__strbuf_addf(out, "i%s;", value->as.text);
        break;
    case HEC_VALUE_REAL:
        add_real(out, value->as.real);
        break;
    case HEC_VALUE_TEXT:
        hec__strbuf_addc(out, 's');
        add_digits(out, value->count, 10, 1);
        hec__strbuf_addc(out, ':');
        hec__strbuf_add(out, value->as.text, value->count);
        break;
    case HEC_VALUE_LIST:
        hec__strbuf_addc(out, '[');
        for (uint64_t i = 0; i < value->count && r == 0; i++)
            r = hec__value_canonical(&value->as.items[i], out, err);
        hec__strbuf_addc(out, ']');
        break;
    case HEC_VALUE_MAP:
        r = add_map(value, out, err);
        break;
    }
    if (r == 0 && out->failed)
        r = hec__fail(err, HEC_ENOMEM, 0, "no memory for an id");
    return r;
}

int hec__value_id(const hec_value *map, hec__strbuf *scratch, char id[33], uint64_t *ret_seed,
                  hec_error *err)
{
    unsigned char bytes[HEC__HASH128_SIZE];
    int r;

    hec__strbuf_clear(scratch);
    r = hec__value_canonical(map, scratch, err);
    if (r < 0)
        return r;
    hec__hash128(scratch->data, scratch->len, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        id[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        id[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    id[32] = '\0';
    /* 53 bits: a double holds them all, and so does whatever reads JSON with doubles. */
    *ret_seed = hec__hash64(bytes, sizeof bytes, 1) >> 11;
    return 0;
}
