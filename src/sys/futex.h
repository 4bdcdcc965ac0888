/* SPDX-License-Identifier: MIT
 *
 * Sleeping on a word of shared memory. Works across processes.
 */
#ifndef HEC_SYS_FUTEX_H
#define HEC_SYS_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Sleeps while *word == seen, at most timeout_ms (-1: no limit). May wake for no reason: look again.
 * 0 when woken or when the word had changed, HEC_EAGAIN at the timeout, HEC_EINTR by a signal. */
int hec__futex_wait(_Atomic uint32_t *word, uint32_t seen, int timeout_ms);

/* Wakes at most n sleepers. */
void hec__futex_wake(_Atomic uint32_t *word, int n);

#endif
