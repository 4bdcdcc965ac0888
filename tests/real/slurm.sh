# SPDX-License-Identifier: MIT
#
# A Slurm cluster on one machine: a controller, three nodes that are daemons with ports of their
# own, and accounting in a database or none. Sourced; `slurm_up accounting` or `slurm_up plain`.
# All of it lives below $REAL.

. "$HEC_SOURCE/tests/real/lib.sh"

SLURM_NODES=3

# The kernel's control groups of version 1, where the daemons may make some: with them memory is
# limited as on a cluster. Else the daemons look at it themselves now and then.
slurm_has_cgroups() {
    test -w /sys/fs/cgroup/memory && test -w /sys/fs/cgroup/freezer
}

slurm_munge() {
    own munge 755 "$REAL/munge"
    own munge 700 "$REAL/secret"
    dd if=/dev/urandom of="$REAL/secret/key" bs=128 count=1 status=none
    chown munge "$REAL/secret/key"
    chmod 400 "$REAL/secret/key"
    as munge munged --key-file="$REAL/secret/key" --socket="$REAL/munge/socket" \
        --pid-file="$REAL/munge/pid" --log-file="$REAL/secret/log" --seed-file="$REAL/secret/seed"
}

slurm_database() {
    own mysql 755 "$REAL/mysql" "$REAL/db"
    mariadb-install-db --no-defaults --user=mysql --datadir="$REAL/mysql" --skip-test-db \
        --auth-root-authentication-method=socket >"$REAL/log/mysql" 2>&1
    as mysql mariadbd --no-defaults --datadir="$REAL/mysql" --socket="$REAL/db/socket" \
        --skip-networking --pid-file="$REAL/mysql/pid" --innodb-buffer-pool-size=64M \
        --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 \
        </dev/null >>"$REAL/log/mysql" 2>&1 &
    sql="mariadb --no-defaults -uroot -S $REAL/db/socket"
    must_wait 30 'the database' $sql -e 'select 1'
    $sql -e "create database slurm_acct_db;
        create user slurm@localhost identified via unix_socket;
        grant all on slurm_acct_db.* to slurm@localhost;"
}

slurm_dbd() {
    cat >"$REAL/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$REAL/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((SLURM_PORT + 1))
SlurmUser=slurm
LogFile=$REAL/log/slurmdbd
PidFile=$REAL/run/slurmdbd
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=slurm_acct_db
CONF
    chown slurm "$REAL/slurmdbd.conf"
    chmod 600 "$REAL/slurmdbd.conf"
    as slurm env MYSQL_UNIX_PORT="$REAL/db/socket" slurmdbd </dev/null >"$REAL/log/slurmdbd.out" 2>&1
    must_wait 30 'the accounting' sacctmgr -n -P list cluster
    sacctmgr -iQ add cluster hectest >/dev/null
    sacctmgr -iQ add account lab Cluster=hectest >/dev/null
    sacctmgr -iQ add user "$USER_NAME" Account=lab Cluster=hectest >/dev/null
    sacctmgr -iQ add qos short MaxWall=00:03:00 MaxTRESPerUser=cpu=2 >/dev/null
    sacctmgr -iQ modify user "$USER_NAME" set qos+=short >/dev/null
}

slurm_conf_accounting() {
    cat <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$((SLURM_PORT + 1))
AccountingStoragePass=$REAL/munge/socket
AccountingStorageEnforce=associations,limits,qos
MinJobAge=2
CONF
}

slurm_conf_processes() {
    if slurm_has_cgroups; then
        cat >"$REAL/cgroup.conf" <<CONF
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainRAMSpace=yes
CONF
        echo ProctrackType=proctrack/cgroup
        echo TaskPlugin=task/cgroup
    else
        : >"$REAL/cgroup.conf"
        echo ProctrackType=proctrack/linuxproc
        echo TaskPlugin=task/none
        echo JobAcctGatherParams=OverMemoryKill
    fi
}

