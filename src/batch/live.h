/* SPDX-License-Identifier: MIT
 *
 * What a live cluster says of itself, written over what its site file says: partitions and their
 * limits, which QoS there are, the largest index of an array. Each reads what one command prints;
 * what it does not know it passes over, and what it does not say stays as the file has it. Any
 * bytes will do; HEC_ENOMEM.
 */
#ifndef HEC_BATCH_LIVE_H
#define HEC_BATCH_LIVE_H

#include "batch/site.h"

/* "scontrol --oneliner show partition": a line for each. */
int hec__live_partitions(hec_site *site, const char *out, hec_error *err);

/* "sacctmgr --noheader --parsable2 show qos format=Name,MaxWall": a line for each. */
int hec__live_qos(hec_site *site, const char *out, hec_error *err);

/* "scontrol show config": one line of it. */
int hec__live_config(hec_site *site, const char *out, hec_error *err);

/* "qconf -sq *": queues, parted by empty lines. */
int hec__live_queues(hec_site *site, const char *out, hec_error *err);

#endif
