#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The completions offer exactly the verbs and options of the program.
. "$HEC_SOURCE/tests/lib/tap.sh"

dir=$HEC_SOURCE/completions
verbs=$("$HEC" --help | sed -n '/^verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort)

options()
{
    "$HEC" "$@" | sed -n 's/^  --\([a-z-]*\).*/--\1/p' | sort
}

# shellcheck source=completions/hec.bash
. "$dir/hec.bash"
# complete WORD...: what bash offers for the last of the words.
complete_words()
{
    COMP_WORDS=(hec "$@")
    COMP_CWORD=$#
    _hec
    printf '%s\n' "${COMPREPLY[@]}" | sort
}
is "$(complete_words '')" "$({ echo "$verbs" && options --help; } | sort)" 'bash: the verbs'
is "$(complete_words ho)" host 'bash: a verb that has begun'
for verb in $verbs; do
    is "$(complete_words "$verb" --)" "$(options help "$verb")" "bash: options of $verb"
done
is "$(complete_words help h)" "$(echo "$verbs" | grep ^h)" 'bash: verbs after help'
is "$(cd "$HEC_SOURCE" && complete_words host --root tests/c)" tests/cli 'bash: directories'

is "$(sed -n "s/^        '\([a-z]*\):.*/\1/p" "$dir/_hec" | sort)" "$verbs" 'zsh: the verbs'
for verb in $verbs; do
    is "$(sed -n "/^    $verb)/,/;;/s/^.*'\(--[a-z-]*\).*/\1/p" "$dir/_hec" | sort)" \
        "$(options help "$verb")" "zsh: options of $verb"
done

is "$(sed -n 's/^.* __fish_use_subcommand -a \([a-z]*\).*/\1/p' "$dir/hec.fish" | sort)" \
    "$verbs" 'fish: the verbs'
for verb in $verbs; do
    is "$(sed -n -e "/seen_subcommand_from $verb'/s/.* -l \([a-z-]*\) .*/--\1/p" \
        -e 's/^complete -c hec -l \([a-z]*\) .*/--\1/p' "$dir/hec.fish" | sort)" \
        "$(options help "$verb")" "fish: options of $verb"
done
for shell in bash zsh fish; do
    command -v "$shell" >/dev/null || continue
    case $shell in bash) f=hec.bash ;; zsh) f=_hec ;; fish) f=hec.fish ;; esac
    ok "$shell: no syntax error" "$shell" -n "$dir/$f"
done
done_testing