# A requeued job waits until its credential has expired, which by default is two minutes.
slurm_conf() {
    cat <<CONF
ClusterName=hectest
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$SLURM_PORT
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$REAL/munge/socket,cred_expire=5
StateSaveLocation=$REAL/state
SlurmdSpoolDir=$REAL/spool-%n
TmpFS=$REAL/tmp-%n
SlurmctldPidFile=$REAL/run/slurmctld
SlurmdPidFile=$REAL/run/slurmd-%n
SlurmctldLogFile=$REAL/log/slurmctld
SlurmdLogFile=$REAL/log/slurmd-%n
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
DefMemPerCPU=100
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=2
GresTypes=gpu
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
NodeName=${NODE}[1-$SLURM_NODES] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 \
Port=$((SLURM_PORT + 2))-$((SLURM_PORT + 1 + SLURM_NODES)) CPUs=4 CoresPerSocket=4 \
RealMemory=2000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 DefaultTime=00:10:00 State=UP
PartitionName=short Nodes=${NODE}1 MaxTime=00:05:00 DefaultTime=00:01:00 MaxNodes=1 State=UP
CONF
    slurm_conf_processes
    if [ "$1" = accounting ]; then
        slurm_conf_accounting
    fi
}

# Two of each node: devices without a driver.
slurm_gpus() {
    mkdir "$REAL/dev"
    mknod "$REAL/dev/gpu0" c 120 0
    mknod "$REAL/dev/gpu1" c 120 1
    echo "NodeName=${NODE}[1-$SLURM_NODES] Name=gpu File=$REAL/dev/gpu[0-1]" >"$REAL/gres.conf"
}

slurm_idle() { test "$(sinfo -h -N -p main -t idle -o %N | sort -u | wc -l)" = $SLURM_NODES; }

slurm_start_node() { slurmd -N "$1" </dev/null >"$REAL/log/slurmd-$1.out" 2>&1; }

slurm_up() {
    SLURM_PORT=$(free_ports $((SLURM_NODES + 2)))
    SLURM_CONF=$REAL/slurm.conf
    export SLURM_CONF
    chmod 755 "$REAL"
    own slurm 755 "$REAL/state" "$REAL/log" "$REAL/run"
    make_user
    slurm_munge
    slurm_conf "$1" >"$SLURM_CONF"
    slurm_gpus
    if [ "$1" = accounting ]; then
        slurm_database
        slurm_dbd
    fi
    as slurm slurmctld -c </dev/null >"$REAL/log/slurmctld.out" 2>&1
    must_wait 20 'the controller' sh -c "scontrol ping | grep -q 'is UP'"
    for n in $(seq $SLURM_NODES); do
        install -d -m 1777 "$REAL/tmp-$NODE$n" # each node's own, where PMIx has its sockets
        slurm_start_node "$NODE$n"
    done
    must_wait 30 'the nodes' slurm_idle
}

# slurm COMMAND...: of the user.
slurm() { user env SLURM_CONF="$SLURM_CONF" "$@"; }

SITE=generic-slurm
talk() { slurm "$TALK" $SITE "$@"; }

# Kills a node as a power cut would: its daemon, what holds its jobs, and the jobs.
slurm_kill_node() {
    sk_pids=$(cat "$REAL/run/slurmd-$1")
    for sk_pid in $(pgrep -x slurmstepd); do
        if ls -l "/proc/$sk_pid/fd" 2>/dev/null | grep -q "slurmd-$1\$"; then
            sk_pids="$sk_pids $sk_pid $(slurm_below "$sk_pid")"
        fi
    done
    # shellcheck disable=SC2086  # a list
    kill -9 $sk_pids
}

# All descendants of a process.
slurm_below() {
    for sb_child in $(pgrep -P "$1"); do
        echo "$sb_child"
        slurm_below "$sb_child"
    done
}
