"""Bits: thresholds and small whole numbers to bytes and back, big-endian, row by row.

A row's numbers follow one another without gaps, the most significant bit first: with one bit a number, dimension 0 is
bit 7 of byte 0. Each row begins on a whole byte; the bits that pad its last one are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 16
"""Dimensions compared at once."""
AHEAD = 4096
"""Bytes ahead of those compared that are asked for."""
GROUP = 8
"""Numbers of any width that fill whole bytes."""

_function: Callable[..., Any] = cgutils.get_or_insert_function


def row_bytes(count: int, bits: int) -> int:
    """Bytes of a row of ``count`` numbers of ``bits`` bits."""
    return -(-count * bits // 8)


def pack_above(rows: NDArray[np.float32], thresholds: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bit 1 where a value of ``rows`` (n, d) float32 exceeds its dimension's threshold (d,): (n, ceil(d / 8)) uint8.

    NaN exceeds nothing, as in numpy. ``rows`` is read once.
    """
    rows = np.ascontiguousarray(rows, np.float32)
    out = np.empty((len(rows), row_bytes(rows.shape[1], 1)), np.uint8)
    _pack_above(rows, np.ascontiguousarray(thresholds, np.float32), out)
    return out


def pack(numbers: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """``numbers`` (n, d) uint8 below 2^``bits`` (1 … 8) as bytes, (n, ceil(d · bits / 8))."""
    if bits == 8:
        return np.ascontiguousarray(numbers)
    out = np.empty((len(numbers), row_bytes(numbers.shape[1], bits)), np.uint8)
    _pack(_whole_groups(numbers), bits, out)
    return out


def unpack(packed: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint8]:
    """The inverse of ``pack``: (n, ``count``) uint8."""
    if bits == 8:
        return np.ascontiguousarray(packed[:, :count])
    out = np.empty((len(packed), count), np.uint8)
    _unpack(np.ascontiguousarray(packed), bits, out)
    return out


def quantise_and_pack(
    rows: NDArray[np.float32],
    low: NDArray[np.float32],
    inverse: NDArray[np.float32],
    bits: int,
    out: NDArray[np.uint8],
) -> None:
    """Pack clip(rint((rows − low) · inverse), 0, 2^bits − 1) of ``rows`` (n, d) into ``out``, in one pass.

    ``low`` and ``inverse`` (the levels per unit; 0 for a constant dimension) are (d,).
    """
    _quantise_and_pack(np.ascontiguousarray(rows), low, inverse, bits, out)


def first_not_finite(rows: NDArray[np.float32]) -> int:
    """The first row of (n, d) with NaN or an infinity in it; −1 if there is none."""
    found: int = _first_not_finite(np.ascontiguousarray(rows))
    return found


def _whole_groups(numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Padded with zeros to whole groups of eight numbers."""
    count = numbers.shape[1]
    if count % GROUP == 0:
        return np.ascontiguousarray(numbers)
    padded = np.zeros((len(numbers), -(-count // GROUP) * GROUP), np.uint8)
    padded[:, :count] = numbers
    return padded


def _typed_bits_above(_context: Any, _values: Any, _thresholds: Any) -> tuple[Any, Callable[..., Any]]:
    """Addresses of sixteen floats each → the bits of their comparisons: two bytes, the first eight in the lower one.

    LLVM finds neither this order nor comparisons that become bits sixteen at once. The processor's own prefetching
    leaves a fifth of the memory's speed unused here; asking for what lies ahead gets it.
    """
    vector, whole = ir.VectorType(ir.FloatType(), LANES), ir.IntType(32)
    order = ir.Constant(ir.VectorType(whole, LANES), [8 * (lane // 8) + 7 - lane % 8 for lane in range(LANES)])

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole])
        prefetch = _function(builder.module, kind, "llvm.prefetch.p0")
        ahead = builder.inttoptr(builder.add(arguments[0], ir.Constant(ir.IntType(64), AHEAD)), byte)
        read, keep, data = 0, 3, 1
        builder.call(prefetch, [ahead, *(ir.Constant(whole, choice) for choice in (read, keep, data))])
        sides = []
        for address in arguments:
            loaded = builder.load(builder.inttoptr(address, vector.as_pointer()), align=4, typ=vector)
            sides.append(builder.shuffle_vector(loaded, ir.Constant(vector, ir.Undefined), order))
        return builder.bitcast(builder.fcmp_ordered(">", *sides), ir.IntType(LANES))

    return types.uint16(types.intp, types.intp), generate


_bits_above: Callable[..., Any] = intrinsic(_typed_bits_above)


@njit(nogil=True, cache=True)
def _pack_above(rows: NDArray[np.float32], thresholds: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
    count = rows.shape[1]
    whole = count // LANES
    base = thresholds.ctypes.data
    for row in range(len(rows)):
        values = rows[row].ctypes.data
        target = out[row]
        for pair in range(whole):
            found = _bits_above(values + 4 * LANES * pair, base + 4 * LANES * pair)
            target[2 * pair] = np.uint8(found & 255)
            target[2 * pair + 1] = np.uint8(found >> 8)
        for byte in range(2 * whole, target.size):
            last = np.uint8(0)
            for dimension in range(8 * byte, min(8 * byte + 8, count)):
                last |= np.uint8(rows[row, dimension] > thresholds[dimension]) << np.uint8(7 - dimension % 8)
            target[byte] = last


@njit(nogil=True, cache=True)
def _pack_row(numbers: NDArray[np.uint8], bits: int, out: NDArray[np.uint8]) -> None:
    """``numbers`` are whole groups of eight: each becomes ``bits`` bytes, of which the last group may need fewer."""
    if bits == 4:
        for byte in range(out.size):
            out[byte] = (numbers[2 * byte] << 4) | numbers[2 * byte + 1]
        return
    if bits == 2:
        for byte in range(out.size):
            first, second = (numbers[4 * byte] << 6) | (numbers[4 * byte + 1] << 4), numbers[4 * byte + 2] << 2
            out[byte] = first | second | numbers[4 * byte + 3]
        return
    for group in range(numbers.size // 8):
        word = np.uint64(0)
        for number in range(8):
            word = (word << np.uint64(bits)) | np.uint64(numbers[8 * group + number])
        for byte in range(min(bits, out.size - group * bits)):
            out[group * bits + byte] = np.uint8((word >> np.uint64(8 * (bits - 1 - byte))) & np.uint64(255))


@njit(nogil=True, cache=True)
def _pack(numbers: NDArray[np.uint8], bits: int, out: NDArray[np.uint8]) -> None:
    for row in range(len(out)):
        _pack_row(numbers[row], bits, out[row])


@njit(nogil=True, cache=True)
def _unpack(packed: NDArray[np.uint8], bits: int, out: NDArray[np.uint8]) -> None:
    mask = np.uint64((1 << bits) - 1)
    for row in range(len(out)):
        word, held, byte = np.uint64(0), 0, 0
        for number in range(out.shape[1]):
            if held < bits:
                word = ((word & np.uint64(255)) << np.uint64(8)) | np.uint64(packed[row, byte])
                held += 8
                byte += 1
            held -= bits
            out[row, number] = np.uint8((word >> np.uint64(held)) & mask)


@njit(nogil=True, cache=True, error_model="numpy")
def _quantise_row(
    row: NDArray[np.float32], low: NDArray[np.float32], inverse: NDArray[np.float32], top: np.float32, out: Any
) -> None:
    for dimension in range(row.size):
        level = np.rint((row[dimension] - low[dimension]) * inverse[dimension])
        out[dimension] = np.uint8(min(max(level, np.float32(0)), top))


@njit(nogil=True, cache=True, error_model="numpy")
def _quantise_and_pack(
    rows: NDArray[np.float32], low: NDArray[np.float32], inverse: NDArray[np.float32], bits: int, out: NDArray[np.uint8]
) -> None:
    count = rows.shape[1]
    top = np.float32((1 << bits) - 1)
    numbers = np.zeros((count + 7) // 8 * 8, np.uint8)
    for row in range(len(rows)):
        if bits == 8:
            _quantise_row(rows[row], low, inverse, top, out[row])
        else:
            _quantise_row(rows[row], low, inverse, top, numbers[:count])
            _pack_row(numbers, bits, out[row])


@njit(nogil=True, cache=True)
def _first_not_finite(rows: NDArray[np.float32]) -> int:
    for row in range(len(rows)):
        bad = False
        values = rows[row]
        for dimension in range(values.size):
            bad |= (values[dimension] - values[dimension]) != 0
        if bad:
            return row
    return -1
