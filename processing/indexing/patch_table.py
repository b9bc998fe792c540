"""Patches of a (Geo)Parquet table, in any layout that products have: vectors as lists, or packed codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..embeddings.mapping import ValueMapping
from ..embeddings.source import ALPHAEARTH
from ..embeddings.vector_column import NAMES, vector_column
from ..embeddings.vector_rows import vector_rows
from ..errors import InputError
from . import footprints
from .footprints import Mover
from .patches import Facts, Patches
from .table_columns import (
    Place,
    box_array,
    id_column,
    names,
    number_array,
    year_column,
    year_of_path,
    years,
)

CODE = "code"
BATCH_BYTES = 8 * 2**20
BUFFER_BYTES = 2**20
"""Read at once of each column, so that a row group of any size does not come into memory as a whole."""
MOST_ROWS = 16_384
WIDEST = 1 << 16
"""Numbers in one embedding, at most."""
PEEKED = 256
"""Rows by which dimensions and the truth of a stated CRS are told."""


class Said(NamedTuple):
    """What a manifest says of a shard: its year (0: none), the bits of its codes (0: not said), and the model."""

    year: int = 0
    bits: int = 0
    model: str = ""


NOTHING = Said()


@dataclass(frozen=True)
class TableOptions:
    """``column`` of the vectors ("": found), ``side`` of a patch in metres where there are only points (0: not said),
    ``crs`` where the table says none, ``year`` of all patches (0: the table's own)."""

    column: str = ""
    side: float = 0.0
    crs: str = ""
    year: int = 0
    said: Said = NOTHING


class PatchTable:
    """One Parquet file of patches; its units are row groups. ``label`` is what generated names begin with.

    ``notes`` says in words what was found that the user should know. Raises InputError for a file that cannot be read
    or holds no patches.
    """

    def __init__(self, path: str, label: str, options: TableOptions) -> None:
        self.path, self.label, self.options = path, label, options
        self.notes: list[str] = []
        with self._opened() as file:
            schema, known = file.schema_arrow, file.metadata
            self.unit_rows = [known.row_group(group).num_rows for group in range(known.num_row_groups)]
            size = sum(known.row_group(group).total_byte_size for group in range(known.num_row_groups))
            self._step = int(max(64, min(MOST_ROWS, BATCH_BYTES * known.num_rows // max(size, 1))))
            self._footer = schema.metadata or {}
            self._ids, self._dates = id_column(schema), year_column(schema)
            self._find_vectors(schema)
            self._find_places(schema)
            self._peek(file)
        self.facts = self._facts()
        self._find_year()

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return sum(self.unit_rows)

    def stored(self, unit: int, most: int) -> NDArray[Any]:
        """The first vectors of a unit that are whole, as stored (n, d)."""
        with self._opened() as file:
            for batch in self._read(file, [unit], [self._vectors]):
                values, _ = self._rows_of(batch.column(0), 0)
                if len(values):
                    return values[:most]
        return np.empty((0, self.facts.dimensions), np.float32)

    def vectors(self, unit: int, mapping: ValueMapping) -> Iterator[NDArray[np.float32]]:
        """Only the vectors of a unit (m, d) float32."""
        with self._opened() as file:
            for batch in self._read(file, [unit], [self._vectors]):
                values, _ = self._rows_of(batch.column(0), 0)
                yield mapping.apply(values)

    def batches(self, unit: int, mapping: ValueMapping, skip: int = 0) -> Iterator[Patches]:
        """All patches of a unit after its first ``skip`` rows, which end where a batch does."""
        first, done = sum(self.unit_rows[:unit]), 0
        wanted = [self._vectors, *self._place.columns, self._ids, self._dates if not self.options.year else ""]
        with self._opened() as file:
            for batch in self._read(file, [unit], [name for name in dict.fromkeys(wanted) if name]):
                done += batch.num_rows
                if done > skip:
                    yield self._patches(batch, first + done - batch.num_rows, mapping)

    def _patches(self, batch: Any, first: int, mapping: ValueMapping) -> Patches:
        values, whole = self._rows_of(batch.column(self._vectors), first)
        shapes, boxes, there = self._footprints(batch)
        kept = whole & there
        if self.facts.bits == 0:
            values = mapping.apply(values)
        prefix = "" if self._ids and self._ids != "index" else f"{self.label}/"
        given = batch.column(self._ids) if self._ids else None
        selected = pa.array(kept)
        dates = np.full(batch.num_rows, self._year, np.int32)
        if self._dates and not self.options.year:
            dates = years(batch.column(self._dates))
        return Patches(
            values=values[kept[whole]],
            ids=names(given, prefix, first, batch.num_rows).filter(selected),
            shapes=pa.array(_wkb(shapes[kept]), pa.large_binary()), boxes=boxes[kept], years=dates[kept],
            read=batch.num_rows, no_vector=int((~whole).sum()), no_place=int((whole & ~there).sum()))

    def _footprints(self, batch: Any) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]]:
        import shapely

        kind, columns = self._place.kind, self._place.columns
        if kind == "shape":
            return footprints.of_shapes(self._shapes(batch.column(columns[0])), self._mover, self.options.side)
        if kind == "box":
            return footprints.of_boxes(box_array(batch.column(columns[0])), self._mover)
        lon, lat = (number_array(batch.column(name)) for name in columns)
        return footprints.of_shapes(shapely.points(lon, lat), Mover(), self.options.side)

    def _shapes(self, column: Any) -> NDArray[Any]:
        import shapely

        values = column.to_numpy(zero_copy_only=False)
        found: NDArray[Any] = shapely.from_wkb(values, on_invalid="ignore")
        return found

    def _rows_of(self, column: Any, first: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The vectors or packed codes of a column (m, d), and which of its rows (n,) have one."""
        if self._packed and pa.types.is_fixed_size_binary(column.type):
            return _binary_rows(column)
        return vector_rows(column, self._width, first, self._vectors, self.path)

    def _find_vectors(self, schema: Any) -> None:
        """The column of vectors or packed codes. Raises InputError where there is none."""
        said = self._json(b"quantization")
        asked = self.options.column
        for name in [asked] if asked else [CODE, *NAMES]:
            if schema.names.count(name) == 1 and (size := _packed_bytes(schema.field(name).type)):
                self._vectors, self._packed, self._width = name, True, size
                bits = self.options.said.bits
                self._bits = _bits({"n_dims": bits, **said} if bits else said, size, name, self.path)
                if not said and not bits:
                    self.notes.append(f"{self.path}: {name} holds bytes, taken as {8 * size} packed bits.")
                return
        self._vectors, self._packed, self._bits = vector_column(schema, asked, self.path), False, 0
        kind = schema.field(self._vectors).type
        self._stored = "int8" if kind.value_type == pa.int8() else "float"
        self._number_bytes = kind.value_type.bit_width // 8
        self._width = kind.list_size if pa.types.is_fixed_size_list(kind) else 0
        if self._width > WIDEST:
            raise InputError(f"{self.path}: {self._vectors} holds {self._width} numbers a row; 1 to {WIDEST} are "
                             "understood.")

    def _find_places(self, schema: Any) -> None:
        geo = self._json(b"geo")
        columns = geo.get("columns")
        primary = str(geo.get("primary_column") or "")
        about = columns.get(primary) if isinstance(columns, dict) else None
        about = about if isinstance(about, dict) else {}
        place = Place.of(schema, primary)
        if place is None:
            raise InputError(
                f"{self.path} does not say where its patches are: it has no geometry (WKB), no bbox, and no columns "
                f"such as centroid_lon and centroid_lat. Its columns are {', '.join(schema.names)[:500]}.")
        stated = about.get("crs", "")
        if isinstance(stated, dict):
            stated = json.dumps(stated)
        unknown = "crs" in about and about["crs"] is None  # GeoParquet: not known; a missing key means OGC:CRS84
        self._place = place
        self._mover = Mover(self.options.crs if unknown or not about else str(stated or ""))
        if place.kind == "centre":
            self._mover = Mover()
        self._unsure = unknown and not self.options.crs
        _ = self._mover.moves  # a CRS that is not understood is told now

    def _peek(self, file: Any) -> None:
        """Look at the first rows: how long vectors are, and whether the coordinates are what the file says."""
        columns = [self._vectors, *self._place.columns]
        for batch in self._read(file, None, columns, PEEKED):
            values, _ = self._rows_of(batch.column(self._vectors), 0)
            self._width = self._width or values.shape[1]
            if self._place.kind == "shape":
                self._check_coordinates(batch.column(self._place.columns[0]))
            if self._width:
                break
        if self._width > WIDEST:
            raise InputError(f"{self.path}: {self._vectors} holds {self._width} numbers a row; 1 to {WIDEST} are "
                             "understood.")

    def _check_coordinates(self, column: Any) -> None:
        """Degrees are told from metres: some files name a projected CRS, and hold degrees."""
        import shapely

        bounds = shapely.bounds(self._shapes(column))
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        if len(bounds) == 0:
            return
        outside = (np.abs(bounds[:, ::2]) > 360).any(axis=1) | (np.abs(bounds[:, 1::2]) > 90.1).any(axis=1)
        degrees = bool(outside.mean() < 0.5)  # a single wrong geometry is only left out
        if degrees and self._mover.projected and not self.options.crs:
            self.notes.append(f"{self.path} says that its coordinates are metres, but they are degrees: taken as "
                              "longitude and latitude.")
            self._mover = Mover()
        elif not degrees and not self._mover.moves:
            east, north = bounds[:, 2:].max(axis=0)
            what = "does not say which CRS its geometries are in" if self._unsure else "has geometries beyond the world"
            raise InputError(f"{self.path} {what}: its coordinates reach {east:g}, {north:g}. Choose the "
                             "CRS of the geometries.")

    def _facts(self) -> Facts:
        said, emb = self._json(b"quantization"), self._json(b"emb")
        model = emb.get("model") if isinstance(emb.get("model"), dict) else {}
        assert isinstance(model, dict)
        name = " ".join(str(model[key]) for key in ("id", "version") if isinstance(model.get(key), (str, int, float)))
        licence = str(emb.get("license") or "")
        attribution = ""
        if b"aef_dequantization" in self._footer:
            name, licence, attribution = ALPHAEARTH.name, ALPHAEARTH.licence, ALPHAEARTH.attribution
        name = name or self.options.said.model or str(said.get("model") or "")
        if self._packed:
            return Facts(self._bits, "packed", 1, self._bits, name, licence, attribution)
        return Facts(self._width, self._stored, self._number_bytes, 0, name, licence, attribution)

    def _find_year(self) -> None:
        self._year = self.options.year or self.options.said.year or year_of_path(self.path)

    @cached_property
    def dated_by(self) -> str:
        """Where years come from, in words; "" from nowhere."""
        if self.options.year:
            return f"the year {self.options.year} that was given"
        if self._dates:
            return f"the column {self._dates}"
        if self.options.said.year:
            return "the manifest"
        return f"the name of the file ({self._year})" if self._year else ""

    def _json(self, key: bytes) -> dict[str, Any]:
        """A footer's JSON object; empty where there is none that can be read."""
        try:
            found = json.loads(self._footer.get(key, b"{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _opened(self) -> Any:
        try:
            return pq.ParquetFile(
                self.path, buffer_size=BUFFER_BYTES, pre_buffer=False, thrift_string_size_limit=1 << 28,
                thrift_container_size_limit=1 << 22)
        except FileNotFoundError as error:
            raise InputError(f"There is no file {self.path}. Check the path.", str(error)) from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(
                f"{self.path} is not a Parquet file that can be read; it may be damaged.", str(error)) from error

    def _read(
        self, file: Any, groups: list[int] | None, columns: list[str], step: int = 0
    ) -> Iterator[Any]:
        try:
            yield from file.iter_batches(step or self._step, row_groups=groups, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{self.path} cannot be read to its end: it is truncated or damaged.", str(error)) from error


def _packed_bytes(kind: Any) -> int:
    """Bytes of a code in a column of such a type; 0 where it holds none."""
    if pa.types.is_fixed_size_binary(kind):
        return int(kind.byte_width)
    if pa.types.is_fixed_size_list(kind) and kind.value_type == pa.uint8() and 0 < kind.list_size <= WIDEST:
        return int(kind.list_size)
    return 0


def _bits(said: dict[str, Any], size: int, name: str, path: str) -> int:
    """Bits of codes of ``size`` bytes by the footer's note. Raises InputError for codes that are not plain bits."""
    method = str(said.get("method", "binary")).lower()
    if not ("bin" in method or "sign" in method):
        raise InputError(
            f"{path}: {name} holds codes of the method {method[:60]}, which only compare within one codec. Build the "
            "store from the vectors, or from bits.")
    bits = said.get("n_dims", 8 * size)
    if not isinstance(bits, int) or not 8 * (size - 1) < bits <= 8 * size:
        raise InputError(f"{path}: {name} holds {size} bytes, which are not {bits} bits as its footer says.")
    return bits


def _binary_rows(column: Any) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    valid = np.array(column.is_valid())
    size, content = column.type.byte_width, column.buffers()[1]
    if content is None or len(column) == 0:
        return np.empty((0, size), np.uint8), valid
    flat = np.frombuffer(content, np.uint8, len(column) * size, column.offset * size)
    return flat.reshape(-1, size)[valid], valid


def _wkb(shapes: NDArray[Any]) -> NDArray[Any]:
    import shapely

    found: NDArray[Any] = shapely.to_wkb(shapes, byte_order=1)
    return found
