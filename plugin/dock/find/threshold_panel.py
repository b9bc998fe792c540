"""The threshold of the score: its histogram with a line to drag, a number to type, and how many places lie within."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from qgis.PyQt.QtCore import QEvent, QObject, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ...translation import tr
from ..charts import import_plots
from ..text import wrapped
from .question import UNLIKE


class ThresholdPanel(QWidget):
    """``moved`` (score): the user has moved the threshold; comes while dragging too."""

    moved = pyqtSignal(float)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._value: Optional[float] = None
        self._edges: list[float] = []
        self._counts: list[int] = []
        self._within: Optional[int] = None
        self._from_above = False
        plots = import_plots()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.chart: Any = None
        if isinstance(plots, Exception):
            missing = wrapped(tr(
                "The histogram needs pyqtgraph: apt install python3-pyqtgraph, or OSGeo4W's python3-pyqtgraph"))
            missing.setToolTip(f"{type(plots).__name__}: {plots}")
            layout.addWidget(missing)
        else:
            from .score_chart import CandidatesChart

            self.chart = CandidatesChart(
                tr("Scores of all candidates"), tr("Nothing to show yet: click a place like those you look for."))
            self.chart.dragged.connect(self._move)
            layout.addWidget(self.chart)
        self.number = QDoubleSpinBox()
        self.number.setDecimals(2)
        self.number.setKeyboardTracking(False)
        self.number.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.number.setToolTip(tr("Places up to this score are found"))
        self.number.setAccessibleName(tr("Threshold of the score"))
        self.number.installEventFilter(self)
        self.number.valueChanged.connect(self._move)
        self.words = wrapped()
        label = QLabel(tr("&Threshold"))
        label.setBuddy(self.number)
        row = QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.number)
        row.addWidget(self.words, 1)
        layout.addLayout(row)
        self.setEnabled(False)

    @property
    def value(self) -> Optional[float]:
        """The score; None while there is none."""
        return self._value

    def show_answer(self, answer: Mapping[str, Any], view: str) -> None:
        """The histogram and threshold of an answer; {} takes them away."""
        histogram = answer.get("histogram")
        self._edges, self._counts = (histogram["edges"], histogram["counts"]) if histogram else ([], [])
        self._from_above = view in UNLIKE
        self._within = answer.get("within") if histogram else None
        self._value = answer.get("threshold") if histogram else None
        self.setEnabled(self._value is not None)
        if self._edges:
            low, high = self._edges[0], self._edges[-1]
            self.number.blockSignals(True)
            self.number.setRange(low, high)
            self.number.setDecimals(0 if high - low > 500 else 2 if high - low > 2 else 4)
            self.number.setSingleStep(max((high - low) / 100, 10.0 ** -self.number.decimals()))
            self.number.blockSignals(False)
        if self.chart is not None:
            unit = answer.get("about", {}).get("unit", "")
            self.chart.show_scores(self._edges or [0, 1], self._counts, unit, self._from_above,
                                   answer.get("reason", ""))
        self._spread()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the dock, unless the number was clicked first."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    def _move(self, value: float) -> None:
        if self._value is not None and value != self._value:
            self._value, self._within = value, None
            self._spread()
            self.moved.emit(value)

    def _spread(self) -> None:
        value = self._value
        if value is not None:
            self.number.blockSignals(True)
            self.number.setValue(value)
            self.number.blockSignals(False)
        sign = "≥" if self._from_above else "≤"
        if self.chart is not None:
            self.chart.set_threshold(value, "" if value is None else f"{sign} {self.number.text()}")
        within = self._within if self._within is not None else self._estimate()
        self.words.setText("" if value is None or within is None else tr("{0} {1} places within").format(
            "" if self._within is not None else tr("about"), f"{within:,}").strip())

    def _estimate(self) -> Optional[int]:
        """How many lie within, by the histogram: until the backend has counted."""
        if self._value is None or not self._counts:
            return None
        found = 0.0
        for low, high, count in zip(self._edges, self._edges[1:], self._counts):
            share = (self._value - low) / (high - low) if high > low else 1.0
            share = min(1.0, max(0.0, share))
            found += count * (1 - share if self._from_above else share)
        return round(found)
