"""Kernels from int8 codes to uint8 scores: logit in float32, sigmoid or softmax, 0–254, 255 where there is no data; and
to float32 numbers, NaN where there is none.

Planes are read eight at a time in one loop over pixels, so that LLVM keeps the sum in registers. The sigmoid is a
rational minimax approximation of tanh (error below 3e-4 of a score step), rounded by adding 1.5 · 2²³.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .bitcast import bits_of_float, float_of_bits

NODATA = 255
HALF = 127
"""The score of probability one half: from here on a pixel is of the positive class."""
CODE_NODATA = -128
BLOCK = 4096
GROUP = 8

FAST = {"contract", "nsz", "nnan"}
"""No NaN can occur in scores: codes are integers, weights finite. Never reassoc: it would undo the rounding by
addition."""

F = np.float32
NAN = F(np.nan)
ONE, TOP, ROUND = F(1.0), F(254.0), F(12582912.0)
ROUND_HALF = F(12582912.0 + 127.0)
LIMIT = F(6.4)
"""Beyond this logit the score is 0 or 254."""
P0, P1, P2 = (F(127 * p) for p in (0.4999940212701038, 0.013377144630981767, 2.6273801138442553e-05))
Q1, Q2 = F(0.11007481237170248), F(0.0008960937220002807)
LOG2E = F(1.4426950408889634)
E0, E1, E2, E3 = F(0.99992807), F(0.69326099), F(0.24261112), F(0.055171665)
"""2^r for |r| ≤ ½ within 7.5e-5 (relative), minimax."""


def score_positive(
    codes: NDArray[np.int8], weights: NDArray[np.floating[Any]], bias: float, out: NDArray[np.uint8]
) -> None:
    """Fill ``out`` (pixels,) with round(254 · sigmoid(weights @ codes + bias)), within 1 of the float64 value.

    ``codes`` (k, pixels), ``weights`` (k,). Pixels whose first code is −128 become 255.
    """
    count = len(weights)
    padded = np.zeros(-(-count // GROUP) * GROUP, F)
    padded[:count] = weights
    if count <= GROUP:
        _score_eight(codes, padded, F(bias), out)
    else:
        _score_many(codes, padded, F(bias), out)


def score_classes(
    codes: NDArray[np.int8],
    weights: NDArray[np.floating[Any]],
    bias: NDArray[np.floating[Any]],
    scores: NDArray[np.uint8],
    classes: NDArray[np.uint8],
) -> None:
    """Fill ``scores`` (classes, pixels) with round(254 · softmax) and ``classes`` (pixels,) with 1 + the likeliest.

    ``codes`` (k, pixels), ``weights`` (classes, k), ``bias`` (classes,). Pixels without data: 255 and 0.
    """
    total, count = weights.shape
    padded = np.zeros((total, -(-count // GROUP) * GROUP), F)
    padded[:, :count] = weights
    _score_softmax(codes, padded, bias.astype(F), scores, classes)


def predict_numbers(
    codes: NDArray[np.int8], weights: NDArray[np.floating[Any]], bias: float, out: NDArray[np.float32]
) -> None:
    """Fill ``out`` (pixels,) float32 with weights @ codes + bias; NaN where the first code is −128.

    ``codes`` (k, pixels), ``weights`` (k,).
    """
    count = len(weights)
    padded = np.zeros(-(-count // GROUP) * GROUP, F)
    padded[:count] = weights
    if count <= GROUP:
        _predict_eight(codes, padded, F(bias), out)
    else:
        _predict_many(codes, padded, F(bias), out)


def count_values(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each value 0…255 occurs in ``values`` (pixels,), (256,); numpy's bincount makes int64 of them first."""
    tables = np.zeros((4, 256), np.int64)
    _count(values, tables)
    return np.asarray(tables.sum(axis=0))


