"""Small rasters that are looked at now and written again at the next click: plain, uncompressed, without overviews."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from ..outputs import whole_or_nothing
from ..progress import Progress
from .grid import Grid
from .writer import errors_raised

STRIP_BYTES = 1 << 20


def write_snapshot(
    path: Path, grid: Grid, bands: NDArray[Any], nodata: int, descriptions: Sequence[str], progress: Progress
) -> None:
    """Write (bands, height, width) on ``grid`` as a GeoTIFF that appears whole, its rows from north to south: QGIS
    warps what is bottom-up before it draws it. Raises OutputError."""
    if grid.transform.e > 0:
        bands = np.ascontiguousarray(bands[:, ::-1])
        turned = grid.transform @ Affine.translation(0, grid.height) @ Affine.scale(1, -1)
        grid = Grid(grid.width, grid.height, turned, grid.crs)
    with (
        whole_or_nothing(progress, path) as (partial,),
        errors_raised(path),
        rasterio.open(
            partial, "w", driver="GTiff", width=grid.width, height=grid.height, count=len(bands), dtype=bands.dtype,
            crs=grid.crs, transform=grid.transform, nodata=nodata, interleave="band",
            blockysize=max(1, min(grid.height, STRIP_BYTES // (grid.width * bands.itemsize))),
        ) as target,
    ):
        target.write(bands)
        for band, text in enumerate(descriptions, 1):
            target.set_band_description(band, text)
