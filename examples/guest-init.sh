#!/bin/sh
# The first process (pid 1) of the demo's guest: a User-Mode Linux kernel whose
# root is the host's own disk, read-only. It gives the guest memory of its own
# where programs want to write, runs one script, and switches the guest off.
#
# demo.sh passes, on the kernel's command line:
#   DEMO_SOURCE   this checkout
#   DEMO_BIN      the folder with the ipvsd to run
#   DEMO_OUT      where the host wants the result
export PATH=/mnt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
for dir in /mnt /run /var/run /var/log /var/lib/nginx; do
    if [ -d "$dir" ] && [ ! -L "$dir" ]; then
        mount -t tmpfs -o mode=0755 tmpfs "$dir"
    fi
done
mkdir /mnt/source /mnt/bin /mnt/out
mount -t hostfs none /mnt/source -o "$DEMO_SOURCE"
mount -t hostfs none /mnt/bin -o "$DEMO_BIN"
mount -t hostfs none /mnt/out -o "$DEMO_OUT"
# Last, because the checkout itself may be below one of these.
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mkdir -p /run/netns
ip link set lo up

cd /mnt/source || exit
if examples/lvs-dr/tour.sh; then
    echo passed >/mnt/out/result
fi
cp /run/lvs-dr/*.log /run/lvs-dr/*/*.log /mnt/out/ 2>/dev/null

sync
# The kernel has a last word that would be taken for the demo's.
echo 0 >/proc/sys/kernel/printk
busybox poweroff -f
