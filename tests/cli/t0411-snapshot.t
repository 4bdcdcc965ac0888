#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What runs is what was submitted: the code is copied, and what is edited while the job waits changes
# nothing; contents are kept once; what is ignored or large is used where it is.
# shellcheck disable=SC2016 # the dollars are for other shells
. "$HEC_SOURCE/tests/lib/runs.sh"

mkdir -p project/.git project/sub project/data project/__pycache__ other
cd project || exit 99
wait_for() { "$HEC" wait --timeout=30s "$@" >/dev/null; }
printf 'data/\n*.tmp\n!keep.tmp\n/top\nsub/**/deep\n' >.gitignore
printf 'more/\n' >.hecignore
echo 'echo first; cat conf sub/module; echo in >>data/out; echo made >new' >run.sh
echo one >conf
echo two >sub/module
echo two >sub/same
touch a.tmp keep.tmp top sub/top __pycache__/x.pyc data/d
mkdir -p sub/x/deep more
printf '#!/bin/sh\necho program\n' >tool
chmod +x tool
truncate -s 11M big.bin
ln -s conf link
ln -s ../other outside
echo x >../other/x

# ---- edited while it waits ----

id=$(submit --name=frozen -- sh -c 'while [ ! -e data/go ]; do sleep 0.05; done; sh run.sh; ./tool; cat link outside/x' 2>../told)
is "$(cat ../told)" 'hec: over 10 MiB, and so not copied but used where they are: big.bin' 'large files are named'
echo 'echo second' >run.sh
echo changed >conf
rm sub/module
touch data/go
ok 'it ends' wait_for "$id"
is "$("$HEC" logs "$id" | tr '\n' ' ')" 'first one two program one x ' 'it runs as it was submitted'
code=../runs/$id/code
is "$(cat data/out)" in 'what is ignored is where it always is'
is "$(cat "$code/new")" made 'what it makes is in its folder'
ok 'and not in the project' test ! -e new
is "$(readlink "$code/big.bin")" "$WORK/project/big.bin" 'a large file is a link'
is "$(tr '\0' '\n' <"../runs/$id/code.list" | cut -f2 | sort | tr '\n' ' ')" \
    '.gitignore .hecignore conf keep.tmp run.sh sub/module sub/same sub/top tool ' 'what was copied'
ok 'no compiled Python' test ! -e "$code/__pycache__"
if command -v git >/dev/null; then
    rmdir .git
    git init -q . 2>/dev/null
    rm -f .hecignore # git does not know it
    again=$(submit --name=git -- true 2>/dev/null)
    ok 'it ends' wait_for "$again"
    git ls-files -co --exclude-standard | sort >want
    # Links are copied too, and the large file is one.
    { tr '\0' '\n' <"../runs/$again/code.list" | cut -f2; echo big.bin; echo link; echo outside; } | sort >got
    grep -v -e want -e got -e __pycache__ want >want2
    cp got got2
    ok 'git would say the same' diff want2 got2
fi
is "$(find "$code/sub/same" "$code/sub/module" -links +1 | wc -l)" 2 'files are names of what is stored'
is "$(stat -c %i "$code/sub/same")" "$(stat -c %i "$code/sub/module")" 'the same content once'
is "$(stat -c %a "$code/sub/same")" 400 'it cannot be written to'
is "$(stat -c %a "$code/tool")" 500 'a program can be run'
run "$HEC" status "$id"
out_has "code:     a copy of $WORK/project, 9 files" 'status says so'

# ---- twice ----

second=$(submit --name=frozen -- true 2>/dev/null)
ok 'it ends' wait_for "$second"
run "$HEC" diff "$id" "$second"
out_has 'code/run.sh' 'diff names a file that has changed'
out_has 'code/sub/module' 'and one that is gone'
ok 'and no other' sh -c "! grep -q code/tool '$WORK/out'"
is "$(stat -c %i "$code/tool")" "$(stat -c %i "../runs/$second/code/tool")" 'what has not is kept once'

# ---- where ----

cd sub || exit 99
id=$(submit -- pwd 2>/dev/null)
ok 'it ends' wait_for "$id"
is "$("$HEC" logs "$id")" "$WORK/runs/$id/code/sub" 'it begins in the same folder of the copy'
id=$(submit --snapshot=never -- pwd)
ok 'it ends' wait_for "$id"
is "$("$HEC" logs "$id")" "$WORK/project/sub" 'or in the folder itself'
cd ../../other || exit 99
id=$(submit -- pwd)
ok 'it ends' wait_for "$id"
is "$("$HEC" logs "$id")" "$WORK/other" 'what is no work tree of git is not copied'
id=$(submit --snapshot=always -- cat x)
echo y >x
ok 'it ends' wait_for "$id"
is "$("$HEC" logs "$id")" x 'if that is not asked for'
id=$(submit --output=sub/printed.txt -- echo printed)
wait_for "$id"
is "$("$HEC" logs "$id")" printed 'output in a file that was named, in the copy'
cd "$HOME" || exit 99
run submit --snapshot=always -- true
is_status 2 'nobody wants a copy of his home'
run submit --snapshot=perhaps -- true
is_status 2 'a word that is none'
"$HEC" clean --older=0s >/dev/null
is "$(find "$HEC_RUNS/.store" -type f | wc -l)" 0 'what no run has is removed'
done_testing
