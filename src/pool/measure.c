/* SPDX-License-Identifier: MIT */
#include "pool/measure.h"

#include "sys/clock.h"
#include "sys/proc.h"
#include "task/limits.h"

#include <sys/resource.h>

/* What is shorter cannot have changed the memory, or waited for a child, by much: the last look
 * does. */
#define LOOK_NS UINT64_C(1000000)
/* What RLIMIT_DATA leaves beyond twice the limit: it counts addresses, and who reserves some
 * (stacks of threads, runtimes with heaps of their own) has not taken the memory. */
#define SLACK (UINT64_C(1) << 30)

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

void hec__measure_init(hec__measure *m, hec__slot *slot)
{
    m->slot = slot;
    m->memory_fd = -1;
}

static bool read_memory(hec__measure *m, hec__memory *ret)
{
    if (m->memory_fd < 0)
        m->memory_fd = hec__memory_open();
    return hec__memory_read(m->memory_fd, ret);
}

/* Between two looks the sampler does not see what a task takes: this is what keeps it from taking
 * the machine down. */
static void limit_data(hec__measure *m, uint64_t borrowed)
{
    struct rlimit limit;
    hec__memory now;
    uint64_t most;

    if ((!m->limits.memory_bytes && !m->data_set) || getrlimit(RLIMIT_DATA, &limit) < 0)
        return;
    if (!m->data_set)
        m->data_was = limit.rlim_cur;
    m->data_set = m->limits.memory_bytes != 0;
    most = m->data_was;
    if (m->data_set && read_memory(m, &now)) {
        uint64_t wanted = now.data + borrowed + 2 * m->limits.memory_bytes + SLACK;

        most = wanted < most ? wanted : most;
    }
    limit.rlim_cur = most;
    setrlimit(RLIMIT_DATA, &limit); /* only ever lowered, or put back */
}

/* CPU time so far. Of children it is asked where there was time for one to be waited for. */
static uint64_t spent(hec__measure *m, bool children)
{
    struct rusage used;

    if (children && getrusage(RUSAGE_CHILDREN, &used) == 0)
        m->children_ns = ns_of(used.ru_utime) + ns_of(used.ru_stime);
    if (getrusage(RUSAGE_SELF, &used) < 0)
        return m->spent_ns;
    m->peak = (uint64_t)used.ru_maxrss * 1024;
    return ns_of(used.ru_utime) + ns_of(used.ru_stime) + m->children_ns;
}

void hec__measure_begin(hec__measure *m, uint64_t limits, bool measured, uint64_t borrowed)
{
    m->word = limits;
    m->limits = hec__limits_of(limits);
    m->measured = measured;
    m->stamps = measured || limits;
    m->runs = false;
    m->n = m->first = 0;
    atomic_store_explicit(&m->slot->limits, limits, memory_order_relaxed);
    atomic_store_explicit(&m->slot->cpu_ns, 0, memory_order_relaxed);
    limit_data(m, borrowed);
    if (measured)
        m->spent_ns = spent(m, true);
}

void hec__measure_end(hec__measure *m)
{
    uint64_t now = hec__now_ns(), before = m->spent_ns, peak = m->peak;
    hec__used *u = &m->now;
    hec__memory memory;

    if (!m->runs)
        return;
    m->runs = false;
    u->duration_ns = now - u->began_ns;
    m->spent_ns = spent(m, u->duration_ns >= LOOK_NS);
    u->cpu_ns = m->spent_ns - before;
    if ((u->duration_ns >= LOOK_NS || now - m->looked_ns >= LOOK_NS) && read_memory(m, &memory)) {
        m->rss = memory.rss;
        m->looked_ns = now;
    }
    /* The system knows the highest ever: that was this task's if it has risen. */
    u->max_rss = m->peak > peak ? m->peak : m->rss;
    if (m->n < HEC_MEASURED_MAX) {
        uint32_t i = (m->first + m->n++) % HEC_MEASURED_MAX;

        m->tasks[i] = m->task;
        m->used[i] = *u;
    }
}

void hec__measure_at(hec__measure *m, uint64_t task)
{
    hec__memory memory;
    uint64_t now;

    /* The time that is about to be written is not that of the task before. */
    atomic_store_explicit(&m->slot->task, 0, memory_order_relaxed);
    if (m->measured)
        hec__measure_end(m);
    if (m->limits.memory_bytes)
        atomic_store_explicit(&m->slot->own, read_memory(m, &memory) ? memory.own : 0,
                              memory_order_relaxed);
    if (m->measured)
        atomic_store_explicit(&m->slot->cpu_ns, m->spent_ns, memory_order_relaxed);
    now = hec__now_ns();
    atomic_store_explicit(&m->slot->limits, m->word, memory_order_relaxed);
    /* Release: who reads it reads that the task before is over. */
    atomic_store_explicit(&m->slot->since_ns, now, memory_order_release);
    m->runs = true;
    m->task = task;
    m->now = (hec__used){.began_ns = now};
}

void hec__measure_wait(hec__measure *m)
{
    hec__measure_end(m);
    atomic_store_explicit(&m->slot->limits, 0, memory_order_relaxed);
}

uint32_t hec__measure_take(hec__measure *m, uint64_t first, uint32_t count,
                           hec__used ret[HEC_MEASURED_MAX])
{
    uint32_t n = count < HEC_MEASURED_MAX ? count : HEC_MEASURED_MAX;

    memset(ret, 0, n * sizeof *ret);
    while (m->n && m->tasks[m->first] < first + count) {
        uint64_t task = m->tasks[m->first];

        if (task >= first && task - first < n)
            ret[task - first] = m->used[m->first];
        m->first = (m->first + 1) % HEC_MEASURED_MAX;
        m->n--;
    }
    return n;
}
