#!/bin/bash
# A job for generic-slurm (slurm), written by hec.
#SBATCH --job-name=my-job
#SBATCH --partition=big
#SBATCH --qos=high
#SBATCH --account=proj_1
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=1536M
#SBATCH --time=2-12:00:00
#SBATCH --gres=gpu:a100:2
#SBATCH --exclusive
#SBATCH --constraint="a&b"
#SBATCH --array=0-9:3,20%2
#SBATCH --dependency=afterok:11,afterany:12_3
#SBATCH --kill-on-invalid-dep=yes
#SBATCH --mail-type=BEGIN,FAIL
#SBATCH --mail-user=me@example.org
#SBATCH --output=out/my-job-%A-%a.txt
#SBATCH --error=err.txt
#SBATCH --chdir=/data/x
#SBATCH --signal=B:USR1@300
#SBATCH --hint=nomultithread

HEC_ARRAY_INDEX=$SLURM_ARRAY_TASK_ID
export HEC_ARRAY_INDEX
set -e
module load gcc/12 python
export A=1
ulimit

# At SIGUSR1 the time limit is near: the command gets SIGUSR2.
hec_warn()
{
    if [ -z "$hec_pid" ]; then
        hec_early=1 # it is only just being started
        return
    fi
    echo 'hec: the time limit is near, the command gets SIGUSR2' >&2
    kill -s USR2 "$hec_pid" 2>/dev/null || :
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
hec_run srun --nodes=3 --ntasks=3 --cpus-per-task=8 prog
