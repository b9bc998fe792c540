"""What the header of an embedding raster says, read in a task of its own: a file may lie on a slow disk."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from osgeo import gdal
from qgis.core import QgsCoordinateReferenceSystem, QgsTask
from qgis.PyQt.QtCore import pyqtSignal

from ...canvas.imagery import DATE
from ...layers.metadata import open_raster, tags_of
from ...translation import tr

YEAR = re.compile(r"(?:19|20)\d\d")
ALPHAEARTH = ("A00", "A63")
"""The first and the last band of the product, which has no tag that names it."""


@dataclass(frozen=True)
class RasterHeader:
    """``error`` says why it cannot be read; then all else is empty. ``transform`` is GDAL's."""

    path: Path
    width: int = 0
    height: int = 0
    bands: int = 0
    kind: str = ""
    crs: str = ""
    transform: tuple[float, ...] = ()
    date: str = ""
    product: str = ""
    error: str = ""

    @property
    def grid(self) -> tuple[Any, ...]:
        """What has to be the same for two rasters to lie on each other."""
        return self.width, self.height, self.crs, tuple(round(value, 6) for value in self.transform)


class HeaderReader(QgsTask):
    """``found``: a list of RasterHeader, in the order of the paths."""

    found = pyqtSignal(list)

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(tr("Reading {0} rasters").format(len(paths)), QgsTask.Flag.CanCancel)
        self._paths = tuple(paths)
        self._headers: list[RasterHeader] = []

    def run(self) -> bool:
        self._headers = [read_header(path) for path in self._paths if not self.isCanceled()]
        return not self.isCanceled()

    def finished(self, result: bool) -> None:
        if result:
            self.found.emit(self._headers)


def read_header(path: Path) -> RasterHeader:
    """Read no pixel; never raises."""
    try:
        readable = path.is_file() and os.access(path, os.R_OK)
        dataset = open_raster(path) if readable else None
        if dataset is None:
            return RasterHeader(path, error=tr("{0} cannot be read as a raster.").format(path.name))
        return _header(path, dataset)
    except (OSError, RuntimeError, ValueError) as error:
        return RasterHeader(path, error=tr("{0} cannot be read: {1}").format(path.name, error))


def _header(path: Path, dataset: Any) -> RasterHeader:
    band, tags = dataset.GetRasterBand(1), tags_of(path)
    if band is None:
        return RasterHeader(path, error=tr("{0} has no bands.").format(path.name))
    kind = gdal.GetDataTypeName(band.DataType).lower()
    if kind == "byte":  # GDAL before 3.7 has no name for int8
        kind = "int8" if band.GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE") == "SIGNEDBYTE" else "uint8"
    count = dataset.RasterCount
    ends = (band.GetDescription(), dataset.GetRasterBand(count).GetDescription())
    product = tags.get("PRODUCT") or tags.get("MODEL") or ("AlphaEarth" if ends == ALPHAEARTH else "")
    return RasterHeader(
        path, dataset.RasterXSize, dataset.RasterYSize, count, kind, _crs_name(dataset), dataset.GetGeoTransform(),
        date_of(path, tags.get("YEAR", "")), product)


def date_of(path: Path, tag: str = "") -> str:
    """The date of an embedding raster: the year in its tag, else the date in its name, else ""."""
    in_tag = YEAR.search(tag)
    in_name: Optional[re.Match[str]] = DATE.search(path.stem)
    if in_name is None:
        return in_tag.group(0) if in_tag else ""
    return in_tag.group(0) if in_tag else "-".join(part for part in in_name.group(1, 3, 4) if part)


def _crs_name(dataset: Any) -> str:
    crs = QgsCoordinateReferenceSystem.fromWkt(dataset.GetProjection() or "")
    return crs.authid() or crs.description() or (tr("a CRS of its own") if crs.isValid() else tr("no CRS"))
