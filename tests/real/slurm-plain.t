# SPDX-License-Identifier: MIT
#
# The same on a Slurm without accounting: what the controller still knows has to do.

. "$HEC_SOURCE/tests/real/slurm.sh"

slurm_up plain

run slurm sacct
is_status 1 'there is no accounting'
good=$(submit --memory=50M --time=5m -- true) || bail 'nothing can be submitted'
job_is 20 "$good" - "'done' exit=0 *" 'a job that is done'
bad=$(submit --memory=50M --time=5m --array=0-3:3 -- sh -c 'exit $HEC_ARRAY_INDEX')
job_is 20 "$bad" 3 "'failed' exit=3 *reason=NonZeroExitCode" 'an element that failed'
job_is 20 "$bad" 0 "'done' exit=0 *" 'one that did not'
killed=$(submit --memory=50M --time=5m -- sh -c 'kill -KILL $$')
job_is 20 "$killed" - "'failed' exit=-1 signal=9 *" 'one that a signal ended'
long=$(submit --memory=50M --time=5m -- sleep 600)
job_is 20 "$long" - "'running' *" 'one that runs'
talk cancel "$long"
job_is 20 "$long" - "'cancelled' *" 'is cancelled'
run talk query 999999 "$good"
out_has "999999 - 'lost'" 'a job that nobody knows'
out_has "$good - 'done'" 'beside one that is known'
done_testing
