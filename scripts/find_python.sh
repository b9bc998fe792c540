#!/usr/bin/env bash
# Prints a Python between 3.11 and 3.14 that can make virtual environments: the system's own if it is new enough.
source "$(dirname "$0")/common.sh"
for candidate in ${BITSCAPE_BASE_PYTHON:-} /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
        >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
exit 1
