"""Embeddings with a class each: what every measurement of the study is made on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..embeddings.source import Product
from ..errors import InputError

MOST_CLASSES = 200
LEAST_ROWS = 10
MOST_BYTES = 2**30
"""Of the vectors of one model, as float32."""


@dataclass(frozen=True)
class Labelled:
    """Embeddings of one model: ``rows`` (n, d) float32, ``classes`` (n,) indices into ``names`` (sorted).

    ``after`` (n, d) is the same places at a second date, ``xy`` (n, 2) where they are, ``values`` (n,) a number that
    is to be predicted; each None where the input has none. ``notes`` says how stored numbers became vectors and what
    was left out.
    """

    model: str
    path: str
    rows: NDArray[np.float32]
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    product: Product
    after: NDArray[np.float32] | None = None
    xy: NDArray[np.float64] | None = None
    values: NDArray[np.float64] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """What classes are told from: the difference of both dates where there are two, else the rows."""
        return self.rows if self.after is None else self.after - self.rows


def gathered(
    model: str,
    path: str,
    product: Product,
    texts: NDArray[Any],
    rows: NDArray[np.float32],
    after: NDArray[np.float32] | None,
    xy: NDArray[np.float64] | None,
    values: NDArray[np.float64] | None,
    notes: list[str],
) -> Labelled:
    """Rows whose vectors, position and value are all numbers, with ``texts`` (n,) as classes.

    Raises InputError where too few are left, all are of one class, or there are more classes than a class field has.
    """
    parts = [part for part in (rows, after, xy, None if values is None else values[:, None]) if part is not None]
    usable: NDArray[np.bool_] = np.logical_and.reduce([np.isfinite(part).all(axis=1) for part in parts])
    lost = len(usable) - int(usable.sum())
    if lost:
        notes.append(f"{lost:,} of {len(usable):,} rows left out: a number in them is missing or not finite")
    names = tuple(sorted(set(texts[usable].tolist())))
    if usable.sum() < LEAST_ROWS:
        raise InputError(f"{path} has {int(usable.sum())} labelled embeddings that can be used, at least {LEAST_ROWS} "
                         f"are needed. {_sentence(notes)}")
    if len(names) < 2:
        raise InputError(f"All {int(usable.sum())} labelled embeddings of {path} are of one class ({names[0]}): "
                         "nothing can be told apart. Label a second class, or choose another class field.")
    if len(names) > MOST_CLASSES:
        raise InputError(f"The class field of {path} has {len(names)} different values ({', '.join(names[:3])}, …): "
                         "it names each row rather than its class. Choose another field.")
    numbers = {name: index for index, name in enumerate(names)}
    classes = np.array([numbers[text] for text in texts[usable]], np.int64)

    def kept(part: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if part is None else part[usable]

    return Labelled(model, path, rows[usable], classes, names, product, kept(after), kept(xy), kept(values), notes)


def only(texts: NDArray[Any], most: int, seed: int, notes: list[str]) -> NDArray[np.int64]:
    """The row numbers that have a class, at random ``most`` of them where there are more."""
    labelled = np.flatnonzero(texts != "")
    nameless = len(texts) - len(labelled)
    if nameless:
        notes.append(f"{nameless:,} of {len(texts):,} rows without a class left out")
    if len(labelled) > most:
        notes.append(f"{most:,} of {len(labelled):,} labelled rows are used, drawn at random")
        labelled = np.sort(np.random.default_rng(seed).choice(labelled, most, replace=False))
    return labelled


def require_memory(path: str, rows: int, dimensions: int) -> None:
    """Raise InputError if so many vectors would not fit into what is set aside for them."""
    if rows * dimensions * 4 > MOST_BYTES:
        raise InputError(f"{rows:,} embeddings of {dimensions} numbers from {path} take more than 1 GB. Use at most "
                         f"{MOST_BYTES // (4 * dimensions):,} rows.")


def counted(number: int, one: str, many: str) -> str:
    """A number and the words for one or for several."""
    return f"{number:,} {one if number == 1 else many}"


def number(value: Any) -> float:
    """A value as a number; NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _sentence(notes: list[str]) -> str:
    return "; ".join(notes).capitalize() + "." if notes else ""
