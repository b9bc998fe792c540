"""Exemplars as they are given: places, identifiers, patches of an earlier answer, codes; in a request or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import InputError, LabelError
from ..grids.features import crs_of, moved
from .areas import CRS84

MOST = 10_000
"""Exemplars of one query."""
TABLES = (".parquet", ".gpq", ".geoparquet", ".pq")
CODE, ID, YEAR, SHARD, ROW = "code", "id", "year", "shard", "row"
POINT = 0


class Place(BaseModel):
    """One exemplar: exactly one of ``lon`` and ``lat`` (degrees), ``id``, ``shard`` and ``row``, or ``code`` (hex).

    ``year``: of several years at one place or of one id, this one. ``path`` of a shard and ``row`` beside a code: where
    it is from, if it is of the same store. ``key`` is the asker's own name for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    lon: float | None = Field(default=None, ge=-540, le=540)
    lat: float | None = Field(default=None, ge=-90, le=90)
    id: str | None = Field(default=None, min_length=1, max_length=1000)
    shard: int | None = Field(default=None, ge=0)
    row: int | None = Field(default=None, ge=0)
    code: str | None = Field(default=None, min_length=2, max_length=600_000, pattern=r"^([0-9a-fA-F]{2})+$")
    path: str | None = Field(default=None, max_length=2000)
    year: int | None = Field(default=None, ge=1, le=9999)
    key: str = Field(default="", max_length=1000)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        pairs = ((self.lon, self.lat), (self.shard if self.path is None else self.path, self.row))
        if any((one is None) != (other is None) for one, other in pairs):
            raise ValueError("lon goes with lat, and shard with row")
        given = [self.lon is not None, self.id is not None, self.shard is not None, self.code is not None]
        if sum(given) != 1 or (self.path is not None and self.code is None):
            raise ValueError("an exemplar is one of: lon and lat, id, shard and row, code")
        return self

    @property
    def words(self) -> str:
        """What it is, for messages."""
        if self.lon is not None and self.lat is not None:
            return f"the point {self.lon:.6g}, {self.lat:.6g}"
        if self.id is not None:
            return f"the id {self.id[:80]}"
        return f"row {self.row} of shard {self.shard}" if self.code is None else f"the code {self.code[:16]}…"


def read_places(path: Path, layer: str, layer_crs: str) -> list[Place]:
    """The exemplars of a vector file, or of a Parquet table of results.

    A column ``code`` (hex text, or binary) is taken first: codes of an earlier result, which may be of another store.
    Else points are places; other shapes are patches by their column ``id``, or without one by a point inside. A column
    ``year`` says of which year they are, unless they are points. Raises InputError.
    """
    found = _table(path) if path.suffix.lower() in TABLES else _vector(path, layer, layer_crs)
    if not found:
        raise InputError(f"{path} has no exemplar: no point, and no patch with an id or a code. Add some, or leave it "
                         "out.")
    if len(found) > MOST:
        raise InputError(f"{path} has {len(found):,} exemplars; {MOST:,} are the most that make sense. Select some of "
                         "them.")
    return found


