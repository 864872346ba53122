#!/usr/bin/env bash
# npm run test:api: schemathesis, from PyPI into a folder of its own, asks the admin port what its OpenAPI
# document describes and judges the answers by it.
# Left out: the stream of events, which does not end. How long an answer takes is a matter of the machine, and judged by no figure.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=node_modules/.cache/schemathesis
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" -q install 'schemathesis>=4,<5'; }

printed=$(mktemp)
node --import tsx test/api/made-up-server.ts >"$printed" &
server=$!
trap 'kill "$server"; rm -f "$printed"' EXIT
until [ -s "$printed" ]; do
  kill -0 "$server"
  sleep 0.2
done

"$venv/bin/schemathesis" run "http://127.0.0.1:$(cat "$printed")/openapi.json" \
  --exclude-path /api/v1/events --max-examples "${EXAMPLES:-100}" --phases examples,coverage,fuzzing --checks all --max-response-time 300
