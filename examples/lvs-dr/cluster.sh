#!/bin/sh
# Builds the cluster that README.md beside this file describes, on one machine:
# every host is a network namespace, and a bridge is the switch between them.
#
#   cluster.sh up
#   cluster.sh down
#
# Needs root and a kernel with IPVS; examples/demo.sh runs it in a guest kernel.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
vip=10.0.0.80
# Where each web server has its folder.
state=/run/lvs-dr

# host NAME ADDRESS: a machine with one cable to the switch.
host() {
    ip netns add "$1"
    ip -n "$1" link set lo up
    ip link add "$1" type veth peer name eth0 netns "$1"
    ip link set "$1" master lan up
    ip -n "$1" link set eth0 up
    ip -n "$1" address add "$2/24" dev eth0
}

# director NAME ADDRESS: a machine that ipvsd is to run on. Nobody is given the virtual
# address: ipvsd puts it where it belongs.
director() {
    host "$1" "$2"

    # With direct routing the director does not see how a connection ends, and remembers
    # it for two minutes. A client that uses the port again is new all the same (1 and
    # 2), and belongs to no server that has left the table meanwhile.
    ip netns exec "$1" sysctl -q -w net.ipv4.vs.conn_reuse_mode=3
    ip netns exec "$1" sysctl -q -w net.ipv4.vs.expire_nodest_conn=1
}

# web NAME ADDRESS TEXT: a machine with nginx that says TEXT.
web() {
    host "$1" "$2"

    # LVS-DR: the director hands packets on as they are, addressed to the virtual
    # address, so the real server must take them for its own …
    ip -n "$1" address add "$vip/32" dev lo
    # … but when somebody asks who has that address, only the master may say
    # "I have" (arp_ignore), and questions of its own must not come from it
    # (arp_announce).
    ip netns exec "$1" sysctl -q -w net.ipv4.conf.all.arp_ignore=1
    ip netns exec "$1" sysctl -q -w net.ipv4.conf.all.arp_announce=2

    mkdir -p "$state/$1/www" "$state/$1/tmp"
    cp "$here/nginx.conf" "$state/$1/"
    echo "$3" >"$state/$1/www/index.html"
    ip netns exec "$1" nginx -p "$state/$1" -c nginx.conf -e error.log
}

up() {
    modprobe -a ip_vs veth bridge
    # Without the wait in which a new bridge looks for loops.
    ip link add lan type bridge forward_delay 0
    ip link set lan up

    host client 10.0.0.100

    director director1 10.0.0.1
    director director2 10.0.0.2

    web web1 10.0.0.11 web1
    web web2 10.0.0.12 web2
    web web3 10.0.0.13 web3
    web sorry 10.0.0.19 "sorry, we will be back soon"

    host mail 10.0.0.25
    mkdir -p "$state/mail"
    ip netns exec mail busybox nc -ll -p 25 -e "$here/mailbox.sh" </dev/null >/dev/null 2>&1 &
}

down() {
    for host in client director1 director2 web1 web2 web3 sorry mail; do
        [ -e "/run/netns/$host" ] || continue
        for pid in $(ip netns pids "$host"); do
            kill "$pid"
        done
        ip netns del "$host"
    done
    if [ -e /sys/class/net/lan ]; then
        ip link del lan
    fi
    rm -rf "$state"
}

case "${1-}" in
up) up ;;
down) down ;;
*)
    echo "usage: $0 up|down" >&2
    exit 2
    ;;
esac
