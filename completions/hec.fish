# SPDX-License-Identifier: MIT
#
# Completion of hec for fish. tests/cli/t0004-completions.t holds it against the program.

complete -c hec -f
complete -c hec -n __fish_use_subcommand -a host -d 'show what may be used on this machine, and why'
complete -c hec -n __fish_use_subcommand -a config -d 'check files of parameters, list their runs, turn YAML into CSV and back'
complete -c hec -n __fish_use_subcommand -a help -d 'list the verbs, or show the options of one'
complete -c hec -n __fish_use_subcommand -l version -d 'show the version and exit'
complete -c hec -l help -d 'show this help and exit'

complete -c hec -n '__fish_seen_subcommand_from host' -l json -d 'print one JSON value instead of a table'
complete -c hec -n '__fish_seen_subcommand_from host' -l numa -d 'also read the NUMA nodes, which takes longer'
complete -c hec -n '__fish_seen_subcommand_from host' -l root -x -a '(__fish_complete_directories)' -d 'read a recorded machine below DIR instead of this one'
complete -c hec -n '__fish_seen_subcommand_from config' -F -a 'check runs yaml2csv csv2yaml'
complete -c hec -n '__fish_seen_subcommand_from config' -l json -d 'print one JSON value (check, runs)'
complete -c hec -n '__fish_seen_subcommand_from config' -l schema -r -F -d 'what is allowed, instead of NAME.schema.yaml (check, runs)'
complete -c hec -n '__fish_seen_subcommand_from config' -l output -r -F -d 'write there instead of to stdout (yaml2csv, csv2yaml)'
complete -c hec -n '__fish_seen_subcommand_from help' -a 'host config help'
