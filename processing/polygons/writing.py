"""Polygons and transitions as a GeoPackage, batch after batch, and transitions as a CSV table."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from ..errors import OutputError
from .attributes import HECTARE, Column, area_field
from .changes import Transition
from .ragged import Ragged

POLYGONS, TRANSITIONS = "polygons", "transitions"
BATCH = 20_000
BATCH_CORNERS = 1_000_000


class PolygonWriter:
    """Writes polygons to a new GeoPackage; ``add`` collects, and writes whenever there is enough of it.

    ``description`` is of the layer, ``metadata`` of the file.
    """

    def __init__(
        self, path: Path, crs: CRS | None, title: str, description: str, metadata: Mapping[str, str]
    ) -> None:
        self._path, self._crs = path, crs
        self._options = {"IDENTIFIER": title, "DESCRIPTION": description}
        self._metadata = {name: text for name, text in metadata.items() if not name.startswith("TIFFTAG")}
        self._waiting: list[tuple[NDArray[Any], dict[str, Column]]] = []
        self._written = False
        self._corners = 0

    def add(self, polygons: Ragged, columns: dict[str, Column]) -> None:
        """Add polygons with their fields, the same ones each time. Raises OutputError."""
        self._waiting.append((polygons.wkb(), columns))
        self._corners += len(polygons.xy)
        if self._corners >= BATCH_CORNERS or sum(len(some) for some, _ in self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits; the first time also if it is nothing but fields."""
        if not self._waiting:
            return
        polygons = np.concatenate([some for some, _ in self._waiting])
        names = list(self._waiting[0][1])
        data = [np.concatenate([columns[name][0] for _, columns in self._waiting]) for name in names]
        masks = [_mask([columns[name][1] for _, columns in self._waiting]) for name in names]
        self._waiting.clear()
        self._corners = 0
        if self._written and len(polygons) == 0:
            return
        new: dict[str, Any] = {} if self._written else {
            "dataset_metadata": self._metadata, "dataset_options": {"VERSION": "1.2"},  # GDAL < 3.7 warns about newer
            "layer_options": self._options,
        }
        _write(self._path, polygons, data, names, field_mask=masks, layer=POLYGONS,
               geometry_type="MultiPolygon", crs=None if self._crs is None else self._crs.to_wkt(),
               append=self._written, **new)
        self._written = True


def write_transitions(path: Path, rows: Sequence[Transition], on_earth: bool, description: str) -> None:
    """Add the transitions to a GeoPackage, as a table without geometries. Raises OutputError."""
    table = list(zip(*_table(rows, on_earth), strict=True)) if rows else [()] * 6
    kinds = (object, object, object, object, np.int64, np.float64)
    data = [np.array(column, kind) for column, kind in zip(table, kinds, strict=True)]
    _write(path, None, data, _header(on_earth), layer=TRANSITIONS, geometry_type=None,
           layer_options={"IDENTIFIER": TRANSITIONS, "DESCRIPTION": description})


def write_csv(path: Path, rows: Sequence[Transition], on_earth: bool) -> None:
    """The transitions as a CSV table in UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(_header(on_earth))
        writer.writerows([*row[:-1], f"{row[-1]:.4f}"] for row in _table(rows, on_earth))


def _header(on_earth: bool) -> list[str]:
    return ["from_period", "from_class", "to_period", "to_class", "pixels", area_field(on_earth)]


def _table(rows: Sequence[Transition], on_earth: bool) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield (row.from_period, row.from_class, row.to_period, row.to_class, row.pixels,
               row.area / (HECTARE if on_earth else 1))


def _mask(parts: Sequence[NDArray[np.bool_] | None]) -> NDArray[np.bool_] | None:
    """Which values are missing; None for none."""
    found = [part for part in parts if part is not None]
    return np.concatenate(found) if found else None


def _write(path: Path, geometry: Any, data: Sequence[Any], names: Sequence[str], **options: Any) -> None:
    import pyogrio

    with _explained(path), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        warnings.filterwarnings("ignore", ".*crs.*was not provided.*")
        pyogrio.raw.write(str(path), geometry, list(data), list(names), driver="GPKG", nan_as_null=True, **options)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    import pyogrio

    try:
        yield
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
            pyogrio.errors.GeometryError) as error:
        raise OutputError(f"The polygons could not be written to {path.parent}: is the disk full?",
                          str(error)) from error
