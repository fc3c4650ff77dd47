#!/bin/sh
# Builds the fuzzers with clang and runs each for SECONDS over its seeds (default 30), two at a time.
#   tests/fuzz/run.sh [SECONDS] [NAME…]
# FUZZ_SEED (0: another one each time) makes a run begin alike. Prints what each did; ends with 1 when one found something: the input is then in build-fuzz/findings.
set -eu
cd "$(dirname "$0")/../.."
build=build-fuzz

# One fuzzer; a line of what it did.
if [ "${1:-}" = --one ]; then
    seconds=$2 fuzzer=$3
    name=${fuzzer##*/fuzz_}
    corpus="$build/corpus/$name"
    log="$build/fuzz_$name.log"
    mkdir -p "$corpus"
    set -- "$corpus"
    if [ -d "tests/fuzz/seeds/$name" ]; then
        set -- "$corpus" "tests/fuzz/seeds/$name"
    fi
    if UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$fuzzer" -max_total_time="$seconds" \
        -seed="${FUZZ_SEED:-0}" -timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="$build/findings/$name-" "$@" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        cover=$(sed -n 's/.*DONE *cov: \([0-9]*\) .*/\1/p' "$log")
        echo "fuzz $name: ${runs:-0} executions, ${cover:-?} edges covered, nothing found"
        exit 0
    fi
    echo "fuzz $name: FOUND something, see $log and $build/findings"
    tail -n 30 "$log"
    exit 1
fi

seconds=${1:-30}
[ $# = 0 ] || shift
if [ ! -d "$build" ]; then
    CC=clang meson setup "$build" -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
fi
ninja -C "$build" fuzzers >/dev/null || { ninja -C "$build" fuzzers; exit 1; }
mkdir -p "$build/findings"
if [ $# = 0 ]; then
    set -- $(cd "$build/tests/fuzz" && find . -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sed 's,.*/fuzz_,,' | sort)
fi
printf '%s\n' "$@" | xargs -P 2 -I NAME sh tests/fuzz/run.sh --one "$seconds" "$build/tests/fuzz/fuzz_NAME"
