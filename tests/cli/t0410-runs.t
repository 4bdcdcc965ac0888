#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec submit and what follows, without a scheduler: states, outputs, ends of every kind, waiting for
# other runs, cancelling, removing.
# shellcheck disable=SC2016 # the dollars are for other shells
. "$HEC_SOURCE/tests/lib/runs.sh"

is_status 0 'no runs yet'
no_out 'nothing to list'
run "$HEC" status
is_status 3 'nor to tell of'

# ---- one that is done ----

id=$(submit --name=first -- sh -c 'echo out; echo err >&2; printf "%s" "$1" >arg' sh 'a  b')
ok 'submit prints an id' sh -c "echo $id | grep -Eqx '[0-9]{8}-[0-9]{4}-first-[0-9a-f]{4}'"
run "$HEC" wait --timeout=20s
is_status 0 'it ends, and is done'
is "$(cat out)" "$id: done" 'wait says so'
run "$HEC" logs "$id"
is "$(cat out)" out 'its output is printed as output'
is "$(cat err)" err 'and its errors as errors'
is "$(cat arg)" 'a  b' 'the command began here, its arguments as they were'
run "$HEC" logs --stderr last
no_out 'only errors'
is "$("$HEC" logs --paths --stdout "$id")" "$WORK/runs/$id/out" 'the path of the file'
ok 'the script is kept' grep -q '^hec_run sh -c ' "runs/$id/job.sh"
"$HEC" status --json "$id" >json
is "$(json_get json '[v["schema"], v["state"], v["jobs"][0]["exit_status"], v["command"][0]]')" \
    "[1, 'done', 0, 'sh']" 'JSON'
run "$HEC" status "$id"
out_has 'command:  sh -c echo out' 'status has the command'
out_has 'code:     no copy' 'and that the code was not copied'
run "$HEC" list
out_has "$id" 'and the list the run'

# ---- other ends ----

id=$(submit -- sh -c 'exit 3')
run "$HEC" wait "$id"
is_status 1 'a failure'
is "$(state "$id")" 'failed: exit status 3' 'has its status as reason'
id=$(submit -- /nonexistent/program)
run "$HEC" wait "$id"
is "$(state "$id")" 'failed: exit status 127: its command was not found' 'no such program'
id=$(submit --workdir=/nonexistent -- true)
run "$HEC" wait "$id"
is "$(state "$id")" 'failed: exit status 1: the folder that it was to begin in is not there' 'no such folder'
run "$HEC" logs "$id"
err_has nonexistent 'and the log says which'
id=$(submit --setup=false -- touch never)
run "$HEC" wait "$id"
is "$(state "$id")" 'failed: exit status 1' 'set-up that fails'
id=$(submit -- sh -c 'kill -SEGV $$')
run "$HEC" wait "$id"
is "$(state "$id")" 'failed: killed by signal 11' 'a signal'
id=$(submit -- sh -c 'touch "$HEC_RUN/begun"; kill -9 $PPID; sleep 20')
run "$HEC" wait --timeout=20s "$id"
is_status 1 'one whose script was killed'
is "$(state "$id")" 'lost: it ended without a word: it was killed, or its machine went down' \
    'is known to be gone'
id=$(submit --time=2s -- sleep 30)
run "$HEC" wait --timeout=20s "$id"
is "$(state "$id")" 'timed out: it was warned of its time limit, and ended by it' 'a time limit'

# ---- waiting and cancelling ----

id=$(submit -- sh -c 'touch begun; exec sleep 100')
ok 'it begins' wait_file begun
run "$HEC" wait --timeout=0s "$id"
is_status 75 'waiting has an end'
is "$(state "$id")" 'running: None' 'it is running'
run "$HEC" list --open
out_has "$id" 'and open'
run "$HEC" clean "$id"
is_status 3 'it is not removed'
ok 'it is still there' test -d "runs/$id"
run "$HEC" cancel "$id"
is_status 0 'it is cancelled'
is "$(state "$id")" 'cancelled: by hec cancel' 'and says so'
run "$HEC" cancel "$id"
err_has 'had ended already' 'once is enough'
run "$HEC" cancel
is_status 2 'cancel what?'
id=$(submit -- sh -c 'trap "" TERM; touch deaf; for i in 1 2 3 4 5 6; do sleep 100; done')
ok 'one that does not listen begins' wait_file deaf
run "$HEC" cancel "$id"
is "$(state "$id")" 'cancelled: by hec cancel' 'it is killed'

