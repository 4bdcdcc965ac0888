#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each man page lists exactly the options that the program has.
. "$HEC_SOURCE/tests/lib/tap.sh"

# The options of a help text, and of a man page, one a line.
of_help()
{
    sed -n 's/^  --\([a-z-]*\).*/\1/p' "$1" | sort
}
of_page()
{
    sed -n 's/^\*\*--\([a-z-]*\).*/\1/p' "$1" | sort
}

run "$HEC" --help
is "$(of_page "$HEC_SOURCE/docs/man/hec.1.md")" "$(of_help "$WORK/out")" 'hec(1)'
for verb in $("$HEC" --help | sed -n '/^verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    ok "hec(1) has $verb" grep -q "^\*\*$verb\*\*" "$HEC_SOURCE/docs/man/hec.1.md"
    run "$HEC" help "$verb"
    page=$HEC_SOURCE/docs/man/hec-$verb.1.md
    [ "$verb" = help ] && continue # described in hec(1)
    is "$(of_page "$page")" "$(of_help "$WORK/out")" "hec-$verb(1)"
done
done_testing
