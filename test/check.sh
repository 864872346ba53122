#!/usr/bin/env bash
# What one runs while one works: unit tests, and beside them format, lint and types, which take a core for a while.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

output=$(mktemp)
{ npm run --silent format:check && npm run --silent lint && npm run --silent types; } >"$output" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; rm -f "$output"' EXIT

failed=0
npx vitest run --project unit --project mocked || failed=1
wait "$beside" || failed=1
trap 'rm -f "$output"' EXIT
cat "$output"
exit "$failed"
