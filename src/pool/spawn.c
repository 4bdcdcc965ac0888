/* SPDX-License-Identifier: MIT
 *
 * The birth of workers.
 */
#include "pool/state.h"

#include "base/error.h"
#include "pool/spin.h"
#include "pool/summon.h"
#include "pool/worker.h"
#include "sys/clock.h"
#include "sys/crash.h"
#include "sys/openmp.h"

#include <hec/topology.h>

#include <signal.h>
#include <unistd.h>

uint64_t hec__pool_available(void)
{
    hec_topology *t = NULL;
    uint64_t n;

    /* Unknown is not a reason to refuse: the kernel has the last word. */
    if (hec_topology_read(NULL, &t, NULL) < 0)
        return UINT64_MAX;
    n = hec_topology_memory_available(t);
    hec_topology_destroy(t);
    return n;
}

static int map_rings(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    int r = 0;

    if (!m->tasks_data)
        r = hec__segment_map_ring(p->segment, k, false, &m->tasks_data, err);
    if (r == 0 && !m->results_data)
        r = hec__segment_map_ring(p->segment, k, true, &m->results_data, err);
    return r;
}

static int spawn(hec_pool *p, uint32_t k, hec_error *err)
{
    hec__member *m = &p->members[k];
    hec__slot *slot = &p->segment->slots[k];
    hec__worker_start start = {.number = k,
                               .cpus = p->cpus,
                               .runner = p->runner,
                               .segment = p->segment,
                               .watch = p->watch,
                               .warden = p->warden.watch,
                               .reports_fd = p->reports_fd,
                               .warm_max = p->warm_max,
                               .available = hec__pool_available};
    hec__echo *echo = NULL;
    int r = map_rings(p, k, err);

    if (r < 0)
        return r;
    start.stderr_fd = -1;
    if (p->captures) /* without one it writes to where the parent does */
        echo = hec__echo_open(&start.stderr_fd);
    memset(slot, 0, sizeof *slot); /* nobody else looks at it now */
    hec__ring_open_producer(&m->tasks, &slot->tasks, m->tasks_data, HEC__RING_BYTES);
    hec__ring_open_consumer(&m->results, &slot->results, m->results_data, HEC__RING_BYTES);
    start.tasks = m->tasks_data;
    start.results = m->results_data;
    m->self_next = 0;
    m->answered = m->distrusted = false;
    hec__awake_add(p->segment->head, &slot->awake, +1);
    r = p->zygote ? hec__summon(p, k, &start, &m->child, err) : hec__child_fork(&m->child, err);
    if (r == 1) {
        hec__warden_in_child(&p->warden, echo);
        hec__worker_main(&start);
    }
    if (start.stderr_fd >= 0)
        close(start.stderr_fd);
    if (r == 0) {
        r = hec__watch_add(&p->watch, m->child.fd, k, err);
        if (r < 0) { /* nobody would hear of its end */
            hec__child_kill(&m->child, SIGKILL);
            hec__child_reap(&m->child, true, &(int){0});
            hec__child_forget(&m->child);
        }
    }
    if (r < 0) {
        hec__echo_close(echo);
        hec__awake_add(p->segment->head, &slot->awake, -1);
        return r;
    }
    m->pid = m->child.pid;
    hec__warden_add(&p->warden, k, &m->child, echo);
    p->alive++;
    for (hec_call *c = p->calls; c; c = c->next_call)
        c->opened[k] = 0;
    return 0;
}

int hec__pool_spawn_missing(hec_pool *p, hec_error *err)
{
    int r = 0;

    if (!p->zygote) {
        hec__openmp_pause();
        hec__crash_prime();
    }
    if (!p->zygote && p->runner.before_fork)
        p->runner.before_fork(p->runner.ctx);
    for (uint32_t k = 0; r == 0 && k < p->nworkers; k++)
        if (!p->members[k].child.pid)
            r = spawn(p, k, p->alive ? NULL : err);
    if (!p->zygote && p->runner.after_fork)
        p->runner.after_fork(p->runner.ctx);
    return r;
}
