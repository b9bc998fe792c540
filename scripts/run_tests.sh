#!/usr/bin/env bash
# Lint, types and the three test suites: the backend's in .venv, the plugin's and the system's in QGIS's Python.
# All of them run, whatever the first ones say; the exit code is 0 only if all passed.
source "$(dirname "$0")/common.sh"
link_plugin
results=build/test-results
rm -rf "$results"
mkdir -p "$results" build/empty
failed=()

stage() { # stage NAME LIMIT_SECONDS COMMAND...
    local name=$1 limit=$2 started=$SECONDS
    shift 2
    say "$name"
    if command -v timeout >/dev/null; then set -- timeout --kill-after=30 "$limit" "$@"; fi
    if "$@" </dev/null; then say "$name passed in $((SECONDS - started)) s"; else
        say "$name FAILED (exit code $?) after $((SECONDS - started)) s"
        failed+=("$name")
    fi
}

qgis_pytest() { # the suites that need qgis; never with the repository on sys.path, where `processing` would be ours
    local python safe=-P
    python=$(qgis_python)
    "$python" -P -c '' 2>/dev/null || safe=-B # Python before 3.11 has no -P: the empty folder below serves as well
    (cd build/empty && PYTHONPATH="$ROOT/build/plugins" QT_QPA_PLATFORM=offscreen exec "$python" "$safe" -m pytest \
        --rootdir "$ROOT" -c "$ROOT/pyproject.toml" --import-mode=importlib "$@")
}
export -f qgis_pytest qgis_python
export ROOT

suite() { # suite NAME: whether tests/NAME has tests
    compgen -G "tests/$1/test_*.py" >/dev/null || compgen -G "tests/$1/*/test_*.py" >/dev/null
}

stage "lint" 120 .venv/bin/ruff check .
stage "types" 300 scripts/check_types.sh
stage "backend tests" 2400 env PYTHONPATH=build/plugins .venv/bin/python -P -m pytest --import-mode=importlib \
    tests/processing --junitxml="$results/processing.xml"
for name in plugin system; do
    suite "$name" || continue
    stage "$name tests" 2400 bash -c 'set -euo pipefail; qgis_pytest "$@"' _ "$ROOT/tests/$name" \
        --junitxml="$ROOT/$results/$name.xml"
done

.venv/bin/python scripts/count_tests.py "$results"
if [ ${#failed[@]} -gt 0 ]; then fail "failed: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"; fi
say "all passed in $SECONDS s"
