# SPDX-License-Identifier: MIT
#
# Jobs on a real Slurm with accounting: how each kind of end is told, and why a job waits.

. "$HEC_SOURCE/tests/real/slurm.sh"

slurm_up accounting

# First what takes a minute: Slurm has no shorter limits.
late=$(submit --time=1m --memory=50M --warn=none -- sleep 600) || bail 'nothing can be submitted'

# ---- ends ----

good=$(submit --memory=50M --time=5m -- sh -c 'echo from $SLURM_JOB_ID')
job_is 20 "$good" - "'done' exit=0 signal=0 stuck=0 word=COMPLETED nodes=n? cpus=1 *" 'a job that is done'
is "$(cat "$REAL/home/slurm-$good.out")" "from $good" 'with its output'
bad=$(submit --memory=50M --time=5m -- sh -c 'exit 7')
job_is 20 "$bad" - "'failed' exit=7 signal=0 *" 'one that failed, and its exit status'
killed=$(submit --memory=50M --time=5m -- sh -c 'kill -SEGV $$')
job_is 20 "$killed" - "'failed' exit=-1 signal=11 *" 'one that a signal ended'
array=$(submit --memory=50M --time=5m --array=0-6:2 -- sh -c 'exit $HEC_ARRAY_INDEX')
job_is 30 "$array" 6 "'failed' exit=6 *" 'an element of an array'
job_is 10 "$array" 0 "'done' exit=0 *" 'another'
is "$(cut -d' ' -f2 "$REAL/seen" | tr '\n' ' ')" '0 2 4 6 ' 'all elements, in order'
if slurm_has_cgroups; then
    big=$(submit --memory=40M --time=5m -- python3 -c 'x = bytearray(400 << 20)')
    job_is 30 "$big" - "'out of memory' *word=OUT_OF_MEMORY *" 'out of memory'
else
    pass_if 0 'out of memory # SKIP hardware: no control groups'
fi
long=$(submit --memory=50M --time=5m --array=1-2 -- sleep 600)
job_is 20 "$long" 2 "'running' *nodes=n?*" 'one that runs'
ok 'an element is cancelled' talk cancel "$long:1"
job_is 20 "$long" 1 "'cancelled' *" 'which says so'
seen "$long" 2 "'running' *"
pass_if $? 'and the other goes on'
ok 'then all of it' talk cancel "$long"
job_is 20 "$long" 2 "'cancelled' *" 'is cancelled'
ok 'cancelling once more is no error' talk cancel "$long" "$good"

# ---- waiting ----

first=$(submit --memory=50M --time=5m -- sh -c 'while [ ! -e go ]; do sleep 0.1; done; exit 3')
never=$(submit --memory=50M --time=5m --after="ok:$first" -- true)
then=$(submit --memory=50M --time=5m --after="failed:$first" -- true)
job_is 20 "$then" - "'waiting' *stuck=0 *reason=Dependency" 'one that waits for another'
user touch "$REAL/home/go"
job_is 30 "$then" - "'done' *" 'runs after it'
job_is 30 "$never" - "'cancelled' *" 'one that never will run is cancelled'
wide=$(submit --memory=50M --time=5m --nodes=3 --launch=once --exclusive -- true)
job_is 20 "$wide" - "'waiting' *reason=Resources" 'one that waits for nodes says so'
ok 'it is held' talk hold "$wide"
job_is 10 "$wide" - "'waiting' *stuck=1 *reason=JobHeldUser" 'and says that'
ok 'and let go' talk release "$wide"
job_is 10 "$wide" - "'waiting' *stuck=0 *" 'which ends that'
talk cancel "$wide"

# ---- what is not taken ----

user_script refused.sh --memory=50M --time=5m --partition=none -- true
run talk submit refused.sh
is_status 1 'a script that Slurm refuses'
err_has 'HEC_EREFUSED: sbatch: refused: invalid partition specified: none; Batch job submission failed: Invalid partition name specified' 'in its words'
run talk query 999999
out_has "999999 - 'lost' exit=-1" 'a job that nobody knows'

run slurm "$HEC" check --live --site=$SITE --memory=1G --partition=short --time=10m -- true
out_has 'time-limit: a time limit of 10m 00s: the partition short allows 5m 00s' 'what the cluster says of itself'
run slurm "$HEC" check --live --site=$SITE --memory=1G --qos=gold --time=10m -- true
out_has "qos: the cluster has no QoS 'gold'" 'also of its QoS'

# ---- again ----

again=$(submit --memory=50M --time=5m --raw='#SBATCH --nodelist=n1' -- sh -c \
    'echo run >>runs; [ "$(wc -l <runs)" = 2 ] || sleep 600')
job_is 20 "$again" - "'running' *" 'one that is to run twice'
wait_for 10 'its first run' test -s "$REAL/home/runs"
scontrol requeue "$again"
job_is 20 "$again" - "'waiting' *exit=-1 *" 'waits when it is requeued'
job_is 40 "$again" - "'done' exit=0 *" 'and then is done'

# ---- a node dies ----

once=$(submit --memory=50M --time=5m --raw='#SBATCH --no-requeue' --raw='#SBATCH --nodelist=n3' -- sleep 600)
more=$(submit --memory=50M --time=5m --raw='#SBATCH --requeue' --raw='#SBATCH --exclude=n1' -- sh -c \
    '[ "${SLURM_RESTART_COUNT:-0}" = 1 ] || sleep 600')
job_is 20 "$once" - "'running' *nodes=n3 *" 'a job on a node'
job_is 20 "$more" - "'running' *" 'and one that may be run again'
node=$(sed -n "s/^$more .* nodes=\(n[0-9]\) .*/\1/p" "$REAL/seen")
slurm_kill_node n3
[ "$node" = n3 ] || slurm_kill_node "$node"
job_is 60 "$once" - "'node failure' *word=NODE_FAIL *" 'the node dies, and the job says so'
slurm_start_node n2
slurm_start_node n3
job_is 60 "$more" - "'done' exit=0 *" 'the other is done elsewhere'

# ---- the queue forgets, the accounting does not ----

job_is 100 "$late" - "'timed out' *word=TIMEOUT *" 'the time limit'
forgotten() { ! slurm squeue -h -t all -j "$good" 2>/dev/null | grep -q "$good"; }
wait_for 60 'the queue to forget' forgotten
job_is 5 "$good" - "'done' exit=0 * cpu=0.* ran=? reason=*" 'a job of which only the accounting knows'
job_is 5 "$array" 4 "'failed' exit=4 *" 'and an array'

# ---- nobody there ----

kill "$(cat "$REAL/run/slurmctld")"
wait_for 20 'the end of the controller' sh -c '! scontrol ping | grep -q "is UP"'
run talk query "$good"
is_status 1 'a controller that is down'
err_has 'HEC_EAGAIN: squeue: cannot reach the scheduler: ' 'is said to be'
done_testing
