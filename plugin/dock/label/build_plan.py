"""What building tiles from embedding rasters takes: the files, about what it costs, and the steps that do it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsProcessingOutputLayerDefinition, QgsProject

from ...layers.free_name import free_name
from ...translation import tr
from ..background import Step
from .raster_headers import RasterHeader, date_of

BUILD, MAGNITUDE = "bitscape:buildembeddingtiles", "bitscape:changemagnitude"
DIFFERENCE, ONE_DATE = 0, 1
"""Places of the choices in the parameter FEATURES."""
COMPONENTS = 8
COMPRESSED = 0.56
"""Of the raw size: what tiles of real embeddings reach."""
OVERVIEWS = 4 / 3
PICTURE_BYTES, MAGNITUDE_BYTES = 2.9, 0.8
"""A pixel, with overviews."""
BUILD_RATE, MAGNITUDE_RATE = 60e6, 120e6
"""Values a second that two cores of a laptop read, unpack and project, or compare; stated until one was measured."""
STARTING = 2.0
"""Seconds until a backend works."""


@dataclass(frozen=True)
class BuildPlan:
    """``rasters`` and their ``dates``, in order. ``reference``: none, or two rasters between which nothing changed."""

    rasters: tuple[Path, ...]
    dates: tuple[str, ...]
    tiles: Path
    magnitude: Optional[Path] = None
    reference: tuple[Path, ...] = ()
    warp: bool = False

    @property
    def picture(self) -> Path:
        """The picture of the tiles."""
        return self.tiles.with_name(f"{self.tiles.stem}_picture.tif")

    @property
    def outputs(self) -> list[Path]:
        """The files that are made."""
        compared = [self.magnitude] if self.magnitude is not None else []
        return [self.tiles, self.picture, *compared, *([self.reference_magnitude] if self.reference_magnitude else [])]

    @property
    def reference_magnitude(self) -> Optional[Path]:
        """The map of the years without change, if they are given."""
        if self.magnitude is None or not self.reference:
            return None
        return self.magnitude.with_name(f"{self.magnitude.stem}_reference.tif")

    def steps(self, project: QgsProject) -> list[Step]:
        """The algorithms to run; their pictures are loaded into ``project``."""

        def shown(path: Path) -> QgsProcessingOutputLayerDefinition:
            return QgsProcessingOutputLayerDefinition(str(path), project)

        features = DIFFERENCE if len(self.rasters) > 1 else ONE_DATE
        steps = [Step(BUILD, {
            "INPUT": [str(path) for path in self.rasters], "FEATURES": features, "COMPONENTS": COMPONENTS,
            "DATES": ",".join(self.dates), "WARP": self.warp, "TILES": str(self.tiles), "OUTPUT": shown(self.picture),
        }, tr("Building tiles"), 1 / BUILD_RATE)]
        if self.magnitude is not None:
            given: dict[str, Any] = {
                "INPUT": [str(self.rasters[0]), str(self.rasters[-1])], "WARP": self.warp,
                "DATES": f"{self.dates[0]},{self.dates[-1]}", "OUTPUT": shown(self.magnitude),
            }
            if self.reference_magnitude is not None:
                given["REFERENCE"] = [str(path) for path in self.reference]
                given["REFERENCE_OUTPUT"] = shown(self.reference_magnitude)
            steps.append(Step(MAGNITUDE, given, tr("Comparing the dates"), 1 / MAGNITUDE_RATE))
        return steps

    def bytes(self, pixels: int) -> float:
        """About how much all files will take."""
        return pixels * (COMPONENTS * COMPRESSED * OVERVIEWS + PICTURE_BYTES
                         + MAGNITUDE_BYTES * ((self.magnitude is not None) + (self.reference_magnitude is not None)))

    def seconds(self, pixels: int, bands: int, speed: float = 1.0) -> float:
        """About how long it will take; ``speed``: of this computer, against the stated rates."""
        values = pixels * bands
        seconds = STARTING + values * len(self.rasters) / BUILD_RATE / speed
        if self.magnitude is not None:
            seconds += STARTING + values * (4 if self.reference else 2) / MAGNITUDE_RATE / speed
        return seconds


def compared(results: Mapping[str, Any]) -> str:
    """What the comparison with years without change says, from the results of the last step; "" if there was none."""
    if "SHARE_ABOVE_REFERENCE" not in results:
        return ""
    return tr("{0:.1%} of the map differ by more than {1:.2f}; in the years without change 1% did.").format(
        results["SHARE_ABOVE_REFERENCE"], results["REFERENCE_P99"])


def free_tiles(rasters: Sequence[Path], dates: Sequence[str]) -> Path:
    """Beside the first raster: a name for tiles that is free."""
    parts = [re.sub(r"[^\w-]+", "-", date) for date in (dates[0], dates[-1])]
    stem = f"change_{parts[0]}-{parts[1]}" if len(rasters) > 1 else f"embeddings_{parts[0]}_tiles"
    return free(rasters[0].absolute().with_name(f"{stem}.tif"))


def free(tiles: Path) -> Path:
    """The path, or the first like it with a number where none of the files of a build is there."""
    return free_name(tiles, taken)


def taken(tiles: Path) -> list[Path]:
    """Which files of a build are there already."""
    plan = BuildPlan((), (), tiles, magnitude_beside(tiles), reference=(tiles,))
    return [path for path in (*plan.outputs, tiles.with_suffix(".basis.json")) if path.exists()]


def magnitude_beside(tiles: Path) -> Path:
    """Where the change magnitude of tiles goes."""
    return tiles.with_name(f"{tiles.stem}_magnitude.tif")


def is_tiles(path: Path) -> bool:
    """Whether a raster has a basis beside it: then it holds embedding tiles."""
    return path.suffix.lower() in (".tif", ".tiff") and path.with_suffix(".basis.json").is_file()


def reference_pair(chosen: Sequence[Path], headers: Sequence[RasterHeader], dates: Sequence[str]) -> tuple[Path, ...]:
    """Two rasters between which nothing changed: both chosen ones, or the one with the nearest in time of ``headers``,
    whose ``dates`` are given. None for no or more than two."""
    if len(chosen) == 2:
        return tuple(sorted(chosen, key=lambda path: (date_of(path), path.name)))
    if len(chosen) != 1:
        return ()
    year = _year(date_of(chosen[0]))
    ends = sorted(((dates[0], headers[0].path), (dates[-1], headers[-1].path)),
                  key=lambda end: abs(_year(end[0]) - year))
    nearest, path = ends[0]
    return (chosen[0], path) if year < _year(nearest) else (path, chosen[0])


def _year(date: str) -> int:
    found = re.search(r"\d{4}", date)
    return int(found.group(0)) if found else 0
