# SPDX-License-Identifier: MIT
#
# A Grid Engine of one machine with four slots. Sourced; `sge_up`. All of it lives below $REAL; the
# programs are Debian's, their configuration is not.

. "$HEC_SOURCE/tests/real/lib.sh"

SITE=generic-sge
SGE_LIB=/usr/lib/gridengine
SGE_SHARE=/usr/share/gridengine

sge_folders() {
    own sgeadmin 755 "$REAL/root" "$REAL/root/default" "$REAL/root/default/common" "$REAL/spool" \
        "$REAL/spool/qmaster" "$REAL/spool/qmaster/job_scripts" "$REAL/spool/execd" \
        "$REAL/spool/db" "$REAL/log"
    for part in bin lib util utilbin; do
        ln -s "/var/lib/gridengine/$part" "$REAL/root/$part"
    done
}

sge_environment() {
    SGE_ROOT=$REAL/root
    SGE_CELL=default
    SGE_QMASTER_PORT=$(free_ports 2)
    SGE_EXECD_PORT=$((SGE_QMASTER_PORT + 1))
    SGE_ARCH=$($SGE_SHARE/util/arch)
    export SGE_ROOT SGE_CELL SGE_QMASTER_PORT SGE_EXECD_PORT SGE_ARCH
}

# Where files of its own are, and times of a few seconds instead of minutes.
sge_configure() {
    common=$SGE_ROOT/default/common
    # The machine's name often leads to the loopback, whose name is localhost.
    echo "$(hostname -s) localhost" >"$common/host_aliases"
    hostname -s >"$common/act_qmaster"
    chown sgeadmin "$common/act_qmaster"
    sed -e "s#/var/spool/gridengine/spooldb#$REAL/spool/db#" \
        -e "s#/var/spool/gridengine/qmaster#$REAL/spool/qmaster#" \
        $SGE_SHARE/default-bootstrap >"$common/bootstrap"
    sed -e "s#/var/spool/gridengine/execd#$REAL/spool/execd#" \
        -e 's#/usr/bin/mail$#/bin/true#' \
        -e 's/^load_report_time .*/load_report_time 00:00:02/' \
        -e 's/^max_unheard .*/max_unheard 00:00:10/' \
        -e 's/^reschedule_unknown .*/reschedule_unknown 00:00:05/' \
        -e 's/flush_time=00:00:15/flush_time=00:00:01/' \
        $SGE_SHARE/default-configuration >"$REAL/conf"
    as sgeadmin $SGE_LIB/spoolinit berkeleydb libspoolb "$REAL/spool/db" init
    as sgeadmin $SGE_LIB/spooldefaults configuration "$REAL/conf"
    as sgeadmin $SGE_LIB/spooldefaults complexes $SGE_SHARE/util/resources/centry
    as sgeadmin $SGE_LIB/spooldefaults usersets $SGE_SHARE/util/resources/usersets
    as sgeadmin $SGE_LIB/spooldefaults managers sgeadmin
    as sgeadmin $SGE_LIB/spooldefaults managers root
}

# change WHAT-IT-IS SHOW SET SED...: shows, edits and sets something.
sge_change() {
    sc_show=$1
    sc_set=$2
    shift 2
    # shellcheck disable=SC2086  # an option and its argument
    qconf $sc_show | sed "$@" >"$REAL/change" && qconf "$sc_set" "$REAL/change"
}

sge_parallel_environment() {
    cat >"$REAL/change" <<CONF
pe_name $1
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $2
control_slaves TRUE
job_is_first_task FALSE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
CONF
    qconf -Ap "$REAL/change"
}

sge_cluster() {
    if ! qconf -sh | grep -qx "$(hostname -s)"; then
        qconf -ah "$(hostname -s)"
    fi
    qconf -as "$(hostname -s)"
    sge_change -ssconf -Msconf -e 's/^schedule_interval .*/schedule_interval 0:0:1/' \
        -e 's/^flush_submit_sec .*/flush_submit_sec 1/' \
        -e 's/^flush_finish_sec .*/flush_finish_sec 1/' \
        -e 's/^job_load_adjustments .*/job_load_adjustments NONE/' \
        -e 's/^load_adjustment_decay_time .*/load_adjustment_decay_time 0:0:0/' \
        -e 's/^schedd_job_info .*/schedd_job_info true/'
    sge_change -sc -Mc -e 's/^h_vmem .*/h_vmem h_vmem MEMORY <= YES YES 200M 0/'
    printf 'group_name @allhosts\nhostlist %s\n' "$(hostname -s)" >"$REAL/change"
    qconf -Ahgrp "$REAL/change"
    # shellcheck disable=SC2016  # its own words
    sge_parallel_environment smp '$pe_slots'
    qconf -sq | sed -e 's/^qname .*/qname all.q/' -e 's/^hostlist .*/hostlist @allhosts/' \
        -e 's/^slots .*/slots 4/' -e 's/^pe_list .*/pe_list smp/' -e 's#^shell .*#shell /bin/bash#' \
        -e 's/^shell_start_mode .*/shell_start_mode unix_behavior/' \
        -e 's/^load_thresholds .*/load_thresholds NONE/' >"$REAL/change"
    qconf -Aq "$REAL/change"
    sed -e 's/^qname .*/qname short.q/' -e 's/^slots .*/slots 1/' \
        -e 's/^h_rt .*/h_rt 00:00:20/' "$REAL/change" >"$REAL/change2"
    qconf -Aq "$REAL/change2"
}

sge_node() {
    cat >"$REAL/change" <<CONF
hostname $(hostname -s)
load_scaling NONE
complex_values h_vmem=4G
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
CONF
    qconf -Ae "$REAL/change" || qconf -Me "$REAL/change"
    sge_execd </dev/null
}

sge_ready() { test "$(qstat -f -q all.q | awk '/^all.q@/ && NF == 5' | wc -l)" = 1; }

sge_up() {
    chmod 755 "$REAL"
    make_user
    sge_folders
    sge_environment
    sge_configure >"$REAL/log/init" 2>&1
    sge_qmaster </dev/null >"$REAL/log/qmaster" 2>&1
    must_wait 20 'the qmaster' qconf -sh
    sge_cluster >"$REAL/log/cluster" 2>&1
    sge_node >"$REAL/log/execd" 2>&1
    must_wait 30 'the node' sge_ready
}

# sge COMMAND...: of the user.
sge() {
    user env SGE_ROOT="$SGE_ROOT" SGE_CELL="$SGE_CELL" SGE_QMASTER_PORT="$SGE_QMASTER_PORT" \
        SGE_EXECD_PORT="$SGE_EXECD_PORT" "$@"
}
talk() { sge "$TALK" $SITE "$@"; }

# Kills the node as a power cut would: its daemon, what holds its jobs, and the jobs, at one stroke.
sge_kill_node() {
    skn_pids=$(pgrep -x 'sge_execd|sge_shepherd'; pgrep -u "$USER_NAME")
    # shellcheck disable=SC2086  # a list
    kill -9 $skn_pids
}
