#!/usr/bin/env bash
# The demo itself; everything it needs is installed.
source "$(dirname "$0")/common.sh"
link_plugin
python=$(qgis_python) || fail "no Python that can import qgis.core: install python3-qgis, or set QGIS_PYTHON to it"
exec "$python" scripts/run_demo.py "$python"
