"""How similar places are drawn: outlines by rank over the imagery, and the picture of all candidates by view."""

from __future__ import annotations

from typing import Optional

from qgis.core import (
    QgsColorRampShader,
    QgsFillSymbol,
    QgsGraduatedSymbolRenderer,
    QgsRasterDataProvider,
    QgsRasterRenderer,
    QgsRendererRange,
    QgsSimpleLineSymbolLayer,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor

from ..translation import tr
from .score_views import TOP, Stop, shaded
from .styling import ORANGE, VIRIDIS

RANKS = ((10, "#ff7f0e", 0.8), (50, "#ffb000", 0.6), (200, "#ffe066", 0.45), (None, "#fff3c4", 0.35))
"""Up to this rank, colour and width (mm) of the outline: the best are the strongest; a dark line lies under each."""
CASING = QColor(0, 0, 0, 150)
LEAST = 0.5
"""Ranks are whole numbers, so their ranges end between two of them."""


def outlines(unlike: bool) -> QgsGraduatedSymbolRenderer:
    """Outlines that leave the imagery to be seen. ``unlike``: the first is the most unlike one."""
    ranges, low = [], 1
    for high, colour, width in RANKS:
        symbol = QgsFillSymbol.createSimple({"style": "no", "outline_style": "no"})
        symbol.deleteSymbolLayer(0)
        for shade, wide in ((CASING, width + 0.5), (QColor(colour), width)):
            line = QgsSimpleLineSymbolLayer(shade, wide)
            line.setPenJoinStyle(Qt.PenJoinStyle.MiterJoin)
            symbol.appendSymbolLayer(line)
        words = tr("rank {0} and on").format(low) if high is None else tr("rank {0} to {1}").format(low, high)
        if low == 1:
            words = tr("{0}: the most unlike").format(words) if unlike else tr("{0}: the most alike").format(words)
        ranges.append(QgsRendererRange(low - LEAST, 1e9 if high is None else high + LEAST, symbol, words))
        low = (high or 0) + 1
    return QgsGraduatedSymbolRenderer("rank", ranges)


def picture_renderer(
    provider: QgsRasterDataProvider, view: str, cut: Optional[float], opacity: float
) -> QgsRasterRenderer:
    """The picture of a view. ``cut``: the threshold as a value 0…254, where the view is about one."""
    if view == "threshold" and cut is not None:
        strong = QColor(ORANGE)
        faint = QColor(strong)
        faint.setAlpha(0)
        stops: list[Stop] = [(cut - 1e-6, faint, tr("beyond the threshold")),
                             (float("inf"), strong, tr("within the threshold"))]
        return shaded(provider, 1, stops, QgsColorRampShader.Type.Discrete, opacity)
    low, high = {
        "outlier": (tr("like the others"), tr("unlike the others")),
        "surprise": (tr("like its neighbours"), tr("unlike its neighbours")),
        "gradient": (tr("even ground"), tr("an edge")),
    }.get(view, (tr("least similar"), tr("most similar")))
    stops = []
    for index, colour in enumerate(VIRIDIS):
        share = index / (len(VIRIDIS) - 1)
        shade = QColor(colour)
        shade.setAlpha(round(30 + 225 * share))
        stops.append((TOP * share, shade, low if index == 0 else high if share == 1 else ""))
    return shaded(provider, 1, stops, QgsColorRampShader.Type.Interpolated, opacity)
