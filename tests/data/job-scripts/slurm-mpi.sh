#!/bin/bash
# A job for generic-slurm (slurm), written by hec.
#SBATCH --job-name=solver
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=1
#SBATCH --mem=32768M
#SBATCH --time=01:00:00

set -e

exec srun --ntasks=32 ./solver
