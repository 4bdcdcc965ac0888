#!/bin/sh
# SPDX-License-Identifier: MIT
#
# How often a scheduler is asked: once by however many that look at the same time, no sooner again
# than the site says, at once with --now.
# shellcheck disable=SC2016 # the dollars are for other shells
. "$HEC_SOURCE/tests/lib/runs.sh"

mkdir bin
cat >bin/sbatch <<'END'
#!/bin/sh
echo 4711
END
cat >bin/squeue <<'END'
#!/bin/sh
echo asked >>"$WORK/questions"
exit 0
END
cp bin/squeue bin/sacct
sed -i 's/questions/accounts/' bin/sacct
chmod +x bin/*
PATH=$WORK/bin:$PATH
export PATH WORK
asked() { wc -l <questions 2>/dev/null | tr -d ' ' || :; }

site() # TEXT: the site file, with this in it
{
    printf 'title: a test\nscheduler: slurm\n%s\n' "$1" >site.yaml
}
site 'ask_every: 1h'
id=$("$HEC" submit --site="$WORK/site.yaml" --time=1h --memory=1G -- true)
: >questions
for i in $(seq 24); do
    "$HEC" status --json >"status-$i" &
done
wait
is "$(asked)" 1 'of many that look at the same time one asks'
run "$HEC" status "$id"
is "$(asked)" 1 'nobody does again within the hour'
out_has "$id: waiting" 'and it is what was known last'
run "$HEC" status --now "$id"
is "$(asked)" 2 'unless it has to be now'
run "$HEC" wait --timeout=2s "$id"
is_status 75 'who waits'
is "$(asked)" 2 'asks no more often'
site 'ask_every: 1s'
again() { "$HEC" status >out && [ "$(asked)" -ge 3 ]; }
for i in $(seq 100); do
    again && break
    sleep 0.1
done
ok 'nor sooner than the site says, but then' again
bad() # VALUE
{
    site "ask_every: $1"
    run "$HEC" site ./site.yaml
    is_status 3 "ask_every: $1"
    err_has 'here a time from 1s to 1h is wanted' 'is refused'
}
bad 0s
bad 2h
bad 5

# What its accounting says of GPUs.
cat >bin/sacct <<'END'
#!/bin/sh
echo '4711|COMPLETED|0:0|1700000000|1700000100|1700003700|8|n1||4:00:00|cpu=8,gres/gpu=2,node=1|'
echo '4711.batch|COMPLETED|0:0|1700000100|1700000100|1700003700|8|n1|1G|4:00:00|gres/gpu=2|gres/gpumem=1536M,gres/gpuutil=57'
END
site 'ask_every: 1s'
run "$HEC" report "$id"
is_status 0 'a report'
is "$(tr -s ' ' <out | grep -e GPU -e core)" ' GPUs 2 57 %
 GPU memory 1.5 GiB
 GPU-hours 2.00
 core-hours 8.00 4.00 4.00 wasted' 'with GPUs, as Slurm counts them'
run "$HEC" report --json "$id"
is "$(json_get out '[v[k] for k in ("gpus", "gpu_percent", "gpu_memory_used", "gpu_hours")]')" \
    '[2, 57, 1610612736, 2]' 'as JSON'
done_testing
