#!/usr/bin/env bash
# Installs what the tests need, then runs nox's sessions lint, types and tests; pytest's closing line comes last.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$here"
bash scripts/setup.sh dev
export PATH="$here/.venv/bin:$PATH" PYTHONUNBUFFERED=1
unset FORCE_COLOR PY_COLORS
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0
nox --sessions lint types tests 2>&1 | tee "$log" || code=$?
grep -E '^=+ .*[0-9]+ (passed|failed|errors?).* in [0-9.]+s.*=+$' "$log" | tail -n 1 || true
exit "$code"
