# SPDX-License-Identifier: MIT
#
# hec map on all nodes of a job of a real Slurm, by Open MPI and by MPICH.
# shellcheck disable=SC2016 # the dollars are for other shells

. "$HEC_SOURCE/tests/real/slurm.sh"

slurm_up plain
MPI=
for mpi in openmpi mpich; do
    if command -v "mpicc.$mpi" >/dev/null; then
        MPI="$MPI $mpi"
    elif [ "${HEC_REQUIRE:-}" = 1 ]; then
        pass_if 1 "$mpi is needed"
    else
        pass_if 0 "$mpi # SKIP no $mpi"
    fi
done

# in_job NAME OPTIONS -- : the script on standard input as a job, waited for; its output in $WORK/out.
in_job()
{
    ij_name=$1
    shift
    cat >"$REAL/home/$ij_name.sh"
    slurm sbatch -Q --wait --time=3 --output="$ij_name.out" --error="$ij_name.err" "$@" "$ij_name.sh" >"$WORK/sbatch" 2>&1
    status=$?
    cp "$REAL/home/$ij_name.out" "$WORK/out"
    cp "$REAL/home/$ij_name.err" "$WORK/err"
}
# the_job SCRIPT: its id, once it runs.
job_of() { slurm squeue -h -n "$1.sh" -o %A; }
line() { grep -q "$1" "$REAL/home/$2"; }

for mpi in $MPI; do
    # Several daemons on one machine: what tells nodes apart is their name, which Slurm sets.
    run slurm env HEC_MPI= "$HEC" mpi build --mpicc="mpicc.$mpi" --output="$REAL/home/$mpi/hec-mpi"
    is_status 0 "$mpi: hec-mpi is built"
    in_job "first-$mpi" -N 3 --ntasks-per-node=1 --cpus-per-task=2 --mem=300M <<JOB
#!/bin/sh
export HEC_MPI=$REAL/home/$mpi/hec-mpi
$HEC mpi
$HEC map -k sh -c 'sleep 0.05; echo \$SLURMD_NODENAME \$0 \$HEC_NODES' ::: \$(seq 300) >all-$mpi
echo status \$?
$HEC map --nodes=1 sh -c 'echo alone \$SLURMD_NODENAME' ::: 1
$HEC map --nodes=2 sh -c 'sleep 0.5; echo two \$SLURMD_NODENAME' ::: 1 2 3 4 | sort | uniq -c
$HEC map -j 1 sh -c 'sleep 0.5; echo one at a time' ::: 1 2 3
echo \$(squeue -h -s -o %i | wc -l) steps
JOB
    out_has "runs commands on 3 nodes" "$mpi: three nodes are seen"
    out_has 'launcher      srun' "$mpi: srun starts it"
    out_has 'status 0' "$mpi: 300 tasks are done"
    is "$(cut -d ' ' -f 2 "$REAL/home/all-$mpi" | tr '\n' ' ')" "$(seq 300 | tr '\n' ' ')" "$mpi: each once, in order"
    is "$(cut -d ' ' -f 1 "$REAL/home/all-$mpi" | sort -u | tr '\n' ' ')" "${NODE}1 ${NODE}2 ${NODE}3 " "$mpi: on all nodes"
    is "$(cut -d ' ' -f 3 "$REAL/home/all-$mpi" | sort -u)" 1 "$mpi: each with one"
    out_has "alone ${NODE}1" "$mpi: --nodes=1"
    is "$(grep -c 'two ' "$WORK/out")" 2 "$mpi: --nodes=2"
    is "$(cat "$WORK/err")" '' "$mpi: nothing is said"

    # A node dies; the job goes on without it, as who submits with --no-kill wants.
    cat >"$REAL/home/task" <<'TASK'
#!/bin/sh
echo "$1" >>"ran"
case $1 in
long*) [ -e again ] || sleep 60 ;;
esac
echo "$1"
TASK
    chmod 755 "$REAL/home/task"
    rm -f "$REAL/home/again" "$REAL/home/ran" "$REAL/home/run.hecj"
    cat >"$REAL/home/lose-$mpi.sh" <<JOB
#!/bin/sh
export HEC_MPI=$REAL/home/$mpi/hec-mpi
$HEC map -j 1 --journal run.hecj ./task ::: short1 short2 short3 long1 long2 long3 short4
echo status \$?
JOB
    slurm sbatch -Q --no-kill --no-requeue --time=3 -N 3 --mem=100M --output="lose-$mpi.out" \
        --error="lose-$mpi.err" "lose-$mpi.sh" >"$WORK/sbatch"
    three_long() { [ "$(grep -c long "$REAL/home/ran")" = 3 ]; }
    must_wait 30 'three long tasks' three_long
    slurm_kill_node "${NODE}3"
    ended() { line status "lose-$mpi.out"; }
    wait_for 60 'the end of hec map' ended
    is "$(cat "$REAL/home/lose-$mpi.out" | grep status)" 'status 75' "$mpi: a node dies: the run can be gone on with"
    ok "$mpi: its tasks are lost" line 'was lost with its node: ./task long' "lose-$mpi.err"
    over() { [ -z "$(job_of "lose-$mpi")" ]; }
    wait_for 30 'the end of the job' over
    slurm_start_node "${NODE}3"
    must_wait 60 'the nodes' slurm_idle
    touch "$REAL/home/again"
    : >"$REAL/home/ran"
    chown "$USER_NAME" "$REAL/home/ran"
    in_job "again-$mpi" -N 3 --mem=100M <<JOB
#!/bin/sh
export HEC_MPI=$REAL/home/$mpi/hec-mpi
$HEC map -k -j 1 --journal run.hecj ./task ::: short1 short2 short3 long1 long2 long3 short4
JOB
    is "$(tr '\n' ' ' <"$WORK/out")" 'short1 short2 short3 long1 long2 long3 short4 ' "$mpi: and then has all"
    is "$(grep -c 'short[123]' "$REAL/home/ran")" 0 "$mpi: and what was done is not run again"
done

in_job wrong -N 3 --mem=100M <<JOB
#!/bin/sh
export HEC_MPI=$REAL/home/${MPI##* }/hec-mpi HEC_MPI_LAUNCH='srun --mpi=none -N 3 -n 3 --overlap'
$HEC map --nodes=3 echo {} ::: 1
echo status \$?
JOB
out_has 'status 5' 'a launch in which the processes do not find each other ends'
err_has 'of 3 processes have found each other' 'and says so'
done_testing
