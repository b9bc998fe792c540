"""The patches that are looked at: as shards arrive, one score each, where they are, and their codes where a view needs
them. Columns are as large as the selection from the start (the system gives memory as it is used), so nothing moves."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from .ground import boxes_of


class Candidates:
    """Columns of up to ``capacity`` patches in order of arrival.

    ``code_bytes``: bytes of a code to keep, 0 for none. ``placed``: keep boxes and years. Not for several threads.
    """

    def __init__(self, capacity: int, code_bytes: int, placed: bool) -> None:
        self._capacity = capacity
        self._rows = np.empty(capacity, np.int32)
        self._scores = np.empty(capacity, np.float32)
        self._boxes = np.empty((capacity if placed else 0, 4), np.int32)
        self._years = np.empty(capacity if placed else 0, np.int16)
        self._codes = np.empty((capacity if code_bytes else 0, code_bytes), np.uint8)
        self._shards: list[int] = []
        self._starts: list[int] = [0]
        self._known: NDArray[np.int64] | None = None

    @staticmethod
    def row_bytes(code_bytes: int, placed: bool) -> int:
        """Memory of one patch."""
        return 4 + 4 + (18 if placed else 0) + code_bytes

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def left(self) -> int:
        """How many more fit in."""
        return self._capacity - len(self)

    @property
    def rows(self) -> NDArray[np.int32]:
        """Rows in their shards, (n,)."""
        return self._rows[: len(self)]

    @property
    def scores(self) -> NDArray[np.float32]:
        """(n,); as they were added, or as they were last written into this array."""
        return self._scores[: len(self)]

    @property
    def boxes(self) -> NDArray[np.int32]:
        """Footprints' boxes (n, 4): xmin, ymin, xmax, ymax in 1e-7 degrees."""
        return self._boxes[: len(self)]

    @property
    def years(self) -> NDArray[np.int16]:
        """(n,), 0 = undated."""
        return self._years[: len(self)]

    @property
    def codes(self) -> NDArray[np.uint8]:
        """(n, bytes)."""
        return self._codes[: len(self)]

    def add(
        self, shard: int, rows: NDArray[np.int64], codes: NDArray[np.uint8], bbox: NDArray[np.float64],
        years: NDArray[np.int16], scores: NDArray[np.float32] | None = None,
    ) -> None:
        """Add the patches of one shard: rows ascending (n,), codes (n, bytes), bbox (n, 4) in degrees, years (n,)."""
        first, last = len(self), len(self) + len(rows)
        if last > self._capacity:
            raise ValueError(f"{last} patches where {self._capacity} were announced")
        self._rows[first:last] = rows
        if scores is not None:
            self._scores[first:last] = scores
        if len(self._boxes):
            self._boxes[first:last] = boxes_of(bbox)
            self._years[first:last] = years
        if self._codes.shape[1]:
            self._codes[first:last] = codes
        self._shards.append(shard)
        self._starts.append(last)
        self._known = None

    def shards_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Shards of patches given by their places in these columns."""
        if self._known is None:
            self._known = np.array(self._starts[1:], np.int64)
        shards: NDArray[np.int64] = np.array(self._shards, np.int64)[np.searchsorted(self._known, places, "right")]
        return shards

    def find(self, shard: int, row: int) -> int | None:
        """The place of a patch; None if it is not among them."""
        for number in [number for number, one in enumerate(self._shards) if one == shard]:
            first, last = self._starts[number : number + 2]
            place = first + int(np.searchsorted(self._rows[first:last], row))
            if place < last and self._rows[place] == row:
                return place
        return None

    def spread(self, count: int) -> NDArray[np.int64]:
        """Places of at most ``count`` patches, evenly spaced in the order of shards and rows: not that of arrival."""
        order = sorted((shard, number) for number, shard in enumerate(self._shards))
        sizes = [self._starts[number + 1] - self._starts[number] for _, number in order]
        ends = np.cumsum([0, *sizes]).tolist()
        wanted = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(np.int64))
        found = []
        for position in wanted.tolist():
            part = bisect_right(ends, position) - 1
            found.append(self._starts[order[part][1]] + position - ends[part])
        return np.array(found, np.int64)

    def ordered(self, places: NDArray[np.int64], keys: NDArray[np.float32]) -> NDArray[np.int64]:
        """Places in ascending order of their keys, ties by shard, then by row: whatever the order of arrival was."""
        order = np.lexsort((self.rows[places], self.shards_of(places), keys))
        sorted_places: NDArray[np.int64] = places[order]
        return sorted_places
