#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec config: what is wrong, which runs there are, YAML to CSV and back.
. "$HEC_SOURCE/tests/lib/tap.sh"
cd "$WORK" || exit 99

printf 'lr,name\n0.1,a b\n1e-3,no\n' >p.csv
run "$HEC" config runs p.csv
is_status 0 'the runs of a CSV'
no_err 'quietly'
is "$(sed 's/^[0-9a-f]\{32\}  //' out)" 'p.csv:1  lr=0.1 name="a b"
p.csv:2  lr=0.001 name=no' 'a line each: id, place, parameters'
run "$HEC" config runs --json p.csv
is_status 0 'as JSON'
is "$(wc -l <out)" 1 'one line'
is "$(json_get out 'v["schema"], [r["parameters"] for r in v["runs"]]')" \
    "(1, [{'lr': 0.1, 'name': 'a b'}, {'lr': 0.001, 'name': 'no'}])" 'schema 1, and the parameters'
is "$(json_get out 'all(len(r["id"]) == 32 and 0 <= r["seed"] < 2**53 for r in v["runs"])')" True \
    'with ids and seeds'
run "$HEC" config check p.csv
is_status 0 'nothing is wrong'
out_has '2 runs, nothing wrong' 'it says so'
run "$HEC" config csv2yaml p.csv
is "$(cat out)" '- lr: 0.1
  name: "a b"
- lr: 0.001
  name: "no"' 'CSV to YAML'

# A hec without libyaml reads no YAML, and so no schema.
yaml=yes
printf '{}\n' >any.yaml
run "$HEC" config check any.yaml
if grep -q 'without libyaml' err; then
    yaml=no
    is_status 5 'without libyaml YAML is refused'
fi

printf 'a,b\n1,x\n2\n3,"\n' >bad.csv
run "$HEC" config check bad.csv
is "$status" 3 'something is wrong'
out_has 'bad.csv:3: row 2 has 1 field, the header has 2' 'a line for each problem'
out_has 'bad.csv:4: the quote that opens here is never closed' 'of all kinds'
err_has 'hec: 2 problems in 1 run' 'and how many'
run "$HEC" config check --json bad.csv
is "$status" 3 'as JSON'
is "$(json_get out 'v["schema"], v["runs"], len(v["problems"])')" '(1, 1, 2)' 'one value'
run "$HEC" config runs bad.csv
is "$status" 3 'the runs of a malformed file'
err_has 'hec: cannot read the runs: bad.csv:3: row 2 has 1 field' 'end with the reason'
if [ "$yaml" = yes ]; then
    printf 'a: {max: 2}\n' >own.yaml
    printf 'a\n3\n' >ok.csv
    run "$HEC" config check --schema=own.yaml ok.csv
    out_has 'ok.csv:2: row 1: a is 3, more than 2' 'a schema by its name'
    run "$HEC" config runs --schema own.yaml ok.csv
    is "$status" 3 'holds for the runs too'
    printf 'm: x\ngrid: {a: [1, 2], b: [p, q]}\n' >g.yaml
    run "$HEC" config yaml2csv g.yaml
    is "$(cat out)" 'm,a,b
x,1,p
x,1,q
x,2,p
x,2,q' 'YAML to CSV'
    (umask 027 && "$HEC" config yaml2csv g.yaml --output g.csv)
    ok 'into a file, the same' cmp out g.csv
    is "$(stat -c %a g.csv)" 640 'with the permissions of any new file'
    printf 'net: {a: 1}\n' >n.yaml
    run "$HEC" config yaml2csv n.yaml --output g.csv
    is "$status" 3 'a nested value'
    err_has "n.yaml:1: 'net' is a map" 'is refused by its name'
    ok 'and the file is as it was' test "$(wc -l <g.csv)" -eq 5
    is "$(find . -name 'g.csv.*')" '' 'nothing is left beside it'
    printf 'a: 1\na: 2\n' >t.yaml
    run "$HEC" config check '*.yaml'
    out_has 't.yaml:2:1: the key '"'a'"' is there twice, first on line 1: "a: 2"' 'a pattern'
    printf 'a: !!python/object/apply:os.system ["touch pwned"]\n' >evil.yaml
    run "$HEC" config runs evil.yaml
    is "$status" 3 'a tag of Python is refused'
    ok 'and does nothing' test ! -e pwned
fi

run "$HEC" config
is_status 2 'no action'
run "$HEC" config check
is_status 2 'no file'
run "$HEC" config runz p.csv
is_status 2 'an unknown action'
err_has "did you mean 'hec config runs'?" 'the nearest is suggested'
run "$HEC" config check --output=x p.csv
is_status 2 'an option of another action'
run "$HEC" config runs nowhere.csv
is_status 3 'a file that is not there'
err_has "cannot read 'nowhere.csv': No such file or directory" 'is named'
run "$HEC" config runs "$HEC_SOURCE/README.md"
is_status 2 'a file of another kind'
run "$HEC" config csv2yaml p.csv --output nowhere/x.yaml
is_status 5 'a folder that is not there'
"$HEC" config runs p.csv >/dev/full 2>err
is $? 5 'a full disk'
err_has 'cannot write the output' 'is said'

# Rows are made as they are read: nobody waits for the whole of a large table.
awk 'BEGIN { print "i,x"; for (i = 0; i < 300000; i++) print i ",0.5" }' >big.csv
is "$("$HEC" config csv2yaml big.csv | tail -n 2 | head -n 1)" '- i: 299999' 'a larger table'
"$HEC" config runs big.csv 2>err | head -n 1 >out
out_has 'big.csv:1  i=0 x=0.5' 'the first run of it'
done_testing
