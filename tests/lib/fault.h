/* SPDX-License-Identifier: MIT
 *
 * Allocations that fail on command. A test linked with fault.c and the linker's --wrap for each
 * function below runs the same code with the 1st, 2nd, … allocation failing, until none does:
 *
 *     for (long n = 1;; n++) {
 *         fault_arm(n);
 *         r = function_under_test(…);
 *         if (!fault_disarm())
 *             break;                      it needed fewer than n allocations: all were tried
 *         ok(r == HEC_ENOMEM, …);
 *     }
 */
#ifndef HEC_TEST_FAULT_H
#define HEC_TEST_FAULT_H

#include <stdbool.h>

/* The n-th allocation from now fails, and only that one. */
void fault_arm(long n);

/* No allocation fails any more. Whether one did since fault_arm(). */
bool fault_disarm(void);

#endif
