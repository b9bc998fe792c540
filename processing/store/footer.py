"""The footer of a shard: its columns, its row groups and where these lie on the ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .areas import HALF, AreaFilter, Bounds, in_degrees, placed, union_of_many
from .code_pages import Page
from .columns import Columns, find_columns
from .location import Range, ShardError, StoredFile
from .manifest import SIDES

MOST_ROWS = 1 << 31
MOST_GROUPS = 1 << 20
MOST_UNPACKED = 4 * 2**30
"""Bytes of row groups that are unpacked at once."""


@dataclass(frozen=True)
class Footer:
    """What is known of a shard before any of its rows is read.

    ``starts`` are the first rows of the row groups and, last, the number of rows; ``required`` leaf columns have no
    missing values; ``pages`` keeps what ``bare_pages`` found of a leaf and group, ``spans`` where their chunk lies.
    """

    path: str
    size: int
    version: int
    metadata: Any
    schema: Any
    columns: Columns
    starts: NDArray[np.int64]
    leaves: dict[str, int]
    required: frozenset[str]
    pages: dict[tuple[str, int], list[Page] | None]
    spans: dict[tuple[str, int], Range]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each row group."""
        return np.diff(self.starts)

    @cached_property
    def bounds(self) -> Bounds:
        """Bounds of each row group's footprints; NaN: nothing is known. Raises ShardError."""
        with damaged(self.path):
            return _group_bounds(self.metadata, self.leaves, self.columns)

    @cached_property
    def years(self) -> NDArray[np.int32]:
        """The one year of each row group's rows; 0: they have none; −1: they must be asked. Raises ShardError."""
        with damaged(self.path):
            return _group_years(self.metadata, self.leaves, self.columns)

    @property
    def rows(self) -> int:
        """Rows of the shard."""
        return int(self.starts[-1])

    def groups(self, area: AreaFilter | None) -> NDArray[np.int64]:
        """The row groups that may hold something of the area."""
        there = self.counts > 0
        if area is not None:
            unknown = ~placed(self.bounds)
            there &= unknown | area.may_meet(np.where(unknown[:, None], 0.0, self.bounds))
        return np.flatnonzero(there)

    def chunk(self, leaf: str, group: int) -> Any:
        """pyarrow's ColumnChunkMetaData of a leaf column, such as bbox.xmin."""
        return self.metadata.row_group(int(group)).column(self.leaves[leaf])

    def leaves_of(self, names: Sequence[str]) -> list[str]:
        """Leaf columns of columns."""
        return [leaf for leaf in self.leaves if leaf.split(".")[0] in names]

    def ranges(self, names: Sequence[str], groups: NDArray[np.int64]) -> list[Range]:
        """Where the chunks of columns lie. Raises ShardError if they cannot."""
        leaves, known = self.leaves_of(names), self.spans
        for key in ((leaf, group) for group in groups.tolist() for leaf in leaves):
            if key not in known:
                start, length = span(self.chunk(*key))
                if start < 4 or length < 0 or start + length > self.size:
                    raise ShardError(self.path, "its footer names places beyond its end: it is truncated or damaged.")
                known[key] = (start, length)
        return [known[leaf, group] for group in groups.tolist() for leaf in leaves]

    def read(self, parquet: Any, names: Sequence[str], groups: NDArray[np.int64]) -> Any:
        """A table of some columns of some row groups, by pyarrow. Raises ShardError."""
        leaves = self.leaves_of(names)
        size = sum(self.chunk(leaf, group).total_uncompressed_size for group in groups for leaf in leaves)
        if not 0 <= size <= MOST_UNPACKED:
            raise ShardError(self.path, f"its row groups are too large to be read at once ({size / 1e9:.1f} GB).")
        with damaged(self.path):
            table = parquet.read_row_groups([int(group) for group in groups], list(names), use_threads=False)
        if len(table) != int(self.counts[groups].sum()):
            raise ShardError(self.path, "it has not as many rows as its footer says: it is damaged.")
        return table


def read_footer(file: StoredFile) -> Footer:
    """The footer of an open shard. Raises ShardError if it is no Parquet file, damaged or without codes or places."""
    with damaged(file.name), pq.ParquetFile(file.arrow(), pre_buffer=False) as parquet:
        metadata, schema = parquet.metadata, parquet.schema_arrow
        file.want([(max(file.size - metadata.serialized_size - 8, 0), metadata.serialized_size + 8)])
        groups = metadata.num_row_groups
        counts = [metadata.row_group(group).num_rows for group in range(min(groups, MOST_GROUPS))]
        described = [parquet.schema.column(place) for place in range(metadata.num_columns)]
        leaves = {column.path: place for place, column in enumerate(described)}
        required = frozenset(column.path for column in described if column.max_definition_level == 0)
    if groups > MOST_GROUPS or any(count < 0 for count in counts) or not 0 <= metadata.num_rows <= MOST_ROWS:
        raise ShardError(file.name, "its footer holds numbers that cannot be: it is damaged.")
    if sum(counts) != metadata.num_rows:
        raise ShardError(file.name, "the rows of its row groups do not add up: it is damaged.")
    columns = find_columns(schema, file.name, metadata.num_rows == 0)
    starts = np.concatenate([[0], np.cumsum(np.array(counts, np.int64))]).astype(np.int64)
    return Footer(
        file.name, file.size, file.version, metadata, schema, columns, starts, leaves, required, {}, {})


def open_parquet(file: StoredFile, footer: Footer) -> Any:
    """pyarrow's reader of a shard whose footer is known. Raises ShardError."""
    with damaged(file.name):
        return pq.ParquetFile(file.arrow(), metadata=footer.metadata, pre_buffer=False)


def span(chunk: Any) -> Range:
    """Where a column chunk lies."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset)
    return int(start), int(chunk.total_compressed_size)


@contextmanager
def damaged(path: str) -> Iterator[None]:
    """What pyarrow says of a bad file, as a ShardError."""
    try:
        yield
    except ShardError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, KeyError, IndexError) as error:
        raise ShardError(
            path, "it is not a Parquet file that can be read: it is truncated or damaged.", str(error)[:2000]
        ) from error


def _group_years(metadata: Any, leaves: dict[str, int], columns: Columns) -> NDArray[np.int32]:
    """The one year of each row group, 0 if all are undated, −1 where statistics do not tell."""
    found = np.full(metadata.num_row_groups, -1, np.int32)
    for index in range(metadata.num_row_groups if columns.year else 0):
        known = metadata.row_group(index).column(leaves[columns.year]).statistics
        if known is None or not known.has_null_count:
            continue
        if known.num_values == 0:
            found[index] = 0
        elif known.null_count == 0 and known.has_min_max and known.min == known.max:
            found[index] = known.min if 0 < known.min < 10_000 else 0
    return found


def _group_bounds(metadata: Any, leaves: dict[str, int], columns: Columns) -> Bounds:
    """Bounds of each row group's footprints, conservative where some may cross the antimeridian."""
    found = np.full((metadata.num_row_groups, 4), np.nan)
    places = [leaves.get(f"{columns.bbox}.{side}") for side in SIDES] if columns.bbox else [None]
    if any(place is None for place in places):
        return found
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        sides = [group.column(place).statistics for place in places]
        if all(side is not None and side.has_min_max for side in sides):
            west, south, east, north = sides
            found[index] = (west.min, south.min, east.max, north.max)
            if west.max - east.min > HALF and west.max > 0 > east.min:  # a crossing one may be among them
                found[index, [0, 2]] = -HALF, HALF
    found[~(placed(found) & in_degrees(found))] = np.nan
    return union_of_many(found)
