#!/usr/bin/env bash
# Every check of the project in one go: installs what the tests need (as root on Debian), then format,
# lint, types, unit tests, tests of the running program, interoperation with other programs, and boots of real
# firmware in QEMU.
# As a plain user, tests that need root or an absent tool are skipped and counted as such.
set -euo pipefail
# Made-up inputs in full numbers, not the tenth that does while one works.
export ALL_CASES=1
cd "$(dirname "$0")/.."

packages=(
  qemu-system-x86 ovmf ipxe ipxe-qemu linux-image-cloud-amd64 busybox-static cpio xz-utils kmod
  qemu-system-arm qemu-efi-aarch64 u-boot-qemu debian-archive-keyring
  systemd systemd-container debootstrap e2fsprogs dnsmasq-base nftables iptables shellcheck isc-dhcp-server isc-dhcp-client isc-dhcp-relay kea-admin kea-dhcp4-server postgresql iproute2 tcpdump tshark tftp-hpa atftp curl openssl sbsigntool mtools
  chromium fonts-dejavu-core
  nginx-light procps tmux man-db zsh fish
)
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    # None of their servers is started: a DHCP server on the wrong network is an outage.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    else
      policy=
    fi
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
    [ -z "$policy" ] || rm -f "$policy"
    trap - EXIT
  fi
fi

if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund
fi

npm run --silent format:check
npm run --silent lint
npm run --silent types

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
run() {
  npx vitest run --project "$1" --reporter=default --reporter=json --outputFile.json="$results/$1.json" ||
    touch "$results/$1.failed"
}

run unit
run servers
run mocked
# Boots take one core, and `slow` waits most of the time. What the boots print comes when they are over.
run qemu >"$results/qemu.log" 2>&1 &
boots=$!
trap 'kill "$boots" 2>/dev/null || true; rm -rf "$results"' EXIT
run slow
echo "now the boots of real firmware, which began after the unit tests"
wait "$boots"
trap 'rm -rf "$results"' EXIT
cat "$results/qemu.log"
# Alone: attacks, storms and lossy links are told by what they do to answers.
run interop
failed=0
node test/summary.mjs "$results" || failed=1
exit "$failed"
