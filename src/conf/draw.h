/* SPDX-License-Identifier: MIT
 *
 * Random values for `sample`. The k-th draw of a parameter follows from the seed, its name and k
 * alone: more samples, or another parameter, leave those as they are that there were.
 */
#ifndef HEC_CONF_DRAW_H
#define HEC_CONF_DRAW_H

#include "conf/place.h"

#include <hec/config.h>

#include <stdbool.h>

/* Whether a value seems to say how to draw: a map with one key, {uniform: [0, 1]}. */
bool hec__draw_is(const hec_value *how);

/* Whether it says so well: 0, or HEC_EFORMAT with the place. */
int hec__draw_check(const hec_value *how, const hec__source *source, hec_error *err);

/* Draw k of the parameter `name`; `how` has been checked. */
hec_value hec__draw(const hec_value *how, uint64_t seed, const hec_value *name, uint64_t k);

#endif
