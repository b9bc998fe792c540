"""Embedding tiles: the int8 raster and its basis file, opened together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from ..grids.grid import Grid
from ..grids.reader import RasterReader, open_raster
from ..grids.writer import BLOCK
from .basis import Basis, basis_path

NODATA = -128
TAG = "BITSCAPE_BASIS"


@dataclass(frozen=True)
class Tiles:
    """Codes (count, height, width) int8, −128 nodata in all components of a pixel, on ``grid``, and what they mean."""

    path: Path
    grid: Grid
    count: int
    basis: Basis
    fingerprint: str
    reader: RasterReader = field(repr=False, compare=False)
    block_rows: int = BLOCK

    @property
    def dates(self) -> list[str]:
        """Names of the dates, in order."""
        return self.basis.dates

    @property
    def period(self) -> str:
        """First and last date, as in 2020-2024."""
        return self.basis.period

    @staticmethod
    def open(path: str | Path) -> Tiles:
        """Open tiles. Raises InputError if the file or its basis file is missing, damaged, or not of one another."""
        path = Path(path)
        with open_raster(path) as dataset:
            tag = dataset.tags().get(TAG, "")
            grid, count, kinds, nodata = Grid.of(dataset), dataset.count, set(dataset.dtypes), dataset.nodata
        if not tag or kinds != {"int8"} or nodata != NODATA:
            raise InputError(f"{path} is not a file of embedding tiles. Make one with “Build embedding tiles”.")
        beside = basis_path(path)
        if not beside.exists():
            raise InputError(f"{path} has lost its basis file {beside.name}: keep the two together in one folder.")
        basis = Basis.load(beside)
        fingerprint = basis.fingerprint
        if fingerprint != tag or len(basis.components) != count:
            raise InputError(
                f"{beside.name} is the basis of other tiles ({fingerprint}), not of {path.name} ({tag}). "
                "Build the tiles again."
            )
        return Tiles(path, grid, count, basis, fingerprint, RasterReader(path))

    def read(self, window: Window) -> NDArray[np.int8]:
        """Codes of a window, (count, height, width). Raises InputError if the file is truncated."""
        codes: NDArray[Any] = self.reader.read(window)
        return codes
