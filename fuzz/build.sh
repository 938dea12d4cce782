#!/bin/sh
# Builds the fuzz targets with the stable compiler: only emvm, the targets and the wasm parser are instrumented, so that
# the addon's own dependencies, which take minutes, serve here too. Prints the folder they are in.
#
#   fuzz/build.sh [target ...]
set -e
cd "$(dirname "$0")"
export RUSTC_WRAPPER="$PWD/rustc.sh"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../target}"
bins=
for target in "$@"; do bins="$bins --bin $target"; done
# shellcheck disable=SC2086
cargo build --release --locked $bins >&2
echo "$CARGO_TARGET_DIR/release"