@njit(nogil=True, cache=True, error_model="numpy")
def _count(values: Any, tables: Any) -> None:
    whole = values.size // 4 * 4
    for i in range(0, whole, 4):  # four tables: neighbours are alike, and an addition would wait for the one before
        tables[0, values[i]] += 1
        tables[1, values[i + 1]] += 1
        tables[2, values[i + 2]] += 1
        tables[3, values[i + 3]] += 1
    for i in range(whole, values.size):
        tables[0, values[i]] += 1


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _score_eight(codes: Any, w: Any, bias: Any, out: Any) -> None:
    last = codes.shape[0] - 1
    a, b, c, d = codes[0], codes[min(1, last)], codes[min(2, last)], codes[min(3, last)]
    e, f, g, h = codes[min(4, last)], codes[min(5, last)], codes[min(6, last)], codes[min(7, last)]
    w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for i in range(out.size):
        z = (bias + w0 * F(a[i]) + w1 * F(b[i]) + w2 * F(c[i]) + w3 * F(d[i])) + (
            w4 * F(e[i]) + w5 * F(f[i]) + w6 * F(g[i]) + w7 * F(h[i]))
        z = z if z > -LIMIT else -LIMIT
        z = z if z < LIMIT else LIMIT
        q = z * z
        value = z * (P0 + q * (P1 + q * P2)) / (ONE + q * (Q1 + q * Q2)) + ROUND_HALF
        score = np.uint8(bits_of_float(value))
        out[i] = np.uint8(NODATA) if a[i] == CODE_NODATA else score


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _score_many(codes: Any, w: Any, bias: Any, out: Any) -> None:
    buffer = np.empty(BLOCK, np.float32)
    for low in range(0, out.size, BLOCK):
        part = codes[:, low : low + BLOCK]
        target = out[low : low + BLOCK]
        logits = buffer[: target.size]
        _logits(part, w, bias, logits)
        _squash(logits, part[0], target)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _squash(logits: Any, first: Any, out: Any) -> None:
    for i in range(out.size):
        z = logits[i]
        z = z if z > -LIMIT else -LIMIT
        z = z if z < LIMIT else LIMIT
        q = z * z
        value = z * (P0 + q * (P1 + q * P2)) / (ONE + q * (Q1 + q * Q2)) + ROUND_HALF
        score = np.uint8(bits_of_float(value))
        out[i] = np.uint8(NODATA) if first[i] == CODE_NODATA else score


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _logits(codes: Any, w: Any, bias: Any, out: Any) -> None:
    out[:] = bias
    last = codes.shape[0] - 1
    for low in range(0, w.size, GROUP):
        _add_eight(
            out, w[low : low + GROUP], codes[min(low, last)], codes[min(low + 1, last)], codes[min(low + 2, last)],
            codes[min(low + 3, last)], codes[min(low + 4, last)], codes[min(low + 5, last)], codes[min(low + 6, last)],
            codes[min(low + 7, last)],
        )


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _add_eight(out: Any, w: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> None:
    w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for i in range(out.size):
        out[i] = (out[i] + w0 * F(a[i]) + w1 * F(b[i]) + w2 * F(c[i]) + w3 * F(d[i])) + (
            w4 * F(e[i]) + w5 * F(f[i]) + w6 * F(g[i]) + w7 * F(h[i]))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST - {"nnan"})
def _predict_eight(codes: Any, w: Any, bias: Any, out: Any) -> None:
    last = codes.shape[0] - 1
    a, b, c, d = codes[0], codes[min(1, last)], codes[min(2, last)], codes[min(3, last)]
    e, f, g, h = codes[min(4, last)], codes[min(5, last)], codes[min(6, last)], codes[min(7, last)]
    w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
    for i in range(out.size):
        z = (bias + w0 * F(a[i]) + w1 * F(b[i]) + w2 * F(c[i]) + w3 * F(d[i])) + (
            w4 * F(e[i]) + w5 * F(f[i]) + w6 * F(g[i]) + w7 * F(h[i]))
        out[i] = NAN if a[i] == CODE_NODATA else z


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST - {"nnan"})
def _predict_many(codes: Any, w: Any, bias: Any, out: Any) -> None:
    for low in range(0, out.size, BLOCK):
        part = codes[:, low : low + BLOCK]
        target = out[low : low + BLOCK]
        _logits(part, w, bias, target)
        first = part[0]
        for i in range(target.size):
            target[i] = NAN if first[i] == CODE_NODATA else target[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _score_softmax(codes: Any, w: Any, bias: Any, scores: Any, classes: Any) -> None:
    total = w.shape[0]
    buffer = np.empty((total + 2, BLOCK), np.float32)
    for low in range(0, classes.size, BLOCK):
        part = codes[:, low : low + BLOCK]
        chosen = classes[low : low + BLOCK]
        size = chosen.size
        largest, summed = buffer[total, :size], buffer[total + 1, :size]
        for k in range(total):
            logits = buffer[k, :size]
            _logits(part, w[k], bias[k], logits)
            _keep_largest(logits, k, largest, chosen)
        summed[:] = F(0.0)
        for k in range(total):
            _exponentials(buffer[k, :size], largest, summed)
        for k in range(total):
            _shares(buffer[k, :size], summed, part[0], scores[k, low : low + BLOCK])
        _mask(part[0], chosen)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _keep_largest(logits: Any, k: int, largest: Any, chosen: Any) -> None:
    for i in range(logits.size):
        better = k == 0 or logits[i] > largest[i]
        largest[i] = logits[i] if better else largest[i]
        chosen[i] = np.uint8(k + 1) if better else chosen[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _exponentials(values: Any, largest: Any, summed: Any) -> None:
    for i in range(values.size):
        t = (values[i] - largest[i]) * LOG2E
        t = t if t > F(-30.0) else F(-30.0)
        shifted = t + ROUND
        r = t - (shifted - ROUND)
        mantissa = E0 + r * (E1 + r * (E2 + r * E3))
        values[i] = float_of_bits(np.int32(bits_of_float(mantissa) + (bits_of_float(shifted) << np.int32(23))))
        summed[i] += values[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _shares(values: Any, summed: Any, first: Any, out: Any) -> None:
    for i in range(values.size):
        score = np.uint8(bits_of_float(TOP * values[i] / summed[i] + ROUND))
        out[i] = np.uint8(NODATA) if first[i] == CODE_NODATA else score


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _mask(first: Any, classes: Any) -> None:
    for i in range(classes.size):
        classes[i] = np.uint8(0) if first[i] == CODE_NODATA else classes[i]
