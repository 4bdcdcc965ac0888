#!/bin/sh
# SPDX-License-Identifier: MIT
#
#     test_consumer.sh BUILD-FOLDER
#
# Installs the library into an empty place and builds a program against it as a stranger would:
# with pkg-config, once against the shared and once against the static library.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT INT TERM
run=0
failed=0

# ok TEXT COMMAND...: one line of TAP, with what the command printed when it fails.
ok() {
    text=$1
    shift
    run=$((run + 1))
    if "$@" >"$place/log" 2>&1; then
        echo "ok $run - $text"
    else
        failed=1
        echo "not ok $run - $text"
        sed 's/^/# /' "$place/log"
    fi
}

install_it() { meson install -C "$build" --quiet --destdir "$place/root"; }
pc() { pkg-config --define-variable=prefix="$prefix" "$@" hec; }
compile() { # OUTPUT PKG-CONFIG-OPTIONS..., of consumer.c or $source
    out=$1
    shift
    # shellcheck disable=SC2046  # flags are words
    cc -std=c11 -Wall -Wextra -pedantic -Werror "${source:-$here/consumer.c}" -o "$out" $(pc --cflags --libs "$@")
}
example() { source=$here/../../examples/parallel_for.c compile "$place/example"; }
# shellcheck disable=SC2046  # flags are words
unloader() { cc -D_GNU_SOURCE -Wall -Wextra -Werror "$here/unload.c" -o "$place/unload" $(pc --cflags) -ldl; }
example_counts() { test "$("$place/example" 100000)" = '9592 primes below 100000'; }
# With the shared library out of the way -lhec can only mean the archive.
compile_static() {
    mkdir "$place/aside" && mv "$libdir"/libhec.so* "$place/aside" || return 1
    compile "$place/static" --static
    status=$?
    mv "$place/aside"/* "$libdir"
    return "$status"
}
# hwloc's list of static libraries may name some that nothing on this machine provides.
static_closure() {
    echo 'int main(void) { return 0; }' >"$place/empty.c"
    # shellcheck disable=SC2046  # flags are words
    cc "$place/empty.c" -o "$place/empty" $(pc --static --libs-only-l | sed 's/-lhec//')
}

if ! command -v pkg-config >/dev/null; then
    echo '1..0 # SKIP no pkg-config'
    exit 0
fi
ok 'the library installs' install_it
pcfile=$(find "$place/root" -name hec.pc)
libdir=$(dirname "$(dirname "$pcfile")")
headers=$(find "$place/root" -path '*/include/hec/hec.h')
prefix=${headers%/include/hec/hec.h}
PKG_CONFIG_PATH=$(dirname "$pcfile")
LD_LIBRARY_PATH=$libdir
export PKG_CONFIG_PATH LD_LIBRARY_PATH
version=$(pc --modversion)

ok 'a C11 program compiles against the shared library' compile "$place/shared"
ok 'and runs, with the version that pkg-config tells' "$place/shared" "$version"
ok 'the example with hec_parallel_for compiles' example
ok 'and counts right' example_counts
ok 'a program that loads and unloads the library compiles' unloader
ok 'and outlives it' "$place/unload" "$libdir/libhec.so"
if static_closure 2>/dev/null; then
    ok 'a C11 program compiles against the static library' compile_static
    LD_LIBRARY_PATH=
    ok 'and runs without the shared one' "$place/static" "$version"
else
    run=$((run + 1))
    echo "ok $run - a program with the static library # SKIP hwloc needs libudev-dev for that"
fi
echo "1..$run"
exit "$failed"
