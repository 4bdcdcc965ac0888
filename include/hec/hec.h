/* SPDX-License-Identifier: MIT
 *
 * The whole public API of libhec. What is not declared below include/hec/ is not public.
 */
#ifndef HEC_HEC_H
#define HEC_HEC_H

#include <hec/error.h>
#include <hec/topology.h>
#include <hec/task.h>
#include <hec/array.h>
#include <hec/pool.h>
#include <hec/zygote.h>
#include <hec/parallel.h>
#include <hec/command.h>
#include <hec/nodes.h>
#include <hec/journal.h>
#include <hec/stream.h>
#include <hec/config.h>
#include <hec/batch.h>
#include <hec/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is running, "MAJOR.MINOR.PATCH". Static storage. */
HEC_API const char *hec_version(void);

#ifdef __cplusplus
}
#endif
#endif
