#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec check: each rule finds what it is for, in a job and in a script, and nothing else.
# shellcheck disable=SC2016 # the dollars are for other shells
. "$HEC_SOURCE/tests/lib/tap.sh"
cd "$WORK" || exit 99
export HOME="$WORK" XDG_CONFIG_HOME="$WORK/config"
unset HEC_SITE

run "$HEC" check --scheduler=slurm -- true
if grep -q 'without libyaml' err; then
    echo '1..0 # SKIP this hec was built without YAML'
    exit 0
fi

# ---- jobs ----

finds() # "RULE ..." OPTIONS... -- COMMAND...: just these rules, "~" before those that are advice
{
    want=$1
    shift
    run "$HEC" check "$@" --json -- true
    case " $want" in
    *' '[!~]*) expected=3 ;;
    *) expected=0 ;;
    esac
    is_status $expected "$want: $*"
    is "$(json_get out '" ".join(sorted(("" if f["serious"] else "~") + f["rule"] for f in v["findings"]))')" \
        "$want" '  just this'
}
plain='--memory=1G --time=1h'
# shellcheck disable=SC2086 # two options
{
    finds '' --scheduler=slurm $plain
    finds '~memory-missing ~time-missing' --scheduler=slurm
    finds '' --scheduler=local
    finds 'retired-site' --site=ichec-kay $plain --account=a --cpus=40
    finds 'required' --site=nyu-torch $plain
    finds 'refused' --site=nyu-torch $plain --account=a --partition=p
    finds 'required' --site=ub-ccr-faculty $plain
    finds '' --site=ub-ccr-faculty $plain --partition=mylab
    finds 'partition' --site=ub-ccr $plain --partition=mylab --qos=x
    finds 'time-limit' --site=ub-ccr --memory=1G --partition=debug --time=2h
    finds 'cpus-limit' --site=lancaster-hec $plain --partition=serial --cpus=2
    finds 'nodes-limit ~whole-nodes' --site=lancaster-hec --partition=test --nodes=2 --launch=once --cpus=16 --memory=60G --time=1m
    finds 'memory-limit' --site=lancaster-hec --time=1m --partition=test --memory=65G
    finds 'gpus-limit' --site=lancaster-hec $plain --partition=gpu-short --gpus=4
    finds 'gpus-limit' --site=lancaster-hec $plain --partition=gpu-long --gpus=3
    finds 'gpu-partition' --site=lancaster-hec $plain --partition=serial --gpus=1
    finds 'gpu-partition' --site=lancaster-hec $plain --partition=gpu-short
    finds 'gpu-type' --site=lancaster-hec $plain --gpus=b200:1
    finds 'qos' --site=ub-ccr $plain --qos=scavenger
    finds 'user-limit ~whole-nodes' --site=lancaster-hec $plain --nodes=5 --launch=mpi --cpus=128
    finds 'user-limit' --site=nyu-torch $plain --account=a --nodes=9 --launch=once --gpus=4 --constraint=a
    finds '~long-job' --scheduler=slurm --memory=1G --time=3d
    finds '~mixed-nodes' --scheduler=slurm $plain --nodes=2 --launch=mpi
    finds '~whole-nodes' --scheduler=slurm $plain --exclusive
    finds '~whole-nodes' --site=lancaster-hec $plain --partition=parallel --exclusive --cpus=16
    finds 'module' --site=ub-ccr $plain --module=anaconda3/2023
    finds 'array-mail' --site=lancaster-hec $plain --array=1-2 --mail=me@x
    finds '~array-mail' --scheduler=slurm $plain --array=1-30 --mail=me@x
    finds '~array-size ~array-throttle' --scheduler=slurm $plain --array=0-4999
    finds 'job-limit' --site=ub-ccr $plain --partition=debug --array=0-4
    finds 'short-tasks' --scheduler=slurm $plain --array=1-50 --task-time=30s
    finds '~short-tasks' --scheduler=slurm --memory=1G --time=5m --array=1-50
    finds 'shared-output' --scheduler=slurm $plain --array=1-5 --output=x.txt
    finds '' --scheduler=slurm $plain --array=1-5 --output='x-{index}.txt'
    finds 'node-local' --scheduler=slurm $plain --output=/tmp/x
    finds '~purged-storage' --site=ub-ccr $plain --workdir=/vscratch/grp-x/y
    finds '~after' --scheduler=sge $plain --after=3
    finds 'threads' --scheduler=slurm $plain --cpus=4 --env=OMP_NUM_THREADS=8
    finds '' --scheduler=slurm $plain --cpus=4 --env=OMP_NUM_THREADS=4
    finds '~avoid' --site=lancaster-hec $plain --setup='conda activate x'
    finds '~avoid' --site=ub-ccr $plain --env=TMP=/tmp/me
    finds '' --site=ub-ccr $plain --env='TMP=$HOME/tmp' --env=P=/opt/miniconda3/bin
    finds 'polling' --scheduler=slurm $plain --setup='while sleep 9; do squeue --me; done &'
    finds 'polling' --scheduler=sge $plain --setup='watch -n 5 qstat'
    finds 'many-steps' --scheduler=slurm $plain --setup='for f in *; do srun -n1 ./x "$f"; done'
    finds 'open-port' --scheduler=slurm $plain --setup='jupyter lab --ip=0.0.0.0'
}
run "$HEC" check --scheduler=slurm --nodes=2 --launch=node --memory=1G --time=1h --constraint=x -- srun a
out_has 'many-steps: srun is started by another start' 'a start within a start'

