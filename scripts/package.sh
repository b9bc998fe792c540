#!/usr/bin/env bash
# build/bitscape-<version>.zip: the tracked files that a user's QGIS needs, under one folder named bitscape.
source "$(dirname "$0")/common.sh"
for python in /usr/bin/python3 python3 .venv/bin/python; do
    if "$python" -c '' >/dev/null 2>&1; then exec "$python" scripts/package.py; fi
done
fail "no python3 found"
