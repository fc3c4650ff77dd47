#!/bin/sh
# Builds the fuzzers with clang and runs each for SECONDS over its seeds (default 30).
#   tests/fuzz/run.sh [SECONDS]
# FUZZ_SEED (0: another one each time) makes a run begin alike. Prints what each did; ends with 1 when one found something: the input is then in build-fuzz/findings.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
build=build-fuzz

if [ ! -d "$build" ]; then
    CC=clang meson setup "$build" -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
fi
ninja -C "$build" fuzzers >/dev/null || { ninja -C "$build" fuzzers; exit 1; }

mkdir -p "$build/findings"
found=0
for fuzzer in "$build"/tests/fuzz/fuzz_*; do
    [ -f "$fuzzer" ] && [ -x "$fuzzer" ] || continue
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
        echo "fuzz $name: ${runs:-0} executions, nothing found"
    else
        found=1
        echo "fuzz $name: FOUND something, see $log and $build/findings"
        tail -n 30 "$log"
    fi
done
exit "$found"
