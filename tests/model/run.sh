#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     tests/model/run.sh [FOLDER]
#
# Has spin look at every state of the models, which must hold, and of versions with one thing left
# out, in which it must find the error. TAP. What spin makes goes to FOLDER (build-model).
set -eu
cd "$(dirname "$0")/../.."

out=${1:-build-model}
models=$(pwd)/tests/model
n=0
failed=0
if ! command -v spin >/dev/null 2>&1; then
    echo '1..0 # SKIP no spin'
    [ "${HEC_REQUIRE:-0}" != 1 ]
    exit
fi
rm -rf "$out"
mkdir -p "$out"
cd "$out"

# check holds|fails MODEL TEXT [-D...]: every state, no invalid end, no failed assertion.
check() {
    wanted=$1
    model=$2
    text=$3
    shift 3
    n=$((n + 1))
    folder=$n-$model
    mkdir "$folder"
    (
        cd "$folder"
        timeout 30 spin -a "$@" "$models/$model.pml" >spin.log
        cc -O1 -w -DSAFETY -DMEMLIM=1500 -DCOLLAPSE -o pan pan.c
        timeout 100 ./pan -m200000 -w24 >pan.log 2>&1 || true
    )
    if ! grep -q 'errors:' "$folder/pan.log" || grep -Eq 'max search depth too small|out of memory' \
        "$folder/pan.log"; then
        got='nothing (the search was not complete)'
    elif grep -q 'errors: 0' "$folder/pan.log"; then
        got=holds
    else
        got=fails
    fi
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$folder/pan.log")
    if [ "$got" = "$wanted" ]; then
        echo "ok $n - $model: $text ($states states)"
    else
        failed=1
        echo "not ok $n - $model: $text"
        echo "# wanted: $wanted, got: $got; see $out/$folder/pan.log"
    fi
}

check holds ring 'every record arrives once, whole and in order'
check fails ring 'found: a commit without release' -DRELAXED=1
check fails ring 'found: a peek without acquire' -DRELAXED=2
check fails ring 'found: a pop without release' -DRELAXED=3
check fails ring 'found: a reservation without acquire' -DRELAXED=4
check fails ring 'found: a look at what was passed without acquire' -DRELAXED=5
check fails ring 'found: a commit before the bytes are written' -DCOMMIT_FIRST
check fails ring 'found: a pop before the bytes are read' -DPOP_FIRST
check fails ring 'found: a cell more than there is room for' -DROOM_OFF_BY_ONE
check holds wake 'no wake-up is lost'
check fails wake 'found: parent publishes without a fence' -DNO_FENCE=1
check fails wake 'found: worker sleeps without a fence' -DNO_FENCE=2
check fails wake 'found: worker publishes without a fence' -DNO_FENCE=3
check fails wake 'found: parent sleeps without a fence' -DNO_FENCE=4
check fails wake 'found: a ring with room for one record only' -DROOM=1
check holds claim 'every task is run and answered once'
check fails claim 'found: a claim word without a turn' -DNO_TURN
check fails claim 'found: a worker that does not say it is taking' -DNO_TAKING
check holds claim 'every task is answered once when a worker dies' -DDEATH -DTASKS=4
check fails claim 'found: one place for the beginning of a range' -DDEATH -DTASKS=4 -DONE_FIRST
check holds stack 'no block is lost or freed twice when a holder dies'
check fails stack 'found: burying without collecting' -DNO_COLLECT
check fails stack 'found: a push without compare-and-swap' -DPLAIN_PUSH
check holds stack 'no block is freed while held when its maker dies' -DMAKER_DIES
check holds sentence 'who is blamed was over the limit, and runs when it dies'
check fails sentence 'found: a time beside the number of the task before' -DNO_ZERO
check fails sentence 'found: a task written before its time' -DTASK_FIRST
check fails sentence 'found: a sentence for whoever runs' -DNO_COMPARE
check fails sentence 'found: a sentence for a number that is used again' -DNO_SINCE
echo "1..$n"
exit $failed
