"""A raster of class numbers, with the names of its classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..errors import InputError
from .grid import Grid
from .reader import RasterReader, open_raster

MAX_CLASSES = 250
PREFIX = "CLASS_"
INTEGERS = {"uint8", "int8", "uint16", "int16", "uint32", "int32"}


@dataclass(frozen=True)
class ClassMap:
    """The first band of a raster: whole numbers, of which ``nodata`` (None: none) means unknown. ``names`` is what the
    file says of them: in tags CLASS_1=…; a number without a name is its own."""

    path: Path
    grid: Grid
    nodata: int | None
    names: dict[int, str]
    tags: dict[str, str] = field(repr=False)
    reader: RasterReader = field(repr=False, compare=False)

    @staticmethod
    def open(path: str | Path) -> ClassMap:
        """Open a class map. Raises InputError if the file cannot be read, holds no whole numbers, or is a score."""
        path = Path(path)
        with open_raster(path) as dataset:
            grid, kind, nodata = Grid.of(dataset), dataset.dtypes[0], dataset.nodatavals[0]
            tags: dict[str, str] = dict(dataset.tags())
        if kind not in INTEGERS:
            raise InputError(f"{path} holds {kind} numbers, not classes. A class map has whole numbers, one for each "
                             "class.")
        if "SCORE_OF" in tags:
            raise InputError(f"{path} is a score, not a map of classes. Take the class map that “Apply classifier” "
                             "writes beside it.")
        named = {int(tag[len(PREFIX) :]): name for tag, name in tags.items()
                 if tag.startswith(PREFIX) and tag[len(PREFIX) :].isdigit()}
        return ClassMap(path, grid, None if nodata is None else int(nodata), named, tags,
                        RasterReader(path))

    def name(self, value: int) -> str:
        """The name of a class."""
        return self.names.get(value, str(value))

    def value(self, name: str) -> int | None:
        """The number of a class by its name or its number as text, whatever the case; None if the file names none."""
        wanted = name.strip().casefold()
        for value, known in self.names.items():
            if known.strip().casefold() == wanted:
                return value
        return int(wanted) if wanted.lstrip("-").isdigit() else None

    def read(self, window: Window) -> NDArray[Any]:
        """Class numbers of a window (height, width), in the file's own type. Raises InputError if it is truncated."""
        rows: NDArray[Any] = self.reader.read(window)[0]
        return rows

    def known(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which numbers are classes, not nodata."""
        known: NDArray[np.bool_] = np.ones(values.shape, bool) if self.nodata is None else values != self.nodata
        return known
