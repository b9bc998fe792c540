"""Measure a benchmark again in a process whose kernels are compiled for processors without AVX-512."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

KINDS = {
    "avx2": ("x86-64-v3", "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt"),
    "avx512_without_popcount": ("skylake-avx512", "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx2,+bmi,+bmi2,"
                                                  "+f16c,+fma,+lzcnt,+movbe,+popcnt"),
}
"""NUMBA_CPU_NAME and NUMBA_CPU_FEATURES by a name. The peer keeps whatever instructions it finds."""


def is_child() -> bool:
    """Whether this process is one of those that ``figures`` starts."""
    return "BITSCAPE_BENCH_KIND" in os.environ


def figures(script: str) -> dict[str, Any]:
    """The script's own JSON line, by kind, from children that measure the same, without children of their own."""
    found = {}
    for kind, (name, features) in KINDS.items():
        environment = os.environ | {
            "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "BITSCAPE_BENCH_KIND": kind}
        command = [sys.executable, "-P", script]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[kind] = json.loads(done.stdout)
    return found
