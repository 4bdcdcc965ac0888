/* SPDX-License-Identifier: MIT
 *
 * YAML within the room: the file behind the values.
 */
#ifndef HEC_CONF_YAML_H
#define HEC_CONF_YAML_H

#include "base/arena.h"
#include "conf/place.h"

#include <hec/config.h>

#define HEC__YAML_BYTES   ((size_t)64 << 20) /* of a file */
#define HEC__YAML_ALIASED 1000000u           /* values that aliases may stand for */

/* All that lies in the arena but the source, which is a block of its own. */
struct hec_yaml {
    hec__arena arena;
    hec__source source;
    hec_value *documents;
    size_t n, cap;
};

/* A new one around bytes and a name, both copied; without documents. HEC_ENOMEM. */
int hec__yaml_create(const char *name, const char *bytes, size_t size, hec_yaml **ret,
                     hec_error *err);

/* Adds the documents of yaml->source. */
int hec__yaml_load(hec_yaml *yaml, hec_error *err);

/* As hec__fail_at(), where the value stands; is HEC_EFORMAT, which analysers are to see. */
void hec__error_at_value(hec_error *err, const hec__source *source, const hec_value *value,
                         const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define hec__fail_at_value(err, source, value, ...)                                                \
    (__extension__({                                                                               \
        hec__error_at_value((err), (source), (value), __VA_ARGS__);                                \
        HEC_EFORMAT;                                                                               \
    }))

#endif