for i in 1 2 3 4 5 6 7 8; do
    id=$(submit -- sleep 100)
    "$HEC" cancel "$id"
    state "$id"
done >states
is "$(sort -u states)" 'cancelled: by hec cancel' 'whenever it comes, also while the job is being started'

# ---- one after the other ----

first=$(submit -- sh -c 'while [ ! -e go ]; do sleep 0.05; done; echo 1 >made')
then=$(submit --after="$first" -- cat made)
never=$(submit --after="failed:$first" -- touch never)
third=$(submit --after="any:$never" -- touch third)
ok 'it waits' wait_file "runs/$then/marks/1"
is "$(state "$then")" "waiting: for the run $first" 'for what'
touch go
run "$HEC" wait --timeout=30s "$first" "$then" "$third"
is_status 0 'in order'
is "$("$HEC" logs "$then")" 1 'the second has what the first made'
is "$(state "$never")" \
    "cancelled: the run $first, which it waited for, did not end as it was to" 'one never begins'
ok 'indeed' test ! -e never
run submit --after="failed:$first" -- true
is_status 2 'what can never be is refused'
err_has 'has ended already (done)' 'and says why'
id=$(submit --after="$first" -- true)
run "$HEC" wait --timeout=20s "$id"
is_status 0 'what is fulfilled already is'
run submit --after=20011231-none -- true
is_status 3 'after which?'

# ---- outputs elsewhere ----

mkdir -p elsewhere
id=$(submit --name=there --output='elsewhere/{name}-{job}.txt' -- sh -c 'echo out; echo err >&2')
"$HEC" wait --timeout=20s "$id" >/dev/null
is "$("$HEC" logs "$id" | tr '\n' ' ')" 'out err ' 'output in a file that was named, errors with it'
is "$("$HEC" logs --paths --stdout "$id" | sed '/runs/d; s/-[0-9]*\.txt$/-N.txt/')" "$WORK/elsewhere/there-N.txt" 'and its path'
id=$(submit --error="$WORK/elsewhere/e.txt" --workdir=elsewhere -- sh -c 'echo out; echo err >&2')
"$HEC" wait --timeout=20s "$id" >/dev/null
run "$HEC" logs "$id"
is "$(cat out err)" 'out
err' 'errors in a file that was named, output in the run'
id=$(submit --array=1-3 --output='elsewhere/{index}' --error='elsewhere/e{index}' -- \
    sh -c 'echo $HEC_ARRAY_INDEX; echo e$HEC_ARRAY_INDEX >&2')
"$HEC" wait --timeout=20s "$id" >/dev/null
run "$HEC" logs "$id"
is "$(cat out err | tr '\n' ' ')" '1 2 3 e1 e2 e3 ' 'of each element of an array'
run "$HEC" logs --index=2 --stderr "$id"
is "$(cat out err)" 'e2' 'or of one'

# ---- arrays ----

id=$(submit --array=3-7:2%1 -- sh -c 'echo "$HEC_ARRAY_INDEX"; [ "$HEC_ARRAY_INDEX" != 5 ]')
run "$HEC" logs --follow "$id"
is "$(tr '\n' ' ' <out)" '3 5 7 ' 'all elements'
is "$("$HEC" logs --index=5 "$id")" 5 'one of them'
"$HEC" status --json "$id" >json
is "$(json_get json '[v["state"]] + [(j["index"], j["state"]) for j in v["jobs"]]')" \
    "['failed', (3, 'done'), (5, 'failed'), (7, 'done')]" 'and how each ended'


# Elements meet where as many run at a time as there is room for.
cat >meet.sh <<'END'
touch "here-$HEC_ARRAY_INDEX"
for i in $(seq 400); do
    [ -e here-1 ] && [ -e here-2 ] && exit 0
    sleep 0.05
