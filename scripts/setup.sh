#!/usr/bin/env bash
# Makes .venv in this checkout and installs Oriel FX there: `bash scripts/setup.sh`, or `bash scripts/setup.sh dev`
# for what the tests need as well. Quick when there is nothing to do. PYTHON names another interpreter.
# On Debian and Ubuntu, as root, it also installs the system packages that are missing; else it names them.
set -eu
kind=${1:-base}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$here"
stamp=.venv/oriel-setup

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "Error: $1"
  [ -z "${2:-}" ] || say "  $2"
  exit 1
}
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local names=(python3 python3.14 python3.13 python3.12 python3.11)
  [ -z "${PYTHON:-}" ] || names=("$PYTHON")
  for name in "${names[@]}"; do
    if command -v "$name" >/dev/null && recent "$name"; then
      command -v "$name"
      return
    fi
  done
}

have_chromium() {
  for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    ! command -v "$name" >/dev/null || return 0
  done
  return 1
}
have_postgres() { command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

# Names of the Debian packages that are missing for Python $1 (empty: there is no Python).
missing_packages() {
  if [ -z "$1" ]; then
    printf 'python3 python3-venv libgl1 libegl1'
    [ "$kind" != dev ] || printf ' postgresql chromium-headless-shell libatomic1'
    return
  fi
  local names=()
  "$1" -c 'import venv, ensurepip' 2>/dev/null || names+=("$(basename "$1")-venv")
  if [ "$(uname -s)" = Linux ]; then
    "$1" -c 'import ctypes; ctypes.CDLL("libGL.so.1")' 2>/dev/null || names+=(libgl1)
    "$1" -c 'import ctypes; ctypes.CDLL("libEGL.so.1")' 2>/dev/null || names+=(libegl1)
    # The server's tests run against a real PostgreSQL. Debian keeps its programs off the PATH.
    [ "$kind" != dev ] || have_postgres || names+=(postgresql)
    # The browser engine's tests film pages in a real Chromium.
    [ "$kind" != dev ] || have_chromium || names+=(chromium-headless-shell)
    # Playwright's own Node needs it.
    [ "$kind" != dev ] || "$1" -c 'import ctypes; ctypes.CDLL("libatomic.so.1")' 2>/dev/null || names+=(libatomic1)
  fi
  printf '%s' "${names[*]-}"
}

install_packages() {
  if ! command -v apt-get >/dev/null; then
    fail "These system packages are missing: $*" "The names are Debian's. Install what your system calls them, and run this again."
  elif [ "$(id -u)" != 0 ]; then
    fail "These system packages are missing: $*" "Run: sudo apt-get update && sudo apt-get install -y $*"
  fi
  say "Installing system packages: $*"
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $*" "What it said is above."
  fi
  rm -f "$log"
}

# What the environment was made of; another answer means it has to be brought up to date.
recipe() {
  printf '%s\n%s ' "$here" "$1"
  cat pyproject.toml constraints.txt tests/browser/libraries.txt hatch_build.py src/oriel_fx/render/raster/*.[ch] | cksum
}

# An environment that holds all that is wanted: `dev` has what `base` has.
ready() {
  usable && [ -f $stamp ] || return 1
  for wanted in "$kind" dev; do
    [ "$(cat $stamp)" != "$(recipe "$wanted")" ] || return 0
  done
  return 1
}

# An environment that works, and was not moved here from elsewhere.
usable() {
  recent .venv/bin/python && .venv/bin/python -c 'import pip' 2>/dev/null &&
    { [ ! -f $stamp ] || [ "$(head -n 1 $stamp)" = "$here" ]; }
}

case $kind in
  base) extras="" ;;
  dev) extras="[server,browser,dev]" ;;
  *) fail "There is no set-up called '$kind'." "Use: bash scripts/setup.sh [dev]" ;;
esac

python=$(find_python)
old=${PYTHON:-python3}
if [ -z "$python" ] && command -v "$old" >/dev/null; then
  fail "Python 3.11 or newer is needed; $old is $("$old" -V 2>&1)." "Install a newer one, or name it: PYTHON=/path/to/python3"
fi
missing=$(missing_packages "$python")
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086
  install_packages $missing
  python=$(find_python)
fi
[ -n "$python" ] || fail "Python 3.11 or newer was not found." "Install it, or name it: PYTHON=/path/to/python3"
missing=$(missing_packages "$python")
[ -z "$missing" ] || fail "These system packages are still missing: $missing" "Install them, and run this again."

if ready; then
  exit 0
fi
say "Installing Python packages into .venv (once; about a minute)"
usable || { rm -rf .venv && "$python" -m venv .venv; }
printf '%s\n' "$here" >$stamp
.venv/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e ".$extras" ||
  fail "pip could not install the Python packages." "What it said is above; most often there is no network."
# The browser engine's tests film pages that use web libraries; some wheels have them.
[ "$kind" != dev ] || .venv/bin/python -m pip download -qq --disable-pip-version-check --no-deps --only-binary :all: \
  -r tests/browser/libraries.txt -d .venv/web-libraries ||
  fail "pip could not download what the browser tests film." "What it said is above; most often there is no network."
recipe "$kind" >$stamp
