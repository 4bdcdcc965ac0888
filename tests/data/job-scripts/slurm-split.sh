#!/bin/bash
# A job for generic-slurm (slurm), written by hec.
#SBATCH --job-name=one
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2048M
#SBATCH --time=00:05:00
#SBATCH --array=0-497%33

hec_k=$((SLURM_ARRAY_TASK_ID - 0 + 2002))
HEC_ARRAY_INDEX=$((0 + (hec_k - 0) * 1))
export HEC_ARRAY_INDEX
set -e

exec ./one
