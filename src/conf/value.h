/* SPDX-License-Identifier: MIT
 *
 * Values as bytes: to compare keys, and to make a run's id of its parameters.
 */
#ifndef HEC_CONF_VALUE_H
#define HEC_CONF_VALUE_H

#include "base/strbuf.h"

#include <hec/config.h>

#include <stdbool.h>

#define HEC__VALUE_DEPTH 64 /* levels of lists and maps within each other */

/* Appends bytes that are equal for two keys exactly when Python takes them for the same key: 1,
 * 1.0 and true are. `key` is no list and no map. Failures stick in out->failed. */
void hec__value_key_bytes(const hec_value *key, hec__strbuf *out);

/* Appends the canonical bytes of a value; docs/formats/run-id-v1.md says which. HEC_ENOMEM. */
int hec__value_canonical(const hec_value *value, hec__strbuf *out, hec_error *err);

/* The id of a map of parameters: XXH3-128 of the canonical bytes, as 32 hexadecimal digits and a
 * NUL; and the seed that follows from it. scratch is used and can be used again. HEC_ENOMEM. */
int hec__value_id(const hec_value *map, hec__strbuf *scratch, char id[33], uint64_t *ret_seed,
                  hec_error *err);

/* "a list", "text": what a value is, in messages. Static storage. */
const char *hec__value_kind_name(const hec_value *value);

static inline bool hec__value_is_scalar(const hec_value *value)
{
    return value->kind != HEC_VALUE_LIST && value->kind != HEC_VALUE_MAP;
}

static inline bool hec__value_is_number(const hec_value *value)
{
    return value->kind == HEC_VALUE_INT || value->kind == HEC_VALUE_BIG ||
           value->kind == HEC_VALUE_REAL;
}

/* A number as a double; a HEC_VALUE_BIG as the nearest. */
double hec__value_number(const hec_value *value);

/* Whether a value is this text. */
bool hec__value_is_text(const hec_value *value, const char *text);

#endif
