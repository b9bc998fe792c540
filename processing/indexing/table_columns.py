"""The columns of a table of patches besides its vectors: names, years, and where the patches are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDS = ("chips_id", "id", "unique_id", "index")
YEARS = ("year", "date", "timestamp", "datetime")
SHAPES = ("geometry", "geom", "wkb_geometry")
CENTRES = (("centroid_lon", "centroid_lat"), ("centre_lon", "centre_lat"), ("center_lon", "center_lat"),
           ("lon", "lat"), ("longitude", "latitude"))
SIDES = ("xmin", "ymin", "xmax", "ymax")
FIRST, LAST = 1900, 2200
"""Years that are believed."""
IN_FOLDER = re.compile(r"(?:^|/)year=((?:19|20)\d\d)(?:/|$)")
IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))?(?!\d)")


def id_column(schema: Any) -> str:
    """The column of the patches' names; "" where there is none."""
    import pyarrow as pa

    for name in IDS:
        if schema.names.count(name) == 1:
            kind = schema.field(name).type
            if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
                return name
    return ""


def year_column(schema: Any) -> str:
    """The column that dates the patches; "" where there is none."""
    import pyarrow as pa

    for name in YEARS:
        if schema.names.count(name) == 1:
            kind = schema.field(name).type
            if pa.types.is_integer(kind) or pa.types.is_temporal(kind) or _is_text(kind):
                return name
    return ""


def names(column: Any, prefix: str, first: int, count: int) -> Any:
    """Names of rows as a pyarrow large_string array: those of a column after ``prefix``; where there is none (or the
    column is None) the prefix and the number of the row, counted from ``first``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    made = pa.array([f"{prefix}{number}" for number in range(first, first + count)], pa.large_string())
    if column is None:
        return made
    text = pc.cast(column, pa.large_string())
    if prefix:
        text = pc.binary_join_element_wise(pa.scalar(prefix, pa.large_string()), text, pa.scalar("", pa.large_string()))
    return pc.coalesce(text, made) if text.null_count else text


def years(column: Any) -> NDArray[np.int32]:
    """Years of a column of whole numbers, dates or text (the first year in it): (n,), 0 where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_integer(kind):
        found = column
    elif pa.types.is_temporal(kind):
        found = pc.year(column)
    else:
        part = pc.extract_regex(column, r"(?:^|[^0-9])(?P<year>(?:19|20)[0-9]{2})(?:[^0-9]|[01][0-9][0-3][0-9]|$)")
        found = pc.cast(pc.struct_field(part, "year"), pa.int32())
    numbers = np.asarray(pc.fill_null(pc.cast(found, pa.int64(), safe=False), 0), np.int64)
    return np.where((numbers >= FIRST) & (numbers <= LAST), numbers, 0).astype(np.int32)


def year_of_path(path: str) -> int:
    """The year in a file's path: of a folder year=…, or the only one in its name; 0 without, or with several."""
    folder = IN_FOLDER.search(PurePath(path).parent.as_posix())
    if folder:
        return int(folder[1])
    found = {int(text) for text in IN_NAME.findall(PurePath(path).stem)}
    return found.pop() if len(found) == 1 else 0


@dataclass(frozen=True)
class Place:
    """Which columns say where a patch is: ``kind`` shape (WKB), box (a struct of xmin, ymin, xmax, ymax) or centre."""

    kind: str
    columns: tuple[str, ...]

    @staticmethod
    def of(schema: Any, primary: str) -> Place | None:
        """By the columns there are, ``primary`` first; None where nothing says it."""
        import pyarrow as pa

        for name in (primary, *SHAPES):
            if schema.names.count(name) == 1 and (
                pa.types.is_binary(schema.field(name).type) or pa.types.is_large_binary(schema.field(name).type)
            ):
                return Place("shape", (name,))
        if schema.names.count("bbox") == 1:
            kind = schema.field("bbox").type
            if pa.types.is_struct(kind) and all(kind.get_field_index(side) >= 0 for side in SIDES):
                return Place("box", ("bbox",))
        for pair in CENTRES:
            if all(schema.names.count(name) == 1 for name in pair):
                return Place("centre", pair)
        return None


def box_array(column: Any) -> NDArray[np.float64]:
    """A struct column of boxes as (n, 4); NaN where one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sides = [pc.cast(pc.struct_field(column, side), pa.float64()) for side in SIDES]
    return np.column_stack([number_array(side) for side in sides])


def number_array(column: Any) -> NDArray[np.float64]:
    """A column of numbers as (n,); NaN where one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.cast(column, pa.float64()), float("nan")), np.float64)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
