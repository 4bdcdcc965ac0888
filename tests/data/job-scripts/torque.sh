#!/bin/bash
# A job for generic-torque (torque), written by hec.
#PBS -N solver
#PBS -l nodes=2:ppn=4
#PBS -l mem=16384mb
#PBS -l walltime=26:00:00
#PBS -t 1,5-7
#PBS -m abe
#PBS -M me@example.org
#PBS -j oe

cd -- "$PBS_O_WORKDIR" || exit
HEC_ARRAY_INDEX=$PBS_ARRAYID
export HEC_ARRAY_INDEX
set -e

# Sends signal $2 to process $3 after $1 seconds.
hec_after()
{
    hec_sleep=
    trap 'kill "$hec_sleep" 2>/dev/null; exit' TERM
    sleep "$1" &
    hec_sleep=$!
    wait "$hec_sleep"
    kill -s "$2" "$3" 2>/dev/null
}
# At SIGUSR1 the time limit is near: the command gets SIGTERM.
hec_warn()
{
    if [ -z "$hec_pid" ]; then
        hec_early=1 # it is only just being started
        return
    fi
    echo 'hec: the time limit is near, the command gets SIGTERM' >&2
    kill -s TERM "$hec_pid" 2>/dev/null || :
}
hec_run()
{
    hec_pid=
    hec_early=
    hec_timer=
    trap hec_warn USR1
    trap : TERM # the command hears it too, and is waited for
    "$@" &
    hec_pid=$!
    [ -z "$hec_early" ] || hec_warn
    hec_after 93540 USR1 $$ >/dev/null 2>&1 &
    hec_timer=$!
    while kill -0 "$hec_pid" 2>/dev/null; do
        wait "$hec_pid" || : # a signal ends it early
    done
    hec_status=0
    wait "$hec_pid" || hec_status=$?
    [ -z "$hec_timer" ] || kill "$hec_timer" 2>/dev/null || :
    exit "$hec_status"
}
hec_run mpirun ./solver
