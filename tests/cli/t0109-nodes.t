#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map on several nodes: with every MPI that is here, whose mpirun takes this machine for as many
# nodes as it is told; and with what only looks like hec-mpi.
# shellcheck disable=SC2016 # the dollars are for other shells
. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 1
HOME=$WORK
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export HOME OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
unset HEC_MPI HEC_MPI_LAUNCH HEC_NODES HEC_MPI_SILENCE XDG_DATA_HOME
mark=$$ # a sleep with this fraction is ours

# wait_until SECONDS COMMAND...
wait_until()
{
    wu_end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$wu_end" ] || return 1
        sleep 0.05
    done
}
# Processes by their command line, without this script's own.
theirs() { pgrep -f -- "$1" | grep -vx "$$"; }
# Agents of ours work in this folder: another test may have its own.
here=$(pwd -P)
agents()
{
    for ag_pid in $(theirs 'hec mpi agent'); do
        if [ "$(readlink "/proc/$ag_pid/cwd")" = "$here" ]; then
            echo "$ag_pid"
        fi
    done
}
nobody() { ! theirs "$1"; }
several() { [ "$(theirs "$1" | wc -l)" -ge "$2" ]; }

# ---- without any MPI ----

run "$HEC" mpi
is_status 1 'no hec-mpi: hec mpi says so by its status'
out_has 'hec-mpi       none' 'and in words'
run "$HEC" mpi build --mpicc=no-such-compiler
is_status 3 'no MPI compiler'
err_has "there is no 'no-such-compiler'" 'is an error that names it'
run "$HEC" mpi build --mpicc=false --output="$WORK/x/hec-mpi"
is_status 3 'a compiler that fails'
ok 'leaves nothing' test ! -e "$WORK/x/hec-mpi"
"$HEC" mpi source >source.c
ok 'hec mpi source prints what it is made of' cmp source.c "$HEC_SOURCE/src/mpi/hec_mpi.c"
run "$HEC" mpi dance
is_status 2 'no such action'
run "$HEC" mpi agent 77
is_status 5 'an agent needs somebody to work for'
run "$HEC" map --nodes=none true ::: 1
is_status 2 'a number of nodes that is none'
run "$HEC" map --nodes=4 echo {} ::: 1
is_status 0 'nodes without a job'
err_has 'only this node is used: this is no batch job of several nodes' 'are this node, and that is said'
# In a job of two nodes, as Slurm's environment has it.
in_job() { SLURM_JOB_ID=7 SLURM_JOB_NODELIST='n[1-2]' SLURM_JOB_NUM_NODES=2 SLURM_CPUS_ON_NODE=2 "$@"; }
run in_job "$HEC" map -k echo {} ::: 1 2 3
is "$status $(tr '\n' ' ' <out)" '0 1 2 3 ' 'a job of two nodes without hec-mpi: this node does it all'
err_has 'only this node of 2 is used: there is no hec-mpi' 'and says so'
err_has 'hec mpi build' 'and what to do'
is "$(wc -l <err)" 2 'once'
run in_job "$HEC" map --nodes=1 echo {} ::: 1
no_err '--nodes=1 is this node, without a word'
HEC_NODES=1 run in_job "$HEC" map echo {} ::: 1
no_err 'HEC_NODES=1 too'
run in_job "$HEC" map --nodes=3 echo {} ::: 1
is_status 2 'more nodes than the job has'
SLURM_STEP_ID=0 run in_job "$HEC" map echo {} ::: 1
no_err 'in a step of the job this node is meant'

# ---- what only looks like it ----

HEC_MPI=$HEC_SOURCE/tests/cli/fake_mpi
HEC_MPI_LAUNCH=env
FAKE_RELEASE=$("$HEC" --version | sed 's/^hec //')
export HEC_MPI HEC_MPI_LAUNCH FAKE_RELEASE
fake() { FAKE=$1 HEC_MPI_SILENCE=1 timeout 30 "$HEC" map -k echo {} ::: 1 2 3; }
run fake old
is "$status $(tr '\n' ' ' <out)" '0 1 2 3 ' 'a hec-mpi of another version is not used'
err_has 'is of another version than hec' 'and that is said'
run fake broken
is_status 0 'nor one that does not run'
err_has 'does not run' 'and why'
run fake absent
is_status 5 'a launch that comes to nothing'
err_has 'it ended with status 3' 'is an error that says how it ended'
err_has 'this launcher has bad news' 'and what was said'
run fake protocol
is_status 3 'one that speaks otherwise'
run fake release
is_status 3 'a node with another hec'
err_has 'it is hec 0.0.0-other there' 'is named'
run fake noise
ok 'noise is an error' test "$status" -gt 0 -a "$status" -lt 124
run fake gone
is_status 5 'hec-mpi that ends before it begins'
for kind in frames unknown packets silent; do
    run fake $kind
    ok "$kind: the run ends, and does not hang" test "$status" -gt 0 -a "$status" -lt 124
    ok "$kind: nothing was done" test ! -s "$WORK/out"
