/* SPDX-License-Identifier: MIT
 *
 * What the batch system granted, from the environment that it gave the job. One adapter for each
 * batch system; the first that recognises its job is asked. None runs a command.
 */
#ifndef HEC_TOPO_BATCH_H
#define HEC_TOPO_BATCH_H

#include "topo/topo.h"

typedef struct hec__batch {
    const char *variable; /* set in every job of this system, and nowhere else */
    const char *also;     /* a second one, where the first is not telling enough; or NULL */
    int (*read)(hec_topology *t, hec_error *err);
} hec__batch;

extern const hec__batch hec__batch_slurm, hec__batch_lsf, hec__batch_pbs, hec__batch_sge;

/* "" for 1 and "s" for any other number of things. */
const char *hec__batch_plural(uint64_t n);

/* Sets t->job; as printf. */
int hec__batch_job(hec_topology *t, hec_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds slots to the node of this name, which is added where it is new. More than 65536 nodes or
 * 2^31 slots are cut off there. */
int hec__batch_slots(hec_topology *t, hec__slice name, uint64_t slots, hec_error *err);

/* Which of t->nodes this host is, by name; `sole`: also the only one there is, under whatever name
 * (a site may give hosts other names than they know themselves by). -1 where it is none; a note
 * says so, unless there are no nodes at all. */
int hec__batch_this_node(hec_topology *t, const char *name, bool sole, long *ret, hec_error *err);

#endif
