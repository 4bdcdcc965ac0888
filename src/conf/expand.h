/* SPDX-License-Identifier: MIT
 *
 * One map of parameters as many runs: what `grid`, `zip` and `sample` in it stand for. The runs
 * are not kept anywhere: the i-th is made when it is asked for.
 */
#ifndef HEC_CONF_EXPAND_H
#define HEC_CONF_EXPAND_H

#include "base/arena.h"
#include "conf/place.h"

#include <hec/config.h>

#define HEC__EXPAND_RUNS (UINT64_C(1) << 53) /* of one map */

typedef struct hec__expansion {
    const hec_value *map;                 /* as it was read */
    const hec_value *grid, *zip, *sample; /* NULL where there is none */
    uint64_t zipped, samples;             /* how many of each, 1 where there is none */
    uint64_t seed;                        /* of the draws */
    uint64_t runs;
} hec__expansion;

/* Looks at a map, which has to live as long. HEC_EFORMAT, with the place: a block that makes no
 * sense, a parameter in two of them, a name that is no text, over HEC__EXPAND_RUNS runs. */
int hec__expansion_init(hec__expansion *e, const hec_value *map, const hec__source *source,
                        hec_error *err);

/* The parameters of run i < e->runs, a map in the arena that shares values with e->map. The first
 * key of the grid varies slowest, then the other ones, the zipped, the samples. HEC_ENOMEM. */
int hec__expansion_at(const hec__expansion *e, uint64_t i, hec__arena *arena, hec_value *ret_map,
                      hec_error *err);

#endif
