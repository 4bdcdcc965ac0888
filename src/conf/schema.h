/* SPDX-License-Identifier: MIT
 *
 * What parameters are allowed to be. A file of YAML: a map from the name of a parameter to its
 * rules, of which each may be left out.
 *
 *     lr:        {type: float, min: 0, max: 1, required: true}
 *     optimizer: {choices: [adam, sgd]}
 *     note:      {type: [string, "null"]}
 *     "*":       refused        other names are a mistake; else they are allowed
 */
#ifndef HEC_CONF_SCHEMA_H
#define HEC_CONF_SCHEMA_H

#include "base/arena.h"

#include <hec/config.h>

#include <stdbool.h>

typedef struct hec__schema hec__schema;

/* HEC_EFORMAT, with the place: what is no schema. Otherwise as hec_yaml_read(). */
int hec__schema_read(const char *path, hec__schema **ret_schema, hec_error *err);
void hec__schema_destroy(hec__schema *schema); /* NULL is fine */

/* Whether the schema wants this parameter as text, whatever it looks like. */
bool hec__schema_wants_text(const hec__schema *schema, const char *name, size_t size);

/* Integers become floats where the schema has `type: float`; `map` gets members of its own in the
 * arena for it. HEC_ENOMEM. */
int hec__schema_convert(const hec__schema *schema, hec__arena *arena, hec_value *map,
                        hec_error *err);

/* Tells of all that is wrong with a run; how many problems that are. The texts begin with the
 * file and the place of the run, or of the value where that is known. */
int hec__schema_check(const hec__schema *schema, const hec_run *run, hec_problem *problem,
                      void *ctx);

#endif
