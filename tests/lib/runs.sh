# SPDX-License-Identifier: MIT
#
# How tests of runs begin: a home and a home of runs of their own, in the folder $WORK. Without YAML
# there are no runs, and the test is skipped. Source it instead of tap.sh.

. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 99
mkdir home
export HOME="$WORK/home" HEC_RUNS="$WORK/runs"
unset HEC_SITE

run "$HEC" list
if grep -q 'without libyaml' err; then
    echo '1..0 # SKIP this hec was built without YAML'
    exit 0
fi

submit() # OPTION... COMMAND: the run's id
{
    "$HEC" submit --scheduler=local "$@"
}

state() # RUN: its state and reason
{
    "$HEC" status --json "$1" >json
    json_get json '"%s: %s" % (v["state"], v["reason"])'
}
