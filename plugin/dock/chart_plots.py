"""The five charts of the charts panel; importing this module fails where importing pyqtgraph does."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Optional

import numpy as np
import pyqtgraph as pg
from qgis.PyQt.QtCore import Qt, pyqtSignal

from ..layers.styling import BLUE, ORANGE, OTHERS
from ..translation import tr
from .chart import NO_PEN, Chart, faint, legible, marks

BINS = 51
"""Of five scores each: a bin is a few pixels wide in a dock."""
STRONGEST = 16
"""So many bars can be read in a dock."""


class ScoresChart(Chart):
    """How the scores are distributed over the visible map and over the labels, and the threshold."""

    dragged = pyqtSignal(float)

    def _build(self) -> None:
        self._counts = np.zeros(0)
        self._by_class: list[tuple[str, str, np.ndarray]] = []
        self._held_out = False
        self._below = pg.PlotCurveItem([0, 1], [0], stepMode="center", fillLevel=0, pen=NO_PEN, antialias=True)
        self._above = pg.PlotCurveItem([0, 1], [0], stepMode="center", fillLevel=0, pen=NO_PEN, antialias=True)
        self._points = pg.ScatterPlotItem(pxMode=True, antialias=True)
        self.line = pg.InfiniteLine(
            0.5, angle=90, movable=True, bounds=(0, 1), label=" ",
            labelOpts={"position": 0.88, "anchors": [(-0.04, 0.5), (1.04, 0.5)]},
        )
        self.line.setCursor(Qt.CursorShape.SplitHCursor)
        self.line.sigDragged.connect(lambda line: self.dragged.emit(float(line.value())))
        for item in (self._below, self._above, self._points, self.line):
            self.plot.addItem(item)

    def show_scores(
        self, counts: Optional[np.ndarray], by_class: Sequence[tuple[str, str, Any]], held_out: bool, reason: str
    ) -> None:
        """As ``ChartsPanel.show_scores``."""
        self._counts = np.zeros(0) if counts is None else counts
        self._by_class = [(name, colour, np.asarray(scores, float)) for name, colour, scores in by_class]
        self._held_out = held_out
        nothing = not self._counts.any() and not any(scores.size for *_, scores in self._by_class)
        self._show(reason if nothing else None)

    def set_threshold(self, value: float, text: str) -> None:
        """Move the line and say ``text`` beside it."""
        self.line.setValue(value)
        self.line.label.setFormat(text.replace("{", "{{").replace("}", "}}"))
        self._fill()

    def _draw(self) -> None:
        top = 1.0
        self._heights = np.zeros(BINS)
        if self._counts.any():
            shares = self._counts.reshape(BINS, -1).sum(axis=1) * (100 / self._counts.sum())
            self._heights = np.sqrt(shares)
            top = float(self._heights.max())
        lane = min(0.13, 0.45 / max(1, len(self._by_class))) * top
        self._range((-0.02, 1.02), (-lane * (len(self._by_class) + 0.2), 1.3 * top))
        self._draw_axes(top)
        self._draw_points(lane)
        self.line.setPen(pg.mkPen(self.ink, width=2))
        self.line.setHoverPen(pg.mkPen(self.ink, width=4))
        self.line.label.setColor(self.ink)
        self.line.label.fill = pg.mkBrush(faint(self.ground, 215))
        self._below.setBrush(faint(self.ink, 70))
        self._above.setBrush(faint(self.ink, 140))
        self._fill()

    def _fill(self) -> None:
        """Grey where the map's scores lie below the threshold, darker where they reach it."""
        edges = (np.arange(BINS + 1) * 5 - 0.5) / 254
        cut = float(np.clip(self.line.value(), edges[0], edges[-1]))
        bin_of_cut = min(BINS - 1, int(np.searchsorted(edges, cut, side="right")) - 1)
        self._below.setData(np.append(edges[: bin_of_cut + 1], cut), self._heights[: bin_of_cut + 1])
        self._above.setData(np.insert(edges[bin_of_cut + 1 :], 0, cut), self._heights[bin_of_cut:])

    def _draw_axes(self, top: float) -> None:
        self._label("bottom", tr("score"))
        self._label("left", tr("share of map, √ scale") if self._counts.any() else "")
        ticks: list[tuple[float, str]] = []
        for percent in (0, 0.1, 1, 5, 10, 25, 50, 100) if self._counts.any() else ():
            height = percent**0.5
            if height <= 1.05 * top and (not ticks or height - ticks[-1][0] > 0.2 * top):
                ticks.append((height, f"{percent:g} %"))
        self.plot.getAxis("left").setTicks([ticks])
        self.plot.getAxis("left").setWidth(58)

    def _draw_points(self, lane: float) -> None:
        """One row of marks for each class, under the map's distribution."""
        x, y, looks = np.zeros(0), np.zeros(0), []
        legend = []
        for row, ((name, colour, scores), (symbol, letter)) in enumerate(
            zip(self._by_class, marks([colour for _, colour, _ in self._by_class]))
        ):
            brush = pg.mkBrush(faint(legible(colour, self.ground), 200))
            x, y = np.append(x, scores), np.append(y, np.full(scores.size, -lane * (row + 0.6)))
            looks += [(symbol, brush, 9 if symbol == "t1" else 8)] * scores.size
            legend.append(self._coloured(colour, f"{letter} {name} {scores.size}".replace(" ", "\u00a0")))
        symbols, brushes, sizes = zip(*looks) if looks else ((), (), ())
        self._points.setData(x, y, symbol=list(symbols), brush=list(brushes), size=list(sizes), pen=NO_PEN)
        if legend:
            legend.append(escape(
                tr("held‑out scores") if self._held_out else tr("in‑sample scores: the model has seen these labels")
            ))
        self.caption.setText(" &nbsp; ".join(legend))


