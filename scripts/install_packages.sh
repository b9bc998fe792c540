#!/usr/bin/env bash
# Installs through apt what is missing of QGIS, pyqtgraph, a Python for .venv and, for tests, pytest and a virtual display.
# Where there is no apt, or no way to become root, it says what is missing. Usage: install_packages.sh demo|test
source "$(dirname "$0")/common.sh"
purpose=${1:?demo or test}
missing=()

if ! find_qgis_process >/dev/null; then missing+=(qgis python3-qgis); elif ! qgis_python >/dev/null; then
    missing+=(python3-qgis)
fi
# The dock's charts; without them it works and says so, so where there is no apt nobody has to go and find them.
if command -v apt-get >/dev/null && ! "$(qgis_python || echo /usr/bin/python3)" -c \
    'import importlib.util, sys; sys.exit(importlib.util.find_spec("pyqtgraph") is None)' 2>/dev/null; then
    missing+=(python3-pyqtgraph)
fi
# .venv wants a Python of at least 3.11 that can make environments.
if [ ! -e .venv/installed ] && ! scripts/find_python.sh >/dev/null; then missing+=(python3-venv); fi
if [ "$purpose" = test ]; then
    python=$(qgis_python || echo /usr/bin/python3)
    if ! "$python" -c 'import pytest' >/dev/null 2>&1; then missing+=(python3-pytest); fi
    if [ "$(uname)" = Linux ]; then
        if ! command -v Xvfb >/dev/null; then missing+=(xvfb); fi
        if ! command -v xauth >/dev/null; then missing+=(xauth); fi
    fi
fi

if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
    fail "missing: ${missing[*]} (these are Debian's names). Install them with this system's own tools, or set" \
        "QGIS_PROCESS and QGIS_PYTHON to the qgis_process and python of a QGIS that is elsewhere."
fi
become_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then fail "missing: ${missing[*]}. As root: apt-get install ${missing[*]}"; fi
    become_root=(sudo)
    if [ ! -t 0 ]; then become_root=(sudo -n); fi
fi

log=build/apt.log
: >"$log"
apt() {
    if ! "${become_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" \
        >>"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        fail "apt-get $1 failed; all it said is in $log"
    fi
}

say "missing: ${missing[*]}; asking apt"
started=$SECONDS
apt update
# Ubuntu 22.04's own Python is 3.10; it has a newer one beside it.
if apt-cache policy python3 | grep -q 'Candidate: 3\.10' && [[ " ${missing[*]} " == *" python3-venv "* ]]; then
    missing=("${missing[@]/python3-venv/python3.11-venv}")
fi
size=
if [[ " ${missing[*]} " == *" qgis "* ]]; then size=" (about 1.2 GB on disk, two to five minutes)"; fi
say "installing ${missing[*]}$size"
apt install -y --no-install-recommends "${missing[@]}"
find_qgis_process >/dev/null || fail "apt installed QGIS, but there is no qgis_process"
say "installed in $((SECONDS - started)) s"
