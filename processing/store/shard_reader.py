"""One shard read and pruned: row groups by their statistics, then footprints' bounds, then footprints themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ..hamming.words import aligned
from .areas import AreaFilter, Bounds, footprint_bounds, in_degrees, placed, polygons_of
from .code_pages import bare_pages
from .columns import bounds_of, codes_of, footprints_of, years_of
from .footer import Footer, open_parquet
from .location import Check, ShardError, StoredFile
from .manifest import SIDES, ShardEntry

SCANNED = 1 << 20
"""Bytes of codes that are read before they are looked at: they are still in the cache then, and calls are few."""
BATCH = 1 << 16
"""Rows worked on between two looks whether to stop."""


@dataclass(frozen=True)
class Patches:
    """Patches of one shard: ``rows`` int64 (n,) of the file, ascending; ``codes`` uint8 (n, bytes), C-contiguous;
    ``bbox`` float64 (n, 4) in degrees (xmin > xmax: over the antimeridian); ``years`` int16 (n,), 0 = undated."""

    shard: int
    rows: NDArray[np.int64]
    codes: NDArray[np.uint8]
    bbox: Bounds
    years: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.rows)


def read_patches(
    file: StoredFile, footer: Footer, entry: ShardEntry, width: int, area: AreaFilter | None,
    years: frozenset[int] | None, check: Check,
) -> Patches:
    """The patches of a shard that meet ``area`` and are of one of ``years``; those without a code or place are left
    out, those without a year where years are given. Raises ShardError, Cancelled."""
    columns = footer.columns
    groups = footer.groups(area)
    if footer.rows == 0 or len(groups) == 0:
        return _nothing(entry, width)
    if columns.width not in (0, width):
        raise ShardError(
            entry.path, f"it holds codes of {columns.width} bytes where the store's have {width}: it is of another "
            "model or recipe.")
    file.want(footer.ranges([columns.code, columns.bbox or columns.geometry], groups))
    file.want(footer.ranges([columns.year], groups[footer.years[groups] < 0]))
    reader = _Reader(file, footer)
    kept: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
    boxes: list[Bounds] = []
    dated: list[NDArray[np.int16]] = []
    for part in _batches(footer, groups):
        check()
        bounds, when = reader.places(part, entry.year)
        keep = placed(bounds)
        _require_degrees(bounds[keep], file.name)
        if years is not None:
            keep &= np.isin(when, np.array(sorted(years), np.int16))
        if area is not None:
            keep = _inside(area, bounds, keep, part, reader)
        kept.append((part, keep))
        boxes.append(bounds[keep])
        dated.append(when[keep])
    codes, rows, coded = reader.codes(kept, width, check)
    bbox, when = np.concatenate(boxes), np.concatenate(dated)
    if coded is not None:
        codes, rows, bbox, when = codes[coded], rows[coded], bbox[coded], when[coded]
    return Patches(entry.shard, rows, codes, bbox, when)


def scan_codes(
    file: StoredFile, footer: Footer, width: int, free: list[NDArray[np.uint8]], check: Check
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The codes of a whole shard, some row groups at a time: the first row and the codes (n, width), in memory that
    the next ones take over, and then the next shard: it is taken from ``free`` and given back, because memory that was
    never written to is slow to fill. Raises ShardError if a row has no code: use ``read_patches`` then."""
    if footer.rows == 0:
        return
    reader = _Reader(file, footer)
    groups = footer.groups(None)
    file.want(footer.ranges([footer.columns.code], groups))
    counts = footer.counts[groups]
    together = max(1, SCANNED // (int(counts.max()) * width))
    most = int(counts.max()) * min(together, len(groups))
    try:
        memory = free.pop()
    except IndexError:
        memory = aligned((SCANNED,), np.uint8)
    if len(memory) < most * width:
        memory = aligned((most * width,), np.uint8)
    try:
        for start in range(0, len(groups), together):
            check()
            some = groups[start : start + together].tolist()
            done = 0
            for group, count in zip(some, counts[start : start + together].tolist(), strict=True):
                target = memory[done : done + count * width]
                if not reader.bare(footer.columns.code, group, width, target):
                    codes, valid = reader.decoded_codes(np.array([group]), width)
                    if not valid.all():
                        raise ShardError(
                            file.name, "some of its rows have no code, so it cannot be scanned as a whole.")
                    target[:] = codes.reshape(-1)
                done += count * width
            yield int(footer.starts[some[0]]), memory[:done].reshape(-1, width)
    finally:
        if len(memory) <= 2 * SCANNED:
            free.append(memory)


def read_codes(
    file: StoredFile, footer: Footer, rows: NDArray[np.int64], width: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Codes (n, width) of some rows, in their order, and which have one (n,). Raises ShardError."""
    reader = _Reader(file, footer)
    groups, which = groups_of(footer, rows)
    file.want(footer.ranges([footer.columns.code], groups))
    codes, valid = np.zeros((len(rows), width), np.uint8), np.zeros(len(rows), np.bool_)
    buffer = np.empty((int(footer.counts[groups].max(initial=0)), width), np.uint8)
    for group in groups:
        asked = np.flatnonzero(which == group)
        local = rows[asked] - footer.starts[group]
        whole = buffer[: footer.counts[group]]
        if reader.bare(footer.columns.code, int(group), width, whole.reshape(-1)):
            codes[asked], valid[asked] = whole[local], True
            continue
        found, there = reader.decoded_codes(np.array([group]), width)
        codes[asked], valid[asked] = found[local], there[local]
    return codes, valid


def read_details(
    file: StoredFile, footer: Footer, rows: NDArray[np.int64]
) -> tuple[list[str], list[bytes]]:
    """Ids and footprints (WKB) of some rows, in their order. A row without an id is named by its number; one without a
    geometry has its bounds' box. Raises ShardError."""
    columns = footer.columns
    names = [name for name in (columns.id, columns.geometry, "" if columns.geometry else columns.bbox) if name]
    groups, which = groups_of(footer, rows)
    file.want(footer.ranges(names, groups))
    reader = _Reader(file, footer)
    ids, shapes = [""] * len(rows), [b""] * len(rows)
    for group in groups:
        asked = np.flatnonzero(which == group)
        table = footer.read(reader.parquet, names, np.array([group])).take(rows[asked] - footer.starts[group])
        found = table.column(columns.id).to_pylist() if columns.id else [None] * len(asked)
        wkb = table.column(columns.geometry).to_pylist() if columns.geometry else [None] * len(asked)
        for place, name, shape in zip(asked, found, wkb, strict=True):
            ids[place] = str(int(rows[place])) if name is None else str(name)
            shapes[place] = shape or b""
        missing = [place for place in asked if not shapes[place]]
        if missing and columns.bbox:
            boxes, _ = reader.places(np.array([group]), None)
            local = rows[np.array(missing)] - footer.starts[group]
            for place, shape in zip(missing, shapely.to_wkb(polygons_of(boxes[local])), strict=True):
                shapes[place] = shape
    return ids, shapes


def groups_of(footer: Footer, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row groups of some rows, and that of each of them. Raises ShardError if there is no such row."""
    if len(rows) and (rows.min() < 0 or rows.max() >= footer.rows):
        raise ShardError(footer.path, f"it has {footer.rows:,} rows; there is no row {int(rows.max()):,} in it.")
    which = np.searchsorted(footer.starts, rows, side="right") - 1
    return np.unique(which), which


class _Reader:
    """The columns of an open shard, read bare where they lie so, else by pyarrow."""

    def __init__(self, file: StoredFile, footer: Footer) -> None:
        self._file, self._footer = file, footer
        self._parquet: Any = None

    @property
    def name(self) -> str:
        return self._file.name

    @property
    def footer(self) -> Footer:
        return self._footer

    @property
    def parquet(self) -> Any:
        if self._parquet is None:
            self._parquet = open_parquet(self._file, self._footer)
        return self._parquet

    def places(self, groups: NDArray[np.int64], year: int | None) -> tuple[Bounds, NDArray[np.int16]]:
        """Bounds (n, 4) of row groups, in one form, and their years (n,)."""
        footer, columns = self._footer, self._footer.columns
        count = int(footer.counts[groups].sum())
        bounds = self._bare_bounds(groups, count) if columns.bbox else None
        if bounds is None:
            table = footer.read(self.parquet, [columns.bbox or columns.geometry], groups)
            bounds = bounds_of(table, columns, self._file.name)
        if not columns.year:
            return footprint_bounds(bounds), np.full(count, year or 0, np.int16)
        if (footer.years[groups] < 0).any():
            return footprint_bounds(bounds), years_of(footer.read(self.parquet, [columns.year], groups).column(0))
        return footprint_bounds(bounds), np.repeat(footer.years[groups], footer.counts[groups]).astype(np.int16)

    def footprints(self, groups: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[Any] | None:
        """Footprints of some rows, counted within the groups; None if the shard has only bounds."""
        columns = self._footer.columns
        if not columns.geometry:
            return None
        ends = np.cumsum(self._footer.counts[groups])
        which = np.searchsorted(ends, rows, side="right")
        needed = np.unique(which)  # few: footprints are only asked for along an area's edge
        starts = np.cumsum(self._footer.counts[groups[needed]]) - self._footer.counts[groups[needed]]
        at = np.searchsorted(needed, which)
        local = rows - (ends - self._footer.counts[groups])[which] + starts[at]
        self._file.want(self._footer.ranges([columns.geometry], groups[needed]))
        column = self._footer.read(self.parquet, [columns.geometry], groups[needed]).column(0)
        return footprints_of(column.take(local), self._file.name)

    def codes(
        self, kept: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_]]], width: int, check: Check
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_] | None]:
        """Codes and row numbers of the kept rows, and which of them have a code (None: all)."""
        footer = self._footer
        total = int(sum(keep.sum() for _, keep in kept))
        codes, rows = np.empty((total, width), np.uint8), np.empty(total, np.int64)
        coded: NDArray[np.bool_] | None = None
        done = 0
        for groups, keep in kept:
            check()
            first = 0
            for group in groups:
                start, end = int(footer.starts[group]), int(footer.starts[group + 1])
                some = np.flatnonzero(keep[first : first + end - start])
                first += end - start
                if len(some) == 0:
                    continue
                target = codes[done : done + len(some)]
                rows[done : done + len(some)] = start + some
                whole = len(some) == end - start
                buffer = target if whole else np.empty((end - start, width), np.uint8)
                if self.bare(footer.columns.code, int(group), width, buffer.reshape(-1)):
                    if not whole:
                        np.take(buffer, some, axis=0, out=target, mode="clip")  # "raise" would copy once more
                else:
                    found, valid = self.decoded_codes(np.array([group]), width)
                    target[:] = found[some]
                    if not valid[some].all():
                        coded = np.ones(total, np.bool_) if coded is None else coded
                        coded[done : done + len(some)] = valid[some]
                done += len(some)
        return codes, rows, coded

    def decoded_codes(self, groups: NDArray[np.int64], width: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """All codes of row groups, by pyarrow, and which rows have one."""
        table = self._footer.read(self.parquet, [self._footer.columns.code], groups)
        return codes_of(table.column(0), width, self._file.name)

    def bare(self, leaf: str, group: int, width: int, target: NDArray[np.uint8]) -> bool:
        """Fill ``target`` with the bytes of a column chunk; False if they do not lie bare."""
        if leaf not in self._footer.required:
            return False
        known = self._footer.pages
        pages = known.get((leaf, group))
        if pages is None and (leaf, group) not in known:
            chunk, rows = self._footer.chunk(leaf, group), int(self._footer.counts[group])
            fits = leaf == self._footer.columns.code or chunk.physical_type == "DOUBLE"
            known[leaf, group] = pages = bare_pages(self._file, chunk, width, rows) if fits else None
        if pages is None:
            return False
        if len(pages) == 1:
            self._file.read_into(pages[0].offset, target.data)
            return True
        done = 0
        for page in pages:
            size = page.values * width
            self._file.read_into(page.offset, target[done : done + size].data)
            done += size
        return True

    def _bare_bounds(self, groups: NDArray[np.int64], count: int) -> Bounds | None:
        if any(f"{self._footer.columns.bbox}.{side}" not in self._footer.required for side in SIDES):
            return None
        columns = np.empty((4, count))
        first = 0
        for group in groups:
            end = first + int(self._footer.counts[group])
            for place, side in enumerate(SIDES):
                leaf = f"{self._footer.columns.bbox}.{side}"
                if not self.bare(leaf, int(group), 8, columns[place, first:end].view(np.uint8)):
                    return None
            first = end
        return np.ascontiguousarray(columns.T)


def _inside(
    area: AreaFilter, bounds: Bounds, there: NDArray[np.bool_], groups: NDArray[np.int64], reader: _Reader
) -> NDArray[np.bool_]:
    """Which of the footprints that are there meet the area; they are read only where bounds do not decide."""
    covered = np.repeat(area.surely(reader.footer.bounds[groups]), reader.footer.counts[groups])
    inside = (covered | area.meets_rectangle(bounds)) & there
    rest = np.flatnonzero(there & ~inside)
    if not area.has_polygons or len(rest) == 0:
        return inside
    rest = rest[area.may_meet(bounds[rest])]
    sure = area.surely(bounds[rest])
    inside[rest[sure]] = True
    rest = rest[~sure]
    footprints = reader.footprints(groups, rest) if len(rest) else None
    if footprints is None:
        inside[rest] = True  # the box is the footprint, and it meets the area
        return inside
    missing = shapely.is_missing(footprints) | shapely.is_empty(footprints)
    _require_degrees(shapely.bounds(footprints[~missing]), reader.name)
    footprints[missing] = polygons_of(bounds[rest[missing]])
    inside[rest] = area.meets_polygon(footprints)
    return inside


def _require_degrees(bounds: Bounds, path: str) -> None:
    if not in_degrees(bounds).all():
        raise ShardError(
            path, "its places are not longitudes and latitudes in degrees (OGC:CRS84): it has another CRS, or is "
            "damaged.")


def _batches(footer: Footer, groups: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Row groups, together of about BATCH rows."""
    counts = footer.counts[groups]
    batch = np.cumsum(counts) // BATCH
    yield from np.split(groups, np.flatnonzero(np.diff(batch)) + 1)


def _nothing(entry: ShardEntry, width: int) -> Patches:
    return Patches(
        entry.shard, np.empty(0, np.int64), np.empty((0, width), np.uint8), np.empty((0, 4)), np.empty(0, np.int16))
