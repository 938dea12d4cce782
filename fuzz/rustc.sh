#!/bin/sh
# Cargo's RUSTC_WRAPPER: the compiler, with libFuzzer's coverage for the crates in which coverage is wanted, and, where
# EMVM_FUZZ_SANITIZER names one, with that sanitizer too (which only a nightly compiler has).
rustc="$1"
shift
case "$CARGO_CRATE_NAME" in
  emvm | emvm_fuzz | program | filesystem | embind | arguments | imports)
    if [ -n "$EMVM_FUZZ_SANITIZER" ]; then
      set -- "$@" "-Zsanitizer=$EMVM_FUZZ_SANITIZER" -Cunsafe-allow-abi-mismatch=sanitizer
    fi
    exec "$rustc" "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=8
    ;;
esac
exec "$rustc" "$@"
