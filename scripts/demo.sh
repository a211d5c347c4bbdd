#!/usr/bin/env bash
# Installs what rendering needs, then makes demo.mp4 in the current folder; an earlier demo.mp4 is replaced.
# Options go on to `oriel demo`, such as --size vertical.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bash "$here/scripts/setup.sh"
exec "$here/.venv/bin/oriel" demo --force "$@"
