"""What all charts share: a plot that fits a dock, words where there is nothing to draw, and the theme's colours.

Importing this module fails where importing pyqtgraph does.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Optional

import pyqtgraph as pg
from qgis.PyQt.QtCore import QEvent, QSize, Qt
from qgis.PyQt.QtGui import QColor, QFont, QFontMetrics, QPalette, QWheelEvent
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from ..layers.styling import ORANGE

MARKS = (("t1", "▲"), ("o", "●"), ("s", "■"), ("d", "◆"), ("p", "⬟"), ("star", "★"), ("+", "✚"), ("h", "⬢"))
"""Pyqtgraph's symbols and the same as letters, in the order of ``styling.SHAPES``."""

NO_PEN = pg.mkPen(None)


def marks(colours: Sequence[str]) -> list[tuple[str, str]]:
    """A mark for each class as on the map: a triangle for the orange one (else the first), other shapes in order."""
    same = [QColor(colour) == QColor(ORANGE) for colour in colours]
    positive = same.index(True) if True in same else 0
    others = iter(MARKS[1:] * (1 + len(colours) // len(MARKS)))
    return [MARKS[0] if index == positive else next(others) for index in range(len(colours))]


def legible(colour: str, ground: QColor) -> QColor:
    """The colour, made lighter or darker until it stands out 3 : 1 (WCAG) from the ground."""
    found = QColor(colour)
    step = 0.04 if _luminance(ground) < 0.18 else -0.04
    hue, saturation, lightness, alpha = found.getHslF()
    while _contrast(found, ground) < 3 and 0 <= lightness + step <= 1:
        lightness += step
        found.setHslF(max(0.0, hue), saturation, lightness, alpha)
    return found


def ink_on(ground: QColor, text: QColor) -> QColor:
    """The theme's colour of text where it can be read on the ground (4.5 : 1), else nearly black or white: style
    sheets, of which QGIS's dark themes are made, change the ground alone."""
    return text if _contrast(text, ground) >= 4.5 else QColor("#eeeeee" if _luminance(ground) < 0.18 else "#202020")


def _luminance(colour: QColor) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _contrast(one: QColor, other: QColor) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def faint(colour: QColor, alpha: int) -> QColor:
    return QColor(colour.red(), colour.green(), colour.blue(), alpha)


class _Plot(pg.PlotWidget):
    """A plot that is looked at: no menu, no zooming, and the wheel scrolls what the plot lies in."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        self.plotItem.disableAutoRange()
        self.setMinimumSize(180, 150)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def sizeHint(self) -> QSize:
        return QSize(320, 210)


class Chart(QWidget):
    """A plot with a line of words above it. It keeps what it was last given and draws it anew when the theme changes.

    ``title`` is the plot's accessible name, ``nothing`` what is said in its place as long as there is nothing to draw.
    """

    def __init__(self, title: str, nothing: str) -> None:
        super().__init__()
        self._nothing = nothing
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.caption.setTextFormat(Qt.TextFormat.RichText)
        self.plot = _Plot()
        self.plot.setAccessibleName(title)
        self.words = QLabel(nothing)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        self.words.setMargin(12)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.words)
        self._stack.addWidget(self.plot)
        self._stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.caption)
        layout.addWidget(self._stack, 1)
        self._build()
        self._recolour()

    @property
    def is_empty(self) -> bool:
        """Whether words stand in the plot's place."""
        return self._stack.currentWidget() is self.words

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.FontChange)
        if event.type() in kinds and hasattr(self, "ground"):
            self._recolour()

    def _show(self, reason: Optional[str] = None) -> None:
        """Draw; or, with a ``reason``, say in the plot's place why there is nothing to draw."""
        if reason is None:
            self._draw()
            self._stack.setCurrentWidget(self.plot)
        else:
            self.words.setText(reason or self._nothing)
            self._stack.setCurrentWidget(self.words)
        self.caption.setVisible(reason is None and bool(self.caption.text()))

    def _recolour(self) -> None:
        palette = self.palette()
        self.ground = palette.color(QPalette.ColorRole.Base)
        self.ink = ink_on(self.ground, palette.color(QPalette.ColorRole.Text))
        self.plot.setBackground(self.ground)
        self.small = QFont(self.font())
        self.small.setPointSizeF(max(6.5, 0.85 * self.font().pointSizeF()))
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(faint(self.ink, 110))
            axis.setTextPen(self.ink)
            axis.setTickFont(self.small)
            axis.label.setFont(self.small)
            axis.setStyle(tickLength=-3, hideOverlappingLabels=True)
        self._draw()

    def _label(self, side: str, text: str) -> None:
        look = {"color": self.ink.name(), "font-size": f"{self.small.pointSizeF():.1f}pt"}
        self.plot.getAxis(side).setLabel(escape(text), **look)
        self.plot.getAxis(side).enableAutoSIPrefix(False)

    def _range(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.plot.plotItem.vb.setRange(xRange=x, yRange=y, padding=0)

    def _name_rows(self, names: Sequence[str]) -> None:
        """Names on the left axis beside bars at 0, −1, −2 …, as wide as they need up to half a dock."""
        metrics = QFontMetrics(self.small)
        short = [metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, 140) for name in names]
        axis = self.plot.getAxis("left")
        axis.setTicks([[(-row, name) for row, name in enumerate(short)]])
        axis.setWidth(12 + max((metrics.horizontalAdvance(name) for name in short), default=0))
        self.plot.setMinimumHeight(max(150, 50 + len(names) * (metrics.height() + 2)))

    def _coloured(self, colour: str, text: str) -> str:
        """Rich text in a colour that can be read on the caption's ground."""
        ground = self.palette().color(QPalette.ColorRole.Window)
        return f'<span style="color:{legible(colour, ground).name()}">{escape(text)}</span>'

    def _build(self) -> None:
        """Make the items once; drawing only gives them new data."""
        raise NotImplementedError

    def _draw(self) -> None:
        raise NotImplementedError
