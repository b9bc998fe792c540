"""The second pass: year after year, cell after cell, becomes shards; those that the journal names are finished."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..executors import cores, in_order, open_executor
from ..progress import Progress
from ..store.cells import geohash_text
from ..store.manifest import ShardEntry
from ..store.shard_writer import ShardRows, fine_path, write_shard
from . import cell_size, spill
from .coding import Coding
from .filing import Filed, tile_of
from .journal import Journal, file_facts, is_as_said
from .requests import BuildStoreRequest
from .spill import Group, Runs

SHARD = "shard"
PART = re.compile(r"part-(\d{5,})\.parquet")
UNDATED = "year=__HIVE_DEFAULT_PARTITION__"
"""What readers of partitioned folders take for no value."""
Work = tuple[str, tuple[int, int] | None, ShardRows]


def write_shards(
    request: BuildStoreRequest, filed: Filed, coding: Coding, letters: int, old: Sequence[ShardEntry],
    journal: Journal, progress: Progress,
) -> tuple[list[ShardEntry], int]:
    """Write what is not written yet, in the order of years and cells; all entries, and the letters of their geohashes.
    Raises OutputError or Cancelled.

    ``letters``: those asked for. ``old``: the shards of the store that is added to, whose names are taken.
    """
    total = sum(line["rows"] for line in journal.lines("run"))
    lines = {str(line["path"]): line for line in journal.lines(SHARD)}
    entries: list[ShardEntry] = []
    kept = 0
    with Runs(filed.runs) as runs, open_executor(min(request.threads or cores(), cores())) as executor:

        length = cell_size.chosen(runs, letters, progress)
        coarser = 0 if length == letters else cell_size.LETTER * (cell_size.FINEST - length)

        def planned() -> Iterator[Work | ShardEntry]:
            nonlocal kept
            taken = _taken(old)
            for group in runs.groups(progress, coarser):
                folder, tile = _folder(group, length)
                count = max(1, -(-group.rows // request.rows_per_file))
                paths = [f"{folder}/part-{taken[folder] + number:05d}.parquet" for number in range(count)]
                found = [_believed(journal.store, lines.get(path)) for path in paths]
                if all(found):
                    kept += count
                    yield from (entry for entry in found if entry is not None)
                    continue
                tables = runs.shards(group, request.rows_per_file)
                for path, table, entry in zip(paths, tables, found, strict=True):
                    kept += entry is not None
                    yield entry or (path, tile, _rows(table, coding))

        rows = 0
        for made in in_order(executor, partial(_write, journal.store, progress), planned(), 2):
            entry, new = made
            if new:
                journal.add(SHARD, **_line(journal.store, entry, coding))
            entries.append(entry)
            rows += entry.rows
            progress.report(rows / max(total, 1))
    if kept:
        progress.info(f"{kept:,} files were finished before, and are as they were.")
    return entries, length


def _write(store: Path, progress: Progress, work: Work | ShardEntry) -> tuple[ShardEntry, bool]:
    """The entry of a shard, and whether it was written now."""
    if isinstance(work, ShardEntry):
        return work, False
    path, tile, rows = work
    return write_shard(store, path, rows, progress, tile=tile), True


def _rows(table: Any, coding: Coding) -> ShardRows:
    column = {name: table[name].combine_chunks() for name in table.schema.names}
    return ShardRows(
        ids=column[spill.ID].cast(pa.string()), codes=spill.unfixed(column[spill.CODE], np.uint8),
        bounds=spill.unfixed(column[spill.BOX], np.float64), years=np.asarray(column[spill.YEAR]),
        geometry=column[spill.SHAPE].cast(pa.binary()),
        fine=spill.unfixed(column[spill.FINE], np.uint8) if coding.fine_bytes else None)


def _folder(group: Group, geohash: int) -> tuple[str, tuple[int, int] | None]:
    """The folder of a group in the store, and its tile."""
    year = f"year={group.year:04d}" if group.year else UNDATED
    if geohash:
        return f"geohash={geohash_text(group.cell, geohash)}/{year}", None
    x, y = tile_of(group.cell)
    return f"tile_x={x}/tile_y={y}/{year}", (x, y)


def _taken(old: Sequence[ShardEntry]) -> Counter[str]:
    """Folder → the first number that no part in it has."""
    found: Counter[str] = Counter()
    for entry in old:
        folder, _, name = entry.path.rpartition("/")
        if number := PART.fullmatch(name):
            found[folder] = max(found[folder], int(number[1]) + 1)
    return found


def _line(store: Path, entry: ShardEntry, coding: Coding) -> dict[str, Any]:
    line = asdict(entry)
    if coding.fine_bytes:
        line["fine"] = file_facts(store / fine_path(entry.path))
    return line


def _believed(store: Path, line: dict[str, Any] | None) -> ShardEntry | None:
    """The entry of a line, if the files are still what it says; None otherwise."""
    if line is None or not is_as_said(store / str(line["path"]), line):
        return None
    if "fine" in line and not is_as_said(store / fine_path(str(line["path"])), line["fine"]):
        return None
    return ShardEntry(
        line["shard"], line["path"], line["rows"], tuple(line["bounds"]), tuple(line["tile"]) if line["tile"] else None,
        line["year"], line["bytes"], line["fingerprint"])
