#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec script: scripts to the byte, arguments that reach the command as they are, arrays that become
# several jobs, and the warning before the limit.
# shellcheck disable=SC2016 # the dollars are for other shells
. "$HEC_SOURCE/tests/lib/tap.sh"
cd "$WORK" || exit 99
export HOME="$WORK" XDG_CONFIG_HOME="$WORK/config"
unset HEC_SITE

run "$HEC" script --scheduler=slurm -- true
if grep -q 'without libyaml' err; then
    echo '1..0 # SKIP this hec was built without YAML'
    exit 0
fi

# ---- golden scripts ----

data=$HEC_SOURCE/tests/data/job-scripts
grep -v '^#' "$data/CASES" | while read -r name options; do
    # shellcheck disable=SC2086 # options of a case have no blanks in them
    HEC_CPUS=1 "$HEC" script $options >"made-$name.sh" 2>"err-$name"
done
for golden in "$data"/*.sh; do
    name=$(basename "$golden" .sh)
    ok "$name: to the byte" cmp "$golden" "made-$name.sh"
    ok "$name: bash reads it" bash -n "made-$name.sh"
done
if command -v shellcheck >/dev/null; then
    ok 'shellcheck objects to nothing' shellcheck -e SC1091,SC2317 made-*.sh
fi

# ---- arguments and values ----

hostile() # COMMAND...: the command with arguments that a shell would take for something else
{
    "$@" 'a b' "it's" '$HOME `id` $(id)' '' '*' '-n' '#x' 'a\b' '"q"' '~' '!x' 'é' \
        "$(printf 'two\n#SBATCH --x\n#$ -l x\n#PBS -q x\n')" "$(printf 't\tb\001\177')" \
        '{a,b}' 'x=1' ';touch pwned;' '&' '%j'
}
hostile "$HEC_ECHO_ARGS" >want
for scheduler in slurm sge pbs torque lsf local; do
    hostile "$HEC" script --scheduler=$scheduler --time=1h -- "$HEC_ECHO_ARGS" >job.sh
    PBS_O_WORKDIR=$WORK bash job.sh >got 2>err
    ok "$scheduler: arguments arrive as they are" cmp want got
    is "$(sed '1,/^$/d' job.sh | grep -c '^#[SPB$]')" 0 "$scheduler: none becomes a directive"
done
ok 'and nothing of them was run' test ! -e pwned
value=$(printf "two\nlines 'and' \$HOME \\\\ \"x\"")
"$HEC" script --scheduler=local --env="V=$value" -- sh -c 'printf %s "$V"' >job.sh
is "$(bash job.sh)" "$value" 'so do values of variables'
"$HEC" script --scheduler=local --env=A=1 --setup='A=$((A + 1))' --setup='cd /' -- \
    sh -c 'echo "$A $PWD"' >job.sh
is "$(bash job.sh)" '2 /' 'lines of set-up are run, after the variables were set'
"$HEC" script --scheduler=local --setup=false -- echo never >job.sh
is "$(bash job.sh)" '' 'where one fails the command is not begun'

# ---- ends ----

"$HEC" script --scheduler=local -- sh -c 'exit 7' >job.sh
bash job.sh
is $? 7 'the status is that of the command'
"$HEC" script --scheduler=slurm --time=1h -- sh -c 'exit 7' >job.sh
bash job.sh
is $? 7 'also under the warning'
"$HEC" script --scheduler=local --time=20s --warn=19s -- \
    sh -c 'trap "echo warned; exit 75" TERM; while :; do sleep 0.1; done' >job.sh
bash job.sh >out 2>err
is $? 75 'a command that is warned can end in its own way'
is "$(cat out)" warned 'by the signal'
err_has 'the time limit is near, the command gets SIGTERM' 'and the log says so'
"$HEC" script --scheduler=local --time=2s --warn=USR1@1s -- \
    sh -c 'trap "echo ignored" USR1; while :; do sleep 0.1; done' >job.sh
bash job.sh >out 2>err
is $? 137 'one that goes on is killed at the limit'
is "$(cat out)" ignored 'after the signal that was asked for'
for scheduler in slurm sge lsf; do
    rm -f begun
    "$HEC" script --scheduler=$scheduler --time=1h -- \
        sh -c 'trap "echo warned; exit 75" TERM; touch begun; while :; do sleep 0.1; done' >job.sh
    bash job.sh >out 2>err &
    pid=$!
    wait_file begun && kill -USR1 $pid || kill -KILL $pid
    wait $pid
    is "$? $(cat out)" '75 warned' "$scheduler: its SIGUSR1 becomes the command's SIGTERM"
done
rm -f begun
"$HEC" script --scheduler=lsf --time=1h -- sh -c 'touch begun; exec sleep 2' >job.sh
bash job.sh >out 2>err &
pid=$!
wait_file begun && pkill -USR1 -P $pid sleep
wait $pid
is $? 0 'a command that knows no SIGUSR1 does not die of it'

# ---- arrays ----

cat >tiny.yaml <<'END'
title: a site with small arrays
scheduler: slurm
arrays: {first: 1, last: 3}
END
indices() # VARIABLE FIRST LAST: what the elements of job.sh have as their index
{
    for i in $(seq "$2" "$3"); do
        env "$1=$i" PBS_O_WORKDIR="$WORK" bash job.sh
    done
}
for part in 1 2 3; do
    "$HEC" script --site=./tiny.yaml --array=0-8:2,20-21 --part=$part -- \
        sh -c 'echo "$HEC_ARRAY_INDEX"' >job.sh || break
    indices SLURM_ARRAY_TASK_ID 1 "$(sed -n 's/^#SBATCH --array=1-\([0-9]*\)$/\1/p' job.sh)"
done >got
is "$(tr '\n' ' ' <got)" '0 2 4 6 8 20 21 ' 'an array in parts has each index once'
run "$HEC" script --site=./tiny.yaml --array=0-8:2,20-21%2 -- true
out_has '--array=1-3%1' 'the parts share the throttle'
err_has 'this is job 1 of 3' 'and it is said that there are more'
run "$HEC" script --site=./tiny.yaml --array=0-8:2,20-21 --part=4 -- true
is_status 2 'a part that is none'
err_has 'there is no part 4, there are 3' 'is refused'
"$HEC" script --scheduler=sge --array=0-3,8 -- sh -c 'echo "$HEC_ARRAY_INDEX"' >job.sh
is "$(indices SGE_TASK_ID 1 5 | tr '\n' ' ')" '0 1 2 3 8 ' 'Grid Engine counts from 1'
"$HEC" script --scheduler=pbs --array=3-5 -- sh -c 'echo "$HEC_ARRAY_INDEX"' >job.sh
is "$(indices PBS_ARRAY_INDEX 3 5 | tr '\n' ' ')" '3 4 5 ' 'where it can, the index is the same'
"$HEC" script --scheduler=local --array=2-6:2 -- sh -c 'echo "$HEC_ARRAY_INDEX"; test $HEC_ARRAY_INDEX != 4' >job.sh
is "$(bash job.sh | sort | tr '\n' ' ')" '2 4 6 ' 'without a scheduler the script begins them'
bash job.sh >out
is $? 1 'and a failure is not forgotten'

# ---- what is refused ----

refused() # TEXT OPTIONS...: hec script OPTIONS -- true is a usage error that says TEXT
{
    text=$1
    shift
    run "$HEC" script "$@" -- true
    is_status 2 "refused: $(printf '%s' "$*" | tr '\n' ' ')"
    err_has "$text" "  $text"
}
refused "memory: '16' is less than 1M: a number without a letter is bytes; write 500M or 16G" --memory=16
refused "memory: '4X' is not a size" --memory=4X
refused "time: '90' has no unit" --time=90
refused "nodes: '0' is not a whole number from 1 to 100000" --nodes=0
refused "array: '5-1' is no array" --array=5-1
refused "array: '1-5,3' does not ascend" --array=1-5,3
refused "env: 'A B=1' sets no variable" --env='A B=1'
refused "name: 'a b' is no name" --name='a b'
refused 'constraint: it has a character that cannot be printed' --constraint="$(printf 'a\nb')"
refused "raw: 'x' is no directive" --raw=x
refused "raw: '#PBS -q x' is no directive of slurm" --scheduler=slurm --raw='#PBS -q x'
refused "after: 'soon:1' does not begin with ok:, failed: or any:" --after=soon:1
refused "mail: 'me@x:y' does not begin with begin, end or fail" --mail=me@x:y
refused "warn: 'INT@5m' names no signal" --warn=INT@5m
refused 'before the limit of 5m 00s is before the job begins' --scheduler=slurm --time=5m --warn=6m
refused 'launch: on several nodes' --scheduler=slurm --nodes=2
refused 'exclusive: Grid Engine has no word' --scheduler=sge --exclusive
refused 'pbs cannot put {job} into the name of a file' --scheduler=pbs --output='{job}.txt'
refused 'cannot take both --site and --scheduler' --site=local --scheduler=slurm
run "$HEC" script --scheduler=slrm -- true
is_status 4 'no such scheduler'
err_has 'there are slurm, sge, pbs, torque, lsf and local' 'those that there are'
run "$HEC" script --scheduler=slurm
is_status 2 'no command'
done_testing