class PrecisionRecallChart(Chart):
    """Precision over recall, from held-out scores, with the place of the threshold."""

    def _build(self) -> None:
        self._recall, self._precision, self._thresholds = np.zeros(0), np.zeros(0), np.zeros(0)
        self._threshold, self._text = 0.5, ""
        self._curve = pg.PlotCurveItem(antialias=True)
        self._here = pg.ScatterPlotItem(pxMode=True, antialias=True, symbol="o", size=12)
        for item in (self._curve, self._here):
            self.plot.addItem(item)

    def show_curve(self, recall: np.ndarray, precision: np.ndarray, thresholds: np.ndarray, reason: str) -> None:
        """As ``ChartsPanel.show_precision_recall``."""
        order = np.argsort(thresholds, kind="stable")
        self._recall, self._precision = recall[: order.size][order], precision[: order.size][order]
        self._thresholds = thresholds[order]
        self._show(None if order.size else reason)

    def set_threshold(self, value: float, text: str) -> None:
        """Mark the curve's point at the threshold; ``text`` is its value."""
        self._threshold, self._text = value, text
        self._mark()
        self.caption.setVisible(not self.is_empty)

    @property
    def here(self) -> Optional[tuple[float, float]]:
        """Recall and precision at the threshold; None if no label's score reaches it."""
        # Scores between two thresholds of the curve do not occur: the next higher one selects the same labels.
        index = int(np.searchsorted(self._thresholds, self._threshold - 1e-9))
        return (float(self._recall[index]), float(self._precision[index])) if index < self._thresholds.size else None

    def _draw(self) -> None:
        self._range((-0.02, 1.03), (0, 1.05))
        self._label("bottom", tr("recall"))
        self._label("left", tr("precision"))
        self._curve.setPen(pg.mkPen(self.ink, width=2))
        self._here.setPen(pg.mkPen(self.ground, width=2))
        self._here.setBrush(legible(ORANGE, self.ground))
        self._curve.setData(self._recall, self._precision)
        self._mark()

    def _mark(self) -> None:
        here = self.here
        self._here.setData(*([[value] for value in here] if here else [[], []]))
        words = tr("At ≥ {0}: precision {1:.2f}, recall {2:.2f} (held-out scores)")
        none = tr("At ≥ {0}: no held-out score is that high")
        self.caption.setText(escape(words.format(self._text, here[1], here[0]) if here else none.format(self._text)))


