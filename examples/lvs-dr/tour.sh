#!/bin/bash
# What the demo shows: builds the cluster, runs ipvsd on its director, and lets
# web servers die and come back. Every command that is shown is the one that is
# run, and what follows it is what it printed. Ends with status 0 only if
# everything happened as told.
#
# Runs as root, in a guest (examples/demo.sh) or on a machine with IPVS that has
# none of these network namespaces yet.
set -eEuo pipefail
cd "$(dirname "$0")"

log=/run/lvs-dr/ipvsd.log
bold='' dim='' plain=''
if [ "${DEMO_TERMINAL-}" = yes ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi

# title TEXT: the next step; somebody who reads along gets a moment for the last.
number=0
title() {
    if [ "$number" -gt 0 ] && [ "${DEMO_TERMINAL-}" = yes ]; then
        sleep 2
    fi
    number=$((number + 1))
    printf '\n%s%s. %s%s\n\n' "$bold" "$number" "$1" "$plain"
}

say() { printf '   %s\n' "$@"; }

fail() {
    printf '\n%sThis is not what should have happened:%s %s\n' "$bold" "$plain" "$1"
    exit 1
}

# on HOST COMMAND: shows the command, runs it on that host, shows what it prints.
on() {
    printf '%s%s#%s %s\n' "$bold" "$1" "$plain" "$2"
    ip netns exec "$1" bash -c "$2"
}

# What ipvsd has written to its log since the last call.
show_log() {
    local line
    while IFS= read -r line <&9; do
        printf '%s   | %s%s\n' "$dim" "$line" "$plain"
    done
}

# What the director's kernel has: "10.0.0.11 3, 10.0.0.12 2" for the real servers
# and their weights, or "nothing".
table() {
    local rules
    rules=$(ip netns exec director1 ipvsadm -Sn)
    if [ -z "$rules" ]; then
        echo nothing
    else
        sed -n 's/.* -r \([0-9.]*\):80 -g -w \([0-9]*\).*/\1 \2/p' <<<"$rules" | sort | in_one_line
    fi
}

in_one_line() { paste -sd'|' | sed 's/|/, /g'; }

# await TABLE: waits until the kernel has exactly this, as `table` says it, and
# shows ipvsd's log meanwhile.
await() {
    local end=$((SECONDS + 20)) now
    until now=$(table) && [ "$now" = "$1" ]; do
        show_log
        [ "$SECONDS" -lt "$end" ] || fail "after 20 s the table has $now, not $1"
        [ -n "$(ip netns pids director1)" ] || fail "ipvsd has ended; the table has $now"
        sleep 0.1
    done
    show_log
    echo
}

# requests COUNT ANSWERS: so many requests by the client must be answered thus.
requests() {
    local answers
    on client "curl -s 'http://10.0.0.80/?[1-$1]' | sort | uniq -c" | tee "$printed"
    answers=$(sed '1d; s/^ *//' "$printed" | in_one_line)
    [ "$answers" = "$2" ] || fail "the answers should have been \"$2\""
}

printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
trap 'fail "the last command ended with status $?"' ERR

title "The cluster"
cat <<END
   client     10.0.0.100 ──┐
                           │       ┌── web1   10.0.0.11  weight 3
   director1  10.0.0.1   ──┼───────┼── web2   10.0.0.12  weight 2
   has the address that    │       ├── web3   10.0.0.13  weight 1
   clients use, 10.0.0.80  │       └── sorry  10.0.0.19  stands in for all

END
./cluster.sh up
say "Each host is a network namespace of this guest kernel; each web server runs nginx." \
    "ipvsd runs on director1 with examples/lvs-dr/ipvsd.conf:"
echo
on director1 "ipvsd check ipvsd.conf"

title "ipvsd starts and fills the kernel's table"
: >"$log"
exec 9<"$log"
on director1 "ipvsd --dont-fork --log-console --use-file ipvsd.conf --pid /run/lvs-dr/ipvsd.pid 2>$log &"
await "10.0.0.11 3, 10.0.0.12 2, 10.0.0.13 1"
on director1 "ipvsadm -Ln"

title "Requests are spread by weight: 3 to 2 to 1"
requests 60 "30 web1, 20 web2, 10 web3"

title "web1 dies, and leaves the table"
on web1 "kill -9 \$(cat /run/lvs-dr/web1/nginx.pid)"
await "10.0.0.12 2, 10.0.0.13 1"
on director1 "ipvsadm -Ln"
echo
say "The others share its requests:"
requests 30 "20 web2, 10 web3"
echo
say "Why it left, and since when, is in the status:"
on director1 "ipvsd status"

title "web1 comes back, and so does its share"
on web1 "nginx -p /run/lvs-dr/web1 -c nginx.conf -e error.log"
await "10.0.0.11 3, 10.0.0.12 2, 10.0.0.13 1"
requests 60 "30 web1, 20 web2, 10 web3"

title "All of them die: the sorry server stands in"
for web in web1 web2 web3; do
    on "$web" "kill -9 \$(cat /run/lvs-dr/$web/nginx.pid)"
done
await "10.0.0.19 1"
on director1 "ipvsadm -Ln"
requests 3 "3 sorry, we will be back soon"

title "One comes back: the sorry server goes"
on web3 "nginx -p /run/lvs-dr/web3 -c nginx.conf -e error.log"
await "10.0.0.13 1"
requests 3 "3 web3"

title "ipvsd ends, and takes along what it had put there"
on director1 "kill \$(cat /run/lvs-dr/ipvsd.pid)"
await nothing
on director1 "ipvsadm -Ln"
