#!/bin/bash -l
# A job for ub-ccr (slurm), written by hec.
#SBATCH --job-name=python
#SBATCH --partition=general-compute
#SBATCH --qos=general-compute
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16384M
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60

set -e
module load gcc python

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
    "$@" &
    hec_pid=$!
    [ -z "$hec_early" ] || hec_warn
    while kill -0 "$hec_pid" 2>/dev/null; do
        wait "$hec_pid" || : # a signal ends it early
    done
    hec_status=0
    wait "$hec_pid" || hec_status=$?
    exit "$hec_status"
}
hec_run python fibonacci_joblib.py
