#!/bin/sh
# Installs with apt-get what the tests and the demo need and this machine lacks.
#
#   tests/setup.sh [PROGRAM=PACKAGE …]    further programs may be asked for
#
# It changes nothing where nothing is missing. Root is needed only for what is
# missing: as another user it calls sudo for that and for nothing else. No service
# is started by what it installs, and none is left to start at the next boot.
set -eu

# Administration programs are not in an ordinary user's PATH, nor is a fresh Rust.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

# The program that is looked for, and Debian's package that has it.
NEEDED="
cc=gcc
linux.uml=user-mode-linux
ipvsadm=ipvsadm
keepalived=keepalived
nginx=nginx-light
ip=iproute2
modprobe=kmod
iptables=iptables
tc=iproute2
curl=curl
busybox=busybox-static
tcpdump=tcpdump
tshark=tshark
strace=strace
sysctl=procps
smtpd=opensmtpd
mandoc=mandoc
/usr/lib/frr/vrrpd=frr
$*
"

# What these packages bring that would run by itself.
SERVICES="keepalived.service nginx.service opensmtpd.service frr.service logrotate.timer"

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# as_root WHAT COMMAND…: runs the command, or says WHAT somebody else must do.
as_root() {
    what=$1
    shift
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo. As root, run: $what"
    fi
}

missing_packages() {
    for pair in $NEEDED; do
        command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
    done
    # A compiler alone does not link.
    [ -e /usr/include/stdlib.h ] || echo libc6-dev
}

# Runs as root. While packages are being installed, /usr/sbin/policy-rc.d forbids
# what they would start; what was there before comes back.
# shellcheck disable=SC2016
install_quietly='
    set -eu
    services=$1
    shift
    policy=/usr/sbin/policy-rc.d
    mark="Put here by ipvsd tests/setup.sh while it installs packages."
    before=
    for service in $services; do
        [ -e "/lib/systemd/system/$service" ] || before="$before $service"
    done
    restore() {
        rm -f "$policy"
        [ ! -e "$policy.before-setup" ] || mv "$policy.before-setup" "$policy"
    }
    # A run that was killed has left its own.
    if grep -qs "$mark" "$policy"; then restore; fi
    trap restore EXIT
    trap "exit 1" HUP INT TERM
    [ ! -e "$policy" ] || mv "$policy" "$policy.before-setup"
    printf "#!/bin/sh\n# %s\nexit 101\n" "$mark" >"$policy"
    chmod 755 "$policy"
    export DEBIAN_FRONTEND=noninteractive
    apt="apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"
    $apt update
    # A mail server that is there already would have to make way for another one.
    $apt install -y --no-install-recommends --no-remove "$@"
    for service in $before; do
        if [ -e "/lib/systemd/system/$service" ]; then
            systemctl disable --quiet "$service" 2>/dev/null ||
                rm -f /etc/systemd/system/*.wants/"$service"
            echo "setup: $service will not start by itself; systemctl enable $service lets it"
        fi
    done
'

packages=$(missing_packages | sort -u)
if [ -n "$packages" ]; then
    # Words, not one argument.
    # shellcheck disable=SC2086
    set -- $packages
    command -v apt-get >/dev/null ||
        fail "this is not Debian; install what these packages of Debian have: $*"
    say "installing $*"
    as_root "apt-get install --no-install-recommends $*" \
        sh -c "$install_quietly" setup "$SERVICES" "$@" </dev/null
    packages=$(missing_packages | sort -u)
    [ -z "$packages" ] || fail "still missing after the installation: $packages"
fi

# The lab's kernel looks for its modules where every kernel does, but its package
# puts them elsewhere.
version=$(linux.uml --version)
if [ ! -e "/lib/modules/$version/modules.dep" ]; then
    link="mkdir -p /lib/modules && ln -sfn /usr/lib/uml/modules/$version /lib/modules/$version"
    say "$link"
    as_root "$link" sh -c "$link"
fi

command -v cargo >/dev/null ||
    fail "there is no cargo in PATH nor in ~/.cargo/bin: install Rust, see https://rustup.rs"