def _vector(path: Path, layer: str, layer_crs: str) -> list[Place]:
    import pyogrio
    import shapely

    if not path.is_file():
        raise InputError(f"The file of exemplars {path} does not exist.")
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
        if layer and layer not in layers:
            raise InputError(f"{path} has no layer named {layer}; it has {', '.join(layers) or 'none'}.")
        if not layers:
            raise InputError(f"{path} has no layer with geometries.")
        info = dict(pyogrio.read_info(path, layer=layer or layers[0], force_feature_count=True))
        if int(info["features"]) > MOST:
            raise InputError(f"{path} has {int(info['features']):,} features; {MOST:,} exemplars are the most that "
                             "make sense. Select some of them.")
        names = [str(name) for name in info["fields"]]
        columns = [name for name in (CODE, ID, YEAR, SHARD, ROW) if name in names]
        meta, _, wkb, data = pyogrio.raw.read(path, layer=layer or layers[0], columns=columns, force_2d=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise InputError(f"{path} cannot be read as exemplars (GeoPackage, GeoJSON, Shapefile or Parquet).",
                         str(error)) from error
    values = dict(zip((str(name) for name in meta["fields"]), data, strict=True))
    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if CODE in values and any(_text(value) for value in values[CODE]):
        return _coded(values[CODE].tolist(), values, path)
    points = bool(there.any()) and bool((shapely.get_type_id(shapes[there]) == POINT).all())
    if ID in values and not points and any(_text(value) for value in values[ID]):
        years = _years(values, len(shapes))
        return [Place(id=_text(value), year=year) for value, year in zip(values[ID].tolist(), years, strict=True)
                if _text(value)]
    if not there.any():
        return []
    parts = shapes[there]
    if points or (shapely.get_type_id(parts) == 4).all():  # several points in one feature are several exemplars
        parts = shapely.get_parts(parts)
    else:
        parts = shapely.point_on_surface(parts)
    try:
        source = crs_of(path, info, layer_crs) or CRS84
        xy = shapely.get_coordinates(moved(parts, source, CRS84, path))
    except LabelError as error:
        text = error.message.replace("labels", "exemplars").replace("tiles", "store")
        raise InputError(text, error.detail) from error
    if not np.isfinite(xy).all() or (np.abs(xy[:, 1]) > 90).any():
        raise InputError(f"The exemplars of {path} have no position on Earth in their CRS: is it wrong?")
    return [Place(lon=(lon + 180) % 360 - 180, lat=lat) for lon, lat in xy.tolist()]


def _table(path: Path) -> list[Place]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"The file of exemplars {path} does not exist.")
    try:
        with pq.ParquetFile(path) as file:
            rows, names = file.metadata.num_rows, file.schema_arrow.names
            if rows > MOST:
                raise InputError(f"{path} has {rows:,} rows; {MOST:,} exemplars are the most that make sense.")
            columns = [name for name in (CODE, ID, YEAR, SHARD, ROW) if name in names]
            if CODE not in names and ID not in names:
                raise InputError(f"{path} has neither a column code nor id; it has {', '.join(names)[:200]}.")
            values: dict[str, Any] = {name: column.to_pylist() for name, column in zip(
                columns, file.read(columns=columns).columns, strict=True)}
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a Parquet file; it may be damaged.", str(error)) from error
    if CODE in values:
        return _coded(values[CODE], values, path)
    return [Place(id=_text(value), year=year)
            for value, year in zip(values[ID], _years(values, rows), strict=True) if _text(value)]


def _coded(codes: list[Any], values: dict[str, Any], path: Path) -> list[Place]:
    nothing = [None] * len(codes)
    found = []
    for value, name, shard, row in zip(
        codes, *(values.get(column, nothing) for column in (ID, SHARD, ROW)), strict=True
    ):
        text = value.hex() if isinstance(value, bytes) else _text(value)
        if not text:
            continue
        try:
            bytes.fromhex(text)
        except ValueError as error:
            raise InputError(f"The column code of {path} holds something that is no code: {text[:40]}.",
                             str(error)) from error
        known = isinstance(shard, str) and _text(row).isdigit()
        found.append(Place(code=text.replace(" ", ""), path=shard if known else None,
                           row=int(_text(row)) if known else None, key=_text(name)[:1000]))
    return found


def _years(values: dict[str, Any], count: int) -> list[int | None]:
    found: list[int | None] = []
    for value in values.get(YEAR, [None] * count):
        text = _text(value)
        found.append(int(text) if text.isdigit() and 1 <= int(text) <= 9999 else None)
    return found


def _text(value: Any) -> str:
    """A value as text; numbers without a point of zero, nothing as ""."""
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
