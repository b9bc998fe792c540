"""Which band of the raster each channel of the model sees, and why: as proposed, or as the user chose."""

from __future__ import annotations

from html import escape
from typing import Any, Optional

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...translation import tr
from ..run_status import failed
from ..text import wrapped
from .model_choice import ModelChoice

MANY = 8
"""Channels beyond which their bands are counted, not listed."""


class ChannelTable(QWidget):
    """A row a channel; below it what does not fit, in words."""

    def __init__(self, choice: ModelChoice, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._choice = choice
        self._rows: list[tuple[QLabel, QComboBox, QLabel]] = []
        self._shown: Optional[tuple[Any, ...]] = None
        self.words = wrapped(rich=True)
        self.again = QPushButton(tr("As proposed"))
        self.again.setToolTip(tr("Back to the bands that were found by their names"))
        self.again.clicked.connect(choice.propose_bands)
        self.summary = QToolButton()
        self.summary.setCheckable(True)
        self.summary.setAutoRaise(True)
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.summary.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.summary.setToolTip(tr("Which band of the raster the model sees as what, and why"))
        self.summary.toggled.connect(self._on_unfolded)
        self._table = QWidget()
        self._grid = QGridLayout(self._table)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 2)
        self._grid.setColumnStretch(2, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.summary)
        layout.addWidget(self._table)
        layout.addWidget(self.again, alignment=Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self.words)
        choice.described.connect(self.refresh)
        choice.tuned.connect(self.refresh)
        self._on_unfolded(False)
        self.refresh()

    @property
    def boxes(self) -> list[QComboBox]:
        """The combo boxes that are shown, in the order of the channels."""
        return [box for _, box, _ in self._rows if not box.isHidden()]

    def refresh(self) -> None:
        """Show what is known."""
        info = self._choice.info
        slots = info.slots if info is not None and info.raster is not None else ()
        bands = info.raster.bands if info is not None and info.raster is not None else ()
        self._need(len(slots))
        wanted = (tuple(slot.name for slot in slots), bands)
        if wanted != self._shown:  # combo boxes that are open are left alone
            self._shown = wanted
            self._fill(slots, bands)
            if slots and info is not None and info.raster is not None:
                self.summary.setChecked(not all(self._choice.mapping))
        self.summary.setText(self._summary(slots))
        self.summary.setVisible(bool(slots))
        for place, (slot, (_, box, why)) in enumerate(zip(slots, self._rows)):
            band = self._choice.mapping[place]
            box.blockSignals(True)
            box.setCurrentIndex(max(0, box.findData(band)))
            box.blockSignals(False)
            own = band != (slot.band or 0)
            reason = tr("chosen by you") if own else slot.reason
            why.setText(reason)
            why.setToolTip(reason)
        self.again.setVisible(self._choice.bands is not None)
        text = self._words()
        self.words.setText(text)
        self.words.setVisible(bool(text))

    def _on_unfolded(self, on: bool) -> None:
        self.summary.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._table.setVisible(on)

    def _summary(self, slots: Any) -> str:
        """What is seen while the table is folded."""
        mapping = self._choice.mapping
        if not all(mapping):
            return tr("Bands: {0} of {1} found").format(sum(map(bool, mapping)), len(mapping))
        numbers = ", ".join(map(str, mapping)) if len(mapping) <= MANY else tr("{0} bands").format(len(mapping))
        if self._choice.bands is not None:
            return tr("Bands {0}, chosen by you").format(numbers)
        sure = self._choice.info is not None and self._choice.info.raster is not None and (
            self._choice.info.raster.certain)
        return tr("Bands {0}, by their names").format(numbers) if sure else tr(
            "Bands {0}: please check").format(numbers)

    def _words(self) -> str:
        info = self._choice.info
        if info is None or not self._choice.raster:
            return ""
        lines = []
        if self._choice.is_reading and info.raster is None:
            lines.append(escape(tr("Looking at the raster…")))
        hidden = () if self._choice.bands is None or not all(self._choice.mapping) else info.problems
        of_card = info.card_problems
        lines += [failed(problem) for problem in info.problems if problem not in hidden or problem in of_card]
        lines += [escape(tr("Note: {0}").format(note)) for note in info.warnings]
        if info.raster is not None and info.raster.words:
            lines.insert(0, escape(info.raster.words))
        return "<br>".join(lines)

    def _need(self, count: int) -> None:
        while len(self._rows) < count:
            place = len(self._rows)
            name, box, why = QLabel(), QComboBox(), QLabel()
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.activated.connect(lambda _, place=place, box=box: self._choice.set_band(place, box.currentData() or 0))
            why.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            name.setBuddy(box)
            for column, widget in enumerate((name, box, why)):
                self._grid.addWidget(widget, place, column)
            self._rows.append((name, box, why))
        for place, widgets in enumerate(self._rows):
            for widget in widgets:
                widget.setVisible(place < count)

    def _fill(self, slots: Any, bands: Any) -> None:
        for slot, (name, box, _) in zip(slots, self._rows):
            name.setText(slot.name)
            name.setToolTip(tr("Channel of the model"))
            box.setAccessibleName(tr("Band for {0}").format(slot.name))
            box.setToolTip(tr("The raster's band that the model gets as {0}").format(slot.name))
            box.blockSignals(True)
            box.clear()
            box.addItem(tr("choose…"), 0)
            for number, title in bands:
                box.addItem(f"{number}: {title}" if title else str(number), number)
            box.blockSignals(False)
