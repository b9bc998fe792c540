"""What trains and what is tested: random folds and folds of whole blocks of ground, each row tested once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS, INNER_FOLDS = 5, 3
ALL_FOLDS = 6_000
"""Up to so many rows every fold is tested in turn; of more rows the first fold is enough."""
SIDES = (4, 8, 16, 32, 64)
"""Blocks that are tried: the longer side of the extent, divided by these."""
FEW_BLOCKS, FINEST_SIDE = 20, 16
"""With fewer tested blocks intervals rest on few places; but blocks are not made finer than this for their number."""


@dataclass(frozen=True)
class Fold:
    """Row numbers that train and that are tested, and the inner fold of each training row (None: classes too rare)."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    inner: NDArray[np.int64] | None


@dataclass(frozen=True)
class Split:
    """``kind`` is random or spatial; ``blocks`` (rows,) what stands or falls together; ``block_size`` in CRS units."""

    kind: str
    folds: list[Fold]
    blocks: NDArray[np.int64]
    block_size: float | None = None

    @property
    def tested(self) -> NDArray[np.int64]:
        """The rows that are tested, fold by fold."""
        return np.concatenate([fold.test for fold in self.folds])

    @property
    def tested_blocks(self) -> int:
        """How many blocks the tested rows lie in."""
        return len(np.unique(self.blocks[self.tested]))

    @property
    def fewest(self) -> int:
        """The rows that train where the fewest do."""
        return min(len(fold.train) for fold in self.folds)


def random_split(classes: NDArray[np.int64], names: tuple[str, ...], seed: int) -> Split | str:
    """Stratified folds of single rows, or why there are none."""
    from sklearn.model_selection import StratifiedKFold

    counts = np.bincount(classes, minlength=len(names))
    if len(names) < 2:
        return f"all labels are of one class ({names[0]}): nothing can be told apart"
    if counts.min() < FOLDS:
        rare = int(counts.argmin())
        return f"class {names[rare]} has {counts[rare]} rows, at least {FOLDS} are needed"
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(classes, classes)
    blocks = np.arange(len(classes))
    return Split("random", _folds(list(parts), classes, blocks, seed), blocks)


def spatial_split(
    classes: NDArray[np.int64], names: tuple[str, ...], xy: NDArray[np.float64], block_size: float, seed: int
) -> Split | str:
    """Folds of whole square blocks, or why there are none; ``xy`` (rows, 2) in CRS units.

    ``block_size`` 0: the largest of a quarter, an eighth and a sixteenth of the longer side of the rows' extent with
    which every fold has rows to test, every class is in what trains, and at least 20 blocks are tested; where none is,
    the largest that is possible, down to a 64th. Where classes lie decides, never how well they are predicted.
    """
    extent = float(np.ptp(xy, axis=0).max())
    if not extent > 0:
        return "all rows lie at one place"
    found: list[Split] = []
    for size in [block_size] if block_size > 0 else [extent / side for side in SIDES]:
        cells = np.floor((xy - xy.min(axis=0)) / size).astype(np.int64)
        cells = np.minimum(cells, max(0, int(np.ceil(extent / size - 1e-9)) - 1))  # the last block holds its far side
        _, blocks = np.unique(cells, axis=0, return_inverse=True)
        blocks = blocks.ravel()
        parts = _by_blocks(classes, len(names), blocks, seed)
        if parts:
            split = Split("spatial", _folds(parts, classes, blocks, seed), blocks, float(size))
            many = split.tested_blocks >= FEW_BLOCKS and size >= extent / FINEST_SIDE
            if many or block_size > 0:
                return split
            found.append(split)
    if found:
        return found[0]
    size = block_size if block_size > 0 else extent / SIDES[-1]
    return (f"blocks of {size:.6g} CRS units cannot be shared out among {FOLDS} folds so that each leaves every class "
            "in what trains")


def _by_blocks(
    classes: NDArray[np.int64], total: int, blocks: NDArray[np.int64], seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows that train and rows that are tested, of each fold; none where some fold would not train every class."""
    from sklearn.model_selection import StratifiedGroupKFold

    if blocks.max() + 1 < FOLDS:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of rare classes, which are looked at here
        try:
            splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
            parts = list(splitter.split(classes, classes, blocks))
        except ValueError:
            return []
    whole = all(len(test) and len(np.unique(classes[train])) == total for train, test in parts)
    return parts if whole else []


def _folds(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    classes: NDArray[np.int64],
    blocks: NDArray[np.int64],
    seed: int,
) -> list[Fold]:
    used = parts if len(classes) <= ALL_FOLDS else parts[:1]
    return [Fold(train, test, _inner(classes[train], blocks[train], seed)) for train, test in used]


def _inner(classes: NDArray[np.int64], blocks: NDArray[np.int64], seed: int) -> NDArray[np.int64] | None:
    """Inner folds of whole blocks, each of which leaves every class in what trains; None where there are none."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    alone = len(np.unique(blocks)) == len(blocks)
    if np.bincount(classes)[np.unique(classes)].min() < INNER_FOLDS or len(np.unique(blocks)) < INNER_FOLDS:
        return None
    kind = StratifiedKFold if alone else StratifiedGroupKFold
    splitter = kind(INNER_FOLDS, shuffle=True, random_state=seed)
    numbers = np.empty(len(classes), np.int64)
    total = len(np.unique(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for number, (train, test) in enumerate(splitter.split(classes, classes, None if alone else blocks)):
            if len(np.unique(classes[train])) < total or not len(test):
                return None
            numbers[test] = number
    return numbers
