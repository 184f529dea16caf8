#!/bin/bash
# What the demo shows: builds the cluster, runs ipvsd on its two directors, and lets
# web servers and the first director's link die and come back. Every command that is
# shown is the one that is run, and what follows it is what it printed. Ends with
# status 0 only if everything happened as told.
#
# Runs as root, in a guest (examples/demo.sh) or on a machine with IPVS that has
# none of these network namespaces yet.
set -eEuo pipefail
cd "$(dirname "$0")"

state=/run/lvs-dr
vip=10.0.0.80
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

# on HOST COMMAND: shows the command, runs it on that host, shows what it prints. The
# switch is the guest itself.
on() {
    printf '%s%s#%s %s\n' "$bold" "$1" "$plain" "$2"
    if [ "$1" = switch ]; then
        bash -c "$2"
    else
        ip netns exec "$1" bash -c "$2"
    fi
}

# What the directors have written to their logs since the last call.
show_log() {
    local line
    while IFS= read -r line <&8; do
        printf '%s   director1 | %s%s\n' "$dim" "$line" "$plain"
    done
    while IFS= read -r line <&9; do
        printf '%s   director2 | %s%s\n' "$dim" "$line" "$plain"
    done
}

# await WHAT COMMAND WANTED: waits until a command prints this, and shows the logs
# meanwhile.
await() {
    local end=$((SECONDS + 20)) now
    until now=$($2) && [ "$now" = "$3" ]; do
        show_log
        [ "$SECONDS" -lt "$end" ] || fail "after 20 s, $1: $now, not $3"
        for director in $running; do
            [ -n "$(ip netns pids "$director")" ] || fail "ipvsd of $director has ended; $1: $now"
        done
        sleep 0.1
    done
    show_log
}

# Which directors have the virtual address.
masters() {
    for director in director1 director2; do
        if ip -n "$director" -4 -o address show dev eth0 | grep -q " $vip/"; then
            echo "$director"
        fi
    done | in_one_line
}

await_master() {
    await "$vip is with" masters "$1"
    echo
}

# table DIRECTOR: what its kernel has: "10.0.0.11 3, 10.0.0.12 2" for the real servers
# and their weights, or "nothing".
table() {
    local rules
    rules=$(ip netns exec "$1" ipvsadm -Sn)
    if [ -z "$rules" ]; then
        echo nothing
    else
        sed -n 's/.* -r \([0-9.]*\):80 -g -w \([0-9]*\).*/\1 \2/p' <<<"$rules" | sort | in_one_line
    fi
}

# await_tables TABLE: waits until the kernels of both directors have exactly this.
await_tables() {
    for director in director1 director2; do
        await "the table of $director" "table $director" "$1"
    done
    echo
}

in_one_line() { paste -sd'|' | sed 's/|/, /g'; }

# requests COUNT ANSWERS: so many requests by the client must be answered thus.
requests() {
    local answers
    on client "curl -s 'http://$vip/?[1-$1]' | sort | uniq -c" | tee "$printed"
    answers=$(sed '1d; s/^ *//' "$printed" | in_one_line)
    [ "$answers" = "$2" ] || fail "the answers should have been \"$2\""
}

# The files with director1's mails on $subject.
mails() { grep -lF "[director1] $subject" "$state"/mail/mail.* 2>/dev/null || true; }

count_mails() { mails | wc -l; }

# show_mail SUBJECT REMARK: waits for the mail that director1 sends, and shows it.
show_mail() {
    local mail
    subject=$1
    await "mails on $subject" count_mails 1
    mail=$(mails)
    say "The mail to the admin, as it has arrived ($2):"
    echo
    sed 's/^/   > /' "$mail"
}

printed=$(mktemp)
running=''
trap 'rm -f "$printed"' EXIT
trap 'fail "the last command ended with status $?"' ERR

title "The cluster"
cat <<END
   client     10.0.0.100 ──┐
                           │       ┌── web1   10.0.0.11  weight 3
   director1  10.0.0.1   ──┤       ├── web2   10.0.0.12  weight 2
   director2  10.0.0.2   ──┼───────┼── web3   10.0.0.13  weight 1
   one of them has the     │       └── sorry  10.0.0.19  stands in for all
   address that clients    │
   use, 10.0.0.80          └────────── mail   10.0.0.25  takes the admin's mail

END
./cluster.sh up
say "Each host is a network namespace of this guest kernel; each web server runs nginx." \
    "ipvsd runs on both directors with examples/lvs-dr/ipvsd.conf; director2 has another" \
    "name and a lower priority:"