done
err_has 'nothing was heard of it' 'who is silent is lost'
HEC_MPI_LAUNCH='no-such-launcher -n 2' run "$HEC" map echo {} ::: 1
is_status 3 'no such launcher'
unset HEC_MPI HEC_MPI_LAUNCH

# ---- with MPI ----

# cases NAME: all of it, for the MPI whose programs have this name at their ends.
cases()
{
    mpi=$1
    run "$HEC" mpi build --mpicc="mpicc.$mpi -Wall -Wextra -Werror"
    is_status 0 "$mpi: hec-mpi is built, without a warning"
    case $mpi in
    openmpi) HEC_MPI_LAUNCH='mpirun.openmpi -n 3 --oversubscribe --bind-to none' ;;
    mpich) HEC_MPI_LAUNCH='mpirun.mpich -n 3' ;;
    esac
    export HEC_MPI_LAUNCH
    run "$HEC" mpi
    is_status 0 "$mpi: hec mpi finds it"
    out_has "launcher      mpirun.$mpi" "$mpi: and what starts it"
    seq 1000 >want
    run "$HEC" map -k -j 4 echo {} ::: $(seq 1000)
    is_status 0 "$mpi: 1000 tasks on three nodes"
    ok "$mpi: each once, and in order" cmp out want
    run "$HEC" map -j 2 --tag sh -c 'echo $HEC_TASK $HEC_NODES; env | grep -cE "^(OMPI|PMI|PMIX|HYDI)_"' ::: a
    is "$(tr '\n\t' '  ' <out)" 'a 1 1 a 2 ' "$mpi: nothing of MPI reaches a task but the two that are set here"
    run "$HEC" map -j 2 --timeout 0.5 sh -c 'case $0 in slow) exec sleep 60;; dead) kill -9 $$;; *) exit $0;; esac' \
        ::: slow dead 0 3 no-number
    is_status 1 "$mpi: failures"
    err_has 'task 1 took longer than 0.500 s' "$mpi: a time limit"
    err_has 'task 2 was killed by SIGKILL' "$mpi: a signal"
    err_has 'task 4 exited with status 3' "$mpi: an exit status"
    # Short ones before them make the others wait at a node: those who have nothing to do get them.
    "$HEC" map -j 1 sh -c 'case $0 in s*) ;; *) exec sleep "$0";; esac' ::: s s s s s s 60.$mark 61.$mark 62.$mark &
    map=$!
    ok "$mpi: long tasks after short ones run on all nodes" wait_until 20 several "^sleep 6[0-9]*\\.$mark\$" 3
    kill -HUP "$map" # two of the same kind in a row may come as one
    wait "$map"
    run "$HEC" map ./no-such-program {} ::: 1
    err_has "cannot start './no-such-program'" "$mpi: no such program"
    run "$HEC" map --memory 50M python3 -c 'x = bytearray(300 << 20); import time; time.sleep(60)' ::: 1
    err_has 'took more memory than' "$mpi: a memory limit"
    rm -f tries
    run "$HEC" map --retries 3 sh -c 'echo x >>tries; [ "$(wc -l <tries)" -eq 3 ]' ::: 1
    is "$status $(wc -l <tries)" '0 3' "$mpi: tried until it is good"
    run "$HEC" map -k sh -c 'head -c 9000000 /dev/zero | tr "\0" $0; echo; echo $0 >&2' ::: a b c
    is "$(wc -c <out) $(tr -d '\n' <out | tr -s a-c)" '27000003 abc' "$mpi: large outputs, one after the other"
    is "$(tr -d '\n' <err)" abc "$mpi: and errors"
    run "$HEC" map -u sh -c 'echo out; echo err >&2' ::: 1
    is "$(cat out err | tr '\n' ' ')" 'out err ' "$mpi: ungrouped"
    mkdir -p sub
    run "$HEC" map --workdir=sub sh -c 'umask 77; pwd; pwd >made' ::: 1
    is "$(cat out)" "$(cd sub && pwd -P)" "$mpi: the folder"
    run sh -c '{ echo 1; sleep 0.3; echo 2; echo 3; } | "$HEC" map -k echo got'
    is "$(tr '\n' ' ' <out)" 'got 1 got 2 got 3 ' "$mpi: input that comes late"
    mkdir -p here
    run "$HEC" map --run here/run-$mpi sh -c 'echo "{\"x\": $0}" >"$HEC_RESULT"; echo said $0' ::: 4 5
    run "$HEC" results --csv here/run-$mpi
    out_has 5 "$mpi: results in a run"
    is "$(cd here && "$HEC" logs ./run-$mpi --task 2)" 'said 5' "$mpi: and what was written"
    ends_in_order "$mpi"
    losses "$mpi"
}

