#!/bin/bash
# A job for generic-sge (sge), written by hec.
#$ -S /bin/bash
#$ -N one
#$ -q gpu
#$ -P p
#$ -l h_vmem=2048M
#$ -l h_rt=01:00:00
#$ -l gpu=1
#$ -t 1-5
#$ -j y
#$ -wd /d

hec_k=$((SGE_TASK_ID - 1 + 0))
if [ "$hec_k" -lt 4 ]; then
    HEC_ARRAY_INDEX=$((0 + (hec_k - 0) * 1))
else
    HEC_ARRAY_INDEX=$((8 + (hec_k - 4) * 1))
fi
export HEC_ARRAY_INDEX
set -e

exec ./one
