"""Morton keys of places: rows that are near on the ground become near in a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Each step moves the upper half of the bits that are together to their place: 16, 8, 4, 2, 1 bits apart.
_STEPS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def morton_keys(longitude: ArrayLike, latitude: ArrayLike, bits: int = 32) -> NDArray[np.uint64]:
    """Keys (n,) of places in degrees, ``bits`` (1 to 32) of each coordinate interleaved, longitude's bit the higher.

    Longitudes count from −180 to 180, latitudes from −90 to 90; what lies outside, or is no number, is moved to the
    edge (NaN to the lower one). 16 bits are cells of .0055° × .0027°, 32 of less than a centimetre.
    """
    if not 1 <= bits <= 32:
        raise ValueError(f"a key has 1 to 32 bits of each coordinate, not {bits}")
    x, y = _cells(longitude, -180.0, 360.0, bits), _cells(latitude, -90.0, 180.0, bits)
    return (_spread(x) << np.uint64(1)) | _spread(y)


def morton_order(bounds: NDArray[np.float64], bits: int = 32) -> NDArray[np.int64]:
    """The stable order of footprints (n, 4), as xmin, ymin, xmax, ymax, by the keys of their centres."""
    east = np.where(bounds[:, 0] > bounds[:, 2], bounds[:, 2] + 360.0, bounds[:, 2])
    centre = (bounds[:, 0] + east) / 2
    centre = np.where(centre > 180.0, centre - 360.0, centre)
    keys = morton_keys(centre, (bounds[:, 1] + bounds[:, 3]) / 2, bits)
    return np.argsort(keys, kind="stable").astype(np.int64)


def _cells(values: ArrayLike, low: float, span: float, bits: int) -> NDArray[np.uint64]:
    share = np.clip(np.nan_to_num((np.asarray(values, np.float64) - low) / span, nan=0.0), 0.0, 1.0)
    return np.minimum(np.floor(share * 2.0**bits), 2.0**bits - 1).astype(np.uint64)


def _spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A zero bit above every bit."""
    spread = values
    for shift, mask in _STEPS:
        spread = (spread | (spread << np.uint64(shift))) & np.uint64(mask)
    return spread
