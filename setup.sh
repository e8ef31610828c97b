#!/bin/sh
# Everything from a bare machine with python3 to a running napari-unmix:
#
#     sh setup.sh demo    opens napari with the sample scene; without a display, runs the same job and writes pictures
#     sh setup.sh test    passes the tests, the window's under a virtual display included
#     sh setup.sh lint    ruff, mypy, the import contracts, and who opens files
#     sh setup.sh docs    builds the documentation into site/; a warning is an error
#
# On Debian and its relatives it installs what is missing with apt-get (as root or through sudo); elsewhere it says what to
# install. Python packages go to .venv beside this file. Another python: PYTHON=/path/to/python3.12 sh setup.sh demo
set -eu

TORCH="torch==2.13.0" # what the tests were run with; first, so that the package's wider range keeps it
STAMP=.venv/.napari-unmix

# A program or library that a window needs : the Debian package that has it.
WINDOW_LIBRARIES="
libGL.so.1:libgl1 libEGL.so.1:libegl1 libfontconfig.so.1:libfontconfig1 libdbus-1.so.3:libdbus-1-3
libglib-2.0.so.0:libglib2.0-0 libxkbcommon-x11.so.0:libxkbcommon-x11-0 libxcb-cursor.so.0:libxcb-cursor0
libxcb-icccm.so.4:libxcb-icccm4 libxcb-keysyms.so.1:libxcb-keysyms1 libxcb-shape.so.0:libxcb-shape0
"

say() { printf 'napari-unmix: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

usage() { fail "use one of: sh setup.sh demo, sh setup.sh test, sh setup.sh lint, sh setup.sh docs."; }

# Print the first python of at least 3.11.
find_python() {
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
}

# Print the Debian packages that are missing for $1 (demo, test, lint or docs).
missing_packages() {
  [ -n "$python" ] || printf 'python3 '
  [ -x .venv/bin/python ] || "${python:-python3}" -c 'import venv, ensurepip' 2>/dev/null || printf 'python3-venv '
  case "$1" in lint | docs) return 0 ;; esac
  [ "$(uname)" = Linux ] || return 0
  command -v Xvfb >/dev/null || [ "$1" != test ] || printf 'xvfb '
  libraries=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)
  for pair in $WINDOW_LIBRARIES; do
    case $libraries in
    *"${pair%%:*}"*) ;;
    *) printf '%s ' "${pair#*:}" ;;
    esac
  done
}

# Install Debian packages; fails where that is not possible.
apt_install() {
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" = 0 ]; then
    root=""
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    root="sudo"
  else
    return 1
  fi
  say "installing system packages: $*"
  $root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 &&
    $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" >&2
}

system_packages() {
  packages=$(missing_packages "$1")
  [ -n "$packages" ] || return 0
  # shellcheck disable=SC2086 # a list of words
  apt_install $packages && return 0
  say "these Debian packages are missing and could not be installed from here: $packages"
  say "install them (Debian, Ubuntu: apt-get install $packages; elsewhere, your system's packages of the same libraries), then run this again."
  case "$packages" in *python3*) exit 1 ;; esac
  [ "$1" = demo ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || exit 1
  say "there is no display, so the demo goes on without a window."
}

# What .venv was made from: another checkout, python or list of packages makes it out of date.
fingerprint() {
  {
    pwd
    "$python" -VV
    cat pyproject.toml setup.sh
  } | cksum
}

python_packages() {
  wanted=$(fingerprint)
  [ "$(cat "$STAMP" 2>/dev/null)" != "$wanted" ] || return 0
  rm -f "$STAMP"
  say "installing Python packages into .venv (once; a few minutes)"
  "$python" -m venv --clear .venv || fail "python could not make .venv: see the message above."
  pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet"
  $pip --upgrade "pip>=25.1" # older ones know no dependency groups
  $pip "$TORCH"
  $pip --editable ".[gui]" --group dev
  printf '%s\n' "$wanted" >"$STAMP"
}

lint() {
  status=0
  .venv/bin/ruff check . || status=1
  .venv/bin/ruff format --check . || status=1
  .venv/bin/mypy || status=1
  .venv/bin/lint-imports || status=1
  .venv/bin/python resources/lint/doors.py || status=1
  return $status
}

# All tests, or those that are named. First what computes, then the window's, two at a time, each process with a virtual display of its own: they
# wait as much as they compute, and measure how soon the window answers.
tests() {
  for word in "$@"; do
    [ ! -e "${word%%::*}" ] || exec .venv/bin/python -m pytest "$@"
  done
  status=0
  OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --maxprocesses=4 --dist worksteal --ignore=tests/plugin/window --ignore=tests/gallery "$@" || status=1
  OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --maxprocesses=2 --dist worksteal tests/plugin/window tests/gallery "$@" || status=1
  return $status
}

cd "$(dirname "$0")"
job=${1:-}
case "$job" in demo | test | lint | docs) shift ;; *) usage ;; esac
python=$(find_python)
system_packages "$job"
python=$(find_python)
[ -n "$python" ] || fail "needs python 3.11 or later, and found none: install it, or name it: PYTHON=/path/to/python sh setup.sh $job"
python_packages
case "$job" in
demo) exec .venv/bin/napari-unmix demo "$@" ;;
test) tests "$@" ;;
lint) lint ;;
docs) NO_MKDOCS_2_WARNING=1 exec .venv/bin/mkdocs build --strict -f resources/docs/mkdocs.yml "$@" ;;
esac
