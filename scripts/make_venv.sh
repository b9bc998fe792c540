#!/usr/bin/env bash
# Makes .venv from a lock file with checked hashes, or adds to it. Usage: make_venv.sh backend|dev
# .venv/installed names the locks that are in it; without that file an environment counts as unfinished.
source "$(dirname "$0")/common.sh"
wanted=${1:?backend or dev}
stamp=.venv/installed

line() { printf '%s %s\n' "$1" "$(cksum <"requirements/$1.lock")"; }
has() { grep -qxF "$(line "$1")" "$stamp" 2>/dev/null; }

if has "$wanted" && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi

started=$SECONDS
log=build/venv.log
if has backend && .venv/bin/python -c '' 2>/dev/null; then
    say "adding the test tools to .venv from requirements/$wanted.lock"
else
    python=$(scripts/find_python.sh) || fail "no Python between 3.11 and 3.14 with venv found for .venv. Install one," \
        "or set BITSCAPE_BASE_PYTHON to it."
    say "making .venv from requirements/$wanted.lock with $python (about 250 MB to fetch, one to three minutes)"
    rm -rf .venv
    "$python" -m venv .venv
fi
rm -f "$stamp"
for lock in pip "$wanted"; do
    if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes \
        --only-binary :all: -r "requirements/$lock.lock" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        fail "pip could not install requirements/$lock.lock; all it said is in $log"
    fi
done
.venv/bin/python -c 'import numpy, numba, rasterio, pyogrio, sklearn, pydantic' ||
    fail "the packages in .venv do not import: remove .venv and try again"
{
    line backend # dev.lock holds all of backend.lock, at the same versions
    if [ "$wanted" = dev ]; then line dev; fi
} >"$stamp.new"
mv "$stamp.new" "$stamp"
say "compiling the kernels (once; they are kept in this user's cache)"
link_plugin
.venv/bin/python scripts/compile_kernels.py >>"$log" 2>&1 </dev/null ||
    say "they could not be compiled now and will be at their first use; see $log"
say ".venv is ready after $((SECONDS - started)) s"
