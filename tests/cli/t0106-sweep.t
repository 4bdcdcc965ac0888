#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec sweep: a row is a run; what it is given, what it gives, and what is run a second time.
. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 1
chmod 700 .
HEC_RUNS=$WORK/runs
export HEC_RUNS
said() { tr '\n' ' ' <"$WORK/out"; }
sweep() { run "$HEC" sweep -k "$@"; }

# What a row is given.
printf 'lr,depth,note\n0.1,3,"a ""b"""\n1e-3,5,\n' >params.csv
sweep params.csv -- echo --lr {lr} --depth={depth} -n '{note}' '{#}'
is "$(cat out)" '--lr 0.1 --depth=3 -n a "b" 1
--lr 0.001 --depth=5 -n  2' 'placeholders by name'
# shellcheck disable=SC2016  # for the tasks' shell
sweep params.csv -- sh -c 'echo $HEC_PARAM_lr/$HEC_PARAM_depth/$HEC_PARAM_note/$HEC_ROW; cat $HEC_PARAMS; echo'
is "$(cat out)" '0.1/3/a "b"/1
{"lr":0.1,"depth":3,"note":"a \"b\""}
0.001/5//2
{"lr":0.001,"depth":5,"note":null}' 'as environment and as a file of JSON'
# shellcheck disable=SC2016
sweep params.csv -- sh -c 'echo $HEC_RUN_ID/$HEC_SEED {id}/{seed} {row}'
cp out ids
"$HEC" config runs --json params.csv >runs.json
is "$(cat ids)" "$(json_get runs.json '"\n".join("%s/%s %s/%s %s" % (r["id"], r["seed"], r["id"], r["seed"], r["row"]) for r in v["runs"])')" \
    'ids and seeds are those of hec config runs and of Python'
sweep --dry-run params.csv -- echo {lr}
is "$(cat out)" 'echo 0.1
echo 0.001' 'a dry run'
sweep --shell params.csv -- 'echo {note} | tr a-z A-Z'
is "$(said)" 'A "B"  ' 'a shell, where one is asked for, gets values quoted'
sweep --tag params.csv -- echo x
is "$(head -n 1 out)" '0.1 3 a "b"	x' 'a tag'
# Lists of two values, as CSV and as what a command that prints its arguments in hex has to print.
python3 - <<'END'
import csv

rows = [("line\none", "$(touch pwned);`id`"), ("'q\"", "-n"), ("\u00e9\t ", "* ~"), (" blank ", "a,b\r\nc"),
        ("", "--"), ("{a b}", "\\n%s"), ("x" * 100000, "#!")]
with open("odd.csv", "w", newline="") as f:
    w = csv.writer(f, quoting=csv.QUOTE_ALL)
    w.writerow(("a b", "c"))
    w.writerows(rows)
with open("odd.want", "w") as f:
    for a, b in rows:
        print(*(t.encode().hex() for t in (a, b, "x" + b + "y")), sep="\n", file=f)
END
sweep odd.csv -- "$HEC_ECHO_ARGS" '{a b}' '{c}' 'x{c}y'
ok 'whatever is in a value arrives as it is' cmp out odd.want
# shellcheck disable=SC2016
sweep odd.csv -- sh -c 'printf "%s|" "$HEC_PARAM_a_b"'
is "$(head -n 1 out)" 'line' 'a name that no variable can have has underscores'
ok 'and nothing of it was run' test ! -e pwned

