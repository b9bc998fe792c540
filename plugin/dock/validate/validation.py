"""A sample that is being interpreted: which point is asked, by whom, and what they answered.

Points come in the order of their numbers, which is random; every interpreter has their own progress. Nothing here knows
the canvas, and nothing tells what the map says of a point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from qgis.PyQt.QtCore import QObject, pyqtSignal

from ...layers.class_table import ClassTable
from ...layers.metadata import tags_of
from ...layers.sample_file import AGREED, Answer, SampleFile, SamplePoint
from ...translation import tr
from ..telling import telling
from .interpreter import checked_name, current_name, known_names, remember_name


@dataclass(frozen=True)
class Progress:
    """How far an interpreter is. ``position`` of the point that is asked, 1 … ``count``; 0 where none is."""

    position: int
    count: int
    answered: int
    skipped: int

    @property
    def is_done(self) -> bool:
        """Whether every point has been answered or skipped."""
        return self.answered + self.skipped >= self.count


class Validation(QObject):
    """The state of the tab Validate. ``said`` (text, level) is for the message bar."""

    sample_changed = pyqtSignal()
    map_changed = pyqtSignal()
    interpreter_changed = pyqtSignal()
    point_changed = pyqtSignal()
    answers_changed = pyqtSignal()
    conflicts_changed = pyqtSignal()
    said = pyqtSignal(str, int)

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self.sample: Optional[SampleFile] = None
        self.map_path: Optional[Path] = None
        self.interpreter = current_name()
        self.point: Optional[SamplePoint] = None
        self.settling = False
        """Whether the point is a conflict, whose answer counts as agreed."""
        self.conflicts: list[int] = []
        """Points that interpreters disagree on, not settled yet."""
        self.image_date: Callable[[], str] = lambda: ""
        self._drafts: dict[int, tuple[Optional[int], str]] = {}
        self._mine: dict[int, Answer] = {}
        self._when = ""

    # What there is

    @property
    def table(self) -> ClassTable:
        """The classes to answer with."""
        return self.sample.table if self.sample is not None else ClassTable()

    @property
    def answer(self) -> Optional[Answer]:
        """What was answered at the point that is asked, last; None if nothing was."""
        return self._mine.get(self.point.number) if self.point is not None else None

    @property
    def certainty(self) -> Optional[int]:
        """Percent that goes with the answer; None where it is not said."""
        return self._draft()[0]

    @property
    def note(self) -> str:
        """The note that goes with the answer."""
        return self._draft()[1]

    @property
    def progress(self) -> Progress:
        """How far the interpreter is."""
        if self.sample is None:
            return Progress(0, 0, 0, 0)
        mine = self._answers_of(self.interpreter) if self.settling else self._mine
        known = [mine[one.number] for one in self.sample.points if one.number in mine]
        answered = sum(bool(one.label) for one in known)
        position = self.sample.points.index(self.point) + 1 if self.point is not None else 0
        return Progress(position, self.sample.count, answered, len(known) - answered)

    # Setting out

    def open(self, path: Path) -> bool:
        """Open a sample; whether that went well."""
        with self._told():
            sample = SampleFile(path)
            self.close()
            self.sample = sample
            self._read_mine()
            self.sample_changed.emit()
            self.answers_changed.emit()
            return True
        return False

    def close(self) -> None:
        """Let go of the sample; its file stays as it is."""
        self.point, self.settling = None, False
        self.conflicts, self._drafts, self._mine = [], {}, {}
        if self.sample is not None:
            self.sample.release()
            self.sample = None
            self.sample_changed.emit()
            self.answers_changed.emit()
        self.point_changed.emit()

    def set_map(self, path: Optional[Path]) -> None:
        """The class map that the sample judges: its pixels are outlined, its values are not looked at."""
        path = path.absolute() if path is not None else None
        if path != self.map_path:
            self.map_path = path
            self._when = tags_of(path).get("PERIOD", "") if path is not None and path.is_file() else ""
            self.map_changed.emit()

    def set_interpreter(self, text: str) -> bool:
        """Answer by this name from now on; whether it is one."""
        with self._told():
            name = checked_name(text)
            remember_name(name)
            if name != self.interpreter:
                self.interpreter = name
                self.settling, self._drafts = False, {}
                self._read_mine()
                self.interpreter_changed.emit()
                self.answers_changed.emit()
                if self.point is not None:
                    self._go(self._first_open())
            return True
        return False

    def recall(self, interpreter: str) -> None:
        """Take up the name that a project remembers, if it was used on this computer: a project may be another's."""
        if interpreter in known_names():
            self.set_interpreter(interpreter)

    def begin(self) -> bool:
        """Ask the first point that is open; whether answers can be written."""
        with self._told():
            if self.sample is None or not self.set_interpreter(self.interpreter):
                return False
            self.sample.prepare()
            self.sample.reload()
            self._read_mine()
            self.answers_changed.emit()
            self._go(self._first_open())
            return True
        return False

    def pause(self) -> None:
        """Ask nothing more; drafts stay."""
        self._leave_settling()
        if self.sample is not None:
            self.sample.release()  # the file is whole again, and may be copied
        self._go(None)

    # Answering

    def choose(self, code: str) -> None:
        """Answer with a class, and go on."""
        if self.point is not None and self._write(label=code):
            self._go_on()

    def skip(self, reason: str) -> None:
        """Give no class, and say why; then go on. A conflict is not skipped, only left."""
        if self.settling:
            self.next()
        elif self.point is not None and self._write(skipped=reason):
            self._go_on()

    def set_certainty(self, percent: Optional[int]) -> None:
        """How sure the answer is; of an answer that was given it is written at once."""
        self._set_draft(percent, self.note)

    def set_note(self, text: str) -> None:
        """What is to be remarked; of an answer that was given it is written at once."""
        self._set_draft(self.certainty, " ".join(text.split()))

    def next(self) -> None:
        """Leave the point as it is, and go to the next that is open; after the last comes the first."""
        if self.settling:
            self._next_conflict()
        elif self.point is not None:
            self._go(self._first_open(after=self.point))

    def back(self) -> None:
        """The point before, answered or not; after the last answer the last point."""
        if self.sample is None or self.settling:
            return
        points = self.sample.points
        place = points.index(self.point) if self.point is not None else len(points)
        if place > 0:
            self._go(points[place - 1])

    # Conflicts

    def set_conflicts(self, numbers: Sequence[int]) -> None:
        """What interpreters disagree on, as it was found."""
        self.conflicts = [number for number in numbers if self.sample is not None and self.sample.point(number)]
        self.conflicts_changed.emit()

    def settle(self, number: int) -> None:
        """Ask the point of a conflict; the answer is what was agreed."""
        found = self.sample.point(number) if self.sample is not None else None
        if found is not None:
            self.settling = True
            self._read_mine()
            self._go(found)

    # Inside

    def _write(self, label: str = "", skipped: str = "") -> bool:
        """Write an answer to the point that is asked; whether it is on disk."""
        sample, point = self.sample, self.point
        if sample is None or point is None:
            return False
        with self._told():
            certainty, note = self._draft()
            written = sample.write(
                Answer(point.number, self._author(), label, skipped, certainty, note),
                when=self._when, image_date=self.image_date())
            self._drafts.pop(point.number, None)
            self._mine[point.number] = written
            self.answers_changed.emit()
            return True
        return False

    def _go_on(self) -> None:
        if not self.settling:
            self._go(self._first_open(after=self.point))
            return
        assert self.point is not None
        number = self.point.number
        self._next_conflict()
        if number in self.conflicts:
            self.conflicts.remove(number)
            self.conflicts_changed.emit()

    def _next_conflict(self) -> None:
        """The one after this; where there is no other, back to one's own points."""
        assert self.point is not None
        here = self.point.number
        others = [number for number in self.conflicts if number != here]
        if others:
            self.settle(next((number for number in others if number > here), others[0]))
        else:
            self._leave_settling()
            self._go(self._first_open())

    def _leave_settling(self) -> None:
        if self.settling:
            self.settling = False
            self._read_mine()

    def _go(self, point: Optional[SamplePoint]) -> None:
        self.point = point
        self.point_changed.emit()

    def _first_open(self, after: Optional[SamplePoint] = None) -> Optional[SamplePoint]:
        """The first point that the interpreter has neither answered nor skipped; None if there is none."""
        if self.sample is None:
            return None
        points = self.sample.points
        start = points.index(after) + 1 if after is not None else 0
        return next((one for one in [*points[start:], *points[:start]] if one.number not in self._mine), None)

    def _draft(self) -> tuple[Optional[int], str]:
        answer = self.answer
        written = (answer.certainty, answer.note) if answer is not None else (None, "")
        return self._drafts.get(self.point.number, written) if self.point is not None else (None, "")

    def _set_draft(self, certainty: Optional[int], note: str) -> None:
        if self.point is None or (certainty, note) == self._draft():
            return
        self._drafts[self.point.number] = (certainty, note)
        answer = self.answer
        if answer is not None:
            self._write(answer.label, answer.skipped)
        self.answers_changed.emit()

    def _author(self) -> str:
        return AGREED if self.settling else self.interpreter

    def _answers_of(self, name: str) -> dict[int, Answer]:
        return self.sample.answers_of(name) if self.sample is not None else {}

    def _read_mine(self) -> None:
        self._mine = self._answers_of(self._author())

    def _told(self) -> AbstractContextManager[None]:
        return telling(self.said.emit)


def sentence(progress: Progress) -> str:
    """How far it is, in words."""
    counts = tr("{0} answered, {1} skipped").format(progress.answered, progress.skipped)
    if progress.position:
        return tr("Point {0} of {1} · {2}").format(progress.position, progress.count, counts)
    return tr("{0} points · {1}").format(progress.count, counts)

