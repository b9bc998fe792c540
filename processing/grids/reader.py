"""Reads windows of a raster from any thread or process, on its own grid or warped onto another."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from ..errors import InputError
from .grid import Grid


def open_raster(path: str | Path) -> DatasetReader:
    """Open a raster for reading. Raises InputError that says what is wrong with the file."""
    name = str(path)
    on_disk = Path(name)
    try:
        return rasterio.open(name)
    except rasterio.errors.RasterioError as error:
        if not name.startswith("/vsi") and ":" not in name[2:] and not on_disk.exists():
            raise InputError(f"There is no file {name}. Check the path.", str(error)) from error
        if on_disk.is_file() and on_disk.stat().st_size == 0:
            raise InputError(f"{name} is empty (0 bytes). Download or make it again.", str(error)) from error
        raise InputError(
            f"{name} is not a raster that can be read; it may be damaged or of an unknown format.", str(error)
        ) from error


class RasterReader:
    """Windows of one raster. Each thread has its own handle; the object itself can be pickled.

    With ``onto`` the raster is warped onto that grid, nearest neighbour, so that vectors stay vectors of the product.
    """

    def __init__(self, path: str | Path, onto: Grid | None = None) -> None:
        self.path = str(path)
        self.onto = onto
        self._handles = threading.local()
        self._opened: list[Any] = []

    def read(self, window: Window, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """All bands of a window as (bands, height, width). Raises InputError if the file is truncated or damaged."""
        try:
            dataset = self._handle()
            indexes = list(range(1, self._bands(dataset) + 1))
            pixels: NDArray[Any] = dataset.read(indexes, window=window, out=out)
            return pixels
        except rasterio.errors.RasterioError as error:
            raise InputError(
                f"{self.path} cannot be read at row {window.row_off}, column {window.col_off}: it is "
                "truncated or damaged. Download or make it again.",
                str(error),
            ) from error

    def inside(self, window: Window) -> NDArray[np.bool_] | None:
        """Pixels of a window that the warped raster reaches, (height, width); None where all of them are."""
        if self.onto is None:
            return None
        dataset = self._handle()
        if dataset.count == self._bands(dataset):
            return None
        reached: NDArray[np.bool_] = dataset.read(dataset.count, window=window) > 0
        return reached

    def close(self) -> None:
        """Close the handles of all threads."""
        for dataset in self._opened:
            dataset.close()
        self._opened.clear()
        self._handles = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[RasterReader], tuple[str, Grid | None]]:
        return RasterReader, (self.path, self.onto)

    def _bands(self, dataset: Any) -> int:
        return dataset.src_dataset.count if isinstance(dataset, WarpedVRT) else int(dataset.count)

    def _handle(self) -> Any:
        dataset = getattr(self._handles, "dataset", None)
        if dataset is None:
            dataset = open_raster(self.path)
            if self.onto is not None:
                self._opened.append(dataset)
                dataset = WarpedVRT(
                    dataset,
                    crs=self.onto.crs,
                    transform=self.onto.transform,
                    width=self.onto.width,
                    height=self.onto.height,
                    resampling=Resampling.nearest,
                    add_alpha=dataset.nodata is None,
                )
            self._handles.dataset = dataset
            self._opened.append(dataset)
        return dataset
