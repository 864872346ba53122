#!/bin/sh
# Starts eim-pxe with the one capability that it needs, and not on defaults: without its configuration it would serve
# every network card of the host, with nothing to boot.
set -eu

file=/etc/eim-pxe/eim-pxe.yaml

configured() {
  for word in "$@"; do
    case $word in -c* | --config | --config=* | -h | --help) return 0 ;; esac
  done
  [ -r "$file" ] || env | grep -q '^EIM_PXE_'
}

case ${1-} in
serve | sync | check)
  if ! configured "$@"; then
    if [ -e "$file" ]; then
      echo "eim-pxe: $file cannot be read by user $(id -u). Let it: chmod a+r on the host, for each file in that folder." >&2
    else
      {
        echo "eim-pxe: there is no configuration in this container: $file is missing or may not be read by user $(id -u)."
        echo "Mount the folder that has eim-pxe.yaml and the orchestrator's CA:"
        echo "  docker run … -v /etc/eim-pxe:/etc/eim-pxe:ro …     with Compose: put them into docker/config"
        echo "\`eim-pxe init\` writes one; docs/container.md says how it looks."
      } >&2
    fi
    exit 2
  fi
  ;;
esac

exec setpriv-net-bind --inh-caps=+net_bind_service --ambient-caps=+net_bind_service -- eim-pxe "$@"
