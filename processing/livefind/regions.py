"""The stores and regions that the worker keeps between calls, the least used ones dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from ..retrieval.areas import areas_from_wkt
from ..retrieval.candidates import Candidates
from ..retrieval.spaces import space_of
from ..store.store import Store
from .region import Region

KEPT_STORES = 4
MANIFEST = "manifest.parquet"
Stamp = tuple[str, int, int]
Key = tuple[Stamp, tuple[str, ...], tuple[int, ...], int]

_stores: OrderedDict[Stamp, Store] = OrderedDict()
_regions: OrderedDict[Key, Region] = OrderedDict()


def opened(location: str, areas: Sequence[str], years: Sequence[int], memory: int) -> Region:
    """The region of a store; opened anew if its manifest was written again since. For one thread only, as calls are.

    Raises InputError if the store cannot be opened or an area is none.
    """
    stamp = _stamp(location)
    key = (stamp, tuple(areas), tuple(sorted(set(years))), memory)
    if key not in _regions:
        store = _store(stamp)
        selection = store.select(areas_from_wkt(areas), key[2] or None)
        row = Candidates.row_bytes(store.about.bytes, True)
        wanted = min(memory, selection.rows * row)
        while _regions and wanted + sum(one.capacity * one.row for one in _regions.values()) > memory:
            _regions.popitem(last=False)[1].close()
        _regions[key] = Region(store, selection, space_of(store.about), memory)
    _regions.move_to_end(key)
    return _regions[key]


def forget() -> None:
    """Drop all that is kept."""
    while _regions:
        _regions.popitem()[1].close()
    _stores.clear()


def _store(stamp: Stamp) -> Store:
    if stamp not in _stores:
        for old in [other for other in _stores if other[0] == stamp[0]]:
            del _stores[old]
        _stores[stamp] = Store.open(stamp[0])
        while len(_stores) > KEPT_STORES:
            _stores.popitem(last=False)
    _stores.move_to_end(stamp)
    return _stores[stamp]


def _stamp(location: str) -> Stamp:
    """The place and what changes when its manifest is written again; nothing does of a remote one."""
    path = Path(location)
    try:
        status = (path / MANIFEST if path.is_dir() else path).stat()
    except OSError:
        return location, 0, 0
    return location, status.st_mtime_ns, status.st_size
