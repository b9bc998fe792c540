"""Undo and redo of everything done to labels and their classes, on a stack of our own: QGIS's belongs to edit mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Optional, Union

from qgis.core import QgsFeature, QgsPointXY
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ...processing.errors import BitscapeError
from ..translation import tr
from .class_table import ClassTable
from .label_index import Label
from .label_layer import LabelLayer

DEPTH = 1000


class _Presence:
    """Labels that were added or removed. Each way swaps between in the layer and kept here."""

    def __init__(self, added: bool, uuids: Sequence[str], absent: Optional[Mapping[str, QgsFeature]] = None) -> None:
        self.added = added
        self.uuids = list(uuids)
        self.absent = dict(absent or {})

    def apply(self, labels: LabelLayer, forward: bool) -> int:
        """Do or undo it; how many labels were not as they should be and stayed as they are."""
        if forward == self.added:
            absent = {uuid: one for uuid, one in self.absent.items() if labels.fid_of(uuid) is None}
            labels.restore(list(absent.values()), list(absent))
            self.absent = {}
            return len(self.uuids) - len(absent)
        self.absent = take(labels, self.uuids)
        return len(self.uuids) - len(self.absent)

    def __len__(self) -> int:
        return len(self.uuids)

    def text(self) -> str:
        if len(self) == 1:
            return tr("Add a label") if self.added else tr("Remove a label")
        return (tr("Add {0} labels") if self.added else tr("Remove {0} labels")).format(len(self))


class _Relabelling:
    """Labels that got another class. ``before``: uuid → the class they had."""

    def __init__(self, before: Mapping[str, str], code: str) -> None:
        self.before = dict(before)
        self.code = code

    def apply(self, labels: LabelLayer, forward: bool) -> int:
        """As in _Presence."""
        codes = {}
        for uuid, code in self.before.items():
            fid = labels.fid_of(uuid)
            if fid is not None:
                codes[fid] = self.code if forward else code
        labels.recode(codes)
        return len(self) - len(codes)

    def __len__(self) -> int:
        return len(self.before)

    def text(self) -> str:
        return tr("Relabel one label") if len(self) == 1 else tr("Relabel {0} labels").format(len(self))


class _Classes:
    """Another class table."""

    def __init__(self, before: ClassTable, after: ClassTable) -> None:
        self.before, self.after = before, after

    def apply(self, labels: LabelLayer, forward: bool) -> int:
        """As in _Presence."""
        labels.set_table(self.after if forward else self.before)
        return 0

    def __len__(self) -> int:
        return 1

    def text(self) -> str:
        return tr("Change the classes")


_Deed = Union[_Presence, _Relabelling, _Classes]


class _Step:
    """What one undo takes back: deeds in the order they were done."""

    def __init__(self, deeds: Sequence[_Deed], name: str = "") -> None:
        self.deeds = list(deeds)
        self.name = name

    def record(self, deed: _Deed) -> None:
        """One more deed; labels added one after the other become one, and so one write."""
        last = self.deeds[-1] if self.deeds else None
        if isinstance(deed, _Presence) and deed.added and isinstance(last, _Presence) and last.added:
            last.uuids.extend(deed.uuids)
        else:
            self.deeds.append(deed)

    def text(self) -> str:
        return self.name or (self.deeds[0].text() if len(self.deeds) == 1 else tr("Change labels and classes"))


class LabelHistory(QObject):
    """Does things to labels so that they can be undone: 1,000 steps. Labels are found again by uuid, whatever their
    fids have become; where one was changed elsewhere, what is still possible is done and the text says so.

    Everything raises BitscapeError only; a step that fails stays where it was. ``changed`` follows every change of the
    labels, the classes or what can be undone that is made here.
    """

    changed = pyqtSignal()

    def __init__(self, labels: LabelLayer, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self._undo: list[_Step] = []
        self._redo: list[_Step] = []
        self._stroke: Optional[_Step] = None

    def add(
        self, points: Sequence[QgsPointXY], code: str, attributes: Optional[Mapping[str, str]] = None
    ) -> list[Label]:
        """Place labels of one class at points in the layer's CRS, as LabelLayer.add does."""
        added = self._labels.add(points, code, attributes)
        if added:
            self._record(_Presence(True, list(dict.fromkeys(label.uuid for label in added))))
        return added

    def insert(self, features: Sequence[QgsFeature], table: Optional[ClassTable] = None, name: str = "") -> int:
        """Write labels of several classes (made by LabelLayer.feature_at) and, if given, another class table, as one
        step; the number of labels. Nothing is written if one of both fails."""
        fids = self._labels.restore(features)
        deeds: list[_Deed] = [_Presence(True, self._uuids(fids))] if fids else []
        if table is not None and table != self._labels.table:
            deed = _Classes(self._labels.table, table)
            try:
                deed.apply(self._labels, True)
            except BitscapeError:
                self._labels.remove(fids)
                raise
            deeds.append(deed)
        self._record(*deeds, name=name)
        return len(fids)

    def remove(self, fids: Iterable[int]) -> int:
        """Delete labels; how many there were."""
        removed = take(self._labels, self._uuids(fids))
        if removed:
            self._record(_Presence(False, list(removed), removed))
        return len(removed)

    def relabel(self, fids: Iterable[int], code: str) -> int:
        """Give labels another class; how many had another one."""
        wanted = {fid: self._labels.of(fid)[0].uuid for fid in dict.fromkeys(fids)
                  if any(label.code != code for label in self._labels.of(fid))}
        before = self._labels.relabel(wanted, code)
        if before:
            self._record(_Relabelling({wanted[fid]: old for fid, old in before.items()}, code))
        return len(before)

    def set_table(self, table: ClassTable) -> None:
        """Change the classes."""
        before = self._labels.table
        if table != before:
            self._labels.set_table(table)
            self._record(_Classes(before, table))

    def begin_stroke(self, name: str = "") -> None:
        """From now on everything is one step, until ``end_stroke``."""
        self.end_stroke()
        self._stroke = _Step([], name)

    def end_stroke(self) -> None:
        """The step is complete; nothing happens if none was begun, and none is kept if nothing was done."""
        stroke, self._stroke = self._stroke, None
        if stroke is not None and stroke.deeds:
            self._push(stroke)

    def undo(self) -> str:
        """Take the last step back; what it was, in words, or "" if there is none."""
        self.end_stroke()
        return self._move(self._undo, self._redo, forward=False)

    def redo(self) -> str:
        """Do again what was undone last; what it was, in words, or "" if there is nothing."""
        self.end_stroke()
        return self._move(self._redo, self._undo, forward=True)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._undo) or bool(self._stroke and self._stroke.deeds)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._redo)

    @property
    def undo_text(self) -> str:
        """What the next undo takes back; "" if there is nothing."""
        if self._stroke and self._stroke.deeds:
            return self._stroke.text()
        return self._undo[-1].text() if self._undo else ""

    @property
    def redo_text(self) -> str:
        """What the next redo does again; "" if there is nothing."""
        return self._redo[-1].text() if self._redo else ""

    def clear(self) -> None:
        """Forget all steps; the labels stay."""
        self._undo, self._redo, self._stroke = [], [], None
        self.changed.emit()

    def _record(self, *deeds: _Deed, name: str = "") -> None:
        if not deeds:
            return
        self._redo = []
        if self._stroke is not None:
            for deed in deeds:
                self._stroke.record(deed)
        else:
            self._push(_Step(deeds, name))
        self.changed.emit()

    def _push(self, step: _Step) -> None:
        self._undo.append(step)
        del self._undo[:-DEPTH]

    def _move(self, source: list[_Step], target: list[_Step], forward: bool) -> str:
        if not source:
            return ""
        step = source[-1]
        text, missing, done = step.text(), 0, 0
        order = step.deeds if forward else step.deeds[::-1]
        try:
            for deed in order:
                missing += deed.apply(self._labels, forward)
                done += 1
        finally:
            if done == len(order):
                target.append(source.pop())
            elif done:  # what was done is a step of its own, so that both stacks stay true
                finished, rest = order[:done], order[done:]
                target.append(_Step(finished if forward else finished[::-1], step.name))
                step.deeds = rest if forward else rest[::-1]
            if done:
                self.changed.emit()
        if missing:
            text = tr("{0}; {1} of its labels were changed elsewhere and stay as they are").format(text, missing)
        return text

    def _uuids(self, fids: Iterable[int]) -> list[str]:
        return [self._labels.of(fid)[0].uuid for fid in dict.fromkeys(fids) if self._labels.of(fid)]


def take(labels: LabelLayer, uuids: Iterable[str]) -> dict[str, QgsFeature]:
    """Remove the labels that are still there; uuid → feature."""
    known = {fid: uuid for uuid, fid in ((uuid, labels.fid_of(uuid)) for uuid in uuids) if fid is not None}
    return {known[feature.id()]: feature for feature in labels.remove(known)}
