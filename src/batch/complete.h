/* SPDX-License-Identifier: MIT
 *
 * What a request does not say, taken from the site.
 */
#ifndef HEC_BATCH_COMPLETE_H
#define HEC_BATCH_COMPLETE_H

#include "batch/request.h"
#include "batch/site.h"

#define HEC__MEMORY_ALL 0 /* of the node: the memory of exclusive jobs that say none */

/* Afterwards everything that a script needs is known; what the user said is as it was. Doing it
 * twice changes nothing. HEC_EINVAL: the request contradicts itself. HEC_ENOMEM. */
int hec__request_complete(hec_request *q, const hec_site *site, hec_error *err);

#endif
