# SPDX-License-Identifier: MIT
#
# TAP for shell tests of the built program. Source it, call run and the checks, end with
# `done_testing`. HEC is the program, HEC_SOURCE the source tree.
#
#     run "$HEC" host --jsn
#     is_status 2 'an unknown option is a usage error'
#     err_has "no such option" 'the error says so'

set -u
: "${HEC:?the program under test}" "${HEC_SOURCE:?the source tree}"

tap_run=0
tap_failed=0
WORK=$(mktemp -d "${TMPDIR:-/tmp}/hec-test.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

# What the user of the tests has set must not decide them.
tap_theirs='HEC_CPUS|HEC_MEMORY|(SLURM|PBS|LSB)_[A-Z_]*|[A-Z]*_VISIBLE_DEVICES|NSLOTS|JOB_ID'
for tap_var in $(env | sed -nE "s/^($tap_theirs)=.*/\1/p"); do
    unset "$tap_var"
done
unset tap_var
# Nor that the tests run on a login node.
HEC_SITE=local
export HEC_SITE

# run COMMAND...: its stdout, stderr and exit status, in $WORK/out, $WORK/err and $status.
run()
{
    "$@" >"$WORK/out" 2>"$WORK/err"
    status=$?
}

# pass_if STATUS DESCRIPTION: ok where STATUS is 0.
pass_if()
{
    tap_run=$((tap_run + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tap_run - $2"
        return 0
    fi
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_run - $2"
    return 1
}

# ok DESCRIPTION COMMAND...: ok where the command succeeds.
ok()
{
    tap_what=$1
    shift
    "$@" >"$WORK/check" 2>&1
    pass_if $? "$tap_what" || sed 's/^/#   /' "$WORK/check"
}

# is GOT WANT DESCRIPTION
is()
{
    tap_rc=0
    [ "$1" = "$2" ] || tap_rc=1
    pass_if "$tap_rc" "$3" || printf '#   got:  %s\n#   want: %s\n' "$1" "$2"
}

is_status()
{
    is "$status" "$1" "$2" || sed 's/^/#   stderr: /' "$WORK/err"
}

# FILE TEXT DESCRIPTION
file_has()
{
    tap_rc=0
    grep -qF -e "$2" "$1" || tap_rc=1
    pass_if "$tap_rc" "$3" || sed 's/^/#   /' "$1"
}

out_has()
{
    file_has "$WORK/out" "$1" "$2"
}

err_has()
{
    file_has "$WORK/err" "$1" "$2"
}

no_out()
{
    is "$(cat "$WORK/out")" '' "$1"
}

no_err()
{
    is "$(cat "$WORK/err")" '' "$1"
}

# wait_file FILE: until it is there, at most 20 s.
wait_file()
{
    for tap_look in $(seq 400); do
        [ ! -e "$1" ] || return 0
        sleep 0.05
    done
    echo "# no $1 after $tap_look looks" >&2
    return 1
}

# json_get FILE EXPRESSION: of the one JSON value v in FILE, as Python prints it.
json_get()
{
    python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$1" "$2"
}

done_testing()
{
    echo "1..$tap_run"
    [ "$tap_failed" -eq 0 ] && exit 0
    exit 1
}
