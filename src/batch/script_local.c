/* SPDX-License-Identifier: MIT
 *
 * What the script of a job does itself where no scheduler does it: it begins the elements of an
 * array, as many at a time as there is room for, and keeps the limit of memory.
 */
#include "batch/complete.h"
#include "batch/script.h"

#include <hec/topology.h>

#include <inttypes.h>

/* ---- arrays ---- */

/* How many elements at a time: as there are CPUs and memory granted here for what each asks, and no
 * more than the user says. */
static uint64_t width(const hec_request *q)
{
    hec_topology *t = NULL;
    uint64_t cpus = 1, memory = 0, n, by_memory;

    if (hec_topology_read(NULL, &t, NULL) == 0) {
        cpus = (uint64_t)hec_topology_cpus(t);
        memory = hec_topology_memory(t);
        hec_topology_destroy(t);
    }
    n = cpus / (q->cpus ? q->cpus : 1);
    if (hec__script_keeps(q)) {
        by_memory = memory / q->memory;
        n = memory && by_memory < n ? by_memory : n;
    }
    if (q->throttle && q->throttle < n)
        n = q->throttle;
    return n ? n : 1;
}

void hec__script_loop(hec__script *s)
{
    uint64_t n = width(s->q);

    hec__strbuf_addf(&s->out,
                     "if [ -z \"${HEC_ARRAY_INDEX:-}\" ]; then\n"
                     "    # Elements of the array, at most %" PRIu64 " at a time.\n"
                     "    hec_status=0\n    hec_pids=\n    hec_stop=\n"
                     "    # They hear it too, and are waited for.\n"
                     "    trap 'hec_stop=1; hec_status=143' TERM\n"
                     "    # Keeps those in $@ that run, and how the others ended; sets hec_left.\n"
                     "    hec_reap()\n    {\n"
                     "        hec_pids=\n        hec_left=0\n"
                     "        for hec_pid; do\n"
                     "            if kill -0 \"$hec_pid\" 2>/dev/null; then\n"
                     "                hec_pids+=\" $hec_pid\"\n"
                     "                hec_left=$((hec_left + 1))\n"
                     "            else\n"
                     "                wait \"$hec_pid\" || hec_status=$?\n"
                     "            fi\n        done\n    }\n"
                     "    for i in",
                     n);
    for (size_t i = 0; i < s->q->n_ranges; i++)
        hec__strbuf_addf(&s->out, " $(seq %" PRIu32 " %" PRIu32 " %" PRIu32 ")",
                         s->q->ranges[i].first, s->q->ranges[i].step, s->q->ranges[i].last);
    hec__strbuf_addf(&s->out,
                     "; do\n"
                     "        # shellcheck disable=SC2086 # words\n"
                     "        hec_reap $hec_pids\n"
                     "        while [ -z \"$hec_stop\" ] && [ \"$hec_left\" -ge %" PRIu64 " ]; do\n"
                     "            wait -n || :\n"
                     "            # shellcheck disable=SC2086 # words\n"
                     "            hec_reap $hec_pids\n"
                     "        done\n"
                     "        [ -z \"$hec_stop\" ] || break\n"
                     "        HEC_ARRAY_INDEX=$i \"$BASH\" \"$0\" &\n"
                     "        hec_pids+=\" $!\"\n"
                     "    done\n"
                     "    for i in $hec_pids; do\n"
                     "        while kill -0 \"$i\" 2>/dev/null; do\n"
                     "            wait \"$i\" || : # a signal ends it early\n"
                     "        done\n"
                     "        wait \"$i\" || hec_status=$?\n"
                     "    done\n%s    exit \"$hec_status\"\nfi\n",
                     n, s->q->run.dir ? "    hec_over=1\n" : "");
}

/* ---- memory ---- */

bool hec__script_keeps(const hec_request *q)
{
    return q->memory != HEC__MEMORY_ALL;
}

static const char finder[] =
    "# Sets hec_kin to process $1 and all that come from it; false where it is gone.\n"
    "hec_find()\n{\n"
    "    local file stat all=() more\n"
    "    [ -e \"/proc/$1\" ] || return 1\n"
    "    for file in /proc/[0-9]*; do\n"
    "        if ! [ -O \"$file\" ] || ! read -r stat <\"$file/stat\"; then\n"
    "            continue\n        fi\n"
    "        stat=${stat##*) }\n"
    "        stat=${stat#* }\n"
    "        all+=(\"${file#/proc/} ${stat%% *}\")\n"
    "    done 2>/dev/null\n"
    "    hec_kin=\" $1 \"\n    more=1\n"
    "    while [ -n \"$more\" ]; do\n"
    "        more=\n"
    "        for stat in \"${all[@]}\"; do\n"
    "            [[ $hec_kin == *\" ${stat#* } \"* && $hec_kin != *\" ${stat%% *} \"* ]] || "
    "continue\n"
    "            hec_kin+=\"${stat%% *} \"\n            more=1\n"
    "        done\n    done\n}\n";

/* All in bash, twice a second. What processes share counts once where the kernel tells, but to ask
 * it takes it a while: so first, and mostly alone, what each has that is of no file. */
void hec__script_keeper(hec__script *s)
{
    hec__strbuf_adds(&s->out, finder);
    hec__strbuf_addf(
        &s->out,
        "# Sets hec_own to the KiB that they have; with a second word as the kernel shares them "
        "out.\n"
        "hec_weigh()\n{\n"
        "    local pid name n rest size shared\n"
        "    hec_own=0\n"
        "    for pid in $hec_kin; do\n"
        "        n=\n"
        "        if [ -n \"${1:-}\" ]; then\n"
        "            while read -r name size rest; do\n"
        "                [ \"$name\" != Pss_Anon: ] || n=$size\n"
        "            done <\"/proc/$pid/smaps_rollup\"\n"
        "        fi\n"
        "        if [ -z \"$n\" ] && read -r rest size shared rest <\"/proc/$pid/statm\"; then\n"
        "            n=$(((size - shared) * %ld))\n"
        "        fi\n"
        "        hec_own=$((hec_own + ${n:-0}))\n"
        "    done 2>/dev/null\n}\n"
        "# Kills process $1, and all that come from it, when they take more than $2 KiB.\n"
        "hec_keep()\n{\n"
        "    hec_sleep=\n    set +e\n"
        "    trap 'kill \"$hec_sleep\" 2>/dev/null; exit' TERM\n"
        "    while hec_find \"$1\"; do\n"
        "        hec_weigh\n"
        "        [ \"$hec_own\" -le \"$2\" ] || hec_weigh shared\n"
        "        if [ \"$hec_own\" -gt \"$2\" ]; then\n"
        "            # Stopped first, so that none starts another meanwhile.\n"
        "            # shellcheck disable=SC2086 # words\n"
        "            kill -s STOP $hec_kin 2>/dev/null\n"
        "            hec_find \"$1\"\n"
        "            echo \"hec: it takes $((hec_own / 1024)) MiB, more than was asked for, and is "
        "killed\" >&2\n"
        "%s"
        "            # shellcheck disable=SC2086 # words\n"
        "            kill -s KILL $hec_kin 2>/dev/null\n"
        "            return\n"
        "        fi\n"
        "        sleep 0.5 &\n        hec_sleep=$!\n        wait \"$hec_sleep\"\n"
        "    done\n}\n",
        sysconf(_SC_PAGESIZE) / 1024,
        s->q->run.dir ? "            hec_say over \",\\\"memory\\\":$((hec_own * 1024))\"\n" : "");
}
