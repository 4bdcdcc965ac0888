#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map next to GNU parallel, where docs/guide/hec-map.md says that they are alike.
. "$HEC_SOURCE/tests/lib/tap.sh"

if ! parallel --version 2>/dev/null | grep -q GNU; then
    if [ "${HEC_REQUIRE:-}" = 1 ]; then
        echo 'not ok 1 - GNU parallel is needed'
    else
        echo 'ok 1 - GNU parallel # SKIP no GNU parallel'
    fi
    echo 1..1
    exit 0
fi
cd "$WORK" || exit 1
HOME=$WORK
export HOME
mkdir -p .parallel
: >.parallel/will-cite

# same DESCRIPTION ARGUMENT...: both give the same output and say the same about success.
same()
{
    same_what=$1
    shift
    parallel -k "$@" >theirs 2>/dev/null
    theirs=$?
    "$HEC" map -k "$@" >ours 2>err
    ours=$?
    [ "$theirs" -eq 0 ] || theirs=1
    ok "$same_what" cmp ours theirs
    is "$ours" "$theirs" "$same_what: status"
}

same 'placeholders' echo {} , {.} , {/} , {//} , {/.} , '{#}' , {1} {1.} {-1} \
    ::: a/b.c b.c.d .rc a.b/c a/b/ / x. 'with blank.txt' a//b
same 'values' echo ::: a b c
same 'combinations' echo {1}-{2} ::: a b ::: 1 2 3
same 'all columns' echo x {} y ::: a b ::: 1 2
same 'linked inputs' echo {1}{2} ::: a b c :::+ 1 2
same 'linked and combined' echo {1}{2}{3} ::: a b :::+ 1 2 ::: x y
printf '1\n2\n3\n' >file
same 'a file' -a file echo n
same 'a file after ::::' echo :::: file
same 'two files' echo {2}{1} :::: file file
printf 'x\ty\n1\t2\n3\t4\n' >table
same 'columns' --colsep '\t' echo {2} {1} :::: table
same 'columns with names' --header : --colsep '\t' echo {y} {x} :::: table
same 'a name for each input' --header : echo {a} {b} ::: a 1 2 ::: b 3
same 'tags' --tag echo {} ::: a b
same 'tags of combinations' --tag echo z ::: a b ::: 1 2
same 'values with blanks' echo {} ::: 'a  b' "it's" '$HOME'
same 'a failure' test {} = a ::: a b
same 'records with a NUL' -0 -a file echo
parallel -j 1 --joblog theirs.log true ::: a b
"$HEC" map -j 1 --joblog ours.log true ::: a b
is "$(cut -f 1,2,5,7,8,9 ours.log)" "$(cut -f 1,2,5,7,8,9 theirs.log)" 'the log'
parallel --results theirs.res echo {} ::: a/b c ::: 1 >/dev/null
"$HEC" map --results ours.res echo {} ::: a/b c ::: 1 >/dev/null
is "$(cd ours.res && find . -type f | sort)" "$(cd theirs.res && find . -type f | sort)" \
    'the layout of results'
done_testing
