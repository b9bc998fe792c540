#!/usr/bin/env bash
# Removes what was built here; .venv stays (remove it by hand, or change a lock, to have it made anew).
source "$(dirname "$0")/common.sh"
rm -rf build demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.git/*' -prune -exec rm -rf {} +
say "removed build/, demo/ and caches"
