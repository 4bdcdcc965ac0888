/* SPDX-License-Identifier: MIT
 *
 * Which cluster this machine is part of, if any. Commands of a scheduler alone are none: they come
 * with packages, also to machines that never heard of a cluster. It is looked for what such a
 * command would need to reach one.
 */
#ifndef HEC_BATCH_HERE_H
#define HEC_BATCH_HERE_H

#include "batch/site.h"

/* The scheduler that a cluster here is configured for: files are looked at, and no command is run.
 * 1, and the file in buf where there is one; 0: none is found. */
int hec__here_configured(enum hec__scheduler *ret, char *buf, size_t size);

/* The same; where a scheduler's commands are here and its configuration is at no place that is
 * known, the scheduler itself is asked, for five seconds at most. HEC__LOCAL: there is none. */
enum hec__scheduler hec__here_scheduler(void);

/* The site file's name for the host, or a pattern of its, is that of this one. A host without a
 * domain is that of the name in full where `domains`, the text of resolv.conf, has the rest; NULL:
 * whatever the rest is. */
bool hec__here_is_host(const char *name, const char *host, const char *domains);

#endif
