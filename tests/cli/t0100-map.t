#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map: inputs, placeholders, output, verdicts, retries, limits, halting, logs.
. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 1
map() { run "$HEC" map "$@"; }
# Everything that was printed, in one line with blanks.
said() { tr '\n' ' ' <"$WORK/out"; }

map -k echo x {} ::: a 'b c' "d'e"
is_status 0 'values of the command line'
is "$(said)" "x a x b c x d'e " 'each is one argument'
no_err 'and nothing is said beside'
printf '1\n2\n\n4' >lines
map -k echo a{}b -- ::: 1
is "$(said)" 'a1b -- ' 'what follows the command is its own'
run sh -c '"$HEC" map -k echo n{} <lines'
is "$(said)" 'n1 n2 n n4 ' 'lines of standard input, empty ones too'
map -k -a lines echo
is "$(said)" '1 2  4 ' 'of a file'
map -k echo :::: lines
is "$(said)" '1 2  4 ' 'or with ::::'
printf 'a\nb\0c' >nulls
map -k -0 -a nulls echo
is "$(said)" 'a b c ' 'records that end with a NUL'
map -k echo {2}{1} ::: a b ::: 1 2
is "$(said)" '1a 2a 1b 2b ' 'combinations'
map -k echo ::: a b :::+ 1 2
is "$(said)" 'a 1 b 2 ' 'pairs'
printf 'lr,depth\n0.1,3\n0.2,5\n' >table
map -k -C , --header : -a table echo {depth} {lr} {1}
is "$(said)" '3 0.1 0.1 5 0.2 0.2 ' 'columns with names'
map -k echo '{#}' {} ::: a b
is "$(said)" '1 a 2 b ' 'numbers of tasks'
map -j 1 echo '{%}' {} ::: a b
is "$(said)" '1 a 1 b ' 'and of places'
# shellcheck disable=SC2016  # the command's own shell expands it
map -j 1 sh -c 'echo $HEC_TASK $HEC_CPUS' ::: a b
is "$(said | cut -d' ' -f1,3)" '1 2' 'a command can ask which task it is'
run env OMP_NUM_THREADS=7 "$HEC" map sh -c 'echo $OMP_NUM_THREADS' ::: a
is "$(said)" '7 ' 'a number of threads that somebody has set stays'
map --workdir / pwd {} ::: -P
is "$(said)" '/ ' 'the folder to run in'

map --shell 'echo {} | tr a-z A-Z; exit 3' ::: "x'y z"
is_status 1 'a line for the shell'
is "$(said)" "X'Y Z " 'with the input quoted'
printf 'echo one; echo two\necho three >&2\n' >commands
map -k --shell -a commands
is "$(said)" 'one two ' 'or each input is one'
is "$(cat err)" 'three' 'errors go where errors go'
map --dry-run grep -c {} ::: 'a b' "$(printf 'n\nl')"
is "$(cat out)" "grep -c 'a b'
grep -c \$'n\\nl'" 'commands can be looked at first'

map -j 2 --tag --line-buffer sh -c 'for i in 1 2 3 4 5; do echo $i; done; printf end' x ::: a b
is "$(sort out | tr '\n\t' ' =')" 'a=1 a=2 a=3 a=4 a=5 a=end b=1 b=2 b=3 b=4 b=5 b=end ' \
    'lines with tags, as they come'
# Two that write half lines by turns: no line is mixed.
map -j 2 sh -c 'for i in 1 2 3 4 5 6 7 8 9; do printf %s-$0- $i; sleep 0.01; done; echo' ::: a b
is "$(sort out)" "1-a-2-a-3-a-4-a-5-a-6-a-7-a-8-a-9-a-
1-b-2-b-3-b-4-b-5-b-6-b-7-b-8-b-9-b-" 'output is not mixed within a line'
map -j 4 -k sh -c 'sleep 0.$((4 - $0)); echo $0' ::: 1 2 3 4
is "$(said)" '1 2 3 4 ' 'in the order of the inputs'
map -u echo ::: a
is "$(said)" 'a ' 'or not touched at all'
map -k head -c 300000 ::: /dev/zero /dev/zero
is "$(wc -c <out)" 600000 'much output of a task is not lost'

map sh -c 'exit $0' ::: 0 3 0
is_status 1 'a task that fails'
err_has "hec: task 2 exited with status 3: sh -c 'exit \$0' 3" 'is named with its command'
err_has 'hec: 1 of 3 tasks failed' 'and counted'
map sh -c 'kill -SEGV $$' ::: a
err_has 'task 1 was killed by SIGSEGV' 'so is one that a signal killed'
map --timeout 0.2 sleep ::: 1000.7
err_has 'task 1 took longer than 0.200 s' 'and one whose time was up'
is_status 1 'which has failed'
map false ::: 1 2 3 4 5 6 7 8 9 10 11 12
is "$(grep -c 'exited with' err)" 10 'not more than ten are named'
err_has '12 of 12 tasks failed' 'all are counted'