done
exit 9
END
granted=$("$HEC" host --json >json; json_get json 'v["cpus"]')
if [ "$granted" -ge 2 ]; then
    id=$(submit --array=1-2 -- sh meet.sh)
    run "$HEC" wait --timeout=60s "$id"
    is_status 0 'elements run at the same time, as CPUs were granted'
    ok 'the script says how many' grep -q "at most $granted at a time" "runs/$id/job.sh"
fi
id=$(HEC_CPUS=1 submit --array=1-2 -- true)
ok 'not more than that' grep -q 'at most 1 at a time' "runs/$id/job.sh"
id=$(HEC_CPUS=1 submit --array=1-3 -- sh -c 'mkdir alone && sleep 0.1 && rmdir alone')
run "$HEC" wait --timeout=60s "$id"
is_status 0 'one after the other where there is one'
id=$(submit --array=1-9%2 -- sh -c 'touch began-$HEC_ARRAY_INDEX; exec sleep 100')
wait_file began-1
"$HEC" cancel "$id"
is "$(state "$id")" 'cancelled: by hec cancel' 'all of it is cancelled'
[ ! -e began-9 ] && rc=0 || rc=1
pass_if $rc 'and what had not begun does not'
id=$(submit --array=1-3%1 -- sh -c 'echo "$HEC_ARRAY_INDEX" >>order')
second=$(submit --after="$id" -- cat order)
run "$HEC" wait --timeout=60s "$second"
is "$("$HEC" logs "$second" | tr '\n' ' ')" '1 2 3 ' 'a run may wait for all of an array'

# ---- memory ----

cat >fill.py <<'END'
import os, sys, time
if sys.argv[2:]:
    os.fork() or os.execv(sys.executable, [sys.executable, sys.argv[0], sys.argv[1]])
data = bytearray(int(sys.argv[1]) << 20)
time.sleep(30 if int(sys.argv[1]) > 100 else 1.2)
END
id=$(submit --memory=100M -- python3 fill.py 300)
run "$HEC" wait --timeout=60s "$id"
is_status 1 'what takes more memory than it asked for is ended'
is "$(state "$id" | sed 's/[0-9][0-9]* MiB/N MiB/')" 'out of memory: it took N MiB, more than was asked for' \
    'and that is told'
"$HEC" logs --stderr "$id" >out 2>&1
out_has 'more than was asked for, and is killed' 'in its errors too'
id=$(submit --memory=100M -- sh -c 'python3 fill.py 300 child; wait')
run "$HEC" wait --timeout=60s "$id"
is "$(state "$id" | cut -d: -f1)" 'out of memory' 'with what it has started'
id=$(submit --memory=100M --array=1-2%1 -- sh -c 'python3 fill.py $((HEC_ARRAY_INDEX * 150 - 140))')
run "$HEC" wait --timeout=60s "$id"
"$HEC" status --json "$id" >json
is "$(json_get json '[(j["index"], j["state"]) for j in v["jobs"]]')" \
    "[(1, 'done'), (2, 'out of memory')]" 'each element by itself'
"$HEC" script --scheduler=local --memory=100M -- python3 fill.py 300 >job.sh
bash job.sh 2>err
is $? 137 'a script alone keeps it too'

# ---- again ----

id=$(submit --array=3-7:2 -- sh -c 'exit $((HEC_ARRAY_INDEX == 5))')
"$HEC" wait --timeout=20s "$id" >/dev/null

