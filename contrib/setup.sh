#!/bin/sh
# From a bare Debian to a running program: installs what is missing, builds, and then does what it was asked for.
#   try     runs the example in contrib/try: four executions with four different ends
#   check   runs all tests (`make check`)
#   fuzz    installs clang and libFuzzer as well, and runs `make fuzz`
#   bench   installs the programs to compare with as well, and runs `make bench`
# Nothing is installed, and no network used, where everything is there already. Exits with the status of what it ran.
set -eu
cd "$(dirname "$0")/.."

build_needs='gcc libc6-dev make libev-dev libsqlite3-dev libjansson-dev'
check_needs='libcmocka-dev python3 sqlite3'
fuzz_needs='clang libclang-rt-dev'
bench_needs='python3 python3-pkg-resources coreutils bsdutils tini dumb-init conmon moreutils nq task-spooler parallel'

fail()
{
    echo "setup.sh: $*" >&2
    exit 1
}

installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs those of the named packages that aren't there.
need()
{
    missing=
    for package in "$@"; do
        installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    command -v apt-get >/dev/null ||
        fail "cannot install$missing: no apt-get here; install what corresponds to them, then \`make\` and \`make check\`"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            fail "cannot install$missing: not root, and no sudo; as root: apt-get install$missing"
        as_root=sudo
    fi
    echo "setup.sh: installing$missing" >&2
    $as_root apt-get -q update >&2 || fail "cannot install$missing: apt-get update failed; is there a network?"
    # shellcheck disable=SC2086 # one word a package
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >&2 ||
        fail "cannot install$missing: apt-get install failed; its message stands above"
}

# Unpacks a package into a directory: installed, it would start a service of root's.
unpack()
{
    installed "$1" || [ -d "$2" ] && return 0
    echo "setup.sh: unpacking $1 into $2" >&2
    rm -rf "$2.part"
    mkdir -p "$2.part"
    (cd "$2.part" && apt-get -q download "$1" >&2 && dpkg-deb -x "$1"_*.deb .) ||
        fail "cannot unpack $1: its message stands above; is there a network, and are there package lists (apt-get update)?"
    mv "$2.part" "$2"
}

usage()
{
    echo "usage: sh contrib/setup.sh try|check|fuzz|bench" >&2
    exit 2
}

[ $# -eq 1 ] || usage
# shellcheck disable=SC2086 # one word a package
case $1 in
try) need $build_needs ;;
check) need $build_needs $check_needs ;;
fuzz) need $build_needs $fuzz_needs ;;
bench)
    need $build_needs $bench_needs
    unpack supervisor build/bench/supervisor
    ;;
*) usage ;;
esac

jobs=$(nproc)
case $1 in
try)
    make -s -j "$jobs"
    exec sh contrib/try/run.sh
    ;;
check)
    make -s -j "$jobs" tests
    exec make -s check
    ;;
fuzz) exec make -s -j "$jobs" fuzz ;;
bench)
    make -s -j "$jobs"
    exec make -s bench
    ;;
esac
