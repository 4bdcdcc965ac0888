# SPDX-License-Identifier: MIT
#
# Runs on a real Grid Engine: submitted, followed, cancelled and resumed as on Slurm.
# shellcheck disable=SC2016 # the dollars are for other shells

. "$HEC_SOURCE/tests/real/sge.sh"

sge_up

hec() { sge env HEC_SITE=$SITE "$HEC" "$@"; }
hec_submit() { hec submit --memory=100M --time=5m "$@"; }
runs=$REAL/home/.local/share/hec/runs

# ---- ends ----

late=$(hec submit --memory=100M --time=8s --warn=none -- sleep 600) || bail 'nothing can be submitted'
warned=$(hec submit --memory=100M --time=12s --warn=8s -- sh -c 'trap "" TERM; sleep 600')
good=$(hec_submit --name=good -- sh -c 'echo from $JOB_ID; echo oops >&2')
ends "$good" 0 'a job that is done'
is "$(hec logs "$good" 2>/dev/null)" "from $(hec status --json "$good" >"$REAL/json" &&
    json_get "$REAL/json" 'v["jobs"][0]["id"]')" 'its output is in the run'
is "$(hec logs --stderr "$good" 2>&1)" oops 'and its errors'
bad=$(hec_submit -- sh -c 'exit 7')
ends "$bad" 1 'one that failed'
ended 'failed: exit status 7' 'and its exit status'
missing=$(hec_submit -- no-such-command)
ends "$missing" 1 'one whose command is not there'
ended 'failed: exit status 127: its command was not found' 'says so'
# Counted from 0, which Grid Engine cannot: its own numbers are others.
array=$(hec_submit --array=0-3 -- sh -c 'echo $HEC_ARRAY_INDEX; exit $((HEC_ARRAY_INDEX % 2))')
ends "$array" 1 'an array of which some fail'
is "$(hec logs "$array" | tr '\n' ' ')" '0 1 2 3 ' 'prints in order'
is "$(hec logs --index=3 "$array")" 3 'an element by its index'
hec status --json --now "$array" >"$REAL/json"
is "$(json_get "$REAL/json" 'sorted((j["index"], j["state"]) for j in v["jobs"])')" \
    "[(0, 'done'), (1, 'failed'), (2, 'done'), (3, 'failed')]" 'how each element ended'
