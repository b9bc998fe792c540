#!/usr/bin/env bash
# The QGIS desktop with the plugin enabled, in a profile under build/, showing the demo if there is one.
source "$(dirname "$0")/common.sh"
link_plugin
export QGIS_PLUGINPATH="$ROOT/build/plugins" QGIS_CUSTOM_CONFIG_PATH="$ROOT/build/profile"
"$(qgis_python)" -c 'import sys; sys.path.insert(0, "scripts"); import headless_qgis, pathlib
headless_qgis.profile(pathlib.Path("build/profile"))'
if [ -e demo/demo.qgz ]; then set -- demo/demo.qgz; fi
exec qgis --nologo "$@"