# ---- lines for people ----

run "$HEC" check --site=lancaster-hec --time=1h --memory=1G -- true
is_status 0 'nothing to object to'
is "$(cat out)" 'lancaster-hec would object to nothing' 'is said'
run "$HEC" check --site=nyu-torch --time=1h --memory=1G -- true
is_status 3 'a problem'
is "$(cat out)" "required: --account must be given here: torch_pr_...; 'my_slurm_accounts' lists yours" 'a line'
err_has 'hec: 1 problem for nyu-torch' 'and the sum'

# ---- scripts ----

says() # "LINE:RULE ..." SITE SCRIPT: all that is serious in it
{
    printf '%b' "$3" >job.sh
    run "$HEC" check --site="$2" --script=job.sh --json
    is "$(json_get out '" ".join(sorted(str(f["line"] or 0) + ":" + f["rule"] for f in v["findings"] if f["serious"]))')" \
        "$1" "${1:-nothing}: $2"
}
top='#!/bin/bash -l\n#SBATCH --mem=1G --time=10:00\n'
says '' generic-slurm "${top}set -e\n./a\n"
says '1:shebang' generic-slurm '#SBATCH --mem=1G\n./a\n'
says '0:memory-missing' generic-slurm '#!/bin/sh\n./a\n'
says '3:line-ends' generic-slurm "${top}./a\\r\n./b\\r\n"
says '3:placeholder' ub-ccr "${top}#SBATCH --partition=[PARTITION]\n./a\n"
says '' ub-ccr "${top}#SBATCH --constraint=\"[A|B]\"\n./a\n"
says '3:variable' generic-slurm "${top}#SBATCH --output=\$HOME/x\n./a\n"
says '4:late-directive' generic-slurm "${top}./a\n#SBATCH -p x\n"
says '3:memory-unit' generic-slurm "${top}#SBATCH --mem=1.5G\n./a\n"
says '3:directive' generic-slurm "${top}#SBATCH --time=1:2:3:4\n./a\n"
says '3:directive' generic-slurm "${top}#SBATCH -c four\n./a\n"
says '3:module-start' lancaster-hec '#!/bin/bash\n#SBATCH --mem=1G\nmodule add x\nmodule add y\n'
says '' lancaster-hec '#!/bin/bash\n#SBATCH --mem=1G\nsource /etc/profile\nmodule add x\n'
says '3:module-start' ub-ccr '#!/bin/bash\n#SBATCH --mem=1G\nmodule load x\n'
says '' ub-ccr "${top}module load x\n"
says '0:cluster' ub-ccr-faculty "${top}#SBATCH -p lab\n./a\n"
says '' ub-ccr-faculty "${top}#SBATCH -p lab -M faculty\n./a\n"
says '3:many-steps' generic-slurm "${top}for i in 1 2; do srun ./a; done\n"
says '' generic-slurm "${top}# for i in 1; do srun ./a; done\nsrun ./a\n"
says '4:polling' generic-slurm "${top}while true; do\n  squeue\ndone\n"
says '5:array-mail' lancaster-hec "${top}#SBATCH -a1-9\n#SBATCH --mail-user=me@x\n#SBATCH --mail-type=END\n./a\n"
says '3:array-size' generic-slurm "${top}#SBATCH --array=0-1500\n./a\n"
says '3:time-limit' ub-ccr '#!/bin/bash\n#SBATCH --mem=1G -p debug\n#SBATCH --time=1-1\n./a\n'
says '' ub-ccr '#!/bin/bash\n#SBATCH --mem=1G -p debug\n#SBATCH --time=60\n./a\n'
says '3:cpus-limit 3:user-limit' lancaster-hec "${top}#SBATCH -p parallel --ntasks-per-node=20 -c 30\n./a\n"
says '4:threads' generic-slurm "${top}#SBATCH -n 4\nexport OMP_NUM_THREADS=5\n"
says '3:gpus-limit' lancaster-hec "${top}#SBATCH -p gpu-short --gres=gpu:nvidia_l40s:4\n./a\n"
for name in slurm sge pbs torque lsf; do
    run "$HEC" check --site=generic-$name --script="$HEC_SOURCE/tests/data/job-scripts/$name.sh"
    is_status 0 "generic-$name objects to nothing serious in what hec writes"
