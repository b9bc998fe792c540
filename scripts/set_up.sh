#!/usr/bin/env bash
# Installs what `make demo` or `make test` lacks. Usage: set_up.sh demo|test
# System packages come through apt only; everything else goes to .venv and build/ in this folder.
source "$(dirname "$0")/common.sh"
purpose=${1:?demo or test}

exec 9>build/.set_up.lock
if command -v flock >/dev/null; then flock 9; fi # two makes at once wait for each other

scripts/install_packages.sh "$purpose"
if [ "$purpose" = test ]; then scripts/make_venv.sh dev; else scripts/make_venv.sh backend; fi
link_plugin
