/* SPDX-License-Identifier: MIT
 *
 * The thread of a journal.
 */
#ifndef HEC_JOURNAL_COMMIT_H
#define HEC_JOURNAL_COMMIT_H

#include "journal/writer.h"

/* Writes and syncs what is put, until it is told to stop and nothing is left. */
void *hec__jcommit_main(void *writer);

/* Now, as pthread_cond_timedwait() has it here, plus ns. */
struct timespec hec__jcommit_after(uint64_t ns);

#endif
