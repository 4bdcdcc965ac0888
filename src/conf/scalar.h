/* SPDX-License-Identifier: MIT
 *
 * What a text without quotes means: the core schema of YAML 1.2, for YAML and CSV alike. Nothing
 * here looks at the locale.
 */
#ifndef HEC_CONF_SCALAR_H
#define HEC_CONF_SCALAR_H

#include "base/arena.h"

#include <hec/config.h>

#include <stdbool.h>

/* What kind of value the n bytes are, HEC_VALUE_INT for every integer. */
enum hec_value_kind hec__scalar_kind(const char *s, size_t n);

/* The value of n bytes with a NUL behind them, as hec__scalar_kind() says; kind, count and as of
 * *value are set. Of a text and of other values, nothing is copied but the digits of a
 * HEC_VALUE_BIG, into the arena. HEC_EFORMAT: an integer of more than 1000 digits, of which the
 * text of the error says only that. HEC_ENOMEM. */
int hec__scalar_resolve(hec__arena *arena, const char *s, size_t n, hec_value *value,
                        hec_error *err);

/* The shortest text that is this number again, as YAML and CSV have it; buf of 40 is enough. */
void hec__scalar_real_text(double real, char *buf, size_t size);

#endif
