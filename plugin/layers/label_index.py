"""The labels of a layer in memory, so that a click never waits for reading them: by id, by place, by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Optional
from uuid import uuid4

import numpy as np

VALIDATE = "validate"


@dataclass(frozen=True)
class Label:
    """A point with a class. ``x`` and ``y`` are in the layer's CRS.

    ``uuid`` is the layer's own, or, where it has none or has it twice, one that holds while the layer is open.
    """

    fid: int
    x: float
    y: float
    code: str
    role: str = ""
    uuid: str = ""
    created: str = ""

    @property
    def trains(self) -> bool:
        """Whether it may train: it has a class and is not held back for validation."""
        return bool(self.code) and self.role.strip().lower() != VALIDATE


class LabelIndex:
    """Labels by fid; those of one feature (a multipoint has several) share fid and uuid."""

    def __init__(self) -> None:
        self._by_fid: dict[int, list[Label]] = {}
        self._fids: dict[str, int] = {}
        self._trainable: Optional[list[Label]] = None
        self._places: Optional[np.ndarray] = None

    def replace(self, labels: Iterable[Label], written: Iterable[Label] = ()) -> None:
        """Take what was read anew. A label without a uuid of its own keeps the one it had, or was ``written`` with, if
        there is one of the same place and class, of several the one with the same fid: files may number their features
        again."""
        old: dict[tuple[float, float, str], list[Label]] = {}
        for label in (*(group[0] for group in self._by_fid.values()), *written):
            old.setdefault((label.x, label.y, label.code), []).append(label)
        self._by_fid, self._fids = {}, {}
        unnamed: list[Label] = []
        for label in labels:
            if label.uuid and self._fids.get(label.uuid, label.fid) == label.fid:
                self._put(label)
            else:
                unnamed.append(label)
        for label in unnamed:
            if label.fid in self._by_fid:  # a further point of a multipoint
                self._put(replace(label, uuid=self._by_fid[label.fid][0].uuid))
                continue
            before = [one for one in old.get((label.x, label.y, label.code), ()) if one.uuid not in self._fids]
            same = [one for one in before if one.fid == label.fid]
            self._put(replace(label, uuid=(same or before)[0].uuid if before else str(uuid4())))
        self._changed()

    def add(self, labels: Iterable[Label]) -> None:
        """Take labels that were written; each has a uuid."""
        labels = list(labels)
        for label in labels:
            self._put(label)
        training = [label for label in labels if label.trains]
        if self._trainable is not None:
            self._trainable.extend(training)
        if self._places is not None:
            self._places = np.concatenate([self._places, _places_of(training)])

    def remove(self, fids: Iterable[int]) -> None:
        """Forget features."""
        gone = set(fids)
        for fid in gone:
            for label in self._by_fid.pop(fid, ()):
                self._fids.pop(label.uuid, None)
        if self._trainable is not None:
            self._trainable = [label for label in self._trainable if label.fid not in gone]
        self._places = None

    def recode(self, codes: dict[int, str]) -> None:
        """Give features (fid → code) another class."""
        for fid, code in codes.items():
            self._by_fid[fid] = [replace(label, code=code) for label in self._by_fid[fid]]
        self._changed()

    def of(self, fid: int) -> Sequence[Label]:
        """The labels of one feature; none if it is not there."""
        return self._by_fid.get(fid, ())

    def fid_of(self, uuid: str) -> Optional[int]:
        """Where a label is now."""
        return self._fids.get(uuid)

    def labels(self, trainable_only: bool) -> list[Label]:
        """A new list of labels, in the order of the file."""
        if not trainable_only:
            return [label for group in self._by_fid.values() for label in group]
        return list(self._training())

    def codes(self) -> set[str]:
        """Every class there is, also of labels that do not train."""
        return {group[0].code for group in self._by_fid.values()} - {""}

    def nearest(self, x: float, y: float, radius: float) -> Optional[Label]:
        """The trainable label nearest to a place, within ``radius``; the newest of several at one place."""
        labels = self._training()
        if not labels:
            return None
        if self._places is None:
            self._places = _places_of(labels)
        distances = np.hypot(self._places[:, 0] - x, self._places[:, 1] - y)
        best = len(labels) - 1 - int(np.argmin(distances[::-1]))
        return labels[best] if math.isfinite(distances[best]) and distances[best] <= radius else None

    def _training(self) -> list[Label]:
        if self._trainable is None:
            self._trainable = [label for group in self._by_fid.values() for label in group if label.trains]
        return self._trainable

    def _put(self, label: Label) -> None:
        self._by_fid.setdefault(label.fid, []).append(label)
        self._fids[label.uuid] = label.fid

    def _changed(self) -> None:
        self._trainable = self._places = None


def _places_of(labels: Sequence[Label]) -> np.ndarray:
    """(labels, 2) x and y."""
    return np.array([(label.x, label.y) for label in labels], float).reshape(-1, 2)
