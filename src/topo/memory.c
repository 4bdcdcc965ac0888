/* SPDX-License-Identifier: MIT
 *
 * Memory that does not come from cgroups: the machine's own, and the process's address space.
 */
#include "topo/topo.h"

#include "base/units.h"

/* A field "Label:   123 kB" in bytes. */
static bool kilobytes(const char *text, const char *label, uint64_t *ret)
{
    hec__slice rest = hec__text_after(text, label), word;
    uint64_t v;

    if (!rest.s || !hec__slice_word(&rest, &word) || !hec__slice_uint(word, UINT64_MAX >> 10, &v))
        return false;
    *ret = v << 10;
    return true;
}

int hec__topology_read_machine(hec_topology *t, hec_error *err)
{
    HEC_AUTO_STRBUF buf;
    uint64_t total, available;
    char text[32];
    int r;

    hec__strbuf_init(&buf);
    r = hec__topology_file(t, "/proc/meminfo", &buf, err);
    if (r < 0)
        return r;
    if (r == 0)
        return hec__topology_note(t, err, "/proc/meminfo cannot be read");
    if (kilobytes(buf.data, "MemAvailable:", &available))
        hec__topology_leaves(t, available);
    if (!kilobytes(buf.data, "MemTotal:", &total))
        return hec__topology_note(t, err, "/proc/meminfo has no MemTotal");
    return hec__topology_limit(t, &t->memory, "machine", total, err, "machine: %s (MemTotal)",
                               hec__format_bytes(total, text, sizeof text));
}

/* RLIMIT_AS bounds addresses and not memory, but malloc() fails at it all the same: that is how
 * SGE's h_vmem stops a job. What is left of it is the limit less the addresses in use. */
int hec__topology_read_rlimits(hec_topology *t, hec_error *err)
{
    HEC_AUTO_STRBUF buf;
    hec__slice rest, word;
    uint64_t limit, used;
    char text[32];
    int r;

    hec__strbuf_init(&buf);
    r = hec__topology_file(t, "/proc/self/limits", &buf, err);
    if (r <= 0)
        return r;
    rest = hec__text_after(buf.data, "Max address space");
    if (!rest.s || !hec__slice_word(&rest, &word) || !hec__slice_uint(word, UINT64_MAX - 1, &limit))
        return 0;
    hec__strbuf_clear(&buf);
    r = hec__topology_file(t, "/proc/self/status", &buf, err);
    if (r < 0)
        return r;
    if (r == 1 && kilobytes(buf.data, "VmSize:", &used))
        hec__topology_leaves(t, used < limit ? limit - used : 0);
    return hec__topology_limit(t, &t->memory, "rlimit", limit, err,
                               "address space of each process: %s (ulimit -v)",
                               hec__format_bytes(limit, text, sizeof text));
}
