/* SPDX-License-Identifier: MIT
 *
 * Shared arrays, as the rest of the pool sees them: a file of this process, in which they lie.
 */
#ifndef HEC_POOL_ARRAY_H
#define HEC_POOL_ARRAY_H

#include <hec/array.h>

#include <stdbool.h>

/* The sparse file never grows beyond this. */
#define HEC__ARRAY_BYTES (UINT64_C(1) << 44)

/* The file of this process, made at the first call: pools call it before they fork, so that their
 * workers have it. The descriptor is the process's. HEC_ESYS, HEC_ENOMEM. */
int hec__array_file(int *ret_fd, hec_error *err);

/* How far the file may reach: as above, or as far as the limit on the size of files lets it. */
uint64_t hec__array_limit(void);

/* Whether this process made it; a forked copy is its parent's. */
bool hec__array_is_ours(const hec_array *array);

uint64_t hec__array_offset(const hec_array *array); /* in the file */

#endif
