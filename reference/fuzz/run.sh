#!/usr/bin/env bash
# Fuzzes one of `decoder config one_time journal` for some seconds:
#
#     reference/fuzz/run.sh TARGET SECONDS      what is found goes to target/fuzz/found/TARGET, what covers more to
#                                               target/fuzz/corpus/TARGET
#     reference/fuzz/run.sh TARGET --keep       makes corpus/TARGET anew: few and small inputs that cover what all that
#                                               there are cover
#
# A finding becomes a case or a test of its own first, then it is mended; as corpus/TARGET/found-WHAT it stays. The
# stable toolchain does; libFuzzer itself is compiled by a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${1:?a target: decoder, config, one_time or journal}
what=${2:?a number of seconds, or --keep}
# Build scripts and macros run on this machine and are not instrumented, which naming the platform does.
platform=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-trace-compares"
work=${CARGO_TARGET_DIR:-target}/fuzz
RUSTFLAGS=$coverage cargo build --locked --quiet -p knockd-fuzz --features libfuzzer,live --profile fuzz \
    --target "$platform" --target-dir "$work/build" --bin "fuzz-$target"
cargo run --locked --quiet -p knockd-fuzz --features live --bin fuzz-seeds -- "$target" "$work/seeds/$target"
program="$work/build/$platform/fuzz/fuzz-$target"
committed=reference/fuzz/corpus/$target
mkdir -p "$work/corpus/$target" "$work/found/$target" "$committed"
limits="-timeout=10 -rss_limit_mb=1024 -max_len=4096"
if [ "$what" = --keep ]; then
    # Of the seeds nothing has to be kept, since the test makes them itself; what was found once is kept for ever.
    rm -rf "$work/kept" && cp -r "$work/seeds/$target" "$work/kept"
    # shellcheck disable=SC2086 # a list of words
    "$program" $limits -max_len=300 -set_cover_merge=1 -use_counters=0 "$work/kept" "$committed" "$work/corpus/$target"
    find "$committed" -type f ! -name 'found-*' -delete
    find "$work/kept" -type f ! -name 'seed-*' ! -name 'found-*' -exec cp -t "$committed" {} +
    du -bs "$committed"
else
    # shellcheck disable=SC2086 # a list of words
    "$program" $limits -max_total_time="$what" -artifact_prefix="$work/found/$target/" -print_final_stats=1 \
        "$work/corpus/$target" "$committed" "$work/seeds/$target"
fi
