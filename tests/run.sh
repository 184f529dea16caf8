#!/bin/sh
# Installs what is missing and runs every test there is. The exit status says how
# it went. docs/testing.md tells what the tests are.
#
#   tests/run.sh [--long] [-- WORDS FOR CARGO TEST …]
#
# --long: for tests that have a longer form; they see IPVSD_LONG=1.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"
export PATH

while [ $# -gt 0 ]; do
    case $1 in
    --long) export IPVSD_LONG=1 ;;
    --)
        shift
        break
        ;;
    *)
        echo "usage: $0 [--long] [-- WORDS FOR CARGO TEST …]" >&2
        exit 2
        ;;
    esac
    shift
done

tests/setup.sh
exec cargo test --locked --no-fail-fast "$@" </dev/null
