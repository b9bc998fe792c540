"""How the scores of all candidates are distributed, with a threshold to drag. Importing it needs pyqtgraph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import pyqtgraph as pg
from qgis.PyQt.QtCore import Qt, pyqtSignal

from ...layers.styling import ORANGE
from ...translation import tr
from ..chart import NO_PEN, Chart, faint, legible


class CandidatesChart(Chart):
    """``dragged`` (score) while the line is moved. What lies within the threshold is orange."""

    dragged = pyqtSignal(float)

    def _build(self) -> None:
        self._edges, self._counts = np.zeros(1), np.zeros(0)
        self._unit, self._from_above = "", False
        self._within = pg.PlotCurveItem([0, 1], [0], stepMode="center", fillLevel=0, pen=NO_PEN, antialias=True)
        self._beyond = pg.PlotCurveItem([0, 1], [0], stepMode="center", fillLevel=0, pen=NO_PEN, antialias=True)
        self.line = pg.InfiniteLine(
            0, angle=90, movable=True, label=" ",
            labelOpts={"position": 0.9, "anchors": [(-0.04, 0.5), (1.04, 0.5)]})
        self.line.setCursor(Qt.CursorShape.SplitHCursor)
        self.line.sigDragged.connect(lambda line: self.dragged.emit(float(line.value())))
        for item in (self._within, self._beyond, self.line):
            self.plot.addItem(item)
        self.plot.setMinimumHeight(130)

    def show_scores(
        self, edges: Sequence[float], counts: Sequence[int], unit: str, from_above: bool, reason: str = ""
    ) -> None:
        """``from_above``: what is looked for has the high scores."""
        self._edges, self._counts = np.asarray(edges, float), np.asarray(counts, float)
        self._unit, self._from_above = unit, from_above
        self._show(None if self._counts.any() else reason)

    def set_threshold(self, value: Optional[float], text: str) -> None:
        """Move the line, and say ``text`` beside it."""
        self.line.setVisible(value is not None)
        if value is not None:
            self.line.setValue(value)
            self.line.label.setFormat(text.replace("{", "{{").replace("}", "}}"))
        self._fill()

    def _draw(self) -> None:
        heights = np.sqrt(self._counts)
        top = float(heights.max()) if heights.size and heights.any() else 1.0
        low, high = float(self._edges[0]), float(self._edges[-1])
        if not high > low:
            low, high = low - 0.5, high + 0.5
        margin = 0.02 * (high - low)
        self._range((low - margin, high + margin), (0, 1.25 * top))
        self.line.setBounds((low, high))
        self._label("bottom", tr("score: {0}").format(self._unit) if self._unit else tr("score"))
        self._label("left", tr("candidates, √ scale"))
        ticks: list[tuple[float, str]] = []
        for count in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000):
            height = count**0.5
            if height <= 1.05 * top and (not ticks or height - ticks[-1][0] > 0.12 * top):
                ticks.append((height, f"{count:,}" if count < 10_000 else f"{count // 1000:,} k"))
        self.plot.getAxis("left").setTicks([ticks])
        self.plot.getAxis("left").setWidth(52)
        self.line.setPen(pg.mkPen(self.ink, width=2))
        self.line.setHoverPen(pg.mkPen(self.ink, width=4))
        self.line.label.setColor(self.ink)
        self.line.label.fill = pg.mkBrush(faint(self.ground, 215))
        self._within.setBrush(faint(legible(ORANGE, self.ground), 200))
        self._beyond.setBrush(faint(self.ink, 80))
        self._fill()

    def _fill(self) -> None:
        if not self._counts.size:
            return
        edges, heights = self._edges, np.sqrt(self._counts)
        cut = float(np.clip(self.line.value(), edges[0], edges[-1]))
        here = min(heights.size - 1, max(0, int(np.searchsorted(edges, cut, side="right")) - 1))
        below, above = (self._beyond, self._within) if self._from_above else (self._within, self._beyond)
        below.setData(np.append(edges[: here + 1], cut), heights[: here + 1])
        above.setData(np.insert(edges[here + 1 :], 0, cut), heights[here:])