echo
on director1 "ipvsd check ipvsd.conf"
on director2 "sed 's/director1/director2/; s/priority 150/priority 100/' ipvsd.conf >$state/director2.conf"
on director2 "ipvsd check $state/director2.conf"

title "ipvsd starts: both fill their kernel's table, one becomes master"
: >"$state/director1.log"
: >"$state/director2.log"
exec 8<"$state/director1.log" 9<"$state/director2.log"
start() {
    on "$1" "ipvsd --dont-fork --log-console --use-file $2 --pid $state/$1.pid 2>>$state/$1.log &"
    running="$running $1"
}
start director1 ipvsd.conf
await_master director1
start director2 $state/director2.conf
await_tables "10.0.0.11 3, 10.0.0.12 2, 10.0.0.13 1"
on director1 "ip -brief -4 address show dev eth0"
on director2 "ip -brief -4 address show dev eth0"
on director1 "ipvsadm -Ln"
on director2 "ipvsadm -Ln"

title "Requests are spread by weight: 3 to 2 to 1"
requests 60 "30 web1, 20 web2, 10 web3"

title "web1 dies, and leaves both tables"
on web1 "kill -9 \$(cat $state/web1/nginx.pid)"
await_tables "10.0.0.12 2, 10.0.0.13 1"
on director1 "ipvsadm -Ln"
echo
say "The others share its requests:"
requests 30 "20 web2, 10 web3"
echo
show_mail "Realserver [10.0.0.11]:tcp:80" "director2 sends its own"
echo
say "Why it left, and since when, is in the status:"
on director1 "ipvsd status"

title "web1 comes back, and so does its share"
on web1 "nginx -p $state/web1 -c nginx.conf -e error.log"
await_tables "10.0.0.11 3, 10.0.0.12 2, 10.0.0.13 1"
requests 60 "30 web1, 20 web2, 10 web3"

title "All of them die: the sorry server stands in"
for web in web1 web2 web3; do
    on "$web" "kill -9 \$(cat $state/$web/nginx.pid)"
done
await_tables "10.0.0.19 1"
requests 3 "3 sorry, we will be back soon"
for web in web1 web2 web3; do
    on "$web" "nginx -p $state/$web -c nginx.conf -e error.log"
done
await_tables "10.0.0.11 3, 10.0.0.12 2, 10.0.0.13 1"

# What the client meets from now on, a line for each request: when, and who answered.
rm -f "$state/asked-enough"
ip netns exec client bash -c "until [ -e $state/asked-enough ] || ! sleep 0.05; do
    printf '%s %s\n' \$EPOCHREALTIME \"\$(curl -s --max-time 0.3 http://$vip/)\"
done" >"$state/client.log" 2>/dev/null &
asking=$!

# For how long nobody has answered at most, in milliseconds.
longest_wait() {
    awk 'NF == 2 { if (last && $1 - last > longest) longest = $1 - last; last = $1 }
         END { printf "%d\n", longest * 1000 }' "$state/client.log"
}

count_answers() { [ "$(wc -l <"$state/client.log")" -gt "$1" ] && echo enough; }

title "The master's cable is pulled: director2 takes over"
await "the client's requests" "count_answers 5" enough
on switch "ip link set director1 down"
await_master director2
on director2 "ip -brief -4 address show dev eth0"
sleep 1
# Not killed: a request that outlives it would take a turn from those below.
touch "$state/asked-enough"
wait "$asking" || true
waited=$(longest_wait)
say "" "A client that asks ten times a second had no answer for $waited ms. director2 waits for" \
    "3 intervals of one second and (256 - priority) / 256 s, 3609 ms in all, for an advert."
# No stopwatch decides here: where other work keeps the machine's processors, the guest
# stands still for a second now and then. The bench of VRRP measures takeovers.
echo
requests 60 "30 web1, 20 web2, 10 web3"

title "The cable is in again: director1 has the higher priority, and preempts"
on switch "ip link set director1 up"
await_master director1
requests 60 "30 web1, 20 web2, 10 web3"
echo
show_mail "VRRP Instance web - Entering FAULT" "it has waited for the cable"

title "ipvsd ends: it says so, and takes along what it had put there"
on director1 "kill \$(cat $state/director1.pid)"
running=director2
await_master director2
await "the table of director1" "table director1" nothing
on director1 "ipvsadm -Ln"
requests 60 "30 web1, 20 web2, 10 web3"
on director2 "kill \$(cat $state/director2.pid)"
running=''
await "$vip is with" masters ""
await "the table of director2" "table director2" nothing
