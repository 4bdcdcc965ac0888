#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The program as such: help, version, verbs that do not exist, output that cannot be written.
. "$HEC_SOURCE/tests/lib/tap.sh"

run "$HEC"
is_status 2 'no verb is a usage error'
no_out 'which prints no data'
err_has "'hec help' lists the verbs" 'and a hint'

run "$HEC" --version
is_status 0 'the version is printed'
is "$(cat "$WORK/out")" "hec $(sed -n "s/^  version: '\(.*\)',/\1/p" "$HEC_SOURCE/meson.build")" \
    'it is that of meson.build'

run "$HEC" --help
is_status 0 '--help'
cp "$WORK/out" "$WORK/help"
out_has 'usage: hec VERB' 'shows the usage'
out_has '  host ' 'and the verbs'
run "$HEC" help
ok 'hec help is the same' cmp "$WORK/out" "$WORK/help"
run "$HEC" -h
ok 'and -h' cmp "$WORK/out" "$WORK/help"

run "$HEC" help host
is_status 0 'help of a verb'
cp "$WORK/out" "$WORK/help"
run "$HEC" host --help
ok '--help of the verb is the same' cmp "$WORK/out" "$WORK/help"
run "$HEC" host --json -h
ok 'and -h, wherever it stands' cmp "$WORK/out" "$WORK/help"

run "$HEC" hsot
is_status 2 'an unknown verb is a usage error'
err_has "hec: cannot understand 'hsot': no such verb" 'the error names it'
err_has "did you mean 'hec host'?" 'and the nearest there is'
run "$HEC" zzzzzzzzzzzz
is_status 2 'a verb that is like none'
is "$(grep -c 'did you mean' "$WORK/err")" 0 'gets no suggestion'
run "$HEC" help hosst
is_status 2 'help of an unknown verb'
err_has "did you mean 'hec host'?" 'suggests too'
run "$HEC" --nonsense
is_status 2 'an unknown option before the verb'
run "$HEC" "$(printf '%04000d' 1)"
is_status 2 'a very long verb'
run "$HEC" help host host
is_status 2 'too many arguments'

if [ -c /dev/full ]; then
    "$HEC" host >/dev/full 2>"$WORK/err"
    is $? 5 'a full disk is an error'
    err_has 'hec: cannot write the output: No space left on device' 'and said so'
    "$HEC" --help >/dev/full 2>/dev/null
    is $? 5 'for the help too'
fi
"$HEC" host >&- 2>"$WORK/err"
is $? 5 'a closed stdout is an error'
rc=$( (trap '' PIPE; "$HEC" host 2>"$WORK/err"; echo $? >"$WORK/rc") | true; cat "$WORK/rc")
case $rc in
0 | 5) pass_if 0 'a reader that went away is noticed, or had all' ;;
*) pass_if 1 "a reader that went away: status $rc" ;;
esac
NO_COLOR=1 "$HEC" host >"$WORK/out"
is "$(grep -c "$(printf '\033')" "$WORK/out")" 0 'there is no colour'
done_testing
