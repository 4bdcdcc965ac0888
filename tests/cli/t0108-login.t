#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hec map on a login node: one core, unless told otherwise; what is taken for one, and what is not;
# and more tasks at a time than CPUs were granted.
. "$HEC_SOURCE/tests/lib/tap.sh"

cd "$WORK" || exit 1
chmod 700 .
unset HEC_SITE
HEC_RUNS=$WORK/runs XDG_CONFIG_HOME=$WORK/config PATH=$WORK/bin:$PATH SLURM_CONF=$WORK/slurm.conf
export HEC_RUNS XDG_CONFIG_HOME PATH SLURM_CONF
mkdir -p bin config/hec/sites
printf '#!/bin/sh\nexit 1\n' >bin/sbatch
chmod +x bin/sbatch

# How many run at a time: each has a place, and waits for the other one or the file `over`.
cat >meet <<'END'
#!/bin/sh
echo "$1" >>places
n=0
until [ "$(wc -l <places)" -ge 2 ] || [ $n -ge 20 ]; do sleep 0.05; n=$((n + 1)); done
END
chmod +x meet
places() { rm -f places; run "$HEC" "$@"; sort -u places | wc -l | tr -d ' ' >count; }

places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'the packages of Slurm alone restrict nobody'
no_err 'and nothing is said'
touch slurm.conf
places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 1 'where a cluster is configured, one core'
is_status 0 'all is run'
err_has 'looks like a login node' 'and it is said'
err_has "Slurm is configured here, in $WORK/slurm.conf" 'why'
err_has '--force' 'and what to do'
places map -j 2 --force ./meet {%} ::: a b
is "$(cat count)" 2 '--force takes more'
no_err 'and is silent'
run "$HEC" map -j 1 echo ::: a
no_err 'one core is no matter'
run "$HEC" map -j 2 --dry-run echo ::: a
no_err 'nor is a dry run'
printf 'x\n1\n2\n' >params.csv
places sweep -j 2 params.csv -- ./meet {%}
is "$(cat count)" 1 'a sweep is no other'
err_has 'looks like a login node' 'and says so'
HEC_SITE=local places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'HEC_SITE=local: it is no such machine'
printf 'title: mine\nscheduler: local\n' >own.yaml
HEC_SITE=./own.yaml places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'nor with another site without a scheduler'
HEC_SITE=ub-ccr places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 1 'a site with one changes nothing'
SLURM_JOB_ID=1 SLURM_CPUS_ON_NODE=2 places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'in a job all of its cores'
printf 'title: mine\nscheduler: local\nhosts: ["%s"]\n' "$(uname -n)" >config/hec/sites/own.yaml
places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'a site file may say that this host has no scheduler'

# By the name of the host.
rm slurm.conf
printf 'title: theirs\nscheduler: sge\nhosts: [nowhere, "%s*"]\n' "$(uname -n | cut -c1-3)" >config/hec/sites/own.yaml
places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 1 'a site file has this host among its hosts'
err_has 'the site own has it among its hosts' 'and is named'
printf 'title: theirs\nscheduler: sge\nhosts: [nowhere.example.org]\n' >config/hec/sites/own.yaml
places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'or others alone'
rm config/hec/sites/own.yaml

# More than was granted.
HEC_CPUS=1 places map -j 2 ./meet {%} ::: a b
is "$(cat count)" 2 'more than was granted is done'
is "$(cat err)" 'hec: --jobs asks for 2 at a time, and 1 CPU was granted (HEC_CPUS=1)' 'and said'
SLURM_JOB_ID=7 SLURM_CPUS_ON_NODE=1 run "$HEC" map -j 3 echo ::: a
err_has '1 CPU was granted (Slurm job 7: 1 CPU (SLURM_CPUS_ON_NODE=1))' 'by a job'
HEC_CPUS=1 run "$HEC" map -j 100% echo ::: a
no_err 'as many are no matter'
run "$HEC" map -j 5000 echo ::: a
[ "$(wc -l <err)" -le 1 ] && rc=0 || rc=1
pass_if $rc 'one line at most'
done_testing
