"""Shards that no memory is left for: read and scored for one question, of which only the best are kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from ..retrieval.spaces import Scorer
from ..store.location import ShardError
from ..store.manifest import ShardEntry
from ..store.reading import read_all
from ..store.shard_reader import Patches
from ..store.store import Selection, Store


@dataclass(frozen=True)
class Best:
    """The best patches of a shard for a question: scores (n,), and what ``Patches`` has of them."""

    scores: NDArray[np.float32]
    patches: Patches


class Overflow:
    """The shards beyond the memory, and how far the last question has come through them."""

    def __init__(self, store: Store, entries: Sequence[ShardEntry]) -> None:
        self._store, self.entries = store, list(entries)
        self._question: Hashable = None
        self._left: deque[ShardEntry] = deque()
        self.best: list[Best] = []
        self.failed: dict[int, ShardError] = {}
        self.rows = 0

    @property
    def done(self) -> int:
        """Shards that the question has come through."""
        return len(self.entries) - len(self._left) if self._question is not None else 0

    @property
    def finished(self) -> bool:
        """Whether the last question has come through all of them."""
        return not self.entries or (self._question is not None and not self._left)

    def ask(self, question: Hashable) -> None:
        """Begin anew if it is another question than the last one."""
        if question != self._question:
            self._question = question
            self._left = deque(self.entries)
            self.best, self.failed, self.rows = [], {}, 0

    def read(
        self, selection: Selection, scorer: Scorer, k: int, excluded: frozenset[tuple[int, int]], seconds: float,
        progress: Progress,
    ) -> list[ShardEntry]:
        """Go on for about so many seconds; the shards that were read. Raises Cancelled."""
        end = time.perf_counter() + seconds
        part = Selection(list(self._left), 0, 0, selection.area, selection.years)
        seen: list[ShardEntry] = []
        failed: set[int] = set()
        for entry, found in read_all(self._store, part, 0, progress):
            if isinstance(found, ShardError):
                self.failed[entry.shard] = found
                failed.add(entry.shard)
            else:
                self.rows += len(found)
                self._keep(found, scorer, k, excluded)
                seen.append(entry)
            progress.report(self.done / max(1, len(self.entries)), "Reading what memory cannot hold")
            if time.perf_counter() >= end:
                break
        passed = failed | {entry.shard for entry in seen}
        self._left = deque(entry for entry in self._left if entry.shard not in passed)
        return seen

    def _keep(self, patches: Patches, scorer: Scorer, k: int, excluded: frozenset[tuple[int, int]]) -> None:
        scores = scorer(patches.codes)
        own = np.array([row for shard, row in excluded if shard == patches.shard], np.int64)
        scores[np.isin(patches.rows, own)] = np.inf
        some = np.sort(np.argsort(scores, kind="stable")[:k])
        some = some[np.isfinite(scores[some])]
        if len(some):
            self.best.append(Best(scores[some], Patches(
                patches.shard, patches.rows[some], patches.codes[some], patches.bbox[some], patches.years[some])))
