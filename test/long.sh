#!/usr/bin/env bash
# The tests of which `test/all.sh` does only a part, because a round of them takes seconds: all of their rounds (root).
set -euo pipefail
cd "$(dirname "$0")/.."
export LONG=1 ALL_CASES=1
mapfile -t files < <(grep -lE 'from "[./]+/support/cases.ts"' -r test --include='*.test.ts' | xargs grep -lE '\b(rounds|rows)\(')
exec npx vitest run --project slow --project interop --project qemu "${files[@]}" "$@"
