# SPDX-License-Identifier: MIT
#
# Runs on a real Slurm without accounting: how each ends is known, because its script says so.
# shellcheck disable=SC2016 # the dollars are for other shells

. "$HEC_SOURCE/tests/real/slurm.sh"

slurm_up plain

hec() { slurm env HEC_SITE=$SITE "$HEC" "$@"; }
hec_submit() { hec submit --memory=50M --time=5m "$@"; }

late=$(hec submit --time=1m --memory=50M --warn=none -- sleep 600) || bail 'nothing can be submitted'
good=$(hec_submit --name=good -- sh -c 'echo from $SLURM_JOB_ID; echo oops >&2')
ends "$good" 0 'a job that is done'
is "$(hec logs "$good" 2>/dev/null | sed 's/[0-9]*$//')" 'from ' 'its output is in the run'
is "$(hec logs --stderr "$good" 2>&1)" oops 'and its errors'
bad=$(hec_submit -- sh -c 'exit 7')
ends "$bad" 1 'one that failed'
is "$(cat "$REAL/ended")" 'failed: exit status 7' 'and its exit status'
missing=$(hec_submit -- no-such-command)
ends "$missing" 1 'one whose command is not there'
ended 'failed: exit status 127: its command was not found' 'says so'
user mkdir "$REAL/home/there"
moved=$(hec_submit --force --workdir="$REAL/home/there" --raw=--begin=now+2 -- pwd)
user rmdir "$REAL/home/there"
small=$REAL/small
mkdir "$small"
if mount -t tmpfs -o size=400k,mode=0700 none "$small"; then
    chown "$USER_NAME" "$small"
    full=$(hec_submit --run-dir="$small/run" -- sh -c 'yes | head -c 500000')
    ends "$small/run" 1 'one for whose output there is no room'
    ended 'failed: exit status 1; nothing could be written into its folder any more' 'says so'
    note "$full"
    umount "$small"
else
    pass_if 0 'no room # SKIP hardware: no mounts'
fi
gpu=$(hec_submit --gpus=2 -- sh -c 'echo "$CUDA_VISIBLE_DEVICES"; "$0" host' "$HEC")
ends "$gpu" 0 'one with GPUs'
is "$(hec logs "$gpu" | grep -e '^0' -e '^GPUs' | tr -s ' ' | tr '\n' ';')" '0,1;GPUs 2: nvidia 0, nvidia 1;' 'has those that it was granted'
both=$(hec_submit --cpus=2 -- "$HEC" host)
ends "$both" 0 'one with two CPUs'
is "$(hec logs "$both" | sed -n 's/^CPUs *//p')" 2 'has as many'
ends "$moved" 1 'one whose folder has gone'
ended 'failed: exit status 1: the folder that it was to begin in is not there' 'says so, and runs nowhere else'
if slurm_has_cgroups; then
    big=$(hec submit --memory=40M --time=5m -- python3 -c 'x = bytearray(400 << 20)')
    comes 30 "$big" 'out of memory' 'out of memory'
fi
array=$(hec_submit --array=0-3 -- sh -c 'echo $HEC_ARRAY_INDEX; exit $((HEC_ARRAY_INDEX % 2))')
ends "$array" 1 'an array of which some fail'
is "$(hec logs "$array" | tr '\n' ' ')" '0 1 2 3 ' 'prints in order'
hec status --json "$array" >"$REAL/json"
is "$(json_get "$REAL/json" 'sorted((j["index"], j["state"]) for j in v["jobs"])')" \
    "[(0, 'done'), (1, 'failed'), (2, 'done'), (3, 'failed')]" 'how each element ended'
first=$(hec_submit -- sh -c 'sleep 3; echo 1 >made')
second=$(hec_submit --after="$first" -- cat made)
run hec status --now "$second"
out_has 'reason:   Dependency' 'why it waits, in its own words'
ends "$second" 0 'one after the other'
is "$(hec logs "$second")" 1 'the second has what the first made'
wide=$(hec_submit --nodes=2 --launch=once --exclusive -- sleep 600)
begun() { hec status --now "$wide" | grep -q ': running'; }
must_wait 30 'the job to run' begun
blocked=$(hec_submit --nodes=3 --launch=once --exclusive -- true)
run hec status --now "$blocked"
out_has ': waiting' 'one that waits'
file_has "$WORK/out" 'there:    PENDING' 'and what Slurm says of it'
run hec cancel "$blocked" "$wide"
is_status 0 'both are cancelled'
ends "$wide" 1 'the one that ran'
is "$(sed 's/:.*//' "$REAL/ended")" cancelled 'is cancelled'
ends "$blocked" 1 'the one that waited'
is "$(sed 's/:.*//' "$REAL/ended")" cancelled 'too'
run hec submit --partition=nowhere --memory=50M --time=5m -- true
is_status 4 'what Slurm refuses is refused'
is "$(hec list --state='not submitted')" '' 'and leaves no run'
run hec resume "$bad"
is_status 0 'a run is resumed'
ends "$bad" 1 'in its folder'
again=$(hec submit --time=1m --warn=50s --requeue=auto:2 --memory=50M -- sh -c \
    '[ ! -e went ] || { echo second; exit; }; trap "touch went; exit 75" TERM; echo first; sleep 90 & wait')
ends "$again" 0 'one that stops at its warning goes on from the queue until it is done'
is "$(hec logs "$again" 2>/dev/null | tr '\n' ' ')" 'first second ' 'with the output of both times'
run hec submit --scheduler=local --after="$late" -- true
is_status 2 'a run of another scheduler cannot be waited for'
run hec wait --timeout=150s "$late"
is "$(sed 's/^[^:]*: //; s/:.*//' "$WORK/out")" 'timed out' 'a time limit'
done_testing