map --retries 2 --backoff 0.01 sh -c 'echo x >>tries; test "$(wc -l <tries)" -eq 3' ::: a
is_status 0 'what fails may be tried again'
is "$(wc -l <tries)" 3 'so many times'
rm tries
map --retries 5 --retry-on 75 sh -c 'echo x >>tries; exit 1' ::: a
is "$(wc -l <tries)" 1 'after some failures only'
err_has 'exited with status 1' 'the last one counts'
map --memory 60M --retries 1 --retry-memory 4 python3 -c '
import sys, time
x = b"x" * int(sys.argv[1])
time.sleep(0.3)' ::: 1000 100000000 400000000
is_status 1 'a limit of memory'
is "$(grep -c 'took more memory' err)" 1 'ends who takes more, unless more is enough the next time'
err_has 'task 3 took more memory than 240 MiB, the last time too' 'and says so'

map -j 1 --halt now,fail=1 sh -c 'echo $0; exit $0' ::: 0 1 2 3
is_status 1 'one failure may end it all'
is "$(said)" '0 1 ' 'before others are begun'
map -j 1 --halt soon,success=2 sh -c 'echo $0; exit $0' ::: 1 0 0 0
is_status 0 'or one success'
is "$(said)" '1 0 0 ' 'when that is enough'
map -j 2 --halt now,success=1 sleep ::: 1000.7 0.01
is_status 0 'what still runs is ended'
map -j 1 --halt fail=50% sh -c 'echo $0; exit $0' ::: 0 0 0 1 1 1 1
is "$(said)" '0 0 0 1 1 1 ' 'or a share'

map -k --joblog log --results res sh -c 'echo $0; echo e >&2; exit 2' ::: a b/c
is "$(cut -f 1,2,7,8 log | sort -r | tr '\n\t' ' ,')" 'Seq,Host,Exitval,Signal 2,:,2,0 1,:,2,0 ' 'a log'
is "$(cat res/1/a/stdout res/1/a/stderr 'res/1/b\_c/stdout' 'res/1/b\_c/seq' | tr '\n' ' ')" \
    'a e b/c 2 ' 'and files'

run env SLURM_JOB_ID=1 SLURM_JOB_END_TIME="$(($(date +%s) + 4))" \
    "$HEC" map -j 1 sh -c 'sleep 1; echo $0' ::: 1 2 3 4 5 6
is_status 75 'with too little time left nothing is begun'
err_has 'hec: stopped before the end, since the time left is too short for another task: ' 'which is said'
ok 'but what fits is run' test "$(wc -l <out)" -ge 1 -a "$(wc -l <out)" -le 3
map --deadline 1h true ::: 1
is_status 0 'there may be time enough'

run sh -c ': | "$HEC" map echo'
is_status 0 'an empty input is no failure'
err_has 'there was nothing to run: the input is empty' 'but it is said'
map echo :::: nowhere
is_status 3 'a file that is not there is'
err_has "hec: cannot run anything: cannot open 'nowhere': No such file or directory" 'and named'
map no-such-program ::: a
is_status 1 'nor is a program'
err_has "task 1 (line 1 of the values after ':::'): cannot start 'no-such-program': no such program in PATH" \
    'with its line'
printf 'a\nb\0\nc\n' >bad
map -j 1 -a bad echo
is_status 3 'a NUL in a line'
err_has "hec: cannot go on: line 2 of 'bad' has a NUL byte, which no argument can have" 'is named'
is "$(said)" 'a ' 'what came before it was run'
map
is_status 2 'no command'
err_has 'no command was given' 'is said'
map -j 0 echo ::: a
is_status 2 'nobody at a time'
map --retries x echo ::: a
is_status 2 'not a number'
map --backoff 1 echo ::: a
is_status 2 'a pause without a retry'
map echo {3} ::: a
is_status 2 'a column that there is not'
map --tga echo ::: a
is_status 2 'an unknown option'
err_has "did you mean '--tag'?" 'is guessed'
map --workdir nowhere echo ::: a
err_has "in the folder 'nowhere'" 'a folder that is not there'
run sh -c 'seq 100000 | "$HEC" map -k echo | head -n 1'
is "$(said)" '1 ' 'a reader that goes away ends it'
if [ -c /dev/full ]; then
    "$HEC" map echo ::: a >/dev/full 2>err
    is $? 5 'a full disk is an error'
    file_has err 'cannot write the output: No space left on device' 'and said so'
fi
done_testing
