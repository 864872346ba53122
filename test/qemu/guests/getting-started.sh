#!/bin/bash
# Runs as a service of systemd in a fresh Debian: the commands of a document, which are beside this script as
# block-0.sh, block-1.sh …; before the last one it waits until a machine has booted. Its lines on the console are read by the test.
exec >"${1:-/dev/console}" 2>&1
set -u
cd /root/site || exit 1
export HOME=/root
tell() { printf 'witness: %s\n' "$*"; }
block() {
  bash -e "block-$1.sh" </dev/null
  tell "block $1: $?"
}
last=$(($(find . -name 'block-*.sh' | wc -l) - 1))
for ((i = 0; i < last; i++)); do block "$i"; done
tell "ready for a machine"
for _ in $(seq 3600); do
  if journalctl -u eim-pxe -o cat --no-pager | grep -q '"event":"micro-os"'; then tell "a machine is up"; break; fi
  sleep 1
done
block "$last"
tell "end"
systemctl poweroff
