/* SPDX-License-Identifier: MIT
 *
 * A task's limits as one word, which travels in a record's header and is read at once by whoever
 * watches. Pure functions.
 */
#ifndef HEC_TASK_LIMITS_H
#define HEC_TASK_LIMITS_H

#include <hec/task.h>

#include <stdint.h>

/* Milliseconds in the low half, 64 KiB in the high half; each 0: no limit. What is beyond the range
 * (49 days, 256 TiB) is no limit either. */
uint64_t hec__limits_word(const hec_limits *limits);
hec_limits hec__limits_of(uint64_t word);

#endif
