# SPDX-License-Identifier: MIT
#
# What the tests on real schedulers share. Sourced by slurm.sh and sge.sh.
#
# Everything runs inside a process namespace of its own, whose first process `./run` is: when that
# ends, the kernel ends all that was started. What is left then is a folder, which $REAL names, a
# user and some control groups, which ./run takes away.

: "${REAL:?the folder of this cluster}" "${HEC_SOURCE:?the source tree}"
: "${USER_NAME:?whose jobs they are}" "${NODE:?how the names of nodes begin}"

. "$HEC_SOURCE/tests/lib/tap.sh"

note() { echo "# $*"; }

# The cluster does not come up: nothing can be tested.
bail() {
    echo "Bail out! $*"
    exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. What it waits for happens by
# itself; looking for it often costs little here, since nobody else uses this cluster.
wait_for() {
    wf_until=$(($(date +%s) + $1))
    wf_what=$2
    shift 2
    while ! "$@" >"$REAL/wait.log" 2>&1; do
        if [ "$(date +%s)" -gt "$wf_until" ]; then
            note "waited in vain for $wf_what:"
            sed 's/^/#   /' "$REAL/wait.log"
            return 1
        fi
        sleep 0.2
    done
}

must_wait() {
    wait_for "$@" || bail "waited in vain for $2"
}

# free_ports N: the first of N ports in a row that nobody listens on. Clusters that start at the
# same time look in different places: their folders' names are by chance.
free_ports() {
    python3 - "$1" "$REAL" <<'PY'
import socket, sys, zlib

def free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

count = int(sys.argv[1])
first = 20000 + zlib.crc32(sys.argv[2].encode()) % 1000 * 10
while not all(free(first + i) for i in range(count)):
    first += count
print(first)
PY
}

# as NAME COMMAND...: as this user, with no other rights.
as() {
    as_user=$1
    shift
    setpriv --reuid="$as_user" --regid="$(id -gn "$as_user")" --clear-groups "$@"
}

# own OWNER MODE FOLDER...
own() {
    own_user=$1
    own_mode=$2
    shift 2
    install -d -m "$own_mode" -o "$own_user" -g "$(id -gn "$own_user")" "$@"
}

# A user who is nobody in particular: jobs are not run as root.
make_user() {
    if ! id "$USER_NAME" >/dev/null 2>&1; then
        useradd --no-create-home --home-dir "$REAL/home" --shell /bin/bash --password '*' "$USER_NAME"
    fi
    own "$USER_NAME" 755 "$REAL/home"
}

# user COMMAND...: as that user, at home, with a plain environment.
user() {
    (
        cd "$REAL/home"
        as "$USER_NAME" env -i HOME="$REAL/home" USER="$USER_NAME" LOGNAME="$USER_NAME" LC_ALL=C.UTF-8 \
            PATH=/usr/bin:/bin:/usr/sbin REAL="$REAL" HEC="${HEC:-}" TALK="${TALK:-}" \
            "$@"
    )
}

# ---- jobs ----

# user_script FILE OPTIONS... -- COMMAND...: a script by `hec script` for $SITE, at the user's home.
user_script() {
    us_file=$1
    shift
    # shellcheck disable=SC2016  # the user's shell expands it
    user sh -c 'file=$1; shift; "$HEC" script --site="$0" "$@" >"$file"' "$SITE" "$us_file" "$@"
}

# submit OPTIONS... -- COMMAND...: such a script, submitted; prints the id.
submit() {
    user_script job.sh "$@" && talk submit job.sh
}

# seen ID INDEX PATTERN: whether a query tells this of the job; the pattern is a shell's.
seen() {
    talk query "$1" >"$REAL/seen" || return 1
    while read -r line; do
        # shellcheck disable=SC2254  # it is a pattern
        case $line in
        "$1 $2 "$3) return 0 ;;
        esac
    done <"$REAL/seen"
    cat "$REAL/seen"
    return 1
}

# job_is SECONDS ID INDEX PATTERN TEXT: ok when it becomes so within the time.
job_is() {
    ji_ok=0
    wait_for "$1" "$5" seen "$2" "$3" "$4" || ji_ok=1
    pass_if $ji_ok "$5"
}

# ---- runs: the test has a function `hec` ----

# ends RUN STATUS TEXT: how `hec wait` ends; $REAL/ended is what it says of the run.
ends() {
    run hec wait --timeout=90s "$1"
    is_status "$2" "$3"
    sed 's/^[^:]*: //' "$WORK/out" >"$REAL/ended"
}

# ended PATTERN TEXT: ok when it says this.
ended() {
    # shellcheck disable=SC2254  # it is a pattern
    case $(cat "$REAL/ended") in
    $1) pass_if 0 "$2" ;;
    *)
        note "it says: $(cat "$REAL/ended")"
        pass_if 1 "$2"
        ;;
    esac
}

# stands RUN PATTERN: whether `hec status` says this in its first line.
stands() {
    hec status --now "$1" >"$REAL/stands" 2>&1
    # shellcheck disable=SC2254  # it is a pattern
    case $(head -n 1 "$REAL/stands") in
    *": "$2) return 0 ;;
    esac
    cat "$REAL/stands"
    return 1
}

# comes SECONDS RUN PATTERN TEXT: ok when it says so within the time.
comes() {
    co_ok=0
    wait_for "$1" "$4" stands "$2" "$3" || co_ok=1
    pass_if $co_ok "$4"
}
