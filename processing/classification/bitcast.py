"""The bits of a float as an integer and back, for exponentials by bit tricks that LLVM can vectorise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _reinterpret(source: Any, target: Any, llvm_type: ir.Type) -> Callable[..., Any]:
    def typed(_typing_context: Any, _value: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], llvm_type)

        return target(source), generate

    reinterpreted: Callable[..., Any] = intrinsic(typed)
    return reinterpreted


float_of_bits = _reinterpret(types.int32, types.float32, ir.FloatType())
bits_of_float = _reinterpret(types.float32, types.int32, ir.IntType(32))
double_of_bits = _reinterpret(types.int64, types.float64, ir.DoubleType())
bits_of_double = _reinterpret(types.float64, types.int64, ir.IntType(64))
