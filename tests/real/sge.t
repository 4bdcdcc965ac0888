# SPDX-License-Identifier: MIT
#
# Jobs on a real Grid Engine: how each kind of end is told, and why a job waits.

. "$HEC_SOURCE/tests/real/sge.sh"

sge_up

good=$(submit --memory=100M --time=5m -- sh -c 'echo from $JOB_ID') || bail 'nothing can be submitted'
job_is 30 "$good" - "'done' exit=0 signal=0 stuck=0 *cpus=1 *" 'a job that is done'
is "$(cat "$REAL/home/sh.o$good")" "from $good" 'with its output'
bad=$(submit --memory=100M --time=5m -- sh -c 'exit 7')
job_is 30 "$bad" - "'failed' exit=7 signal=0 *" 'one that failed, and its exit status'
array=$(submit --memory=100M --time=5m --array=2-6:2 -- sh -c 'exit $HEC_ARRAY_INDEX')
job_is 30 "$array" 6 "'failed' exit=6 *" 'an element of an array'
is "$(cut -d' ' -f2 "$REAL/seen" | tr '\n' ' ')" '2 4 6 ' 'all elements, in order'
late=$(submit --memory=100M --time=5s --warn=none -- sleep 600)
limit=$(submit --memory=200M --time=5m -- python3 -c 'x = bytearray(800 << 20)')
long=$(submit --memory=100M --time=5m --array=1-2 -- sleep 600)
job_is 20 "$long" 2 "'running' *word=r *" 'one that runs'
ok 'an element is cancelled' talk cancel "$long:1"
job_is 20 "$long" 1 "'cancelled' *signal=9 *" 'which says so'
seen "$long" 2 "'running' *"
pass_if $? 'and the other goes on'
ok 'then all of it' talk cancel "$long"
job_is 20 "$long" 2 "'cancelled' *" 'is cancelled'
ok 'cancelling once more is no error' talk cancel "$long" "$good"
job_is 30 "$limit" - "'failed' exit=1 *" 'memory over the limit is refused to the program'
job_is 40 "$late" - "'timed out' *" 'the time limit'

# ---- waiting ----

first=$(submit --memory=100M --time=5m -- sh -c 'while [ ! -e go ]; do sleep 0.1; done')
then=$(submit --memory=100M --time=5m --after="any:$first" -- true)
job_is 20 "$then" - "'waiting' *stuck=0 word=hqw *reason=job dropped because of job dependencies" 'one that waits for another says so'
user touch "$REAL/home/go"
job_is 40 "$then" - "'done' *" 'runs after it'
wide=$(submit --memory=100M --time=5m --cpus=9 --raw='#$ -pe smp 9' -- true)
job_is 20 "$wide" - "'waiting' *reason=cannot run in PE *" 'one for which there is no room'
ok 'it is held' talk hold "$wide"
job_is 10 "$wide" - "'waiting' *word=hqw *" 'held'
ok 'and let go' talk release "$wide"
job_is 10 "$wide" - "'waiting' *word=qw *" 'let go'
talk cancel "$wide"
job_is 20 "$wide" - "'lost' *" 'of one that never ran there is no record'
sge sh -c 'echo "#!/no/such/shell" >odd.sh'
odd=$(sge qsub -terse -cwd odd.sh)
job_is 20 "$odd" - "'waiting' *stuck=1 word=Eqw *reason=*No such file or directory" 'one that cannot be started'
talk cancel "$odd"

# ---- what is not taken ----

user_script refused.sh --memory=100M --time=5m --partition=none.q -- true
run talk submit refused.sh
is_status 1 'a script that Grid Engine refuses'
err_has 'HEC_EREFUSED: qsub: refused: Unable to run job: ' 'in its words'
run talk query 999999
out_has "999999 - 'lost' exit=-1" 'a job that nobody knows'

run sge "$HEC" check --live --site=$SITE --memory=1G --partition=short.q --time=10m -- true
out_has 'time-limit: a time limit of 10m 00s: the partition short.q allows 20s' 'what the cluster says of itself'

# ---- again ----

again=$(submit --memory=100M --time=5m --raw='#$ -r y' -- sh -c \
    'echo run >>runs; [ "$(wc -l <runs)" = 2 ] || sleep 600')
job_is 20 "$again" - "'running' *" 'one that is to run twice'
wait_for 10 'its first run' test -s "$REAL/home/runs"
qmod -rj "$again" >/dev/null
job_is 40 "$again" - "'done' exit=0 *" 'is done the second time'

# ---- without accounting ----

mv "$SGE_ROOT/default/common/accounting" "$REAL/accounting"
run talk query "$good"
out_has "$good - 'lost'" 'without the accounting nobody knows'
mv "$REAL/accounting" "$SGE_ROOT/default/common/accounting"

# ---- nobody there ----

kill "$(cat "$REAL/spool/qmaster/qmaster.pid")"
wait_for 20 'the end of the qmaster' sh -c '! pgrep -x sge_qmaster'
run talk query "$good"
is_status 1 'a qmaster that is down'
err_has 'HEC_EAGAIN: qstat: cannot reach the scheduler: ' 'is said to be'
done_testing
