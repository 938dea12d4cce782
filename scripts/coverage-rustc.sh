#!/bin/sh
# cargo's RUSTC_WORKSPACE_WRAPPER of scripts/coverage.js: counts what runs of emvm's own crate, so that no dependency is
# built again.
rustc=$1
shift
case " $* " in
  *" --crate-name emvm "*) exec "$rustc" "$@" -Cinstrument-coverage ;;
  *) exec "$rustc" "$@" ;;
esac
