#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map --run, and hec logs: all that tasks wrote is in one file, and is found again.
. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 1
chmod 700 .
HEC_RUNS=$WORK/runs
export HEC_RUNS
said() { tr '\n' ' ' <"$WORK/out"; }
# wait_for COMMAND...: until it succeeds, for ten seconds at most.
wait_for()
{
    tap_tries=0
    until "$@" >/dev/null 2>&1 || [ "$tap_tries" -ge 200 ]; do
        tap_tries=$((tap_tries + 1))
        sleep 0.05
    done
}
# shellcheck disable=SC2016  # for the tasks' shell
task='echo $0 >>ran; echo out $0; echo err $0 >&2; test $0 != 2 || test -e better'
map() { run "$HEC" map -k --run first "$@"; }

map --dry-run echo ::: 1
ok 'a dry run makes no run' test ! -e runs
map sh -c "$task" ::: 1 2 3
is_status 1 'a run, with a failure'
is "$(said)" 'out 1 out 2 out 3 ' 'the output is shown'
ok 'which is one folder, of this user alone' test "$(stat -c %a runs/*-first-*)" = 700
is "$(cd runs/*-first-* && echo *)" 'args journal out.stream run.yaml state' 'with so many files'
run "$HEC" logs last --task 2
is "$(sort out | tr '\n' ' ')" 'err 2 out 2 ' 'logs of a task'
run "$HEC" logs last --task=3 --stdout
is "$(said)" 'out 3 ' 'its standard output'
run "$HEC" logs runs/*-first-* --stderr
is "$(sort out | tr '\n' ' ')" 'err 1 err 2 err 3 ' 'the errors of all, of a run by its path'
run "$HEC" logs runs/*-first-*/out.stream --stdout
is "$(sort out | tr '\n' ' ')" 'out 1 out 2 out 3 ' 'or of the file itself'
run "$HEC" results last
is "$(grep -c done out)" 2 'results of a run'
touch better
map sh -c "$task" ::: 1 2 3
is_status 0 'once more'
is "$(sort ran | tr '\n' ' ')" '1 2 2 3 ' 'runs what had failed'
is "$(said)" 'out 1 out 2 out 3 ' 'and shows all'
is "$(ls runs | wc -l)" 1 'in the same run'
map --resume never sh -c "$task" ::: 1
is "$(grep -c 1 ran)" 2 'or everything'
run "$HEC" map --run ./mine echo ::: a
run "$HEC" map --run ./mine echo ::: a b
is "$(grep -c begin mine/state)" 2 'a run of its own path'
run "$HEC" logs ./mine --task 2
is "$(said)" 'b ' 'has its own output'
run "$HEC" map --run big head -c 3000000 ::: /dev/zero
run "$HEC" logs last
is "$(wc -c <out)" 3000000 'much output'
run "$HEC" map --run big head -c 3000000 ::: /dev/zero
is "$(wc -c <out)" 3000000 'is shown again'
run "$HEC" map --run lines --line-buffer sh -c 'echo a; echo b >&2; printf c' ::: 1
run "$HEC" logs last --stdout
is "$(said)" 'a c' 'lines that were shown at once are there too, as they were'

# shellcheck disable=SC2016
run "$HEC" map --run again --retries 2 sh -c 'echo x >>tries; echo try $(wc -l <tries); echo "{\"try\": 1}" >$HEC_RESULT; test $(wc -l <tries) = 3 && rm $HEC_RESULT' ::: 1
is_status 0 'a task that is tried three times'
run "$HEC" logs last --task 1
is "$(said)" 'try 3 ' 'has the output of its last attempt'
run "$HEC" results last --json
is "$(json_get out '[(t["attempts"], t["result"], t["parameters"]) for t in v["tasks"]]')" "[(3, None, {'1': '1'})]" \
    'and its result, or none'

# A task that runs is followed to its end.
"$HEC" map --run slow sh -c 'echo one; until test -e go; do sleep 0.05; done; echo two' ::: 1 \
    >/dev/null 2>&1 &
wait_for sh -c '"$HEC" logs last --task 1 | grep -q one'
"$HEC" logs last --task 1 -f >followed 2>&1 &
follow=$!
wait_for grep -q one followed
is "$(cat followed)" one 'a task that runs shows what it has'
ok 'and is waited for' kill -0 "$follow"
touch go
wait "$follow"
is "$(tr '\n' ' ' <followed)" 'one two ' 'and is followed to its end'
wait
run timeout 20 "$HEC" logs last -f
is "$(said)" 'one two ' 'a run that is over is not waited for'

# kill -9, again and again: what was done has its output.
seq 100 >inputs
kills=0
until timeout -s KILL 0.3 "$HEC" map -j 2 -a inputs --run crash \
    sh -c 'sleep 0.005; echo out $0; echo err $0 >&2' >crash.out 2>crash.err; do
    kills=$((kills + 1))
    [ "$kills" -lt 100 ] || break
done
seq 100 | sed 's/^/out /' >want
is "$(sort -k 2n crash.out | cksum)" "$(cksum <want)" "killed $kills times: every output is there once"
is "$(for i in 1 50 100; do "$HEC" logs last --task $i --stderr; done | tr '\n' ' ')" \
    'err 1 err 50 err 100 ' 'and is found by its number'
# A torn end of the file, and then more.
printf torn >>"$(echo runs/*-crash-*)/out.stream"
run "$HEC" logs last --task 7 --stdout
is "$(said)" 'out 7 ' 'a torn end'
err_has 'bytes of the output are no whole record' 'is told'
run "$HEC" map -a inputs --run crash sh -c 'sleep 0.005; echo out $0; echo err $0 >&2'
is "$(sort -k 2n out | cksum)" "$(cksum <want)" 'and gone on with'
# The output is lost altogether: the results are not.
rm runs/*-crash-*/out.stream
run "$HEC" map -a inputs --run crash sh -c 'sleep 0.005; echo out $0; echo err $0 >&2'
is_status 0 'without the file nothing is run again'
err_has 'the output of 100 tasks that were done before is not there any more' 'but it is said'

run "$HEC" logs nowhere
is_status 3 'a run that is not there'
run "$HEC" logs last --task 4711
is_status 3 'a task that never ran'
run "$HEC" logs last --task x
is_status 2 'a number that is none'
run "$HEC" logs
is_status 0 'of the last run where none is named'
echo nonsense nonsense nonsense nonsense nonsense nonsense nonsense nonsense >none
run "$HEC" logs none
is_status 3 'another file'
run "$HEC" map --run x --journal y echo ::: 1
is_status 2 'a run has a journal of its own'
run "$HEC" map --run x --ungroup echo ::: 1
is_status 2 'and has to see the output'
run "$HEC" map --run '' echo ::: 1
is_status 2 'and a name'
done_testing
