"""Reading the shards of a selection in parallel: as they arrive, in bounded memory, given up at once when asked."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from ..executors import cores
from ..progress import Progress
from .location import ShardError
from .manifest import ShardEntry
from .shard_reader import Patches
from .store import Selection, Store

REMOTE_WORKERS, FEWEST = 16, 2
IN_FLIGHT = 512 * 2**20
"""Bytes of remote shards under way."""
ROW = 80
"""Bytes of a row besides its code, where the manifest does not know a shard's size."""
POLL = 0.1


def read_all(
    store: Store, selection: Selection, workers: int, progress: Progress
) -> Iterator[tuple[ShardEntry, Patches | ShardError]]:
    """The patches of the selected shards, or why one could not be read, in the order in which they arrive.

    ``workers`` 0: as ``default_workers`` says. No more shards than workers are in memory, those included that arrived
    and were not taken yet. Raises Cancelled within about .1 s of being asked; what is under way is given up and not
    waited for.
    """
    count = workers or default_workers(store, selection)
    left = iter(selection.entries)
    stopped = _Either(progress)
    pool = ThreadPoolExecutor(count, thread_name_prefix="bitscape-shards")
    pending: dict[Future[Patches], ShardEntry] = {}
    try:
        while True:
            for entry in left:
                future = pool.submit(store.patches, entry, selection.area, selection.years, stopped)
                pending[future] = entry
                if len(pending) >= count:
                    break
            if not pending:
                return
            done, _ = wait(pending, POLL, FIRST_COMPLETED)
            progress.check()
            while done:
                future = done.pop()
                entry = pending.pop(future)
                try:
                    found: Patches | ShardError = future.result()
                except ShardError as error:
                    found = error
                del future
                yield entry, found
                del found
    finally:
        stopped.cancel()
        pool.shutdown(wait=False, cancel_futures=True)


def default_workers(store: Store, selection: Selection) -> int:
    """One a core on disk; over a network, where time is spent waiting, up to 16, fewer where shards are large."""
    if not store.remote:
        return cores()
    largest = max((entry.bytes or entry.rows * (store.about.bytes + ROW) for entry in selection.entries), default=1)
    return max(FEWEST, min(REMOTE_WORKERS, IN_FLIGHT // (2 * largest)))  # twice: as sent, and as arrays


class _Either(Progress):
    """Stops when the call is to stop, or when nobody takes the results any more."""

    def __init__(self, outer: Progress) -> None:
        super().__init__()
        self._outer = outer

    def check(self) -> None:
        """Raise Cancelled if either was asked to stop."""
        super().check()
        self._outer.check()


