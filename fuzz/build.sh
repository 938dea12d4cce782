#!/bin/sh
# Builds the fuzz targets and prints the folder they are in. Only emvm, the targets and the wasm parser are instrumented,
# so that the other dependencies, which take minutes, are built once.
#
#   fuzz/build.sh [target ...]                          with the stable compiler, over the addon's own dependencies
#   fuzz/build.sh --sanitizer=address [target ...]      with rustup's nightly, and AddressSanitizer
set -e
cd "$(dirname "$0")"
export RUSTC_WRAPPER="$PWD/rustc.sh"
cargo="cargo"
place="$PWD/../target"
case "$1" in
  --sanitizer=*)
    export EMVM_FUZZ_SANITIZER="${1#--sanitizer=}"
    shift
    cargo="rustup run nightly cargo"
    place="$place/$EMVM_FUZZ_SANITIZER"
    ;;
esac
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$place}"
bins=
for target in "$@"; do bins="$bins --bin $target"; done
# shellcheck disable=SC2086
$cargo build --release --locked $bins >&2
echo "$CARGO_TARGET_DIR/release"
