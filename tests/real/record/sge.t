# SPDX-License-Identifier: MIT
#
# Not a test: writes what a real Grid Engine answers into $RECORD, for tests/data/batch.

. "$HEC_SOURCE/tests/real/sge.sh"

sge_up

asks() { # NAME COMMAND...
    as_name=$1
    shift
    sge "$@" >"$RECORD/$as_name" 2>"$RECORD/$as_name.err" || true
    [ -s "$RECORD/$as_name.err" ] || rm "$RECORD/$as_name.err"
}

good=$(submit --memory=100M --time=5m -- sh -c 'sleep 1')
bad=$(submit --memory=100M --time=5m -- sh -c 'exit 7')
array=$(submit --memory=100M --time=5m --array=2-12:2 -- sh -c 'sleep 3; exit $HEC_ARRAY_INDEX')
late=$(submit --memory=100M --time=5s --warn=none -- sleep 600)
sge sh -c 'echo "#!/no/such/shell" >odd.sh'
odd=$(sge qsub -terse -cwd odd.sh)
held=$(submit --memory=100M --time=5m --after="any:$late" -- true)
wide=$(submit --memory=100M --time=5m --raw='#$ -pe smp 9' -- true)
asks qstat-at-once qstat -xml -u "$USER_NAME"
wait_for 30 'the first' seen "$bad" - "'failed' *"
wait_for 30 'the odd one' seen "$odd" - "*word=Eqw*"
asks qstat-soon qstat -xml -u "$USER_NAME"
asks qstat-why qstat -j "$array,$odd,$held,$wide"
wait_for 40 'the late one' seen "$late" - "'timed out' *"
wait_for 40 'the array' seen "$array" 12 "'failed' *"
long=$(submit --memory=100M --time=5m -- sleep 600)
wait_for 20 'the long one' seen "$long" - "'running' *"
talk cancel "$long"
wait_for 20 'its end' seen "$long" - "'cancelled' *"
for id in $good $bad $array $late $long; do
    asks "qacct-$id" qacct -j "$id"
done
asks qacct-unknown qacct -j 999999
asks qstat-unknown qstat -j 999999
asks queues qconf -sq '*'
asks qsub-refused qsub -terse -q none.q odd.sh
