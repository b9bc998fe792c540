"""Rows times a fixed square or wide matrix, block by block, in float32: what rotating vectors costs.

Where the processor has AVX-512, a kernel of our own multiplies tiles of 12 rows × 32 columns that stay in its
registers; elsewhere numpy's BLAS does it. (OpenBLAS chooses its kernels by the processor's name: one that it does not
know yet gets those for narrower registers, at half the speed.) Sums are rounded in another order, nothing else differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES, VECTORS, TILE_ROWS = 16, 2, 12
"""24 accumulators of 16 floats, two registers of the matrix, one of the rows: 27 of AVX-512's 32."""
COLUMNS = LANES * VECTORS
BLOCK_ROWS = 8 * TILE_ROWS
"""Rows worked on at once: with a panel of the matrix they stay in the second-level cache."""
WIDE = "avx512f" in {name for name, there in llvm.get_host_cpu_features().items() if there}

_function: Callable[..., Any] = cgutils.get_or_insert_function

class FixedMatrix:
    """A matrix (d, k) float32 that many blocks of rows are multiplied by."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        self.depth, self.columns = matrix.shape
        self._matrix = np.ascontiguousarray(matrix, np.float32)
        self._panels = _panels(self._matrix) if WIDE else None

    def buffer(self) -> NDArray[np.float32]:
        """Memory for the products of one block: (BLOCK_ROWS, k rounded up to whole tiles)."""
        return np.empty((BLOCK_ROWS, -(-self.columns // COLUMNS) * COLUMNS), np.float32)

    def multiply(self, rows: NDArray[np.float32], buffer: NDArray[np.float32]) -> NDArray[np.float32]:
        """``rows`` (at most BLOCK_ROWS, d) @ matrix, (rows, k), in ``buffer``."""
        product = buffer[: len(rows), : self.columns]
        if self._panels is None:
            np.matmul(rows, self._matrix, out=product)
        else:
            _multiply(np.ascontiguousarray(rows), self._panels, buffer)
        return product

    def product(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """``rows`` (n, d) @ matrix, (n, k)."""
        out = np.empty((len(rows), self.columns), np.float32)
        buffer = self.buffer()
        for start in range(0, len(rows), BLOCK_ROWS):
            part = rows[start : start + BLOCK_ROWS]
            out[start : start + len(part)] = self.multiply(part, buffer)
        return out


def _panels(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix in panels of 32 columns, zeros beyond its own: (panels, d, 32)."""
    depth, columns = matrix.shape
    count = -(-columns // COLUMNS)
    padded = np.zeros((depth, count * COLUMNS), np.float32)
    padded[:, :columns] = matrix
    return np.ascontiguousarray(padded.reshape(depth, count, COLUMNS).transpose(1, 0, 2))


def _typed_tile(
    _context: Any, _rows: Any, _panel: Any, _out: Any, _depth: Any, _stride: Any
) -> tuple[Any, Callable[..., Any]]:
    """Addresses of (depth, 12) and (depth, 32) floats → their product (12, 32), its rows ``stride`` bytes apart."""
    vector, index = ir.VectorType(ir.FloatType(), LANES), ir.IntType(64)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        row_address, panel_address, out_address, count, step = arguments
        multiply_add = _function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{LANES}f32")

        def at(address: Any, offset: Any, kind: Any) -> Any:
            return builder.inttoptr(builder.add(address, offset), kind.as_pointer())

        def number(value: int) -> Any:
            return ir.Constant(index, value)

        before = builder.block
        loop, after = builder.append_basic_block("depth"), builder.append_basic_block("store")
        builder.branch(loop)
        builder.position_at_end(loop)
        done = builder.phi(index)
        done.add_incoming(number(0), before)
        sums = [builder.phi(vector) for _ in range(TILE_ROWS * VECTORS)]
        line = builder.add(panel_address, builder.mul(done, number(4 * COLUMNS)))
        columns = [
            builder.load(at(line, number(4 * LANES * part), vector), align=4, typ=vector) for part in range(VECTORS)
        ]
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        added = []
        for row in range(TILE_ROWS):
            place = builder.add(builder.mul(done, number(4 * TILE_ROWS)), number(4 * row))
            value = builder.load(at(row_address, place, ir.FloatType()), align=4, typ=ir.FloatType())
            first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
            spread = builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)
            totals = sums[row * VECTORS : (row + 1) * VECTORS]
            added += [builder.call(multiply_add, [spread, *pair]) for pair in zip(columns, totals, strict=True)]
        following = builder.add(done, number(1))
        for total, updated in zip(sums, added, strict=True):
            total.add_incoming(ir.Constant(vector, [0.0] * LANES), before)
            total.add_incoming(updated, builder.block)
        done.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
        builder.position_at_end(after)
        for row in range(TILE_ROWS):
            for part in range(VECTORS):
                place = builder.add(builder.mul(step, number(row)), number(4 * LANES * part))
                builder.store(added[row * VECTORS + part], at(out_address, place, vector), align=4)
        return number(0)

    return types.int64(types.intp, types.intp, types.intp, types.intp, types.intp), generate


_tile: Callable[..., Any] = intrinsic(_typed_tile)


@njit(nogil=True, cache=True)
def _multiply(rows: NDArray[np.float32], panels: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    depth, count = rows.shape[1], len(rows)
    groups = (count + TILE_ROWS - 1) // TILE_ROWS
    turned = np.zeros((groups, depth, TILE_ROWS), np.float32)
    for row in range(count):
        group, place = row // TILE_ROWS, row % TILE_ROWS
        values = rows[row]
        for dimension in range(depth):
            turned[group, dimension, place] = values[dimension]
    stride = out.shape[1] * 4
    base = out.ctypes.data
    for panel in range(len(panels)):
        for group in range(groups):
            target = base + group * TILE_ROWS * stride + panel * COLUMNS * 4
            _tile(turned[group].ctypes.data, panels[panel].ctypes.data, target, depth, stride)
