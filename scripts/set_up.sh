#!/usr/bin/env bash
# Installs what `make demo` or `make test` lacks; with `venv` only the test tools' .venv. Usage: set_up.sh demo|test|venv
# System packages come through apt only; everything else goes to .venv and build/ in this folder.
source "$(dirname "$0")/common.sh"
purpose=${1:?demo, test or venv}

exec 9>build/.set_up.lock
if command -v flock >/dev/null; then flock 9; fi # two makes at once wait for each other

if [ "$purpose" != venv ]; then scripts/install_packages.sh "$purpose"; fi
if [ "$purpose" = demo ]; then scripts/make_venv.sh backend; else scripts/make_venv.sh dev; fi
link_plugin
