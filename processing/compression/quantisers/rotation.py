"""Random rotations, the same for all who know the seed."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

MOST_DIMENSIONS = 8192
"""Of vectors that are rotated: the matrix has 256 MB then, and drawing it takes minutes."""
ROUNDING = 1024
"""Entries are hashed in steps of 1/1024: linear algebra libraries differ in the last bits, streams of random numbers
everywhere. That one entry of a million lies on the border of a step happens to one rotation in many thousands."""


def haar_rotation(dimensions: int, seed: int) -> NDArray[np.float64]:
    """A rotation (d, d) drawn from the Haar measure: QR of N(0, 1), columns times the sign of R's diagonal.

    The normal numbers are ``numpy.random.default_rng(seed).standard_normal((d, d))``. Source: Mezzadri, How to generate
    random matrices from the classical compact groups (2007).
    """
    orthogonal, upper = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimensions, dimensions)))
    return np.asarray(orthogonal * np.where(np.diag(upper) < 0, -1.0, 1.0))


def rotation_hash(rotation: NDArray[np.float64]) -> str:
    """BLAKE2b (8 bytes, as hex) over the entries times 1024, rounded, as little-endian int16, row by row."""
    steps = np.rint(rotation * ROUNDING).astype("<i2")
    return hashlib.blake2b(steps.tobytes(), digest_size=8).hexdigest()


def check_rotatable(dimensions: int) -> None:
    """Raise ValueError where a rotation would be too large."""
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(f"rotating takes a matrix of {dimensions} × {dimensions}; up to {MOST_DIMENSIONS} can be had")