run "$HEC" diff "$id" "$id"
is_status 0 'a run does not differ from itself'
no_out 'in nothing'
before=$(cat "runs/$id/marks/1.3")
run "$HEC" resume "$id"
is_status 0 'what failed is resumed'
is "$(cat out)" "$id" 'in the same run'
run "$HEC" wait --timeout=30s "$id"
is_status 1 'it fails again'
is "$(cat "runs/$id/marks/1.3")" "$before" 'what was done is not done again'
is "$(grep -c begin "runs/$id/marks/1.5")" 2 'what failed is'
id=$(submit --name=again --env=X=1 --after="$first" -- sh -c '[ -e mended ] && printf %s "$1" >last' sh "$(printf 'a
bÿ')")
run "$HEC" wait "$id"
is_status 1 'a failure'
touch mended
second=$("$HEC" rerun "$id")
run "$HEC" wait --timeout=20s "$second"
is_status 0 'run again it is done'
is "$(cat last)" "$(printf 'a
bÿ')" 'with the same arguments to the byte'
run "$HEC" diff "$id" "$second"
is_status 1 'they differ'
out_has '- "failed: exit status 1"' 'in how they ended'
is "$(wc -l <out)" 6 'and that only one has to begin after another'
"$HEC" resume "$id" >out
run "$HEC" wait --timeout=20s "$id"
is "$(cat out)" "$id: done" 'resumed, the first is done as well'
run "$HEC" resume "$id"
err_has 'nothing to resume' 'then there is no more'
id=$(submit -- sleep 100)
run "$HEC" resume "$id"
is_status 2 'what runs is not resumed'
"$HEC" cancel "$id"
"$HEC" resume "$id" >out
is "$(state "$id" | sed 's/running/waiting/; s/:.*//')" waiting 'what was cancelled can be'
"$HEC" cancel "$id"

# ---- what is around it ----

mkdir -p venv/bin venv/lib/python3/site-packages/numpy-1.0.dist-info
printf '#!/bin/sh\ntrue\n' >venv/bin/model
chmod +x venv/bin/model
touch venv/pyvenv.cfg
in_venv() { PATH="$WORK/venv/bin:$PATH" LOADEDMODULES=gcc/12:python VIRTUAL_ENV='' CONDA_PREFIX='' "$@"; }
first=$(in_venv submit --name=env -- model)
"$HEC" wait --timeout=20s "$first" >/dev/null
is "$(sed "s, [0-9a-f]*$,," "runs/$first/environment")" "program $WORK/venv/bin/model
prefix $WORK/venv
package numpy-1.0
module gcc/12
module python" 'what a run depends on'
mv venv/lib/python3/site-packages/numpy-1.0.dist-info venv/lib/python3/site-packages/numpy-2.0.dist-info
second=$(in_venv "$HEC" rerun "$first" 2>err)
err_has "the environment has changed since $first" 'run again, it is said that it has changed'
err_has 'now:  package numpy-2.0' 'in what'
"$HEC" wait --timeout=20s "$second" >/dev/null
in_venv "$HEC" rerun "$second" >out 2>err
"$HEC" wait --timeout=20s "$(cat out)" >/dev/null
no_err 'nothing where it has not'
run "$HEC" diff "$first" "$second"
is "$(grep -A1 '^environment' out | grep -v -e --)" 'environment
- "package numpy-1.0"
environment
+ "package numpy-2.0"' 'and diff shows it'
printf '#!/bin/sh\nexit 1\n' >venv/bin/model
third=$(in_venv submit --name=env -- model)
"$HEC" wait --timeout=20s "$third" >/dev/null
"$HEC" diff "$second" "$third" >out
out_has "program $WORK/venv/bin/model" 'another program'
in_venv "$HEC" resume "$third" >out 2>err
no_err 'nothing has changed'
"$HEC" wait --timeout=20s "$third" >/dev/null
PATH="$WORK/venv/bin:$PATH" LOADEDMODULES=gcc/13 "$HEC" resume "$third" >out 2>err
err_has 'now:  module gcc/13' 'resumed in another one'
"$HEC" wait --timeout=20s "$third" >/dev/null

# ---- on, until it is done ----

cat >steps.sh <<'END'
trap 'exit 75' TERM
for i in 1 2 3 4 5 6 7 8; do
    [ -e "step$i" ] || { sleep 0.3 & wait; touch "step$i"; echo "$i"; }
done
END
id=$(submit --time=4s --warn=3s --requeue=auto -- sh steps.sh)
run "$HEC" wait --timeout=40s "$id"
is_status 0 'it goes on by itself until it is done'
is "$("$HEC" logs "$id" 2>/dev/null | tr '\n' ' ')" '1 2 3 4 5 6 7 8 ' 'where it had stopped'
ok 'more than once' sh -c "[ \"\$(grep -c requeue 'runs/$id/marks/1')\" -ge 1 ]"
rm step?
id=$(submit --time=4s --warn=3s --requeue=auto:1 --array=9 -- sh -c 'trap "exit 75" TERM; echo begun; sleep 30 & wait')
run "$HEC" wait --timeout=40s "$id"
is "$(state "$id")" 'timed out: it was warned of its time limit, and stopped to be resumed' \
    'but not more often than it is to'
is "$("$HEC" logs "$id" 2>/dev/null | tr '\n' ' ')" 'begun begun ' 'with the output of all times'
id=$(submit --time=4s --warn=3s --requeue=auto -- sh -c 'exit 75')
run "$HEC" wait --timeout=40s "$id"
is "$(state "$id")" 'failed: exit status 75' 'one that was not warned is not begun again'
run submit --requeue=auto -- true
is_status 2 'a job without a limit is not warned'
err_has 'requeue: nothing warns this job' 'and so cannot go on'
run "$HEC" script --scheduler=lsf --time=1h --requeue=auto -- true
is_status 2 'LSF cannot'
err_has 'hec resume' 'and what to do'
run "$HEC" script --scheduler=slurm --time=1h --requeue=sometimes -- true
is_status 2 'a word that is none'

# ---- what it used ----

run "$HEC" report "$(submit --after="any:$(submit -- sleep 100)" -- true)"
is_status 3 'no report on what has not ended'
for id in $("$HEC" list --open --json | python3 -c 'import json, sys; [print(r["run"]) for r in json.load(sys.stdin)["runs"]]'); do
    "$HEC" cancel "$id"
done
id=$(submit --time=1h --cpus=2 -- sh -c 'sleep 1.1')
run "$HEC" wait --timeout=20s "$id"
run "$HEC" report "$id"
out_has 'next time: --time=5m' 'less time would do'
"$HEC" report --json "$id" >json
is "$(json_get json '[v["time_asked"], v["cpus_asked"], v["cpus_used"] < 1, v["memory_used"], v["next"]]')" \
    "[3600, 2, True, None, {'time': '5m', 'cpus': None, 'memory': None}]" 'JSON'
id=$("$HEC" report --apply "$id")
run "$HEC" wait --timeout=20s "$id"
is_status 0 'it is run again'
ok 'with that request' grep -q '^time_s: 300$' "runs/$id/run.yaml"
id=$(submit --time=1s -- sleep 30)
run "$HEC" wait --timeout=20s "$id"
is "$("$HEC" report --json "$id" >json; json_get json 'v["next"]["time"]')" 5m \
    'what was ended by its limit gets more'

# ---- where it lies, and what is refused ----

id=$(submit --run-dir=here -- true)
run "$HEC" wait "$id"
is_status 0 'a run elsewhere is found by its id'
run "$HEC" status ./here
out_has "$id: done" 'and by its path'
run submit --run-dir=here -- true
is_status 2 'what is there is not taken'
run "$HEC" submit --scheduler=local
is_status 2 'submit what?'
run submit --dry-run --time=1h -- sleep 7
is_status 0 'a dry run'
out_has 'hec_run sleep 7' 'prints the script'
is "$(find runs -name '*-sleep-*' | wc -l)" "$("$HEC" list | grep -c -e '-sleep-')" 'and makes none'
chmod 777 runs
run submit -- true
is_status 3 'nothing where others can write'
err_has 'chmod go-w' 'and what to do'
chmod 700 runs
PATH=/nonexistent run "$HEC" submit --scheduler=slurm --time=1h -- true
is_status 3 'no such scheduler here'
is "$("$HEC" list --state='not submitted' | wc -l)" 0 'leaves no run'

# ---- removing ----

run "$HEC" clean "$id"
is "$(cat out)" "$id" 'clean says what it removes'
ok 'the folder is gone' test ! -e here
run "$HEC" status "$id"
is_status 3 'and the run'
run "$HEC" clean --older=1d
no_out 'nothing is so old'
run "$HEC" clean --older=0s --failed --dry-run --json
ok 'what would be removed' json_get out 'len(v["removed"]) > 5'
run "$HEC" clean --older=0s
run "$HEC" list
no_out 'all are removed'
run "$HEC" clean
is_status 2 'clean what?'
done_testing
