#!/bin/bash
# A job for local (local), written by hec.

cd -- /tmp || exit
if [ -z "${HEC_ARRAY_INDEX:-}" ]; then
    # Elements of the array, at most 1 at a time.
    hec_status=0
    hec_pids=
    hec_stop=
    # They hear it too, and are waited for.
    trap 'hec_stop=1; hec_status=143' TERM
    # Keeps those in $@ that run, and how the others ended; sets hec_left.
    hec_reap()
    {
        hec_pids=
        hec_left=0
        for hec_pid; do
            if kill -0 "$hec_pid" 2>/dev/null; then
                hec_pids+=" $hec_pid"
                hec_left=$((hec_left + 1))
            else
                wait "$hec_pid" || hec_status=$?
            fi
        done
    }
    for i in $(seq 1 1 3) $(seq 7 1 7); do
        # shellcheck disable=SC2086 # words
        hec_reap $hec_pids
        while [ -z "$hec_stop" ] && [ "$hec_left" -ge 1 ]; do
            wait -n || :
            # shellcheck disable=SC2086 # words
            hec_reap $hec_pids
        done
        [ -z "$hec_stop" ] || break
        HEC_ARRAY_INDEX=$i "$BASH" "$0" &
        hec_pids+=" $!"
    done
    for i in $hec_pids; do
        while kill -0 "$i" 2>/dev/null; do
            wait "$i" || : # a signal ends it early
        done
        wait "$i" || hec_status=$?
    done
    exit "$hec_status"
fi
export HEC_ARRAY_INDEX
exec >"o/$HEC_ARRAY_INDEX.txt" 2>&1
set -e
module load gcc

# Sends signal $2 to process $3 after $1 seconds.
hec_after()
{
    hec_sleep=
    trap 'kill "$hec_sleep" 2>/dev/null; exit' TERM
    sleep "$1" &
    hec_sleep=$!
    wait "$hec_sleep"
    kill -s "$2" "$3" 2>/dev/null
}
# At SIGUSR1 the time limit is near: the command gets SIGTERM.
hec_warn()
{
    if [ -z "$hec_pid" ]; then
        hec_early=1 # it is only just being started
        return
    fi
    echo 'hec: the time limit is near, the command gets SIGTERM' >&2
    kill -s TERM "$hec_pid" 2>/dev/null || :
    hec_after 60 KILL "$hec_pid" >/dev/null 2>&1 &
    hec_timer=$!
}
hec_run()
{
    hec_pid=
    hec_early=
    hec_timer=
    trap hec_warn USR1
    trap : TERM # the command hears it too, and is waited for
    "$@" &
    hec_pid=$!
    [ -z "$hec_early" ] || hec_warn
    hec_after 1140 USR1 $$ >/dev/null 2>&1 &
    hec_timer=$!
    while kill -0 "$hec_pid" 2>/dev/null; do
        wait "$hec_pid" || : # a signal ends it early
    done
    hec_status=0
    wait "$hec_pid" || hec_status=$?
    [ -z "$hec_timer" ] || kill "$hec_timer" 2>/dev/null || :
    exit "$hec_status"
}
hec_run ./one