done
printf 'title: t\nscheduler: %s\npartitions: {p: {time: 1h, cpus: 4, memory: 8G}}\n' sge >sge.yaml
printf 'title: t\nscheduler: %s\npartitions: {p: {time: 1h, cpus: 4, memory: 8G, nodes: 1}}\n' pbs >pbs.yaml
printf 'title: t\nscheduler: %s\npartitions: {p: {time: 1h, cpus: 4, memory: 8G}}\n' lsf >lsf.yaml
says '2:time-limit 3:cpus-limit' ./sge.yaml '#!/bin/bash\n#$ -q p -l h_rt=2:0:0,h_vmem=1G\n#$ -pe smp 8\n'
says '2:cpus-limit 2:memory-limit 2:nodes-limit 2:time-limit' ./pbs.yaml \
    '#!/bin/bash\n#PBS -q p -l select=2:ncpus=8:mem=9gb,walltime=02:00:00\n'
says '2:cpus-limit 2:time-limit 3:memory-limit' ./lsf.yaml \
    '#!/bin/bash\n#BSUB -q p -n 8 -W 2:30\n#BSUB -R "rusage[mem=9G] span[hosts=1]"\n'
printf '#!/bin/sh -e\n#SBATCH --mem=1\033[31mG\n' >job.sh
run "$HEC" check --scheduler=slurm --script=job.sh
ok 'nothing of a script reaches the terminal but what can be printed' \
    test -z "$(tr -d '\n\040-\176' <out)"
out_has 'job.sh:2: directive' 'its line is named'

# ---- usage ----

run "$HEC" check
is_status 2 'nothing to check'
run "$HEC" check --script=job.sh --cpus=3
is_status 2 'a script and an option'
err_has 'cannot check a script and --cpus' 'do not go together'
run "$HEC" check --scheduler=slurm --script=nowhere.sh
is_status 3 'a script that is not there'
run "$HEC" check --scheduler=slurm --nodes=2 -- true
is_status 2 'what no script can be made of'
# ---- what the cluster says itself ----

mkdir live
cat >live/scontrol <<'SH'
#!/bin/sh
case "$*" in
'--oneliner show partition') cat "$HEC_SOURCE/tests/data/batch/slurm/partitions" ;;
'show config') cat "$HEC_SOURCE/tests/data/batch/slurm/config" ;;
*) exit 1 ;;
esac
SH
cat >live/sacctmgr <<'SH'
#!/bin/sh
cat "$HEC_SOURCE/tests/data/batch/slurm/qos"
SH
chmod +x live/scontrol live/sacctmgr
live() { PATH=$WORK/live:$PATH run "$HEC" check --live --scheduler=slurm --memory=1G "$@" -- true; }
live --partition=short --time=10m
is_status 3 'a limit of which only the cluster knows'
out_has 'time-limit: a time limit of 10m 00s: the partition short allows 5m 00s' 'is told'
live --partition=main --time=10m --qos=short
out_has 'time-limit: a time limit of 10m 00s: the QoS short allows 3m 00s' 'that of a QoS'
live --partition=main --time=10m --qos=gold
out_has "qos: the cluster has no QoS 'gold'" 'a QoS that there is not'
live --partition=none --time=10m
out_has "partition: the site file of generic-slurm has no partition 'none'" 'nor a partition'
PATH=$WORK/live:$PATH run "$HEC" site --live generic-slurm
out_has 'main' 'the site with its partitions'
run "$HEC" site --live
is_status 2 '--live asks for a site'
run "$HEC" check --live --scheduler=lsf --time=1h -- true
is_status 2 'LSF is not asked'
printf '#!/bin/sh\necho "slurm_load_partitions: no" >&2\nexit 1\n' >live/scontrol
live --partition=short --time=10m
is_status 5 'a cluster that does not answer'
err_has 'scontrol: the scheduler does not answer: slurm_load_partitions: no' 'is an error'

done_testing
