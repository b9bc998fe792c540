"""The first pass: all patches read, coded, and written as sorted runs; a run that the journal names is finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..progress import Progress
from ..store.cells import geohash_numbers, tiles
from ..store.morton import morton_keys
from . import spill
from .cell_size import AUTOMATIC, FINEST
from .coding import Coding
from .footprints import centres
from .inputs import Source
from .journal import Journal, file_facts, is_as_said
from .patches import Patches
from .plan import Plan
from .repeated_names import hashes, write_hashes

RUN, READ = "run", "read"
TILE_ROWS = 720


@dataclass
class Counts:
    """``source``, ``unit`` and ``row`` say where the work is; the others what was met up to there."""

    source: int = 0
    unit: int = 0
    row: int = 0
    read: int = 0
    no_vector: int = 0
    no_place: int = 0


@dataclass(frozen=True)
class Filed:
    """All runs, the files of hashed names beside them, and the counts of the whole input."""

    runs: list[Path]
    names: list[Path]
    counts: Counts


def cell_numbers(patches: Patches, geohash: int) -> Any:
    """A number for the cell of each patch: a geohash of so many letters, 0 for tiles of 0.25 degrees; automatic: the
    finest there may be."""
    lon, lat = centres(patches.boxes)
    if geohash:
        geohash = FINEST if geohash == AUTOMATIC else geohash
        return geohash_numbers(lon, lat, geohash).astype(np.int64)
    x, y = tiles(lon, lat)
    return x.astype(np.int64) * TILE_ROWS + y


def tile_of(cell: int) -> tuple[int, int]:
    """tile_x and tile_y of a cell's number."""
    return divmod(cell, TILE_ROWS)


def file_patches(
    sources: Sequence[Source], plan: Plan, geohash: int, journal: Journal, progress: Progress
) -> Filed:
    """Read, code and sort all patches that the journal does not name yet. Raises InputError, OutputError, Cancelled."""
    lines = journal.lines(RUN)
    counts = Counts(**lines[-1]["counts"]) if lines else Counts()
    if not journal.lines(READ):
        total = max(1, sum(source.rows for source in sources))
        writer = _RunWriter(journal, len(lines), plan.coding, geohash)
        for number in range(counts.source, len(sources)):
            source = sources[number]
            for unit in range(counts.unit if number == counts.source else 0, len(source.unit_rows)):
                done = counts.row if (number, unit) == (counts.source, counts.unit) else 0
                for patches in source.batches(unit, plan.known.mapping, done):
                    done += patches.read
                    counts = Counts(number, unit, done, counts.read + patches.read,
                                    counts.no_vector + patches.no_vector, counts.no_place + patches.no_place)
                    writer.add(patches, counts)
                    progress.report(counts.read / total)
        writer.flush(counts)
        journal.add(READ, counts=asdict(counts))
    counts = Counts(**journal.lines(READ)[-1]["counts"])
    names = [line["file"] for line in journal.lines(RUN)]
    return Filed([journal.runs / name for name in names],
                 [(journal.runs / name).with_suffix(".names") for name in names], counts)


def believed(journal: Journal, progress: Progress) -> int:
    """Check the runs that the journal names; from the first that is not what it was on, nothing is believed.

    Returns how many are good. Lines about shards stay only if all runs are.
    """
    lines, good = journal.lines(RUN), 0
    for line in lines:
        progress.report(good / len(lines))
        path = journal.runs / str(line["file"])
        if not is_as_said(path, line) or not is_as_said(path.with_suffix(".names"), line["names"]):
            break
        good += 1
    rest = [] if good < len(lines) else [*journal.lines(READ), *journal.lines("shard")]
    journal.rewrite([*lines[:good], *rest])
    return good


class _RunWriter:
    """Collects coded patches, and writes a run whenever there are enough of them."""

    def __init__(self, journal: Journal, number: int, coding: Coding, geohash: int) -> None:
        self._journal, self._number = journal, number
        self._coding, self._geohash = coding, geohash
        self._schema = spill.run_schema(coding.bytes, coding.fine_bytes)
        self._tables: list[Any] = []
        self._hashes: list[Any] = []
        self._bytes = 0

    def add(self, patches: Patches, counts: Counts) -> None:
        """Code patches and keep them; ``counts`` are those with them."""
        if len(patches):
            table = self._coded(patches)
            self._tables.append(table)
            self._hashes.append(hashes(patches.ids, patches.years))
            self._bytes += table.nbytes
        if self._bytes >= spill.RUN_BYTES:
            self.flush(counts)

    def flush(self, counts: Counts) -> None:
        """Write what is kept as a run."""
        if not self._tables:
            return
        path = self._journal.runs / f"run-{self._number:05d}.arrow"
        names = path.with_suffix(".names")
        spill.write_run(path, self._tables)
        write_hashes(names, self._hashes)
        self._journal.add(
            RUN, file=path.name, rows=sum(table.num_rows for table in self._tables), **file_facts(path),
            names=file_facts(names), counts=asdict(counts))
        self._number += 1
        self._tables, self._hashes, self._bytes = [], [], 0

    def _coded(self, patches: Patches) -> Any:
        codes, fine = self._coding.encode(patches.values)
        columns = {
            spill.CELL: pa.array(cell_numbers(patches, self._geohash)), spill.YEAR: pa.array(patches.years),
            spill.KEY: pa.array(morton_keys(*centres(patches.boxes))), spill.BOX: spill.fixed(patches.boxes),
            spill.CODE: spill.fixed(codes), spill.ID: patches.ids, spill.SHAPE: patches.shapes,
        }
        if fine is not None:
            columns[spill.FINE] = spill.fixed(fine)
        return pa.Table.from_arrays([columns[name] for name in self._schema.names], schema=self._schema)
