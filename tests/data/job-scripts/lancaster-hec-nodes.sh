#!/bin/bash
# A job for lancaster-hec (slurm), written by hec.
#SBATCH --job-name=solver
#SBATCH --partition=parallel
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=1
#SBATCH --mem=0
#SBATCH --time=12:00:00
#SBATCH --exclusive
#SBATCH --constraint=node_type=10Geth64G
#SBATCH --signal=B:USR1@60

source /etc/profile
set -e
module add openmpi/4.1.3-intel

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
hec_run mpirun ./solver
