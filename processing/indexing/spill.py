"""More patches than fit into memory, sorted: runs on disk, each sorted by year, cell and place, and merged.

A group is the patches of one cell and year. The order within it does not depend on where one run ends and the next
begins: equal places stay in the order of the input.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..progress import Progress

RUN_BYTES = 64 * 2**20
"""Patches in memory before they are sorted and written."""
RUN_BATCH = 1024
"""Rows of a run that are read at once, at least."""
OPEN_RUNS = 64
CELL, YEAR, KEY, BOX, CODE, FINE, ID, SHAPE = "cell", "year", "key", "box", "code", "fine", "id", "shape"


def run_schema(code_bytes: int, fine_bytes: int) -> Any:
    """The columns of a run; ``fine_bytes`` 0: no re-ranking codes."""
    columns = [  # cell and year first: they are read alone
        (CELL, pa.int64()), (YEAR, pa.int32()), (KEY, pa.uint64()), (BOX, pa.binary(32)), (CODE, pa.binary(code_bytes)),
        (ID, pa.large_string()), (SHAPE, pa.large_binary()),
    ]
    return pa.schema([*columns, *([(FINE, pa.binary(fine_bytes))] if fine_bytes else [])])


def fixed(rows: NDArray[Any]) -> Any:
    """An array (n, k) of any type as a pyarrow array of bytes, one row each."""
    content = np.ascontiguousarray(rows)
    size = content.shape[1] * content.dtype.itemsize
    return pa.Array.from_buffers(pa.binary(size), len(content), [None, pa.py_buffer(content.tobytes())])


def unfixed(column: Any, kind: Any) -> NDArray[Any]:
    """The inverse of ``fixed``, of numbers of a type: (n, k)."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    size = column.type.byte_width
    flat = np.frombuffer(column.buffers()[1], np.uint8, len(column) * size, column.offset * size)
    return flat.reshape(-1, size).view(kind)


def write_run(path: Path, tables: Sequence[Any]) -> None:
    """Sort the rows of tables of ``run_schema`` by year, cell and key, equal ones in order, and write them."""
    table = pa.concat_tables(tables).combine_chunks()
    keys = [np.asarray(table[name].combine_chunks()) for name in (KEY, CELL, YEAR)]
    order = pa.array(np.lexsort(keys))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for start in range(0, len(order), RUN_BATCH):
            part = table.take(order.slice(start, RUN_BATCH)).combine_chunks()
            writer.write_table(part, max_chunksize=RUN_BATCH)


@dataclass(frozen=True)
class Group:
    """The patches of a cell and a year: rows ``start`` … ``stop`` of some runs."""

    cell: int
    year: int
    parts: tuple[tuple[int, int, int], ...]
    """(run, start, stop), in the order of the runs."""

    @property
    def rows(self) -> int:
        """Patches in it."""
        return sum(stop - start for _, start, stop in self.parts)