# A second time.
rm -rf runs
# shellcheck disable=SC2016
cmd='echo {lr} >>ran; echo out {lr}; echo "{\"loss\": {lr}, \"at\": {depth}}"; test {depth} != 5 || test -e better'
printf 'lr,depth\n0.1,3\n0.2,5\n0.3,7\n0.4,9\n' >params.csv
sweep params.csv -- sh -c "$cmd"
is_status 1 'a sweep, with a failure'
err_has ': 4 rows' 'says how many rows there are'
sweep params.csv -- sh -c "$cmd"
is "$(sort ran | tr '\n' ' ')" '0.1 0.2 0.2 0.3 0.4 ' 'a second one runs only what failed'
err_has '4 rows: 3 done before, 1 failed before' 'and says so'
is "$(grep -c out out)" 4 'all output is shown'
touch better
printf 'lr,depth\n0.3,7\n0.1,4\n0.2,5\n0.5,1\n' >params.csv
sweep params.csv -- sh -c "$cmd"
is_status 0 'failed, changed and new rows'
is "$(sort ran | tr '\n' ' ')" '0.1 0.1 0.2 0.2 0.2 0.3 0.4 0.5 ' 'are run'
err_has '4 rows: 1 done before, 1 failed before, 1 new, 1 changed, 1 gone' 'and said'
printf 'lr,depth\n0.3,7\n0.2,5\n' >params.csv
sweep params.csv -- sh -c "$cmd"
is "$(wc -l <ran)" 8 'rows that are gone are not'
err_has '2 rows: 2 done before, 2 gone' 'but said'
err_has 'gone: row 2 of params.csv: lr=0.1 depth=4' 'which they were'
err_has 'gone: row 4 of params.csv: lr=0.5 depth=1' 'each of them'
is "$(ls runs | wc -l)" 1 'all of it is one run'
run "$HEC" logs last --task 2
is "$(head -n 1 out)" 'out 0.2' 'logs know rows by their place now'
sweep params.csv -- echo other {lr}
is "$(said)" 'other 0.3 other 0.2 ' 'another command is another task'
sweep --journal-tag v2 params.csv -- sh -c "$cmd"
is "$(wc -l <ran)" 10 'and so is another tag'
printf 'lr,depth\n0.3,7\n0.3,7\n' >params.csv
sweep --run twice params.csv -- sh -c "$cmd"
is "$(wc -l <ran)" 12 'a row that is there twice is run twice'
ok 'in a run of its own name' test -e runs/*-twice-*/rows
mkdir sub
(cd sub && "$HEC" sweep -k ../params.csv -- pwd) >out 2>err
is "$(grep -c sub out)" 2 'elsewhere it is another run'

# Results.
printf 'lr,depth\n0.1,3\n0.2,5\n' >params.csv
rm -rf runs better
sweep params.csv -- sh -c "$cmd"
run "$HEC" results last
out_has 'lr=0.1 depth=3 -> {"loss":0.1,"at":3}' 'results show parameters and what came of them'
run "$HEC" results last --csv
is "$(cut -d, -f1-4,6-8 out)" 'lr,depth,loss,at,task,verdict,exit_status
0.1,3,0.1,3,1,done,0
0.2,5,,,2,exited,1' 'joined, as CSV'
run "$HEC" results last --json
is "$(json_get out '[(t["row"], t["parameters"], t["result"], t["verdict"]) for t in v["tasks"]]')" \
    "[(1, {'lr': 0.1, 'depth': 3}, {'loss': 0.1, 'at': 3}, 'done'), (2, {'lr': 0.2, 'depth': 5}, None, 'exited')]" \
    'and as JSON'
run "$HEC" results --failed last --csv
is "$(wc -l <out)" 2 'failures only'
# shellcheck disable=SC2016
sweep --run file params.csv -- sh -c 'echo "{\"loss\": 1}"; echo "{\"loss\": {lr}, \"lr\": \"own\"}" >$HEC_RESULT; echo not json'
run "$HEC" results last --csv
is "$(cut -d, -f1-4 out)" 'lr,depth,loss,result.lr
0.1,3,0.1,own
0.2,5,0.2,own' 'a file of results comes before the last line; names that are taken get longer'
sweep --run last-line params.csv -- sh -c 'echo "{\"loss\": {lr}}"; echo "{\"loss\": {depth}}  "; echo bye; echo'
run "$HEC" results last --csv
is "$(cut -d, -f1-3 out)" 'lr,depth,loss
0.1,3,3
0.2,5,5' 'else the last line that is JSON'
# shellcheck disable=SC2016
sweep --run bad params.csv -- sh -c 'echo "{\"loss\": " >$HEC_RESULT; echo "[1]"'
is_status 0 'a result that is none is no failure'
err_has 'task 1 has no result: what it wrote to $HEC_RESULT cannot be taken: HEC_RESULT:2:1: it ends in the middle' \
    'but it is said, and where'
