#!/bin/bash
# Runs as a service of systemd in a fresh Debian: installs eim-pxe from the bundle, installs again, waits until
# a machine has booted by it, uninstalls, and compares the file system. Its lines on the console are read by the test.
exec >"${1:-/dev/ttyS0}" 2>&1
set -u
cd /root/site || exit 1
tell() { printf 'witness: %s\n' "$*"; }
files() {
  find / -xdev \( -path /root -o -path /tmp -o -path /var/tmp -o -path /var/log -o -path /var/lib/systemd -o -path /var/cache \) -prune \
    -o \( -type d -printf '%y %m %U:%G %p\n' -o -type l -printf '%y %p %l\n' -o -type f -printf '%y %m %U:%G %s %p\n' \) | sort
}
# shellcheck source=/dev/null
. ./settings
ip addr add "$ADDRESS/24" brd + dev eth0 2>/dev/null || true
ip link set eth0 up 2>/dev/null || true
printf '%s tinkerbell-haproxy.lab.example\n' "$ORCHESTRATOR" >>/etc/hosts
files >/root/before
tell "PID 1 is $(cat /proc/1/comm)"
began=$SECONDS
./install.sh install --offline bundle.tgz --origin "$ORIGIN" --ca-file orchestrator-ca.pem --interface eth0 --mode full --pool "$POOL"
tell "installed $? after $((SECONDS - began)) s"
./install.sh diff --offline bundle.tgz
tell "diff $?"
systemctl show eim-pxe -p MainPID >/root/pid
./install.sh install --offline bundle.tgz
tell "again $?"
systemctl show eim-pxe -p MainPID | cmp - /root/pid && tell "the service went on"
tar -xzf bundle.tgz --wildcards './eim-pxe-*.tgz'
mkdir broken && tar -xzf eim-pxe-*.tgz -C broken && echo 'process.exit(1);' >broken/package/dist/cli.js
tar -czf broken.tgz -C broken package
./install.sh upgrade --offline bundle.tgz --package broken.tgz
tell "broken upgrade $?"
systemctl is-active eim-pxe
./install.sh diff --offline bundle.tgz
tell "ready for a machine"
for _ in $(seq 600); do
  if journalctl -u eim-pxe -o cat --no-pager | grep -q '"event":"micro-os"'; then tell "a machine is up"; break; fi
  sleep 1
done
./install.sh uninstall
tell "uninstalled $?"
files >/root/after
if diff /root/before /root/after; then tell "the file system is as before"; else tell "the file system differs"; fi
sync
systemctl poweroff
