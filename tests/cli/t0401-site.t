#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec site: which there are, where they are found, what is wrong with a file.
. "$HEC_SOURCE/tests/lib/tap.sh"
cd "$WORK" || exit 99
export HOME="$WORK" XDG_CONFIG_HOME="$WORK/config"
unset HEC_SITE

run "$HEC" site local
if grep -q 'without libyaml' err; then
    echo '1..0 # SKIP this hec was built without YAML'
    exit 0
fi
is_status 0 'a site that hec brings along'
out_has 'local: this machine, without a scheduler' 'has a title'

run "$HEC" site
is_status 0 'the list'
is "$(cut -d' ' -f1 out | tr '\n' ' ')" 'generic-lsf generic-pbs generic-sge generic-slurm generic-torque ichec-kay lancaster-hec lancaster-hec-sge local nyu-torch ub-ccr ub-ccr-faculty ' 'in order'
cut -d' ' -f1 out >names
while read -r name; do
    run "$HEC" site "$name" --json
    is "$(json_get out 'v["schema"], v["name"], v["path"], bool(v["site"]["title"])')" \
        "(1, '$name', None, True)" "$name as JSON"
    ok "$name is a file of the sources" test -e "$HEC_SOURCE/data/sites/$name.yaml"
done <names
run "$HEC" site --json
is "$(json_get out 'v["schema"], len(v["sites"])')" '(1, 12)' 'the list as JSON'
run "$HEC" site ichec-kay
out_has 'retired       November 2023' 'one that is gone says so'

mkdir -p config/hec/sites
printf 'title: mine\nscheduler: slurm\ndefaults: {partition: p1}\n' >config/hec/sites/mine.yaml
printf 'title: my view of it\nscheduler: slurm\n' >config/hec/sites/ub-ccr.yaml
run "$HEC" site
out_has "mine                mine ($WORK/config/hec/sites/mine.yaml)" "a user's own"
out_has "ub-ccr              my view of it" 'comes before those of the same name'
run "$HEC" script --site=mine -- true
out_has '#SBATCH --partition=p1' 'and is used'
HEC_SITE=mine run "$HEC" script -- true
out_has '#SBATCH --partition=p1' 'also by the environment'
cp config/hec/sites/mine.yaml here.yml
run "$HEC" site ./here.yml
out_has 'here: mine' 'a file by its path'
run "$HEC" site here.yml
out_has 'here: mine' 'also without a folder'
run "$HEC" site nowhere
is_status 3 'a site that is not there'
err_has "there is no site 'nowhere': 'hec site' lists them" 'and what to do'
run "$HEC" site ../sites/mine
is_status 3 'a name with a slash is a path'
run "$HEC" site ./none.yaml
is_status 3 'a file that is not there'

bad() # FILE WHAT
{
    printf '%s\n' "$1" >bad.yaml
    run "$HEC" site ./bad.yaml
    is_status 3 "malformed: $2"
    err_has "$2" '  it says so, and where'
}
bad 'title: x' './bad.yaml:1:1: a site file needs a title and a scheduler'
bad 'scheduler: moab' './bad.yaml:1:12: a scheduler is slurm, sge, pbs, torque, lsf or local'
bad 'name: x' './bad.yaml:1:1: a site file has no such key: "name: x"'
bad 'partitions: {a: {time: 90}}' './bad.yaml:1:24: here a time is wanted: 15m, 12h, 7d'
bad 'partitions: {a: {mem: 9G}}' './bad.yaml:1:18: a partition has no such key'
bad 'memory_per_cpu: 4' './bad.yaml:1:17: here a size is wanted: 500M, 16G'
bad 'defaults: {cpu: 4}' "./bad.yaml:1:17: 'cpu' is no option of a job"
bad 'defaults: {cpus: many}' "./bad.yaml:1:18: cpus: 'many' is not a whole number"
bad 'limits: {cpus: -1}' './bad.yaml:1:16: here a whole number is wanted'
bad 'start: source x' './bad.yaml:1:8: here a list of texts is wanted'
bad 'login_shell: yes' './bad.yaml:1:14: here true or false is wanted'
bad '[]' './bad.yaml:1:1: a site file is a map'
bad '{}
---
{}' './bad.yaml:1: a site file is one document, this has 2'
cp bad.yaml config/hec/sites/broken.yaml
run "$HEC" site
is_status 3 'a list with one that cannot be read'
err_has "cannot read the site 'broken'" 'names it'
out_has 'ub-ccr-faculty' 'and lists the others'
run "$HEC" site --json
is "$(json_get out 'sum(s["error"] is not None for s in v["sites"])')" 1 'as JSON does'
rm config/hec/sites/broken.yaml

# Which scheduler is here: by its commands on PATH, and a cluster that is configured for them.
mkdir bin
fake() # PROGRAM...: PATH with these alone
{
    rm -f bin/*
    for program; do
        printf '#!/bin/sh\necho "Server Max"\n' >"bin/$program"
        chmod +x "bin/$program"
    done
}
detects() # SITE TEXT
{
    PATH="$WORK/bin" "$HEC" script -- true >out 2>err
    out_has "A job for $1 (" "$2: $1"
}
unset SGE_ROOT SGE_CELL LSF_ENVDIR PBS_SERVER PBS_PRIMARY
SLURM_CONF=$WORK/slurm.conf PBS_CONF_FILE=$WORK/pbs.conf
export SLURM_CONF PBS_CONF_FILE
mkdir -p sge/default/common lsf
touch sge/default/common/act_qmaster lsf/lsf.conf
if [ -e /etc/lsf.conf ] || [ -e /var/lib/gridengine/default/common/act_qmaster ]; then
    echo '# a cluster is configured here, and would be found'
else
    fake bsub && detects local 'LSF without a cluster'
    fake qsub qconf && detects local 'Grid Engine without one'
fi
fake bsub && LSF_ENVDIR=$WORK/lsf detects generic-lsf 'LSF'
fake qsub qconf && SGE_ROOT=$WORK/sge detects generic-sge 'Grid Engine'
fake sbatch qsub && detects local 'the packages of Slurm, and no cluster'
fake sbatch scontrol && detects local 'whose scontrol knows of none'
printf '#!/bin/sh\n[ "$*" = ping ] && echo "Slurmctld(primary) at head is DOWN"\nexit 1\n' >bin/scontrol
detects generic-slurm 'Slurm that has its configuration from the network'
touch slurm.conf
fake sbatch qsub && detects generic-slurm 'Slurm with a configuration'
fake qsub && printf 'PBS_SERVER=CHANGE_THIS_TO_PBS_SERVER_HOSTNAME\nPBS_HOME=/x\n' >pbs.conf
detects local 'PBS as its package leaves it'
printf 'PBS_EXEC=/opt/pbs\nPBS_SERVER=head\n' >pbs.conf
detects generic-pbs 'PBS with a server'
rm pbs.conf
fake qsub qstat && detects generic-torque 'Torque that answers'
fake other && detects local 'nothing at all'
done_testing
