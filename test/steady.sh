#!/usr/bin/env bash
# Shows that no test depends on real time (as root, for the tests in network namespaces):
#   npm run test:steady            all three of
#   npm run test:steady -- named   the two tests that once did, 50 times in a row beside 8 busy processes
#   npm run test:steady -- quiet   unit tests and interoperation 5 times in a row; meant for a machine that does nothing else
#   npm run test:steady -- busy    the same once, beside 4 busy processes
# Ends with the names of the tests that failed and `N passed, N failed, N skipped` of all runs.
set -euo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp -d)
busy=()
relieve() {
  [ ${#busy[@]} = 0 ] || kill "${busy[@]}"
  busy=()
}
trap 'relieve; rm -rf "$results"' EXIT

burden() {
  for _ in $(seq "$1"); do
    (while :; do :; done) &
    busy+=($!)
  done
}

failed=0
run() {
  local report
  report=$(mktemp "$results/XXXXXX.json")
  npx vitest run --reporter=default --reporter=json --outputFile.json="$report" "$@" || {
    failed=1
    touch "${report%.json}.failed"
  }
}
whole() {
  run --project unit --project servers --project mocked
  run --project interop
}

named() {
  burden 8
  REPEATS=50 run --project unit test/tftp/server/tftp-server.test.ts -t "takes a place from an address that has most of them"
  REPEATS=50 run --project interop test/interop/disk-full.test.ts -t "is known before a byte is fetched"
  relieve
}
quiet() {
  for _ in 1 2 3 4 5; do whole; done
}
busy() {
  burden 4
  whole
  relieve
}

case "${1-all}" in
  named | quiet | busy) "$1" ;;
  all) named && quiet && busy ;;
  *) echo "usage: npm run test:steady [-- named|quiet|busy]" >&2 && exit 2 ;;
esac
node test/summary.mjs "$results" || failed=1
exit "$failed"
