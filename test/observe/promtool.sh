#!/usr/bin/env bash
# Has Prometheus' own promtool check the metrics and the alert rules. Where it is not installed, Debian's package is
# fetched and unpacked (96 MB, which is why test/all.sh does without), and thrown away afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v promtool >/dev/null; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  chmod 755 "$folder"
  (cd "$folder" && apt-get -q download prometheus && dpkg-deb -x prometheus_*.deb .)
  PATH="$folder/usr/bin:$PATH"
fi
npx vitest run --project metrics
