# Sourced by the other scripts: where things are and how they speak.
# shellcheck shell=bash
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
mkdir -p build
export LANG=${LANG:-C.UTF-8}

say() { printf '== %s\n' "$*"; }
fail() { printf 'ERROR: %s\n' "$*" >&2; exit 1; }

# QGIS's own interpreter: the one that can import qgis.core.
qgis_python() {
    local candidate
    for candidate in ${QGIS_PYTHON:-} /usr/bin/python3 /Applications/QGIS*.app/Contents/MacOS/bin/python3; do
        if "$candidate" -c 'import qgis.core' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

find_qgis_process() {
    local candidate
    for candidate in ${QGIS_PROCESS:-} "$(type -P qgis_process || true)" \
        /Applications/QGIS*.app/Contents/MacOS/bin/qgis_process; do
        if [ -x "$candidate" ]; then
            # Debian's 3.22 wrapper passes an option that its own binary refuses.
            if [ -x "$candidate.bin" ]; then echo "$candidate.bin"; else echo "$candidate"; fi
            return
        fi
    done
    return 1
}

# The plugin folder is the repository itself, under the name that Python imports.
link_plugin() {
    mkdir -p build/plugins
    [ "$(readlink build/plugins/bitscape)" = ../.. ] || ln -sfn ../.. build/plugins/bitscape
}
