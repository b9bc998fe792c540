"""Answering at a point: class, certainty, note, skip, back and next, each by a button and by a key."""

from __future__ import annotations

from html import escape
from typing import Optional

from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...layers.class_table import LabelClass
from ...translation import tr
from ..class_panel import SIDE, sign
from ..text import wrapped
from .serving import Serving
from .validation import Validation, sentence

CERTAINTY = (
    ("Q", 100, QT_TRANSLATE_NOOP("Bitscape", "Sure")), ("W", 75, QT_TRANSLATE_NOOP("Bitscape", "Fairly")),
    ("E", 50, QT_TRANSLATE_NOOP("Bitscape", "Hardly")),
)
"""Key, percent and name."""
REASONS = (
    QT_TRANSLATE_NOOP("Bitscape", "cloud or shadow"), QT_TRANSLATE_NOOP("Bitscape", "no imagery of a date"),
    QT_TRANSLATE_NOOP("Bitscape", "cannot tell"), QT_TRANSLATE_NOOP("Bitscape", "mixed pixel"),
)
"""Why no class is given; written as they stand here, whatever the user's language."""
FEW = 4
"""Classes from which the buttons stand in two columns."""


class AnswerPad(QWidget):
    """Hidden keys are none: each stands on its button."""

    def __init__(self, validation: Validation, serving: Serving, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._validation, self._serving = validation, serving
        self._chips: dict[str, QToolButton] = {}
        self._build()
        for signal in (validation.point_changed, validation.answers_changed, validation.interpreter_changed,
                       serving.toggled, serving.keys_toggled):
            signal.connect(self._show)
        validation.sample_changed.connect(self._rebuild)
        validation.point_changed.connect(self._on_point)
        serving.pressed.connect(self.act)
        self._rebuild()

    def chip(self, code: str) -> Optional[QToolButton]:
        """The button of a class."""
        return self._chips.get(code)

    def act(self, name: str) -> None:
        """What a key means."""
        kind, _, what = name.partition(":")
        validation = self._validation
        if kind == "class" and what.isdigit() and self.reasons.isVisibleTo(self):
            self._give_reason(int(what) - 1)
        elif kind == "class":
            found = validation.table.by_key(what)
            if found is not None:
                validation.choose(found.code)
        elif kind == "certainty":
            percent = next(percent for key, percent, _ in CERTAINTY if key == what)
            validation.set_certainty(None if validation.certainty == percent else percent)
        elif kind == "skip":
            self.show_reasons(not self.reasons.isVisibleTo(self))
        elif kind == "note":
            if validation.point is not None:
                self.note.setFocus()
        elif kind == "leave" and self.reasons.isVisibleTo(self):
            self.show_reasons(False)
        else:
            {"back": validation.back, "next": validation.next, "leave": self._serving.stop}[kind]()

    def show_reasons(self, on: bool) -> None:
        """Ask why the point is skipped, or not."""
        if on and self._validation.settling:
            self._validation.skip("")
            return
        self.reasons.setVisible(on and self._validation.point is not None)
        self.skip.setChecked(self.reasons.isVisibleTo(self))

    # Building

    def _build(self) -> None:
        self.start = QPushButton(tr("Interpret the points"))
        self.start.setCheckable(True)
        self.start.setToolTip(tr(
            "Hide what the map says, fly from point to point, and answer with keys: class, certainty, skip; Backspace "
            "goes back, Esc leaves"))
        self.start.clicked.connect(self._on_start)
        self.words = wrapped(rich=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.bar.setAccessibleName(tr("Points done"))
        self.hint = wrapped(small=True)
        self.pad, self._answering = QWidget(), QWidget()
        self._classes = QGridLayout()
        self._classes.setSpacing(3)
        inside = QVBoxLayout(self._answering)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(self._classes)
        inside.addLayout(self._add_certainty())
        self.note = _Line(tr("Note [Enter]"), tr("Note"))
        self.note.setToolTip(tr("A remark that goes with the answer; Enter returns to the map"))
        self.note.editingFinished.connect(lambda: self._validation.set_note(self.note.text()))
        self.note.done.connect(self._serving.take_keys)
        self.note.left.connect(self._on_note_left)
        inside.addWidget(self.note)
        inside = QVBoxLayout(self.pad)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._answering)
        inside.addLayout(self._add_moving())
        inside.addWidget(self._add_reasons())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.start, self.words, self.bar, self.hint, self.pad):
            layout.addWidget(widget)

    def _add_certainty(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(QLabel(tr("How sure")))
        self.certainty: dict[str, QToolButton] = {}
        for key, percent, name in CERTAINTY:
            button = self._button(f"{tr(name)}  [{key}]", tr("{0}: {1} % certain ({2}); again: not said").format(
                tr(name), percent, key), f"certainty:{key}")
            button.setCheckable(True)
            self.certainty[key] = button
            row.addWidget(button)
        return row

    def _add_moving(self) -> QHBoxLayout:
        self.back = self._button(
            tr("◀ Back  [⌫]"), tr("The point before, to look at or to change its answer (Backspace)"), "back")
        self.skip = self._button(tr("Skip  [X]"), tr("Give no class here, and say why (X)"), "skip")
        self.skip.setCheckable(True)
        self.next = self._button(tr("Later  [.]"), tr("Leave the point open, and go to the next that is (.)"), "next")
        row = QHBoxLayout()
        row.setSpacing(3)
        for button in (self.back, self.skip, self.next):
            row.addWidget(button)
        return row

    def _add_reasons(self) -> QWidget:
        self.reasons = QWidget()
        grid = QGridLayout(self.reasons)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.addWidget(QLabel(tr("Why is there no class here?")), 0, 0, 1, 2)
        self.reason_buttons = []
        for number, reason in enumerate(REASONS):
            button = self._button(f"{tr(reason)}  [{number + 1}]", tr("Skip: {0}").format(tr(reason)),
                                  f"class:{number + 1}")
            self.reason_buttons.append(button)
            grid.addWidget(button, 1 + number // 2, number % 2)
        self.reason = _Line(tr("another reason  [{0}], then Enter").format(len(REASONS) + 1), tr("Another reason"))
        self.reason.done.connect(self._on_reason)
        self.reason.left.connect(self._serving.take_keys)
        grid.addWidget(self.reason, 1 + (len(REASONS) + 1) // 2, 0, 1, 2)
        self.reasons.hide()
        return self.reasons

    def _button(self, text: str, tip: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self._press(name))
        return button

    def _rebuild(self) -> None:
        """The classes' buttons."""
        for chip in self._chips.values():
            self._classes.removeWidget(chip)
            chip.setParent(None)
            chip.deleteLater()
        classes = self._validation.table.classes
        columns = 1 if len(classes) <= FEW else 2
        self._chips = {}
        for number, one in enumerate(classes):
            self._chips[one.code] = self._chip(one)
            self._classes.addWidget(self._chips[one.code], number // columns, number % columns)
        self._show()

    def _chip(self, one: LabelClass) -> QToolButton:
        chip = self._button(f"{one.name}  [{one.key}]" if one.key else one.name,
                            tr("Answer {0} (key {1})").format(one.name, one.key) if one.key
                            else tr("Answer {0}").format(one.name), "")
        chip.clicked.disconnect()
        chip.clicked.connect(lambda: self._answer(one.code))
        chip.setAccessibleName(one.name)
        chip.setCheckable(True)
        chip.setIcon(sign(one.colour, one.shape))
        chip.setIconSize(QSize(SIDE, SIDE))
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        return chip

    # What happens

    def _on_point(self) -> None:
        self.show_reasons(False)
        self.note.setText(self._validation.note)

    def _press(self, name: str) -> None:
        self._serving.take_keys()  # a note that is being typed is kept before it
        self.act(name)
        self._show()  # buttons toggle by themselves: show what holds

    def _answer(self, code: str) -> None:
        self._serving.take_keys()
        self._validation.choose(code)
        self._show()

    def _on_start(self, on: bool) -> None:
        if on:
            self._serving.start()
        else:
            self._serving.stop()
        self._show()

    def _on_note_left(self) -> None:
        self.note.setText(self._validation.note)
        self._serving.take_keys()

    def _give_reason(self, number: int) -> None:
        if number < len(REASONS):
            self._validation.skip(REASONS[number])
        elif number == len(REASONS):
            self.reason.setFocus()

    def _on_reason(self) -> None:
        text = " ".join(self.reason.text().split())
        if text:
            self.reason.clear()
            self._validation.skip(text)
            self._serving.take_keys()

    def _show(self, *_: object) -> None:
        """Everything as it is now."""
        validation, serving = self._validation, self._serving
        progress, answer, here = validation.progress, validation.answer, validation.point is not None
        self.start.setEnabled(validation.sample is not None)
        self.start.setChecked(serving.is_on)
        self.start.setText(tr("Pause  [Esc]") if serving.is_on else tr("Interpret the points") if not (
            progress.answered + progress.skipped) else tr("Go on interpreting"))
        self.bar.setVisible(validation.sample is not None)
        self.bar.setRange(0, max(1, progress.count))
        self.bar.setValue(progress.answered + progress.skipped)
        self.words.setText(self._sentence())
        self.hint.setText(self._hint())
        self.hint.setVisible(bool(self.hint.text()))
        self.pad.setVisible(serving.is_on)
        self._answering.setVisible(here)
        for code, chip in self._chips.items():
            chip.setChecked(answer is not None and answer.label == code)
        for key, percent, _ in CERTAINTY:
            self.certainty[key].setChecked(validation.certainty == percent)
        if not self.note.hasFocus():
            self.note.setText(validation.note)
        self.back.setEnabled(not validation.settling and progress.position != 1)
        for button in (self.skip, self.next):
            button.setEnabled(here)
        self.skip.setChecked(self.reasons.isVisibleTo(self))

    def _sentence(self) -> str:
        validation = self._validation
        progress, answer = validation.progress, validation.answer
        if validation.sample is None:
            return tr("Draw or open a sample first.")
        if validation.settling:
            text = tr("Conflict at point {0}: what did you agree on?").format(
                validation.point.number if validation.point is not None else "")
            return f"<b>{escape(text)}</b>"
        if progress.is_done and validation.point is None:
            done = tr("All {0} points are done: {1} answered, {2} skipped.").format(
                progress.count, progress.answered, progress.skipped)
            then = tr("Next: assess the map below, or have a second person interpret the same points.")
            return f"<b>{escape(done)}</b><br>{escape(then)}"
        text = f"<b>{escape(sentence(progress))}</b>"
        if self._serving.is_on:
            text += "<br>" + escape(tr("Interpreter: {0}").format(validation.interpreter))
        if answer is not None:
            found = validation.table.by_code(answer.label)
            said = found.name if found is not None else answer.label
            text += "<br>" + escape(
                tr("You said {0}; another answer counts instead.").format(said) if said
                else tr("You skipped it ({0}); an answer counts instead.").format(tr(answer.skipped)))
        return text

    def _hint(self) -> str:
        if not self._serving.is_on or self._validation.point is None:
            return ""
        if not self._serving.hears_keys:
            return tr("Another map tool is chosen, so the keys rest; any button here takes them up again.")
        return tr("F returns to the point; A and D change the date, S swipes.")


class _Line(QLineEdit):
    """A line of text that Enter ends (``done``) and Esc leaves (``left``)."""

    done = pyqtSignal()
    left = pyqtSignal()

    def __init__(self, words: str, name: str) -> None:
        super().__init__()
        self.setPlaceholderText(words)
        self.setAccessibleName(name)
        self.setMaxLength(500)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.editingFinished.emit()
            self.done.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
