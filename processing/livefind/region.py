"""What the dock's worker keeps of a store: the patches of some areas and years, loaded on in the background between
calls, within a budget of memory. Shards beyond it are read for each question and not kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled
from ..executors import cores
from ..progress import Progress
from ..retrieval.candidates import Candidates
from ..retrieval.exemplars import Finder
from ..retrieval.ground import centres, neighbours
from ..retrieval.spaces import Space
from ..retrieval.views import NEAREST
from ..store.location import ShardError
from ..store.manifest import ShardEntry
from ..store.reading import REMOTE_WORKERS
from ..store.shard_reader import Patches
from ..store.store import Selection, Store
from .overflow import Overflow

POLL = 0.05


class Region:
    """Patches of a selection, as far as they are loaded. For one thread; loading is done by threads of its own."""

    def __init__(self, store: Store, selection: Selection, space: Space, memory: int) -> None:
        self.store, self.selection, self.space = store, selection, space
        self.finder = Finder(store, selection.years)
        self.row = Candidates.row_bytes(store.about.bytes, True)
        kept: list[ShardEntry] = []
        beyond: list[ShardEntry] = []
        room = memory // self.row
        for entry in selection.entries:
            (kept if entry.rows <= room else beyond).append(entry)
            room -= entry.rows if entry.rows <= room else 0
        self.capacity = sum(entry.rows for entry in kept)
        self.candidates = Candidates(self.capacity, store.about.bytes, True)
        self.failed: dict[int, ShardError] = {}
        self.loaded = 0
        self.overflow = Overflow(store, beyond)
        self._left = deque(kept)
        self._pending: dict[Future[Patches], ShardEntry] = {}
        self._workers = REMOTE_WORKERS if store.remote else cores()
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="bitscape-region")
        self._stop = Progress()
        self.known: dict[tuple[int, int], tuple[str, str]] = {}
        """Id and outline of patches by shard and row, of those that were results."""
        self.kept: tuple[Hashable, NDArray[np.float32], NDArray[np.uint8] | None] | None = None
        """The last question, its values and its typical code."""
        self._near: tuple[int, NDArray[np.int32]] | None = None
        self.started = store.bytes_read

    @property
    def shards(self) -> int:
        """In the selection."""
        return len(self.selection.entries)

    @property
    def complete(self) -> bool:
        """Whether all that is kept is loaded."""
        return not self._left and not self._pending

    def failures(self) -> list[ShardError]:
        """Of the shards that are kept and of those that are not, in their order."""
        failed = {**self.failed, **self.overflow.failed}
        return [failed[shard] for shard in sorted(failed)]

    def load(self, seconds: float, progress: Progress) -> list[ShardEntry]:
        """Take what arrives within so many seconds; the shards that did. Loading goes on after it. Raises Cancelled."""
        end = time.perf_counter() + seconds
        arrived: list[ShardEntry] = []
        while True:
            self._submit()
            if not self._pending:
                return arrived
            left = end - time.perf_counter()
            done, _ = wait(self._pending, max(0.0, min(left, POLL)), FIRST_COMPLETED)
            progress.check()
            for future in done:
                entry = self._pending.pop(future)
                if self._take(entry, future):
                    arrived.append(entry)
            total = self.loaded + len(self._left) + len(self._pending)
            progress.report(self.loaded / max(1, total), "Loading patches")
            if left <= 0:
                return arrived

    def neighbours(self, executor: Executor, progress: Progress) -> Callable[[], NDArray[np.int32]]:
        """The nearest on the ground of all that is loaded, worked out once for so many patches."""

        def near() -> NDArray[np.int32]:
            count = len(self.candidates)
            if self._near is None or self._near[0] != count:
                self._near = None
                lon, lat = centres(self.candidates.boxes)
                self._near = (count, neighbours(lon, lat, self.candidates.years, NEAREST, executor, progress))
            return self._near[1]

        return near

    def close(self) -> None:
        """Stop loading."""
        self._stop.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self) -> None:
        while self._left and len(self._pending) < self._workers:
            entry = self._left.popleft()
            future = self._pool.submit(
                self.store.patches, entry, self.selection.area, self.selection.years, self._stop)
            self._pending[future] = entry

    def _take(self, entry: ShardEntry, future: Future[Patches]) -> bool:
        self.loaded += 1
        try:
            patches = future.result()
        except ShardError as error:
            self.failed[entry.shard] = error
            return False
        except Cancelled:
            return False
        except Exception as error:
            self.failed[entry.shard] = ShardError(entry.path, "it could not be read.", str(error))
            raise
        self.candidates.add(entry.shard, patches.rows, patches.codes, patches.bbox, patches.years)
        return True
