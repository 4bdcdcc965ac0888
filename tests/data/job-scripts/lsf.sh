#!/bin/bash
# A job for generic-lsf (lsf), written by hec.
#BSUB -J "python[1-10:3]%2"
#BSUB -n 8
#BSUB -R "span[ptile=4]"
#BSUB -R "rusage[mem=8192M]"
#BSUB -M 8192M
#BSUB -W 1:30
#BSUB -gpu "num=1"
#BSUB -w "done(1) && ended(2)"
#BSUB -B
#BSUB -u me@example.org
#BSUB -wa USR1
#BSUB -wt 0:01
#BSUB -o python.%J.%I.out

HEC_ARRAY_INDEX=$LSB_JOBINDEX
export HEC_ARRAY_INDEX
set -e

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
    trap hec_warn USR1
    trap : TERM # the command hears it too, and is waited for
    (
        trap '' USR1
        exec "$@"
    ) &
    hec_pid=$!
    [ -z "$hec_early" ] || hec_warn
    while kill -0 "$hec_pid" 2>/dev/null; do
        wait "$hec_pid" || : # a signal ends it early
    done
    hec_status=0
    wait "$hec_pid" || hec_status=$?
    exit "$hec_status"
}
hec_run blaunch -z "$(sort -u "$LSB_DJOB_HOSTFILE" | tr '\n' ' ')" python model.py