big=$(hec_submit -- python3 -c 'x = bytearray(800 << 20)')
ends "$big" 1 'one that is refused memory'
ended 'out of memory: it was refused more memory' 'says so'
many=$(hec_submit -- python3 -c 'import os, time
os.fork(), os.fork()
x = bytearray(60 << 20)
time.sleep(600)')
comes 30 "$many" 'out of memory' 'processes that take too much together'

steps=$(hec submit --memory=100M --time=12s --warn=8s --requeue=auto:2 -- sh -c \
    '[ ! -e went ] || { echo second; exit; }; trap "touch went; exit 75" TERM; echo first; sleep 90 & wait')
never=$(hec submit --memory=100M --time=12s --warn=8s --requeue=auto:1 -- sh -c \
    'trap "exit 75" TERM; echo again; sleep 90 & wait')

# ---- waiting ----

first=$(hec_submit -- sh -c 'sleep 3; echo 1 >made')
second=$(hec_submit --after="$first" -- cat made)
run hec status --now "$second"
out_has 'reason:   job dropped because of job dependencies' 'why it waits, in its own words'
ends "$second" 0 'one after the other'
is "$(hec logs "$second")" 1 'the second has what the first made'
wide=$(hec_submit --cpus=9 --memory=900M -- true)
comes 20 "$wide" waiting 'one for which there is no room'
file_has "$REAL/stands" 'reason:   cannot run in PE' 'says so'
run hec cancel "$wide"
is_status 0 'one that has not begun'
comes 20 "$wide" cancelled 'is cancelled'
wide=$(hec_submit --cpus=9 --memory=900M -- true)
comes 20 "$wide" waiting 'another'
sge qdel "$(sed -n 's/^ *job: *//p' "$REAL/stands")" >/dev/null
moved=$(hec_submit --snapshot=never --raw='-wd /no/such' -- true)
comes 20 "$moved" waiting 'one whose folder is not there'
run hec wait "$moved"
is_status 1 'is not waited for'
out_has "error: can't chdir to /no/such: No such file or directory" 'and says what is wrong'
run hec cancel "$moved"
comes 20 "$moved" cancelled 'it can be cancelled'
run hec submit --partition=none.q --memory=50M --time=5m -- true
is_status 4 'what Grid Engine refuses is refused'
is "$(hec list --state='not submitted')" '' 'and leaves no run'

# ---- cancelled ----

long=$(hec_submit -- sleep 600)
deleted=$(hec_submit -- sleep 600)
pair=$(hec_submit --array=1-2 -- sleep 600)
comes 20 "$long" running 'one that runs'
comes 20 "$pair" running 'and an array'
comes 20 "$deleted" running 'and one more'
sge qdel "$(sed -n 's/^ *job: *//p' "$REAL/stands")" >/dev/null
run hec cancel "$long" "$pair"
is_status 0 'two are cancelled'
comes 20 "$long" cancelled 'the one is'
comes 20 "$pair" cancelled 'the array is'
file_has "$REAL/stands" 'reason:   by hec cancel' 'which says by whom'
run hec wait "$long"
is_status 1 'and waits for nothing more'
comes 20 "$deleted" cancelled 'and what qdel has ended'

# ---- limits ----

comes 20 "$late" 'timed out' 'one that takes too long is ended at its limit'
ends "$warned" 1 'one that does not listen to the warning'
ended 'timed out: *' 'is ended at its limit too'
ends "$steps" 0 'one that stops at its warning goes on from the queue until it is done'
is "$(hec logs "$steps" 2>/dev/null | tr '\n' ' ')" 'first second ' 'with the output of both times'
ends "$never" 1 'and not more often than it may'
ended 'timed out: it was warned of its time limit, and stopped to be resumed' 'what it then is'
is "$(hec logs "$never" 2>/dev/null | tr '\n' ' ')" 'again again ' 'having run twice'

# ---- again ----

run hec resume "$bad"
is_status 0 'a run is resumed'
ends "$bad" 1 'in its folder'
twice=$(hec rerun --force "$good")
ends "$twice" 0 'a run is made once more'
run hec report "$good"
out_has '100 MiB    not known' 'a report'

# ---- the accounting is late, or there is none ----

comes 40 "$wide" cancelled 'one that qdel took out of the queue before it began'
gone=$(hec_submit -- sleep 600)
comes 20 "$gone" running 'one whose end is told late'
# As if the record of its end had not been written yet.
user mkdir "$REAL/home/late"
user sh -c 'printf "#!/bin/sh\necho error: job id \$2 not found >&2\nexit 1\n" >late/qacct && chmod 755 late/qacct'
qdel "$(sed -n 's/^ *job: *//p' "$REAL/stands")" >/dev/null
left() {
    sge env HEC_SITE=$SITE PATH="$REAL/home/late:/usr/bin:/bin" "$HEC" status --now "$gone" |
        grep 'it has left the queue; how it ended is not known yet'
}
must_wait 20 'the queue to forget it' left
comes 20 "$gone" cancelled 'is known once that is there'

# ---- the node dies ----

stays=$(hec_submit --raw='-r n' -- sleep 600)
moves=$(hec_submit --raw='-r y' -- sh -c '[ "$RESTARTED" = 1 ] || sleep 600')
comes 20 "$stays" running 'a job on a node'
comes 20 "$moves" running 'and one that may be run again'
sge_kill_node
comes 60 "$moves" waiting 'the node dies: that one waits'
sge_node >"$REAL/log/execd2" 2>&1
comes 60 "$moves" 'done' 'and is done when there is a node'
comes 40 "$stays" 'node failure' 'and the other says what ended it'
run hec clean --older=0s
is_status 0 'what has ended is removed'
is "$(ls "$runs")" '' 'all of it'
done_testing
