# SPDX-License-Identifier: MIT
#
# Started by ./run: the same tasks by `hec map` alone and inside one job of a real Slurm, in turn.
# Writes a line of JSON for each measurement to $RECORD/allocation.jsonl.

. "$HEC_SOURCE/tests/real/slurm.sh"

slurm_up plain
tasks=${TASKS:-10000}
rounds=${ROUNDS:-5}

now() { date +%s%N; }

# What is measured, the same in both: when it begins, how long it takes, and what it costs in CPU,
# which a busy machine changes less.
cat >"$REAL/home/map.sh" <<SH
#!/bin/bash
TIMEFORMAT='%R %U %S'
begin=\$(date +%s%N)
took=\$({ time seq $tasks | "$REAL/bin/hec" map -j 2 true >/dev/null 2>map.err || echo failed >failed; } 2>&1)
echo "\$begin \$took" >"\$1.new"
mv "\$1.new" "\$1"
SH
chmod 755 "$REAL/home/map.sh"

say() { # HOW ASKED BEGIN SECONDS USER SYSTEM
    awk -v how="$1" -v tasks="$tasks" -v asked="$2" -v begin="$3" -v seconds="$4" -v cpu="$5" \
        -v sys="$6" 'BEGIN {
        printf "{\"how\": \"%s\", \"tasks\": %d, \"seconds\": %.3f, \"cpu\": %.3f, \"before\": %.3f}\n",
            how, tasks, seconds, cpu + sys, (begin - asked) / 1e9
    }' >>"$RECORD/allocation.jsonl"
}

for round in $(seq 0 "$rounds"); do
    rm -f "$REAL/home/alone" "$REAL/home/inside"
    asked=$(now)
    user bash ./map.sh alone
    # shellcheck disable=SC2046  # four words
    [ "$round" = 0 ] || say alone "$asked" $(cat "$REAL/home/alone")
    asked=$(now)
    id=$(submit --cpus=2 --memory=500M --time=10m --warn=none -- ./map.sh inside)
    wait_for 120 'the job' test -s "$REAL/home/inside"
    # shellcheck disable=SC2046  # four words
    [ "$round" = 0 ] || say inside "$asked" $(cat "$REAL/home/inside")
    job_is 30 "$id" - "'done' *" "round $round" >/dev/null || bail 'the job failed'
done
[ ! -e "$REAL/home/failed" ] || bail 'a task failed'
note "$tasks tasks, $rounds rounds"
