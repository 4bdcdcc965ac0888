#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map with a journal, and hec results: what was done is not run again, after whatever end.
. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 1
chmod 700 .
said() { tr '\n' ' ' <"$WORK/out"; }
# A task that notes that it ran, writes, and fails for 2 until there is a file "better".
# shellcheck disable=SC2016  # for the tasks' shell
task='echo $0 >>ran; echo out $0; echo err $0 >&2; test $0 != 2 || test -e better'
map() { run "$HEC" map -k "$@"; }

map --journal j sh -c "$task" ::: 1 2 3
is_status 1 'a first run, with a failure'
err_has "'hec results --failed j' shows them" 'it says where to look'
map --journal j sh -c "$task" ::: 1 2 3
is "$(sort ran | tr '\n' ' ')" '1 2 2 3 ' 'what is done is not run again, what failed is'
is "$(said)" 'out 1 out 2 out 3 ' 'what it wrote is shown'
is "$(sed '/^hec:/d;/^.hec/d' err | tr '\n' ' ')" 'err 1 err 2 err 3 ' 'the errors too'
touch better
map --journal j --resume failed sh -c "$task" ::: 1 2 3 4
is_status 0 'only what has failed'
is "$(sort ran | tr '\n' ' ')" '1 2 2 2 3 ' 'is run'
err_has '1 task that never ran is left out' 'and the rest is mentioned'
map --journal j --resume never sh -c "$task" ::: 1
is "$(grep -c 1 ran)" 2 'or everything'
map --journal j --journal-tag new sh -c "$task" ::: 1
is "$(grep -c 1 ran)" 3 'with another tag it is another task'
mkdir elsewhere
map --journal j --workdir elsewhere sh -c "$task" ::: 1
is "$(cat elsewhere/ran)" 1 'and in another folder'
rm ran
map --journal k sh -c "$task" ::: 7 7 7
map --journal k sh -c "$task" ::: 7 7 7 7
is "$(grep -c 7 ran)" 4 'the same arguments given several times are several tasks'
is "$(said)" 'out 7 out 7 out 7 out 7 ' 'each with its output'
map --journal k --line-buffer sh -c 'echo a; echo b' ::: 1
map --journal k --line-buffer sh -c 'echo a; echo b' ::: 1
is "$(said)" 'a b ' 'lines that were shown at once are recorded too'
map --journal k head -c 3000000 ::: /dev/zero
map --journal k head -c 3000000 ::: /dev/zero
is "$(wc -c <out)" 3000000 'and much output'

# kill -9, again and again, until all is done: nothing is lost, little is run twice.
seq 200 >inputs
rm -f ran
kills=0
until timeout -s KILL 0.4 "$HEC" map -j 2 -a inputs --journal crash \
    sh -c 'sleep 0.005; echo $0 >>ran; echo out $0' >crash.out 2>crash.err; do
    kills=$((kills + 1))
    [ "$kills" -lt 100 ] || break
done
seq 200 | sed 's/^/out /' >want
is "$(sort -k 2n crash.out | cksum)" "$(cksum <want)" "killed $kills times: every output is there once"
ok 'what was recorded was not run again' test "$(wc -l <ran)" -le $((200 + 60 * kills))
before=$(wc -l <ran)
map -a inputs --journal crash sh -c 'sleep 0.005; echo $0 >>ran; echo out $0'
is "$(cksum <out) $(wc -l <ran)" "$(cksum <want) $before" 'in the end nothing is run'

run "$HEC" results j
is_status 0 'results'
out_has ' 2  done ' 'show how tasks ended'
run "$HEC" results --json j
is "$(json_get out 'v["schema"], [t["verdict"] for t in v["tasks"] if t["what"].endswith(" 2")]')" \
    "(1, ['done'])" 'as JSON; the last attempt counts'
map --journal f --retries 1 --timeout 0.2 sh -c 'echo one >&2; echo two >&2; $0' ::: true false 'kill -9 $$' 'sleep 1000.8'
map --journal f --retries 1 --timeout 0.2 --shell 'echo one >&2; echo two >&2; {1}' ::: 'exit 3'
run "$HEC" results --failed --json f
is "$(json_get out 'sorted((t["verdict"], t["exit_status"], t["attempts"], t["stderr"]) for t in v["tasks"])[0]')" \
    "('exited', 1, 2, 'one\\ntwo')" 'failures with status, attempts and the end of what they said'
run "$HEC" results --failed --csv f
is "$(head -n 1 out)" 'task,verdict,exit_status,signal,attempts,started,seconds,cpu_seconds,max_rss,pid,host,what,message,stderr' \
    'as CSV'
ok 'which is valid' python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert rows and all(len(r) == 14 and r["verdict"] != "done" for r in rows), rows' out
run "$HEC" results nowhere
is_status 3 'a journal that is not there'
echo nonsense nonsense nonsense nonsense nonsense nonsense nonsense nonsense >none
run "$HEC" results none
is_status 3 'a file that is none'
run "$HEC" results
is_status 2 'no journal'
map --resume failed echo ::: a
is_status 2 'a resumption of nothing'
map --journal nowhere/j echo ::: a
is_status 3 'a folder that is not there'
touch open && chmod 666 open
map --journal open echo ::: a
ok 'one that others can write is refused' test "$status" -ne 0
done_testing
