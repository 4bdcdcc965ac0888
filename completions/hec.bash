# SPDX-License-Identifier: MIT
#
# Completion of hec for bash. tests/cli/t0004-completions.t holds it against the program.

# The ids of all runs.
_hec_runs()
{
    ls "${HEC_RUNS:-${XDG_DATA_HOME:-$HOME/.local/share}/hec/runs}" 2>/dev/null
    echo last
}

_hec()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
    local verbs='host map sweep results logs config script check site mpi submit list status wait cancel clean rerun resume diff report help'

    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version" -- "$cur")
        return
    fi
    case $prev in
    --root | --workdir | --results | --run-dir)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --schema | --output | --error | --site | --script | --arg-file | --joblog | --journal)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    esac
    case $verb in
    host) mapfile -t COMPREPLY < <(compgen -W '--json --numa --root --help' -- "$cur") ;;
    config)
        if [ "${cur#-}" != "$cur" ]; then
            mapfile -t COMPREPLY < <(compgen -W '--json --schema --output --help' -- "$cur")
        elif [ "$COMP_CWORD" -eq 2 ]; then
            mapfile -t COMPREPLY < <(compgen -W 'check runs yaml2csv csv2yaml' -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        ;;
    map) mapfile -t COMPREPLY < <(compgen -W '--jobs --force --nodes --keep-order --line-buffer --ungroup --tag --shell --workdir --timeout --memory --retries --retry-on --backoff --retry-memory --deadline --halt --dry-run --bar --eta --run --resume --journal-tag --joblog --results --arg-file --null --colsep --header --journal --help' -- "$cur") ;;
    results) mapfile -t COMPREPLY < <(compgen -W '--failed --json --csv --help' -- "$cur") ;;
    sweep) mapfile -t COMPREPLY < <(compgen -W '--jobs --force --nodes --keep-order --line-buffer --ungroup --tag --shell --workdir --timeout --memory --retries --retry-on --backoff --retry-memory --deadline --halt --dry-run --bar --eta --run --resume --journal-tag --joblog --results --schema --help' -- "$cur") ;;
    script) mapfile -t COMPREPLY < <(compgen -W '--nodes --cpus --gpus --memory --time --partition --queue --qos --account --name --array --after --mail --constraint --exclusive --module --setup --env --launch --warn --requeue --output --error --workdir --task-time --raw --site --scheduler --part --help' -- "$cur") ;;
    check) mapfile -t COMPREPLY < <(compgen -W '--nodes --cpus --gpus --memory --time --partition --queue --qos --account --name --array --after --mail --constraint --exclusive --module --setup --env --launch --warn --requeue --output --error --workdir --task-time --raw --site --scheduler --script --live --json --help' -- "$cur") ;;
    site) mapfile -t COMPREPLY < <(compgen -W '--json --live --help' -- "$cur") ;;
    mpi)
        if [ "${cur#-}" != "$cur" ]; then
            mapfile -t COMPREPLY < <(compgen -W '--mpicc --output --nodes --help' -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -W 'check build source' -- "$cur")
        fi
        ;;
    list) mapfile -t COMPREPLY < <(compgen -W '--open --state --json --help' -- "$cur") ;;
    status) mapfile -t COMPREPLY < <(compgen -W "--now --json --help $(_hec_runs)" -- "$cur") ;;
    logs) mapfile -t COMPREPLY < <(compgen -W "--task --index --stdout --stderr --follow --paths --help $(_hec_runs)" -- "$cur") ;;
    wait) mapfile -t COMPREPLY < <(compgen -W "--timeout --json --help $(_hec_runs)" -- "$cur") ;;
    cancel) mapfile -t COMPREPLY < <(compgen -W "--json --help $(_hec_runs)" -- "$cur") ;;
    clean) mapfile -t COMPREPLY < <(compgen -W "--older --failed --dry-run --json --help $(_hec_runs)" -- "$cur") ;;
    rerun) mapfile -t COMPREPLY < <(compgen -W "--force --json --help $(_hec_runs)" -- "$cur") ;;
    resume) mapfile -t COMPREPLY < <(compgen -W "--json --help $(_hec_runs)" -- "$cur") ;;
    diff) mapfile -t COMPREPLY < <(compgen -W "--json --help $(_hec_runs)" -- "$cur") ;;
    submit) mapfile -t COMPREPLY < <(compgen -W '--nodes --cpus --gpus --memory --time --partition --queue --qos --account --name --array --after --mail --constraint --exclusive --module --setup --env --launch --warn --requeue --output --error --workdir --task-time --raw --site --scheduler --run-dir --snapshot --dry-run --force --json --help' -- "$cur") ;;
    report) mapfile -t COMPREPLY < <(compgen -W "--apply --json --help $(_hec_runs)" -- "$cur") ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$verbs --help" -- "$cur") ;;
    esac
}
complete -F _hec hec
