"""Patches of an embedding raster: n × n pixels pooled into one vector, with exact footprints."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from ..embeddings.mapping import ValueMapping
from ..embeddings.source import EmbeddingSource
from ..embeddings.stack import Stack
from ..errors import InputError
from . import footprints
from .footprints import Mover
from .patches import Facts, Patches
from .pooling import pool, unit

UNIT_BYTES = 48 * 2**20
"""Bytes of a unit's pixels as float32."""
READ_SIDE = 512
"""Pixels that a unit should have across: blocks of files are read once."""
YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class RasterOptions:
    """Patches of ``pixels``² pixels, one every ``stride`` pixels, that have data in at least the ``share`` of their
    pixels; ``crs`` where the raster says none, ``year`` of all of them (0: the raster's own)."""

    pixels: int
    stride: int
    share: float
    crs: str = ""
    year: int = 0


@dataclass(frozen=True)
class _Part:
    """Patches ``rows`` × ``columns`` from patch (``row``, ``column``) on: what is read at once."""

    row: int
    column: int
    rows: int
    columns: int


class PatchRaster:
    """One embedding raster; its units are windows of whole patches.

    Patches begin at the upper left pixel; those at the lower and right edges may reach beyond it, where there is no
    data. Raises InputError if the raster cannot be read, or does not say where it is.
    """

    def __init__(self, path: str, label: str, options: RasterOptions) -> None:
        self.path, self.label, self.options = path, label, options
        self.notes: list[str] = []
        self.source = EmbeddingSource.open(path)
        grid = self.source.grid
        if grid.crs is None and not options.crs:
            raise InputError(f"{path} has no CRS, so nobody knows where its patches are. Choose the CRS.")
        self._mover = Mover(grid.crs.to_wkt() if grid.crs is not None else options.crs)
        _ = self._mover.moves
        self._stack = Stack([self.source], Window(0, 0, grid.width, grid.height), False)
        self._parts = list(self._divide())
        self.unit_rows = [part.rows * part.columns for part in self._parts]
        product = self.source.product
        self.facts = Facts(
            self.source.bands, self.source.dtype.name, 4, 0,
            "" if product.name == "unknown" else product.name, product.licence, product.attribution)
        self._year = options.year or (int(self.source.date) if YEAR.fullmatch(self.source.date) else 0)

    @property
    def rows(self) -> int:
        """Patches, those without data included."""
        return sum(self.unit_rows)

    @property
    def dated_by(self) -> str:
        """Where years come from, in words; "" from nowhere."""
        if self.options.year:
            return f"the year {self.options.year} that was given"
        return f"the raster ({self._year})" if self._year else ""

    def stored(self, unit: int, most: int) -> NDArray[Any]:
        """Pixels of a unit that have data, as stored (n, d), evenly spaced."""
        planes = self._stack.read(self._window(self._parts[unit]))
        there = np.flatnonzero(~planes.missing()[0])
        chosen = there[np.linspace(0, len(there) - 1, min(most, len(there))).astype(np.int64)] if len(there) else there
        return np.ascontiguousarray(planes.values[:, chosen].T)

    def vectors(self, unit: int, mapping: ValueMapping) -> Iterator[NDArray[np.float32]]:
        """Only the vectors of a unit's patches (m, d) float32."""
        values, kept = self._pooled(self._parts[unit], mapping)
        yield values[kept]

    def batches(self, unit: int, mapping: ValueMapping, skip: int = 0) -> Iterator[Patches]:
        """All patches of a unit in one batch; nothing after ``skip`` > 0, which can only be the unit's end."""
        part = self._parts[unit]
        if skip >= part.rows * part.columns:
            return
        values, whole = self._pooled(part, mapping)
        rows, columns = (axis.ravel() for axis in np.meshgrid(
            np.arange(part.row, part.row + part.rows), np.arange(part.column, part.column + part.columns),
            indexing="ij"))
        shapes, boxes, there = self._footprints(rows, columns)
        kept = whole & there
        step = self.options.stride
        names = [f"{self.label}/{row * step}_{column * step}" for row, column in zip(rows[kept], columns[kept],
                                                                                       strict=True)]
        yield Patches(
            values=values[kept], ids=pa.array(names, pa.large_string()),
            shapes=pa.array(shapely.to_wkb(shapes[kept], byte_order=1), pa.large_binary()), boxes=boxes[kept],
            years=np.full(int(kept.sum()), self._year, np.int32), read=len(rows), no_vector=int((~whole).sum()),
            no_place=int((whole & ~there).sum()))

    def _pooled(self, part: _Part, mapping: ValueMapping) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The vectors of patches (n, d), de-quantised, summed and normalised, and which of them count (n,)."""
        window = self._window(part)
        planes = self._stack.read(window)
        shape = (int(window.height), int(window.width))
        valid = ~planes.missing()[0].reshape(shape)
        values = mapping.apply(planes.date(0)).reshape(-1, *shape)
        valid &= np.isfinite(values).all(axis=0)
        sums, counts = pool(values, valid, self.options.pixels, self.options.stride, (part.rows, part.columns))
        vectors, good = unit(sums)
        return vectors, good & (counts > 0) & (counts >= self.options.share * self.options.pixels**2)

    def _footprints(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]]:
        """Footprints of the patches: the corners of their pixels, each moved by itself."""
        t, side, step = self.source.grid.transform, self.options.pixels, self.options.stride
        left, top = columns * step, rows * step
        across = np.stack([left, left + side, left + side, left], axis=1)
        down = np.stack([top, top, top + side, top + side], axis=1)
        return footprints.of_corners(
            t.a * across + t.b * down + t.c, t.d * across + t.e * down + t.f, self._mover)

    def _window(self, part: _Part) -> Window:
        step, side, grid = self.options.stride, self.options.pixels, self.source.grid
        left, top = part.column * step, part.row * step
        right = min(left + (part.columns - 1) * step + side, grid.width)
        bottom = min(top + (part.rows - 1) * step + side, grid.height)
        return Window(left, top, right - left, bottom - top)

    def _divide(self) -> Iterator[_Part]:
        """The patches in parts of about 512 pixels across, smaller where these would not fit the budget."""
        step, side, grid = self.options.stride, self.options.pixels, self.source.grid
        pixels = max(1, UNIT_BYTES // (4 * self.source.bands))
        if side * side > pixels:
            raise InputError(
                f"Patches of {side} × {side} pixels with {self.source.bands} bands are too large to pool. Choose "
                f"{math.isqrt(pixels)} pixels or fewer.")
        extent = max(side, min(READ_SIDE, math.isqrt(pixels)))
        size = max(1, (extent - side) // step + 1)
        total_rows, total_columns = _count(grid.height, self.options), _count(grid.width, self.options)
        for row in range(0, total_rows, size):
            for column in range(0, total_columns, size):
                yield _Part(row, column, min(size, total_rows - row), min(size, total_columns - column))


def _count(pixels: int, options: RasterOptions) -> int:
    """Patches along a side of so many pixels: as many as are needed to reach its end."""
    return -(-max(pixels - options.pixels, 0) // options.stride) + 1
