"""A retrieval store: opened, its shards chosen and read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from .address import find_location
from .areas import AreaFilter, union_of_many
from .columns import first_width
from .description import StoreInfo, from_quantization
from .footer import Footer, open_parquet, read_footer
from .location import Check, Location, Range, ShardError, StoredFile
from .manifest import Manifest, ShardEntry, read_manifest
from .shard_reader import Patches, read_codes, read_details, read_patches, scan_codes
from .shard_writer import fine_path

KEPT_FOOTERS = 1 << 15
"""Row groups of footers that are kept, each footer counting as ``FOOTER`` more: about 50 MB, or 12,000 groups of 50
million rows in a few hundred shards."""
FOOTER = 8
LOOKED_AT = 20
"""Shards that are asked how long a code is, where no description says it."""
FINE_GAP = 16 * 2**10

Areas = Sequence[Any] | AreaFilter | None
"""Geometries in OGC:CRS84, or what was made of them before; None: everywhere."""
Years = Iterable[int] | None


@dataclass(frozen=True)
class Selection:
    """Shards that may hold something of an area and years; what they hold is known when they are read.

    ``rows`` and ``bytes`` (0 where the manifest does not say) are those of the whole shards.
    """

    entries: list[ShardEntry]
    rows: int
    bytes: int
    area: AreaFilter | None
    years: frozenset[int] | None


class Store:
    """A store on disk or behind http(s). Thread-safe: files are opened for each reading, and closed after it."""

    def __init__(self, location: Location, manifest: Manifest, about: StoreInfo | None) -> None:
        self._location = location
        self._footers: OrderedDict[str, Footer] = OrderedDict()
        self._kept = 0
        self._free: list[NDArray[np.uint8]] = []
        self._lock = Lock()
        self.shards = manifest
        self.about = about or self._described()

    @staticmethod
    def open(location: str | Path) -> Store:
        """Open a folder, its manifest, or an http(s) address of either.

        Raises InputError if there is no store, or its manifest cannot be believed.
        """
        place = find_location(location)
        return Store(place, *read_manifest(place))

    @property
    def name(self) -> str:
        """The folder or address."""
        return self._location.name

    @property
    def remote(self) -> bool:
        """Whether it is read over a network."""
        return self._location.remote

    @property
    def bytes_read(self) -> int:
        """Bytes read so far: those of files' parts, or those that servers sent."""
        return self._location.counter.total

    def select(self, areas: Areas = None, years: Years = None) -> Selection:
        """The shards that meet any of the areas and may hold any of the years. Nothing is read.

        Without areas all shards are chosen. Undated shards are chosen whatever the years, because their rows may have
        one; undated patches are not. Raises InputError if an area is not one.
        """
        area, wanted = as_filter(areas), None if years is None else frozenset(years)
        chosen = self.shards.rows > 0
        if area is not None:
            bounds = np.where(chosen[:, None], union_of_many(self.shards.bounds), 0.0)
            chosen = chosen & area.may_meet(bounds)
        if wanted is not None:
            chosen &= np.isin(self.shards.years, [0, *sorted(wanted)])
        numbers = np.flatnonzero(chosen)
        entries = [self.shards[int(number)] for number in numbers]
        size = self.shards.bytes[numbers]
        return Selection(entries, int(self.shards.rows[numbers].sum()), int(size[size > 0].sum()), area, wanted)

    def patches(
        self, entry: ShardEntry, areas: Areas = None, years: Years = None, progress: Progress | None = None
    ) -> Patches:
        """The patches of a shard that meet the areas (all: None) and are of one of the years.

        A rectangle is met by bounds, a polygon by footprints; touching is meeting. Raises ShardError, Cancelled.
        """
        check = (progress or Progress()).check
        with self._open(entry, check) as (file, footer):
            wanted = None if years is None else frozenset(years)
            return read_patches(file, footer, entry, self.about.bytes, as_filter(areas), wanted, check)

    def scan(self, entry: ShardEntry, progress: Progress | None = None) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """All codes of a shard, block by block, for what needs nothing else: the first row and codes (n, bytes), which
        are overwritten when the next block is asked for. Raises ShardError, also where a row has no code."""
        check = (progress or Progress()).check
        with self._open(entry, check) as (file, footer):
            yield from scan_codes(file, footer, self.about.bytes, self._free, check)

    def codes(self, shard: int, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The codes (n, bytes) of some rows of a shard, in their order. Raises ShardError if one has none."""
        with self._open(self.shards[shard]) as (file, footer):
            found, there = read_codes(file, footer, np.asarray(rows, np.int64), self.about.bytes)
        if not there.all():
            raise ShardError(file.name, f"row {int(np.asarray(rows)[~there][0])} has no code.")
        return found

    def details(self, shard: int, rows: NDArray[np.int64]) -> tuple[list[str], list[bytes]]:
        """Ids and footprints (WKB) of some rows of a shard, in their order. Raises ShardError."""
        with self._open(self.shards[shard]) as (file, footer):
            return read_details(file, footer, np.asarray(rows, np.int64))

    def fine(self, shard: int, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The finer codes (n, fine.bytes) of some rows of a shard, in their order, and little else is read.

        Raises InputError if the store has none, ShardError if the shard's are missing or do not fit.
        """
        if self.about.fine is None:
            raise InputError(f"{self.name} has no finer codes to re-rank with.")
        entry, width = self.shards[shard], self.about.fine.bytes
        asked = np.asarray(rows, np.int64)
        if len(asked) and (asked.min() < 0 or asked.max() >= entry.rows):
            raise ShardError(entry.path, f"it has {entry.rows:,} rows; there is no row {int(asked.max()):,} in it.")
        found = np.empty((len(asked), width), np.uint8)
        with self._location.open(fine_path(entry.path), entry.rows * width) as file:
            ranges = [(int(row) * width, width) for row in np.unique(asked)]
            if self.remote:
                file.want(ranges)
                for place, row in enumerate(asked):
                    file.read_into(int(row) * width, memoryview(found[place]))
                return found
            for start, length in _near(ranges):
                file.want([(start, length)])
                block = np.frombuffer(file.read(start, length), np.uint8).reshape(-1, width)
                here = np.flatnonzero((asked * width >= start) & (asked * width < start + length))
                found[here] = block[asked[here] - start // width]
        return found

    def find_ids(self, ids: Iterable[str], progress: Progress | None = None) -> dict[str, tuple[int, int]]:
        """Shard and row of each id that is found, the first where there are several; the slow way, through all shards.

        A shard that cannot be read is passed over with a warning. Raises Cancelled.
        """
        progress = progress or Progress()
        left, found = set(ids), {}
        for number, entry in enumerate(self.shards):
            if not left:
                break
            progress.report(number / len(self.shards))
            try:
                with self._open(entry, progress.check) as (file, footer):
                    for name, row in _rows_of(file, footer, left, progress.check):
                        if name in left:
                            found[name] = (entry.shard, row)
                            left.discard(name)
            except ShardError as error:
                progress.warn(f"{error.message} Its ids were not looked at.")
        return found

    def at(
        self, longitude: float, latitude: float, years: Years = None, progress: Progress | None = None
    ) -> list[Patches]:
        """The patches whose footprints hold a place, shard by shard; empty if none does. Raises ShardError."""
        chosen = self.select([shapely.Point(longitude, latitude)], years)
        found = (self.patches(entry, chosen.area, chosen.years, progress) for entry in chosen.entries)
        return [patches for patches in found if len(patches)]

    @contextmanager
    def _open(self, entry: ShardEntry, check: Check = lambda: None) -> Iterator[tuple[StoredFile, Footer]]:
        with self._lock:
            footer = self._footers.get(entry.path)
        size = entry.bytes if footer is None or not self.remote else footer.size
        with self._location.open(entry.path, size, check, footer is not None) as file:
            if footer is None or (footer.size, footer.version) != (file.size, file.version):
                footer = read_footer(file)
                if footer.rows != entry.rows:
                    raise ShardError(
                        entry.path, f"it has {footer.rows:,} rows where the manifest says {entry.rows:,}: they are not "
                        "of the same store. Build the store, or its manifest, again.")
                self._keep(footer)
            yield file, footer

    def _keep(self, footer: Footer) -> None:
        """Remember a footer, and forget the oldest ones where they become too many."""
        with self._lock:
            if (before := self._footers.pop(footer.path, None)) is not None:
                self._kept -= len(before.counts) + FOOTER
            self._footers[footer.path] = footer
            self._kept += len(footer.counts) + FOOTER
            while self._kept > KEPT_FOOTERS and len(self._footers) > 1:
                _, oldest = self._footers.popitem(last=False)
                self._kept -= len(oldest.counts) + FOOTER

    def _described(self) -> StoreInfo:
        """What the shards of a corpus without a description say of their codes. Raises InputError if they do not."""
        trouble = ""
        asked = 0
        for entry in self.shards:
            if entry.rows == 0:
                continue
            if asked == LOOKED_AT:
                break
            asked += 1
            try:
                with self._location.open(entry.path, entry.bytes) as file:
                    footer = read_footer(file)
                    width = footer.columns.width or _width(file, footer)
            except ShardError as error:
                trouble = trouble or error.message
                continue
            if width:
                return from_quantization(footer.schema.metadata, width, "")
        raise InputError(
            f"{self.name} does not say what its codes are: its manifest has no description, and "
            + (f"its shards cannot be read ({trouble})" if trouble else "it lists no shard with rows") + ".")


def as_filter(areas: Areas) -> AreaFilter | None:
    """Areas ready for comparing; None: everywhere. Raises InputError if one is not an area."""
    return areas if areas is None or isinstance(areas, AreaFilter) else AreaFilter(areas)


def _width(file: StoredFile, footer: Footer) -> int:
    groups = footer.groups(None)[:1]
    file.want(footer.ranges([footer.columns.code], groups))
    return first_width(footer.read(open_parquet(file, footer), [footer.columns.code], groups).column(0))


def _rows_of(file: StoredFile, footer: Footer, ids: set[str], check: Check) -> Iterator[tuple[str, int]]:
    name = footer.columns.id
    if not name or footer.rows == 0:
        return
    groups = footer.groups(None)
    file.want(footer.ranges([name], groups))
    parquet, wanted = open_parquet(file, footer), pa.array(sorted(ids), pa.string())
    for start in range(0, len(groups), 64):
        check()
        part = groups[start : start + 64]
        column = footer.read(parquet, [name], part).column(0).cast(pa.string())
        for row in np.flatnonzero(np.asarray(pc.is_in(column, wanted))):
            yield column[int(row)].as_py(), int(footer.starts[part[0]] + row)


def _near(ranges: Sequence[Range]) -> Iterator[Range]:
    """Ranges in order as few, those joined between which little lies."""
    start = end = -1
    for offset, length in ranges:
        if start >= 0 and offset - end <= FINE_GAP:
            end = offset + length
            continue
        if start >= 0:
            yield start, end - start
        start, end = offset, offset + length
    if start >= 0:
        yield start, end - start
