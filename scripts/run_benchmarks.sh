#!/usr/bin/env bash
# Runs tests/benchmarks/bench_<name>.py, one after another; each prints one line of JSON.
# Usage: run_benchmarks.sh [NAME]: the one of that very name, or else all whose names start so.
source "$(dirname "$0")/common.sh"
only=${1:-}
link_plugin
if [ -n "$only" ] && [ -e "tests/benchmarks/bench_$only.py" ]; then chosen=("tests/benchmarks/bench_$only.py"); else
    mapfile -t chosen < <(compgen -G "tests/benchmarks/bench_$only*.py" | sort)
fi
if [ ${#chosen[@]} -eq 0 ]; then fail "there is no benchmark ${only:-in tests/benchmarks}"; fi
status=0
for script in "${chosen[@]}"; do
    PYTHONPATH=build/plugins .venv/bin/python -P "$script" || { status=1; echo "FAILED: $script" >&2; }
done
exit $status
