"""Several interpreters: how far each is, how well they agree beyond chance, and what they do not agree on."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...layers.held_back import INTERPRETATIONS, SAMPLE
from ...translation import tr
from ..run_status import failed
from ..text import wrapped
from .validation import Validation

CHANNEL, URGENCY = "agreement", 3
NUMBER = Qt.ItemDataRole.UserRole
ROWS = 6
"""Lines of the list of conflicts that are seen at once."""


class AgreementPanel(QWidget):
    """``conflict_chosen`` (the point's number): the user wants to settle it."""

    conflict_chosen = pyqtSignal(int)

    def __init__(self, validation: Validation, resident: Resident, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._validation, self._resident = validation, resident
        self._token = -1
        self._result: Optional[Mapping[str, Any]] = None
        self.counts, self.figures = wrapped(rich=True), wrapped(rich=True)
        self.compare = QPushButton(tr("Compare the interpreters"))
        self.compare.setToolTip(tr("Cohen's kappa of every two interpreters, and the points on which they disagree"))
        self.compare.clicked.connect(lambda: self.ask())
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Conflicts"))
        self.list.setToolTip(tr("Click: fly there and answer; that answer is what was agreed, and counts for all"))
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._on_item)
        self.list.itemActivated.connect(self._on_item)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.counts, self.compare, self.figures, self.list):
            layout.addWidget(widget)
        validation.sample_changed.connect(self._forget)
        validation.answers_changed.connect(self._count)
        validation.conflicts_changed.connect(self._fill)
        resident.answered.connect(self._on_answer)
        resident.failed.connect(self._on_failure)
        self._forget()

    def ask(self) -> None:
        """Have the backend compare the answers as they are on the disk."""
        sample = self._validation.sample
        if sample is None:
            return
        sample.reload()
        self._count()
        if not self.compare.isEnabled():
            return
        self.figures.setText(tr("Comparing…"))
        self.figures.show()
        path = str(sample.path)
        self._token = self._resident.submit(CHANNEL, "interpreteragreement", {
            "sample": path, "layer": SAMPLE, "interpretations": path, "interpretations_layer": INTERPRETATIONS,
        }, URGENCY)

    def stop(self) -> None:
        """Before the dock goes: ask nothing more."""
        self._resident.cancel(CHANNEL)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._count()

    # Inside

    def _forget(self) -> None:
        self._resident.cancel(CHANNEL)
        self._token = -1
        self._result = None
        self.figures.hide()
        self._fill()
        self._count()

    def _count(self) -> None:
        """How far everyone is, from the file; the backend is not needed for that."""
        sample = self._validation.sample
        names = sample.interpreters if sample is not None else []
        lines = []
        for name in names:
            given = sample.answers_of(name).values() if sample is not None else ()
            answered = sum(bool(one.label) for one in given)
            lines.append(tr("{0}: {1} answered, {2} skipped").format(
                f"<b>{escape(name)}</b>", answered, len(given) - answered))
        self.compare.setEnabled(len(names) > 1)
        if sample is None:
            lines = [tr("No sample is open.")]
        elif len(names) < 2:
            lines.append(tr("Agreement needs two people who answer the same points: the other one opens this file and "
                            "types their own name above."))
        self.counts.setText("<br>".join(lines))

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if (channel, token) != (CHANNEL, self._token):
            return
        self._result = result
        self.figures.show()
        self._validation.set_conflicts([int(one["point"]) for one in result["conflicts"] if not one["settled"]])

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if (channel, token) == (CHANNEL, self._token):
            self.figures.setText(failed(error.message))
            self.figures.show()

    def _fill(self) -> None:
        """The figures, and the conflicts, those that are open first."""
        open_ones = set(self._validation.conflicts)
        if self._result is not None:
            self.figures.setText("<br>".join(_lines(self._result, len(open_ones))))
        conflicts = self._result["conflicts"] if self._result is not None else ()
        self.list.clear()
        for one in sorted(conflicts, key=lambda one: (int(one["point"]) not in open_ones, int(one["point"]))):
            number = int(one["point"])
            said = ", ".join(f"{who}: {self._name(code)}" for who, code in one["labels"].items())
            sign = "⚠" if number in open_ones else "✓"
            item = QListWidgetItem(tr("{0} Point {1} · {2}").format(sign, number, said))
            item.setData(NUMBER, number)
            item.setToolTip(item.text() if number in open_ones else tr("{0} · settled").format(item.text()))
            self.list.addItem(item)
        rows = min(ROWS, self.list.count())
        self.list.setFixedHeight(rows * max(18, self.list.sizeHintForRow(0)) + 2 * self.list.frameWidth() + 2)
        self.list.setVisible(self.list.count() > 0)

    def _name(self, code: str) -> str:
        found = self._validation.table.by_code(code)
        return found.name if found is not None else code

    def _on_item(self, item: QListWidgetItem) -> None:
        self.conflict_chosen.emit(item.data(NUMBER))


def _lines(result: Mapping[str, Any], open_ones: int) -> list[str]:
    """The figures in words, with so many conflicts that are open still."""
    lines = []
    for pair in result["pairs"]:
        names = f"{escape(pair['first'])} – {escape(pair['second'])}"
        if not pair["points"]:
            lines.append(tr("{0}: no point in common").format(names))
            continue
        kappa = tr("κ {0:.2f}").format(pair["kappa"]) if pair["kappa"] is not None else tr("no κ: {0}").format(
            escape(str(pair["kappa_reason"])))
        lines.append(tr("{0}: {1} points, {2:.0%} alike, {3}").format(
            names, pair["points"], pair["agreement"], f"<b>{kappa}</b>"))
    if len(result["interpreters"]) > 2 and result["alpha"] is not None:
        lines.append(tr("All together: Krippendorff's α {0:.2f}").format(result["alpha"]))
    if open_ones:
        lines.append(tr("Conflicts to settle: {0}. Click one, look again together, and answer.").format(open_ones))
    elif result["conflicts"]:
        lines.append(tr("Conflicts: {0}, all settled.").format(len(result["conflicts"])))
    elif any(pair["points"] for pair in result["pairs"]):
        lines.append(tr("No conflicts."))
    return lines
