# SPDX-License-Identifier: MIT
#
# Not a test: writes what a real Slurm answers into $RECORD, for tests/data/batch. ../record starts
# it. Times and names differ from one recording to the next; what the tests expect is in CASES.

. "$HEC_SOURCE/tests/real/slurm.sh"

slurm_up accounting

asks() { # NAME COMMAND...
    as_name=$1
    shift
    slurm env SLURM_TIME_FORMAT=%s SLURM_BITSTR_LEN=0 "$@" >"$RECORD/$as_name" 2>"$RECORD/$as_name.err" || true
    [ -s "$RECORD/$as_name.err" ] || rm "$RECORD/$as_name.err"
}
ask_all() { # SUFFIX IDS
    asks "squeue$1" squeue --noheader --array --states=all "--jobs=$2" '--format=%F|%K|%T|%V|%S|%e|%C|%N|%r'
    asks "sacct$1" sacct --noheader --parsable2 --noconvert "--jobs=$2" \
        --format=JobID,State,ExitCode,Submit,Start,End,AllocCPUS,NodeList,MaxRSS,TotalCPU
}

late=$(submit --memory=50M --time=1m --warn=none -- sleep 600)
good=$(submit --memory=50M --time=5m -- sleep 1)
bad=$(submit --memory=50M --time=5m -- sh -c 'exit 7')
killed=$(submit --memory=50M --time=5m -- sh -c 'kill -SEGV $$')
array=$(submit --memory=50M --time=5m --array=0-6:2%2 -- sh -c 'sleep 2; exit $HEC_ARRAY_INDEX')
big=$(submit --memory=40M --time=5m -- python3 -c 'x = bytearray(400 << 20)')
never=$(submit --memory=50M --time=5m --after="ok:$bad" -- true)
long=$(submit --memory=50M --time=5m --cpus=2 -- sleep 600)
wide=$(submit --memory=50M --time=5m --nodes=3 --launch=once --exclusive -- true)
all=$good,$bad,$killed,$array,$big,$never,$long,$wide,$late
ask_all -at-once "$all"
wait_for 20 'the first' seen "$bad" - "'failed' *"
ask_all -soon "$all"
for id in $good $array $long; do
    asks "scontrol-$id" scontrol --oneliner show job "$id"
done
wait_for 90 'the last' seen "$late" - "'timed out' *"
talk cancel "$long"
talk hold "$wide"
wait_for 20 'the end' seen "$long" - "'cancelled' *"
ask_all -late "$all"
asks squeue-unknown squeue --noheader --array --states=all --jobs=999999 '--format=%F|%K|%T|%V|%S|%e|%C|%N|%r'
asks scontrol-unknown scontrol --oneliner show job 999999
asks partitions scontrol --oneliner show partition
asks qos sacctmgr --noheader --parsable2 show qos format=Name,MaxWall,MaxTRESPerJob,MaxTRESPerUser,MaxJobsPerUser,MaxSubmitJobsPerUser
asks config scontrol show config
asks sbatch-refused sbatch --parsable --partition=none --wrap true
kill "$(cat "$REAL/run/slurmctld")"
wait_for 20 'the end of the controller' sh -c '! scontrol ping | grep -q "is UP"'
asks squeue-down squeue --noheader "--jobs=$good"
