#!/bin/bash
# Shows ipvsd at work: boots a small LVS-DR cluster in a User-Mode Linux guest (a
# whole kernel with IPVS that runs as an ordinary program, without root) and lets
# web servers die and come back. What it shows is in examples/lvs-dr/tour.sh.
#
#   IPVSD_BIN=/path/to/ipvsd    shows that one instead of building it
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

"$source/tests/setup.sh"

cd "$source"
if [ -z "${IPVSD_BIN-}" ]; then
    cargo build --locked
    IPVSD_BIN=${CARGO_TARGET_DIR:-target}/debug/ipvsd
fi

# The guest sees the host's disk, but can write only to this folder.
out=$(mktemp -d "${TMPDIR:-/tmp}/ipvsd-demo.XXXXXX")
guest='' relay=''
clean_up() {
    if [ -n "$guest" ]; then
        kill "$guest" 2>/dev/null || true
        wait "$guest" || true
    fi
    rm -rf "$out"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
mkdir "$out/bin"
cp "$IPVSD_BIN" "$out/bin/ipvsd"

terminal=no
if [ -t 1 ]; then
    terminal=yes
fi

# The guest's console ends its lines as a terminal wants it.
exec 3> >(exec sed -u 's/\r$//')
relay=$!
# `timeout` is there in case the guest hangs: it takes about a minute, on a busy
# machine more.
HOME=$out timeout --kill-after=5 300 linux.uml \
    mem=512M rootfstype=hostfs root=/dev/root ro quiet loglevel=3 \
    con=null con0=null,fd:3 uml_dir="$out/uml/" \
    init="\"$source/examples/guest-init.sh\"" \
    DEMO_SOURCE="\"$source\"" DEMO_BIN="\"$out/bin\"" DEMO_OUT="\"$out\"" \
    DEMO_TERMINAL=$terminal \
    </dev/null >"$out/kernel.log" 2>&1 &
guest=$!
exec 3>&-
wait "$guest" || true
guest=''
wait "$relay" || true

if [ ! -e "$out/result" ]; then
    # The folder with the logs stays.
    trap - EXIT
    printf '\nThe demo failed. The logs are in %s; the kernel said last:\n' "$out" >&2
    tail -n 20 "$out/kernel.log" >&2
    exit 1
fi
