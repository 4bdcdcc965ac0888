/* SPDX-License-Identifier: MIT
 *
 * Cores that nested calls may take: a call inside a task has the core of its worker, and those of
 * the *outermost* pool that no worker uses now and no other nested call has taken. The book is in
 * that pool's control memory; in each slot stands what the worker has taken, so that its parent can
 * give it back when the worker dies.
 *
 * It is a matter of courtesy, not of safety: workers that wake up while their cores are lent make
 * a few processes too many, for as long as the nested call lasts.
 */
#ifndef HEC_POOL_CORES_H
#define HEC_POOL_CORES_H

#include "pool/segment.h"

#include <hec/pool.h>

/* In a worker, before it runs anything: from here on this process takes from the outermost pool. */
void hec__cores_enter(const hec__segment *s, uint32_t number);

/* In a pool's parent: whether it is itself a worker, and so its pool a nested one. */
bool hec__cores_nested(void);

/* In a pool's parent: the worker has died, what it had taken is free. `apart`: its workers were
 * forked by a zygote and do not see the outermost pool, only this one. */
void hec__cores_bury(const hec__segment *s, uint32_t number, bool apart);

#endif