class LearningChart(Chart):
    """F1 over the number of clicks, held out at random and in new places."""

    def _build(self) -> None:
        self._series: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(np.zeros(0),) * 3] * 2
        self._items = []
        for _ in self._series:
            low, high, line = (pg.PlotDataItem(pen=NO_PEN, antialias=True) for _ in range(3))
            band = pg.FillBetweenItem(low, high)
            for item in (low, high, band, line):
                self.plot.addItem(item)
            self._items.append((low, high, band, line))

    def show_curves(
        self, sizes: Sequence[int], curves: Sequence[Sequence[Optional[tuple[float, float]]]], reason: str
    ) -> None:
        """``curves`` are at random and in new places; as ``ChartsPanel.show_learning_curve``."""
        self._series = []
        for curve in curves:
            known = [(size, *value) for size, value in zip(sizes, curve) if value is not None]
            table = np.array(known, float).reshape(-1, 3)
            self._series.append((table[:, 0], table[:, 1], table[:, 2]))
        self._show(None if any(x.size for x, _, _ in self._series) else reason)

    def _draw(self) -> None:
        looks = ((BLUE, "o", "●", Qt.PenStyle.SolidLine), (OTHERS[0], "s", "■", Qt.PenStyle.DashLine))
        names = (tr("at random"), tr("in new places"))
        legend = []
        for (x, mean, deviation), items, (colour, symbol, letter, dash), name in zip(
            self._series, self._items, looks, names
        ):
            low, high, band, line = items
            shown = legible(colour, self.ground)
            low.setData(x, np.clip(mean - deviation, 0, 1))
            high.setData(x, np.clip(mean + deviation, 0, 1))
            band.setBrush(faint(shown, 55))
            line.setData(
                x, mean, pen=pg.mkPen(shown, width=2, style=dash), symbol=symbol, symbolSize=7, symbolBrush=shown,
                symbolPen=NO_PEN,
            )
            if x.size:
                legend.append(self._coloured(colour, f"{letter} {name}"))
        every = np.concatenate([x for x, _, _ in self._series])
        low_x, high_x = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
        margin = 0.05 * (high_x - low_x) or 1.0
        self._range((low_x - margin, high_x + margin), (0, 1.05))
        self._label("bottom", tr("clicks"))
        self._label("left", tr("F1 (band: ± 1 std. dev.)"))
        self.caption.setText(" &nbsp; ".join(legend))


class CountsChart(Chart):
    """How many labels each class has."""

    def _build(self) -> None:
        self._rows: list[tuple[str, str, int]] = []
        self._bars = pg.BarGraphItem(x0=[], y=[], width=[], height=0.7)
        self.plot.addItem(self._bars)

    def show_counts(self, rows: Sequence[tuple[str, str, int]], reason: str) -> None:
        """``rows`` are (name, colour, count)."""
        self._rows = list(rows)
        self._show(None if rows else reason)

    def _draw(self) -> None:
        colours = [colour for _, colour, _ in self._rows]
        letters = [letter for _, letter in marks(colours)]
        self._name_rows([f"{letter} {name} · {n}" for letter, (name, _, n) in zip(letters, self._rows)])
        self._bars.setOpts(
            x0=np.zeros(len(self._rows)), y=-np.arange(len(self._rows)), width=np.array([n for *_, n in self._rows]),
            height=0.7, brushes=[legible(colour, self.ground) for colour in colours], pen=NO_PEN,
        )
        most = max([n for *_, n in self._rows], default=0)
        whole = [[(n, str(n)) for n in range(6)]] if most < 6 else None  # no half labels on the axis
        self.plot.getAxis("bottom").setTicks(whole)
        self._range((0, 1.05 * most or 1), (-max(4, len(self._rows)) + 0.4, 0.6))
        self._label("bottom", tr("labels"))


class CoefficientsChart(Chart):
    """What the model goes by: the weight of each component."""

    def _build(self) -> None:
        self._names: list[str] = []
        self._values = np.zeros(0)
        self._bars = pg.BarGraphItem(x0=[], y=[], width=[], height=0.7)
        self._zero = pg.InfiniteLine(0, angle=90)
        for item in (self._bars, self._zero):
            self.plot.addItem(item)

    def show_coefficients(self, names: Sequence[str], values: np.ndarray, reason: str) -> None:
        """As ``ChartsPanel.show_coefficients``; of many components the strongest."""
        self._total = len(names)
        strongest = np.sort(np.argsort(-np.abs(values), kind="stable")[:STRONGEST])
        self._names, self._values = [names[index] for index in strongest], values[strongest]
        self._show(None if len(names) else reason)

    def _draw(self) -> None:
        self._name_rows(self._names)
        orange, blue = legible(ORANGE, self.ground), legible(BLUE, self.ground)
        rows = self._values.size
        self._bars.setOpts(
            x0=np.zeros(rows), y=-np.arange(rows), width=self._values, height=0.7, pen=NO_PEN,
            brushes=[orange if value > 0 else blue for value in self._values],
        )
        self._zero.setPen(pg.mkPen(faint(self.ink, 160)))
        reach = 1.08 * float(np.abs(self._values).max(initial=0)) or 1.0
        self._range((-reach, reach), (-rows + 0.4, 0.6))
        self._label("bottom", tr("standardised weight"))
        text = f"{self._coloured(ORANGE, tr('right: raises the score'))} &nbsp; " \
               f"{self._coloured(BLUE, tr('left: lowers it'))}"
        if rows and self._total > rows:
            text += " &nbsp; " + escape(tr("the {0} strongest of {1}").format(rows, self._total))
        self.caption.setText(text)