sweep --run none --halt now,fail=1 -j 1 params.csv -- false
run "$HEC" results last --json
is "$(json_get out '[(t["verdict"], t["result"]) for t in v["tasks"]]')" \
    "[('exited', None), ('waiting', None)]" 'rows that were not run wait'
is "$(ls runs/*-file-*)" 'args
journal
out.stream
rows
run.yaml
state' 'nothing else is left in a run'

is "$(find runs -type f -perm /077)" '' 'and all of it is for this user alone'

# The machinery is that of hec map.
sweep --run opts -j 1 --retries 1 --timeout 0.3 --joblog log --results files params.csv -- \
    sh -c 'echo {lr} >>tries; test {depth} = 3 || sleep 1000.7'
is_status 1 'options of hec map'
is "$(tr '\n' ' ' <tries)" '0.1 0.2 0.2 ' 'are there: retries'
err_has 'took longer than 0.300 s' 'time limits'
is "$(wc -l <log)" 3 'the log'
ok 'folders by parameters' test -e files/lr/0.1/depth/3/stdout
sweep --run env params.csv --memory 200M --bar -- true
is_status 0 'options may follow the file'

# YAML, several files, schemas.
printf 'model: ice\ngrid:\n  lr: [0.1, 0.2]\n  depth: [1, 2]\nlayers: [64, 32]\n' >grid.yaml
sweep grid.yaml -- echo {model} {lr} {depth} {layers}
is "$(cat out)" 'ice 0.1 1 [64,32]
ice 0.1 2 [64,32]
ice 0.2 1 [64,32]
ice 0.2 2 [64,32]' 'a grid'
printf 'model: sea\n' >other.yaml
# shellcheck disable=SC2016
HEC_PARAM_lr=stale sweep grid.yaml other.yaml -- sh -c 'echo $HEC_PARAM_model ${HEC_PARAM_lr-none}'
is "$(tail -n 1 out)" 'sea none' 'a parameter that a row does not have is not in its environment'
rm -f ran
sweep grid.yaml other.yaml -- sh -c 'echo {lr} >>ran'
is_status 2 'a row that lacks what the command names'
err_has "other.yaml has no 'lr'" 'is told'
ok 'before anything is run' test ! -e ran
printf 'lr: {type: float, max: 1, required: true}\n' >params.schema.yaml
printf 'lr,depth\n0.1,3\n7,5\n' >params.csv
sweep params.csv -- touch ran
is_status 3 'what a schema does not allow'
err_has 'params.csv:3: row 2: lr is 7.0, more than 1' 'is told'
ok 'before anything is run too' test ! -e ran
sweep --schema '' params.csv -- touch ran
is_status 0 'or allowed nevertheless'
rm params.schema.yaml ran

# Mistakes.
sweep params.csv -- echo {dept}
is_status 2 'a slip of a name'
err_has "did you mean 'depth'?" 'is guessed'
sweep params.csv -- echo {}
is_status 2 'braces without a name'
sweep params.csv -- echo '{print $1}' '{xyzzy}'
is "$(head -n 1 out)" '{print $1} {xyzzy}' 'other braces mean themselves'
sweep params.csv
is_status 2 'no command'
sweep -- echo
is_status 2 'no file'
sweep nowhere.csv -- echo
is_status 3 'a file that is not there'
printf 'a,b\n1\n' >ragged.csv
sweep ragged.csv -- touch ran
is_status 3 'a row that is too short'
err_has 'ragged.csv:2: row 1 has 1 field, the header has 2' 'is told'
ok 'and nothing was run' test ! -e ran
printf 'a b,a_b\n1,2\n' >same.csv
sweep same.csv -- touch ran
is_status 2 'two names that are one in the environment'
err_has 'HEC_PARAM_a_b' 'are told'
printf 'a,b\n' >empty.csv
sweep empty.csv -- touch ran
is_status 2 'a file without rows'
sweep --ungroup params.csv -- echo
is_status 2 'output has to be seen'

