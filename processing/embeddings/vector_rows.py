"""The rows of a table's column of embeddings as one array, whatever kind of list they are stored in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .mapping import NODATA


def vector_rows(column: Any, width: int, first: int, name: str, path: object) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The vectors of a pyarrow column of lists as stored (m, d), and which of its rows (n,) have one.

    A row has none if it is null, or if there is a null, NaN or infinity in it, or int8's −128. ``width`` is d where it
    is known, else 0; ``first`` is the number of the column's first row. Raises InputError if the vectors are not all of
    one length.
    """
    import pyarrow.compute as pc

    valid = np.array(column.is_valid())
    present = column.drop_null()
    lengths = np.asarray(pc.list_value_length(present))
    if len(lengths) == 0:
        return np.empty((0, width), np.float32), valid
    width = width or int(lengths[0])
    if (lengths != width).any() or width == 0:
        row = first + int(np.flatnonzero(valid)[np.flatnonzero((lengths != width) | (lengths == 0))[0]])
        raise InputError(
            f"{path}: the vector in row {row} has not {width} numbers like those before it. "
            f"Vectors of one length are needed in {name}.")
    flat = present.flatten()
    holes = np.asarray(flat.is_null()).reshape(-1, width).any(axis=1)
    values = np.asarray(pc.fill_null(flat, 0)).reshape(-1, width)
    missing = (values == NODATA).any(axis=1) if values.dtype == np.int8 else ~np.isfinite(values).all(axis=1)
    if values.dtype == np.float64:
        missing |= (np.abs(values) > np.finfo(np.float32).max).any(axis=1)
    good = ~(missing | holes)
    valid[valid] = good
    return values[good], valid
