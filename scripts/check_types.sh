#!/usr/bin/env bash
# mypy on bitscape.processing, strict, under the name it is imported by.
source "$(dirname "$0")/common.sh"
link_plugin
cd build/plugins
MYPYPATH=. exec ../../.venv/bin/mypy --config-file ../../pyproject.toml --cache-dir ../mypy -p bitscape.processing
