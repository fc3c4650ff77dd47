#!/bin/sh
# Every test of the house: installs what they need (as root), builds three ways, runs all, counts.
#   sh tests/run.sh           ends with `N passed, N failed, N skipped`; exit 0 when none failed
# FUZZ_SECONDS (default 10) bounds each fuzzer.
set -u
cd "$(dirname "$0")/.." || exit 1
PACKAGES="build-essential meson ninja-build pkg-config libncurses-dev libsqlite3-dev libyaml-dev libuv1-dev
 libunbound-dev nettle-dev libevent-dev libssl-dev libjansson-dev libseccomp-dev libgmime-3.0-dev libcmocka-dev libvterm-dev clang clang-format clang-tidy cppcheck
 libclang-rt-14-dev python3 swaks postfix procps"
export DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin"
missing=$(for p in $PACKAGES; do dpkg -s "$p" >/dev/null 2>&1 || echo "$p"; done)
if [ -n "$missing" ] && [ "$(id -u)" = 0 ]; then
    echo "== installing $(echo $missing)"
    apt-get update -q >/dev/null
    # No daemon is to start: tests run their own.
    apt-get install -qy --no-install-recommends $missing >build-packages.log 2>&1 || { tail -20 build-packages.log; exit 1; }
    rm -f build-packages.log
fi

results=$(mktemp)
trap 'rm -f "$results"' EXIT
jobs=$(nproc)

say() { printf '== %s\n' "$*"; }
# check NAME COMMAND…: one test; its output is shown when it fails.
check() {
    name=$1
    shift
    say "$name"
    out=$(mktemp)
    if "$@" >"$out" 2>&1; then
        echo "pass 1" >>"$results"
        tail -n 3 "$out"
    else
        echo "fail 1" >>"$results"
        echo "FAILED: $name"
        tail -n 60 "$out"
    fi
    rm -f "$out"
}
# build DIR OPTION…: set up once, then build; nothing else can run without.
build() {
    dir=$1
    shift
    say "build $dir"
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; rm -f "$dir.log"; exit 1; }
        rm -f "$dir.log"
    fi
    ninja -C "$dir" -j "$jobs" >"$dir/build.log" 2>&1 || { tail -40 "$dir/build.log"; exit 1; }
}
# suite DIR: meson's tests there; every case inside a test program counts.
suite() {
    say "tests in $1"
    meson test -C "$1" --no-rebuild --num-processes "$jobs" --timeout-multiplier "$2" >/dev/null 2>&1
    python3 tests/count.py "$1/meson-logs/testlog.json" "$results" || echo "fail 1" >>"$results"
}

build build-tests -Dwerror=true
check "lint: rooms, words, lengths" python3 tests/lint/check.py
check "lint: the lint itself can fail" sh tests/lint/selftest.sh
check "format" sh -c 'find src ui tests -name "*.[ch]" | xargs clang-format --dry-run --Werror'
check "cppcheck" cppcheck -q -j "$jobs" --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem --library=tests/lint/jansson.cfg --project=build-tests/compile_commands.json
check "clang-tidy" sh tests/lint/tidy.sh build-tests "$jobs"
suite build-tests 1

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1
build build-asan -Db_sanitize=address,undefined
suite build-asan 3

# Twice: the plain build keeps what memory costs, the other finds what should not be touched.
for dir in build-tests build-asan; do
    say "end to end in $dir"
    MXWARDEN_BUILD=$PWD/$dir python3 tests/count.py --unittest tests/e2e "$results" || echo "fail 1" >>"$results"
done
check "end to end: SIGKILL loses nothing" env MXWARDEN_BUILD="$PWD/build-tests" python3 tests/e2e/kill.py 2000 20 5

say "fuzzers, ${FUZZ_SECONDS:-10} s each"
# The same seed each time: the suite says what changed, longer runs by hand look for what is new.
check "fuzzers" env FUZZ_SEED=1 sh tests/fuzz/run.sh "${FUZZ_SECONDS:-10}"

total() { awk -v k="$1" '$1 == k { n += $2 } END { print n + 0 }' "$results"; }
failed=$(total fail)
printf '%s passed, %s failed, %s skipped\n' "$(total pass)" "$failed" "$(total skip)"
[ "$failed" = 0 ]