# start ARGUMENTS...: hec map with long tasks in the background; waits until four of them run.
start()
{
    # A shell has its background ignore Ctrl-C, and who ignores it is meant to.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$HEC" map -j 2 "$@" >out 2>err &
    map=$!
    wait_until 20 several "^sleep [0-9]*\\.$mark\$" 4 || echo '# the tasks do not begin'
}
finish()
{
    wait "$map"
    status=$?
}
all_gone() { nobody "^sleep [0-9]*\\.$mark\$" && [ -z "$(agents)" ] && nobody "^$WORK/.*hec-mpi hec-"; }

ends_in_order()
{
    start sleep ::: 60.$mark 61.$mark 62.$mark 63.$mark 64.$mark
    kill -INT "$map"
    finish
    is_status 130 "$1: Ctrl-C"
    ok "$1: leaves nobody" wait_until 5 all_gone
    start sleep ::: 2.$mark 2.$mark 2.$mark 2.$mark 2.$mark 2.$mark 60.$mark 61.$mark
    kill -TERM "$map"
    finish
    is_status 75 "$1: SIGTERM waits for what runs"
    err_has '6 of 8 tasks were done' "$1: and begins nothing more"
    start sleep ::: 60.$mark 61.$mark 62.$mark 63.$mark
    kill -KILL "$map"
    finish
    ok "$1: with hec all of it ends" wait_until 5 all_gone
}

losses()
{
    rm -f run.hecj
    start --journal run.hecj sh -c 'case $0 in short*) echo $0;; *) [ -e again ] || exec sleep $0; echo $0;; esac' \
        ::: short1 short2 60.$mark 61.$mark 62.$mark 63.$mark
    kill -KILL "$(theirs "^$WORK/.*hec-mpi hec-" | tail -n 1)"
    finish
    is_status 75 "$1: a process of hec-mpi is killed"
    err_has 'was lost with its node: sh -c' "$1: its tasks are lost"
    err_has 'start it again to go on' "$1: and can be gone on with"
    ok "$1: nobody is left" wait_until 5 all_gone
    touch again
    run "$HEC" map -k -j 2 --journal run.hecj sh -c 'case $0 in short*) echo $0;; *) [ -e again ] || exec sleep $0; echo $0;; esac' \
        ::: short1 short2 60.$mark 61.$mark 62.$mark 63.$mark
    rm again
    is "$status $(tr '\n' ' ' <out)" "0 short1 short2 60.$mark 61.$mark 62.$mark 63.$mark " \
        "$1: again: all is there"
    start sleep ::: 3.$mark 3.$mark 3.$mark 3.$mark 3.$mark 3.$mark 0 0 0 0
    kill -KILL "$(agents | tail -n 1)"
    finish
    is_status 75 "$1: one node is lost"
    err_has '1 of 3 nodes was lost, and 2 tasks with it' "$1: it is told"
    err_has '8 of 10 tasks were done' "$1: and the others do the rest"
    rm -f killed
    start --retries 1 --retry-on lost sh -c '[ -e killed ] || exec sleep $0' ::: 3.$mark 3.$mark 3.$mark 3.$mark 3.$mark 3.$mark
    touch killed
    kill -KILL "$(agents | tail -n 1)"
    finish
    is_status 0 "$1: what was lost is tried again on another node, if that was asked for"
}

for mpi in openmpi mpich; do
    if command -v "mpicc.$mpi" >/dev/null && command -v "mpirun.$mpi" >/dev/null; then
        cases "$mpi"
    elif [ "${HEC_REQUIRE:-}" = 1 ]; then
        pass_if 1 "$mpi is needed"
    else
        pass_if 0 "$mpi # SKIP no $mpi"
    fi
done
done_testing
