#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec host: the table, JSON, options that make no sense, variables that make none.
. "$HEC_SOURCE/tests/lib/tap.sh"

data=$HEC_SOURCE/tests/data/topo

run "$HEC" host
is_status 0 'this machine'
no_err 'quietly'
out_has 'CPUs  ' 'CPUs are shown'
out_has 'decided by  ' 'and why'
run "$HEC" host --json
is_status 0 'as JSON'
ok 'which is valid' python3 -m json.tool "$WORK/out"
is "$(wc -l <"$WORK/out")" 1 'one line'
is "$(json_get "$WORK/out" 'v["schema"]')" 1 'schema 1'
is "$(json_get "$WORK/out" 'v["cpus"] >= 1 and v["memory"] > 0 and v["numa"] is None')" True \
    'with CPUs and memory, NUMA not asked for'
is "$(json_get "$WORK/out" 'sum(l["decides"] for l in v["cpu_limits"])')" 1 'one limit decides'

for dir in "$data"/*/; do
    name=$(basename "$dir")
    run "$HEC" host --json --root "$dir"
    ok "$name: the recorded answer" cmp "$WORK/out" "$dir/expect.json"
    ok "$name: valid JSON" python3 -m json.tool "$WORK/out"
    run "$HEC" host "--root=$dir"
    is_status 0 "$name: a table"
done

run "$HEC" host --root "$data/slurm-tasks"
out_has 'decided by  Slurm job 1: 8 CPUs (SLURM_CPUS_PER_TASK=2 × 4 tasks)' 'the reason is named'
run "$HEC" host --root "$data/slurm-garbage"
is_status 0 'garbage of the batch system is no failure'
out_has "SLURM_CPUS_ON_NODE='-3' is ignored" 'a negative number is ignored and said so'
out_has "SLURM_TASKS_PER_NODE='garbage' is ignored" 'so is a word'
out_has "is not a range of at most 65536 hosts" 'so is a hostile list of hosts'
run "$HEC" host --root "$data/slurm-shared"
out_has 'time left: 1h 00m' 'the time left'

run "$HEC" host --root "$data/laptop" --numa --json
if [ "$status" -eq 0 ]; then
    is "$(json_get "$WORK/out" 'len(v["numa"])')" 2 'NUMA nodes of a recorded machine'
    run "$HEC" host --root "$data/laptop" --numa
    out_has 'NUMA node 1   CPUs 4-7 (4 allowed, 2 cores)' 'in the table'
    run "$HEC" host --numa
    is_status 0 'and of this one'
else
    err_has 'built without hwloc' 'without hwloc there are no NUMA nodes'
fi
run "$HEC" host --root "$data/torque" --numa
is_status 3 'a machine without hwloc.xml has none'
no_out 'and prints nothing'

run env HEC_CPUS=1 "$HEC" host --json
is "$(json_get "$WORK/out" 'v["cpus"]')" 1 'HEC_CPUS lowers the number'
run env HEC_MEMORY=1G "$HEC" host --json
is "$(json_get "$WORK/out" 'v["memory"]')" 1073741824 'HEC_MEMORY lowers memory'
run env HEC_CPUS=eight "$HEC" host
is_status 3 'a malformed HEC_CPUS is bad configuration'
err_has "hec: cannot tell what may be used: HEC_CPUS='eight'" 'the error names it'
run env HEC_MEMORY=much "$HEC" host
is_status 3 'a malformed HEC_MEMORY too'
err_has 'HEC_MEMORY' 'the error names it'
run env SLURM_JOB_ID=1 SLURM_CPUS_ON_NODE=1 "$HEC" host --json
is "$(json_get "$WORK/out" 'v["cpus"], v["scheduler"], v["job"]')" "(1, 'slurm', '1')" \
    'the live environment counts'

run "$HEC" host --root "$WORK/absent"
is_status 3 'a root that does not exist'
err_has "cannot read machine '$WORK/absent': No such file or directory" 'is named'
run "$HEC" host --root "$WORK/out"
is_status 3 'a root that is a file'
run "$HEC" host --root
is_status 2 'an option without its value'
err_has '--root=DIR' 'the error shows how'
run "$HEC" host --jsn
is_status 2 'an unknown option'
err_has "did you mean '--json'?" 'the nearest is suggested'
run "$HEC" host -j
is_status 2 'an unknown letter'
run "$HEC" host --json=yes
is_status 2 'a value where none belongs'
run "$HEC" host -- --json
is_status 2 '-- ends the options'
err_has "'--json': 'hec host' takes no such argument" 'what follows is an argument'
run "$HEC" host extra
is_status 2 'an argument too many'
done_testing