# Killed at any time: in the end all is there, and hardly anything twice.
{ echo n && seq 60; } >many.csv
rm -f ran
kills=0
until timeout -s KILL 0.25 "$HEC" sweep -j 2 many.csv -- \
    sh -c 'sleep 0.005; echo {n} >>ran; echo "{\"n2\": {n}}"' >/dev/null 2>&1; do
    kills=$((kills + 1))
    [ "$kills" -lt 100 ] || break
done
ok "killed $kills times: little is run twice" test "$(wc -l <ran)" -le $((60 + 60 * kills / 4 + 4))
run "$HEC" results last --csv
is "$(awk -F, 'NR > 1 && $1 == $2 && $5 == "done"' out | wc -l)" 60 'every row has its result'
# By the name of the run alone.
mkdir -p again away && cd again || exit 99
printf 'x\n1\n2\n3\n' >two.csv
run "$HEC" sweep -k --run=byname two.csv -- sh -c 'echo {x}; echo {x} >>ran; [ {x} != 2 ] || [ -e mended ]'
is_status 1 'a row fails'
touch mended
cd ../away || exit 99
run "$HEC" resume byname
err_has 'there is no run' 'a run is known by its id'
id=$("$HEC" list --json >json; json_get json '[r["run"] for r in v["runs"] if r["name"] == "byname"][0]')
run "$HEC" resume "$id"
is_status 0 'resumed, from another folder'
is "$(sort "$WORK/out" | tr '\n' ' ')" '1 2 3 ' 'all is shown'
is "$(tr '\n' ' ' <../again/ran)" '1 2 3 2 ' 'and what had failed is run'
run "$HEC" map --run=maps sh -c 'echo {}; [ -e ../again/mended2 ]' ::: 'a b' '--x'
is_status 1 'so with a map'
touch ../again/mended2
cd .. || exit 99
run "$HEC" resume last
is_status 0 'and its inputs'
is "$(sort "$WORK/out")" '--x
a b' 'as they were given'
seq 2 | "$HEC" map --run=piped false 2>/dev/null
run "$HEC" resume last
is_status 3 'inputs that came from standard input'
err_has 'came from standard input' 'are not there any more'

# What tasks have taken.
run "$HEC" map --run=taken --shell ::: 'true 1' 'true 2' 'sleep 0.2' false
id=$("$HEC" list --json >json; json_get json '[r["run"] for r in v["runs"] if r["name"] == "taken"][0]')
run "$HEC" report "$id"
is_status 0 'a report on tasks'
out_has "$id: 4 tasks run, 1 failed" 'how many'
is "$(sed -n 's/^  \([a-z][a-z]*\)  *\([0-9]*\)  *\([0-9]*\) .*/\1 \2 \3/p' out | grep -v hours | sort | tr '\n' ';')" \
    'false 1 1;sleep 1 0;true 2 0;' 'by program'
out_has '--timeout=1m' 'and limits for next time'
run "$HEC" report --json "$id"
is "$(json_get out '[v["run"] == "'"$id"'"] + sorted((c["class"], c["run"], c["failed"], c["seconds_longest"] >= 0.2) for c in v["classes"])')" \
    "[True, ('false', 1, 1, False), ('sleep', 1, 0, True), ('true', 2, 0, False)]" 'as JSON'
run "$HEC" report "$WORK/runs/$id/journal"
out_has '4 tasks run, 1 failed' 'the same of a journal'
run "$HEC" report --apply "$id"
is_status 2 'which cannot be applied'
done_testing
