/* SPDX-License-Identifier: MIT
 *
 * Workers that a zygote forks: what the pool tells them, and how they become what a forked worker
 * is by itself.
 */
#ifndef HEC_POOL_SUMMON_H
#define HEC_POOL_SUMMON_H

#include "pool/state.h"
#include "pool/worker.h"

/* What all workers of the pool are told: the environment and the folder as they are now, and the
 * option's start_data. HEC_ENOMEM, HEC_ESYS. */
int hec__summons_prepare(hec_pool *p, const hec_pool_options *o, hec_error *err);
void hec__summons_fini(hec_pool *p);

/* Has the pool's zygote fork worker k, with the descriptors that `start` names. */
int hec__summon(hec_pool *p, uint32_t k, const hec__worker_start *start, hec__child *ret,
                hec_error *err);

#endif
