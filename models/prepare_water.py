"""Image and mask pairs for water.recipe.json, from seasonal Sentinel-2 images that have no masks.

Usage: prepare_water.py SEASONAL_FOLDER SERIES_FOLDER OUTPUT. The first holds SSL4EO-S12 images of two places at four
dates each (ssl4eos12_<place>_<date>.tif), the second images of farmland without open water and their land-use map
(eolearn_*.tif), which is an independent mask. The lake's place is cut: its western part trains, the eastern is tested,
with a gap between them. Georeferencing of the first is invented (the source has none): 10 m pixels, in the UTM zone
that the file names.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin

LAKE, FARMLAND = "0121563", "0193833"
DATES = 4
GREEN, NIR, SWIR2 = 2, 7, 11
TRAINED, TESTED = slice(0, 150), slice(182, 264)
"""Columns of the lake's place: 32 pixels, 320 m, lie between."""
LAND, WATER, UNSURE = 0, 1, 255
BRIGHT = 0.25
"""Reflectance of green above which a winter pixel is snow or cloud, and so surely not open water."""


def main(seasonal: Path, series: Path, output: Path) -> None:
    """Write train/ and test/ below ``output``."""
    for folder in ("train", "test"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    lake = [_read(seasonal / f"ssl4eos12_{LAKE}_{date}.tif") for date in range(DATES)]
    votes = np.sum([_wet(pixels) for pixels, _ in lake], axis=0)
    agreed = np.select([votes >= DATES - 1, votes <= 1], [WATER, LAND], UNSURE).astype(np.uint8)
    for date, (pixels, crs) in enumerate(lake):
        for folder, columns in (("train", TRAINED), ("test", TESTED)):
            place = from_origin(400_000 + 10 * columns.start, 3_500_000, 10, 10)
            _write(output / folder / f"lake_{date}", pixels[:, :, columns], agreed[:, columns], crs, place)
    for date in range(DATES):
        pixels, crs = _read(seasonal / f"ssl4eos12_{FARMLAND}_{date}.tif")
        green = pixels[GREEN] / 10_000
        winter = float(np.median(green)) > BRIGHT
        unsure = green <= BRIGHT if winter else _wet(pixels)
        mask = np.where(unsure, UNSURE, LAND).astype(np.uint8)
        _write(output / "train" / f"farmland_{date}", pixels, mask, crs, from_origin(400_000, 6_000_000, 10, 10))
    with rasterio.open(series / "eolearn_lulc.tif") as source:
        use = source.read(1)
    for path in sorted(series.glob("eolearn_s2l1c_ref_*.tif")):
        with rasterio.open(path) as source:
            kept = [band for band in range(1, 14) if band != 11]  # B10 is no band of Level 2A
            mask = np.where(use == 0, UNSURE, LAND).astype(np.uint8)
            name = f"fields_{path.stem.rsplit('_', 1)[1]}"
            _write(output / "test" / name, source.read(kept), mask, source.crs, source.transform)


def _read(path: Path) -> tuple[NDArray[np.int16], CRS]:
    with rasterio.open(path) as source:
        return source.read(), source.crs


def _wet(pixels: NDArray[np.int16]) -> NDArray[np.bool_]:
    green, nir, swir = (pixels[band].astype(np.float32) for band in (GREEN, NIR, SWIR2))
    return np.asarray((green > nir) & (green > swir))


def _write(name: Path, pixels: NDArray[np.int16], mask: NDArray[np.uint8], crs: CRS, transform: Affine) -> None:
    for suffix, bands in (("_image", pixels), ("_mask", mask[None])):
        count, height, width = bands.shape
        with rasterio.open(
            name.with_name(f"{name.name}{suffix}.tif"), "w", driver="GTiff", width=width, height=height, count=count,
            dtype=bands.dtype, crs=crs, transform=transform,
        ) as target:
            target.write(bands)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
