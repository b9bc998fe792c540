"""How fast this machine reads memory: the limit of whatever only looks at bytes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def _ask_for(_context: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place, number = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer()), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(ask, [place, number(0), number(3), number(1)])
        return ir.IntType(64)(0)

    return types.int64(types.intp), generate


@njit
def _sum(words: np.ndarray) -> int:
    """Of a multiple of 64 words; memory further on is asked for, as the kernels do."""
    base, sums = words.ctypes.data, np.zeros(64, np.uint64)
    for start in range(0, len(words), 64):
        for line in range(0, 512, 64):
            _ask_for(base + 8 * start + 4096 + line)
        part = words[start : start + 64]
        for i in range(64):
            sums[i] += part[i]
    return sums.sum()


def read_seconds(words: np.ndarray) -> float:
    """Seconds of the processor to sum 64-bit words, a multiple of 64 of them."""
    start = time.process_time()
    _sum(words)
    return time.process_time() - start