class Runs:
    """All runs of a build, read slice by slice; for one thread. Close it, or use it as a context manager."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._open: OrderedDict[int, tuple[Any, Any]] = OrderedDict()
        self._found: tuple[NDArray[Any], ...] | None = None

    def sizes(self, progress: Progress) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Cells, years and rows (n,) of what is in the runs; a cell and year may be there several times."""
        cells, years, _, starts, stops = self._pieces(progress)
        return cells, years, stops - starts

    def groups(self, progress: Progress, coarser: int = 0) -> Iterator[Group]:
        """Groups in the order of their years and cells. ``coarser``: so many of the cells' last bits do not count."""
        cells, years, runs, starts, stops = self._pieces(progress)
        if len(cells) == 0:
            return
        if coarser:  # a year's cells follow one another in a run, so those that become one do as well
            cells = cells >> coarser
            new = np.flatnonzero(np.diff(cells, prepend=-1) | np.diff(years, prepend=-1) | np.diff(runs, prepend=-1))
            cells, years, runs, starts = (part[new] for part in (cells, years, runs, starts))
            stops = stops[[*(new[1:] - 1), -1]]
        order = np.lexsort((runs, cells, years))
        cells, years, runs, starts, stops = (part[order] for part in (cells, years, runs, starts, stops))
        new = np.flatnonzero(np.diff(cells, prepend=-1) | np.diff(years, prepend=-1))
        for first, last in zip(new, [*new[1:], len(cells)], strict=True):
            parts = tuple((int(runs[i]), int(starts[i]), int(stops[i])) for i in range(first, last))
            yield Group(int(cells[first]), int(years[first]), parts)

    def shards(self, group: Group, most: int) -> Iterator[Any]:
        """The patches of a group in order, as tables of ``most`` rows or, where there are more, of equal sizes.

        Only the keys of a group and the rows of one table are in memory.
        """
        count = -(-group.rows // most)
        if count <= 1:
            table = pa.concat_tables([self.rows(*part) for part in group.parts]).combine_chunks()
            yield table.take(pa.array(np.argsort(np.asarray(table[KEY].combine_chunks()), kind="stable")))
            return
        keys = np.concatenate([self._keys(*part) for part in group.parts])
        edges = np.cumsum([0, *(stop - start for _, start, stop in group.parts)])
        for chosen in np.array_split(np.argsort(keys, kind="stable"), count):
            tables, places = [], np.sort(chosen)
            for (run, start, _), low, high in zip(group.parts, edges[:-1], edges[1:], strict=True):
                inside = places[(places >= low) & (places < high)] - low
                if len(inside):  # they follow one another, since the run is sorted
                    tables.append(self.rows(run, start + int(inside[0]), start + int(inside[-1]) + 1))
            yield pa.concat_tables(tables).combine_chunks().take(pa.array(np.searchsorted(places, chosen)))

    def rows(self, run: int, start: int, stop: int) -> Any:
        """Rows of a run as a table."""
        reader = self._reader(run)
        first, last = start // RUN_BATCH, -(-stop // RUN_BATCH)
        table = pa.Table.from_batches([reader.get_batch(index) for index in range(first, last)])
        return table.slice(start - first * RUN_BATCH, stop - start)

    def close(self) -> None:
        """Close all files."""
        while self._open:
            _, (reader, file) = self._open.popitem()
            del reader
            file.close()

    def __enter__(self) -> Runs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pieces(self, progress: Progress) -> tuple[NDArray[Any], ...]:
        """Cells, years, runs, first and last row + 1 of each stretch of one cell and year; read once."""
        if self._found is None:
            found = [self._bounds(run, progress) for run in range(len(self._paths))]
            empty = (np.empty(0, np.int64),) * 5
            self._found = tuple(np.concatenate(column) for column in zip(*(found or [empty]), strict=True))
        return self._found

    def _bounds(self, run: int, progress: Progress) -> tuple[NDArray[Any], ...]:
        """Cells, years, run, first and last row + 1 of the groups of a run."""
        cells, years, starts = [], [], []
        row, last = 0, (-1, -1)
        for cell, year in self._labels(run):
            progress.check()
            new = np.flatnonzero((np.diff(cell, prepend=cell[:1]) != 0) | (np.diff(year, prepend=year[:1]) != 0))
            if len(cell) and (int(cell[0]), int(year[0])) != last:
                new = np.concatenate([[0], new])
            cells.append(cell[new])
            years.append(year[new])
            starts.append(row + new)
            row += len(cell)
            last = (int(cell[-1]), int(year[-1]))
        first = np.concatenate(starts) if starts else np.empty(0, np.int64)
        stops = np.append(first[1:], row) if len(first) else first
        empty = np.empty(0, np.int64)
        found = (np.concatenate([empty, *cells]), np.concatenate([empty, *years]))
        return (*found, np.full(len(first), run), first, stops)

    def _labels(self, run: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
        """Cells and years of a run, batch by batch; the other columns are not read."""
        options = pa.ipc.IpcReadOptions(included_fields=[0, 1])
        with pa.OSFile(str(self._paths[run]), "rb") as file:
            reader = pa.ipc.open_file(file, options=options)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                yield np.asarray(batch[CELL]), np.asarray(batch[YEAR])

    def _keys(self, run: int, start: int, stop: int) -> NDArray[np.uint64]:
        step = 64 * RUN_BATCH
        parts = [np.asarray(self.rows(run, low, min(low + step, stop))[KEY].combine_chunks())
                 for low in range(start, stop, step)]
        return np.concatenate(parts)

    def _reader(self, run: int) -> Any:
        if run in self._open:
            self._open.move_to_end(run)
            return self._open[run][0]
        if len(self._open) >= OPEN_RUNS:
            _, (_, oldest) = self._open.popitem(last=False)
            oldest.close()
        file = pa.OSFile(str(self._paths[run]), "rb")
        reader = pa.ipc.open_file(file)
        self._open[run] = (reader, file)
        return reader
