"""The same results where kernels are compiled for processors without AVX-512: carry-save counting, other vectors."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from bitscape.processing.environment import prepare
prepare()
from bitscape.processing.hamming import distances, nearest, scores
from numba.core.registry import cpu_target
kind = cpu_target.target_context.codegen().magic_tuple()
assert kind[1] == "x86-64-v3" and "avx512" not in kind[2], kind
random = np.random.default_rng(0)
for size in (7, 96, 128, 131):
    codes, queries = (random.integers(0, 256, (count, size), dtype=np.uint8) for count in (900, 9))
    codes[0], codes[1] = 0, 255
    wanted = np.bitwise_count(queries[:, None] ^ codes[None]).sum(axis=2, dtype=np.int64)
    order = np.argsort(wanted, axis=1, kind="stable")[:, :20]
    for few in (queries[:1], queries):
        found, rows = nearest(few, codes, 20)
        np.testing.assert_array_equal(rows, order[: len(few)])
    np.testing.assert_array_equal(found, np.take_along_axis(wanted, order, axis=1))
    np.testing.assert_array_equal(distances(queries[2], codes), wanted[2])
    expected = ((4 * wanted[:5].sum(axis=0) - 5 * wanted[5:].sum(axis=0)) / 20).astype(np.float32)
    np.testing.assert_array_equal(scores(codes, queries[:5], queries[5:]), expected)
print("equal")
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names a kind of x86 processor")
def test_results_without_avx512() -> None:
    environment = os.environ | {
        "NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt"}
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], env=environment, capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "equal"
