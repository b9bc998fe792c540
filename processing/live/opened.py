"""Tiles that the dock works on stay open between its calls, with what was read of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from ..classification.candidates import Candidates
from ..classification.sampling import KnownCodes
from ..compression.tiles import Tiles
from ..executors import cores
from .view import ViewReader

KEPT = 2
"""Files of tiles that stay open: changing back and forth between two is common."""


@dataclass
class OpenTiles:
    """Tiles, a reader of views of them, the codes of pixels that were labelled, and by area (WKT) and seed the places
    from which the next one is chosen."""

    tiles: Tiles
    views: ViewReader
    known: KnownCodes = field(default_factory=dict)
    candidates: dict[tuple[str, int], Candidates] = field(default_factory=dict)

    def close(self) -> None:
        """Close the files."""
        self.views.close()
        self.tiles.reader.close()


_open: OrderedDict[tuple[Path, int, int], OpenTiles] = OrderedDict()


def opened(path: Path) -> OpenTiles:
    """The tiles of a path, opened anew if the file was written again since. For one thread only, as calls are.

    Raises InputError as ``Tiles.open`` does.
    """
    try:
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
    except OSError:
        key = (path, 0, 0)
    if key not in _open:
        for old in [other for other in _open if other[0] == path]:
            _open.pop(old).close()
        tiles = Tiles.open(path)
        _open[key] = OpenTiles(tiles, ViewReader(tiles, cores()))
        while len(_open) > KEPT:
            _open.popitem(last=False)[1].close()
    _open.move_to_end(key)
    return _open[key]
