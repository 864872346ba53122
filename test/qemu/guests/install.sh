#!/bin/bash
# Runs as a service of systemd in a fresh Debian. Twice, from Debian's registry and from the bundle without any:
# installs eim-pxe, installs again, waits until a machine has booted by it, uninstalls, and compares the file system.
# Its lines on the console are read by the test.
exec >"${1:-/dev/ttyS0}" 2>&1
set -u
cd /root/site || exit 1
from=start
tell() { printf 'witness: %s: %s\n' "$from" "$*"; }

# Every file, with its content, but what the system writes by itself: logs, caches, and how dpkg notes what is
# installed. Of what Debian's packages brought to /usr the time of the last change stands for the content: an emulated box
# takes minutes to read all of it.
files() {
  local others=(/root /tmp /var/tmp /var/log /var/lib/systemd /var/cache '/var/lib/dpkg/status*')
  local -a prune=()
  for path in "${others[@]}"; do prune+=(-o -path "$path"); done
  find / -xdev \( "${prune[@]:1}" \) -prune -o \( -type d -printf '%y %m %U:%G %p\n' -o -type l -printf '%y %p %l\n' -o \
    -path '/usr/*' -type f -printf '%y %m %U:%G %s %T@ %p\n' -o -type f -printf '%y %m %U:%G %s %p\n' \) | sort
  find / -xdev \( "${prune[@]:1}" -o -path /usr/lib -o -path /usr/bin -o -path /usr/share \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
  dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'
  find /var/log /var/cache /var/tmp /tmp -xdev -name '*eim-pxe*'
  systemctl list-unit-files --no-legend --no-pager
}

events() { journalctl -u eim-pxe -o cat --no-pager | grep -c "\"event\":\"$1\""; }
pid() { systemctl show eim-pxe -p MainPID --value; }

wait_for_machine() {
  local before
  before=$(events micro-os)
  tell "ready for a machine"
  for _ in $(seq 3600); do
    if [ "$(events micro-os)" -gt "$before" ]; then tell "a machine is up"; return; fi
    sleep 1
  done
  tell "no machine came up"
}

# At once when the next machine has its script and fetches its kernel.
kill_during_boot() {
  local line
  while read -r line; do
    case $line in *'"event":"script"'*) systemctl kill -s KILL --kill-whom=main eim-pxe; tell "killed"; return ;; esac
  done < <(journalctl -u eim-pxe -o cat -f -n 0)
}

install_and_look() { # arguments of install
  local began=$SECONDS before
  ./install.sh install "$@"
  tell "installed $? after $((SECONDS - began)) s"
  ./install.sh diff "$@"
  tell "diff $?"
  before=$(pid)
  ./install.sh install "$@"
  tell "again $?"
  [ "$(pid)" = "$before" ] && tell "the service went on"
}

uninstall_and_compare() {
  ./install.sh uninstall
  tell "uninstalled $?"
  files >/root/after
  if diff /root/before /root/after; then tell "the file system is as before"; else tell "the file system differs"; fi
}

# shellcheck source=/dev/null
. ./settings
ip addr add "$ADDRESS/24" brd + dev "$DEVICE" 2>/dev/null || true
ip link set "$DEVICE" up 2>/dev/null || true
printf '%s tinkerbell-haproxy.lab.example deb.debian.org\n' "$SERVER" >>/etc/hosts
files >/root/before
tell "PID 1 is $(cat /proc/1/comm)"

from=registry
printf 'ORIGIN=%s\nCA_FILE=%s\nINTERFACE=%s\nMODE=full\nPOOL=%s\n' "$ORIGIN" "$PWD/orchestrator-ca.pem" "$DEVICE" "$POOL" >eim-pxe.env
install_and_look
systemctl reload eim-pxe
tell "reloaded $?"
systemd-analyze verify eim-pxe.service
tell "verified $?"
tell "exposure $(systemd-analyze security eim-pxe.service --no-pager | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')"
wait_for_machine
uninstall_and_compare
rm -f eim-pxe.env ./eim-pxe-*.tgz

# The test takes the registry away.
until ! bash -c ': </dev/tcp/deb.debian.org/80' 2>/dev/null; do sleep 1; done
from=bundle
tell "no registry is there"
install_and_look --offline bundle.tgz --origin "$ORIGIN" --ca-file orchestrator-ca.pem --interface "$DEVICE" --mode full --pool "$POOL"
tar -xzf bundle.tgz --wildcards './eim-pxe-*.tgz'
mkdir broken && tar -xzf eim-pxe-*.tgz -C broken && echo 'process.exit(1);' >broken/package/dist/cli.js
tar -czf broken.tgz -C broken package
./install.sh upgrade --offline bundle.tgz --package broken.tgz
tell "broken upgrade $?"
./install.sh diff --offline bundle.tgz
tell "diff after it $?"
kill_during_boot &
restarts=$(systemctl show eim-pxe -p NRestarts --value)
wait_for_machine
tell "restarts $(($(systemctl show eim-pxe -p NRestarts --value) - restarts))"
uninstall_and_compare
sync
tell "end"
systemctl poweroff
