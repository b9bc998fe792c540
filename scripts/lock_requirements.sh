#!/usr/bin/env bash
# requirements/*.txt -> hash-pinned *.lock for every platform and Python from 3.11 on. Needs uv.
source "$(dirname "$0")/common.sh"
uv=$(command -v uv || true)
if [ -z "$uv" ]; then fail "uv is not installed: see https://docs.astral.sh/uv"; fi
cd requirements
lock() {
    # fewest: one version of each package for all Pythons, so that what is tested is what everyone runs
    "$uv" pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --upgrade "$@"
}
lock pip.txt --output-file pip.lock
lock backend.txt --output-file backend.lock
lock dev.txt --constraint backend.lock --output-file dev.lock
say "wrote requirements/{pip,backend,dev}.lock; now make test"
