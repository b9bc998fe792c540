"""How the live answer is drawn: score, classes and uncertainty are three looks at the same pixels.

Opacity is in the colours: QGIS takes a fifth longer for pixels whose renderer has an opacity, which stays the user's.
"""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import (
    QgsColorRampLegendNodeSettings,
    QgsColorRampShader,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsPalettedRasterRenderer,
    QgsRasterDataProvider,
    QgsRasterRenderer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from ..translation import tr
from .class_table import ClassTable
from .styling import BLUE, ORANGE

SCORE, CLASSES, UNCERTAINTY = "score", "classes", "uncertainty"
TOP = 254
"""The score of probability one."""
HALF = 127
MIDDLE = QColor("#f7f7f7")
UNSURE = QColor("#762a83")
FAINT = 70
"""Alpha of the class that is not looked for, rising to 255 with the score: the imagery below is to be seen through."""
UNKNOWN_LINES, EXTRAPOLATED_LINES = QColor(60, 60, 60, 200), QColor(118, 42, 131, 230)

Stop = tuple[float, QColor, str]


def renderer(
    view: str, provider: QgsRasterDataProvider, table: ClassTable, names: Sequence[str], shown: str, threshold: float,
    opacity: float,
) -> QgsRasterRenderer:
    """The look of a live answer. ``names``: the classes it knows, in the order of their numbers; ``shown``: the one its
    score is of. Two classes are one band and all three looks are of it; more have a band for each look."""
    two = len(names) == 2
    if view == CLASSES and not two:
        return _classes(provider, table, names, opacity)
    if view == CLASSES:
        return shaded(provider, 1, _cut(table, names, shown, threshold), QgsColorRampShader.Type.Discrete, opacity)
    if view == UNCERTAINTY:
        band, stops = (1, _two_unsure()) if two else (3, _fade(UNSURE, tr("sure"), tr("unsure")))
    else:
        band, stops = 1, _diverging(shown, table, names) if two else _fade(
            _colour(table, shown), tr("0 · unlike {0}").format(_name(table, shown)),
            tr("1 · like {0}").format(_name(table, shown)))
    return shaded(provider, band, stops, QgsColorRampShader.Type.Interpolated, opacity)


def hatching_renderer(provider: QgsRasterDataProvider) -> QgsRasterRenderer:
    """Lines over no data, and lines the other way over what is unlike every label."""
    entries = [
        QgsPalettedRasterRenderer.Class(1, UNKNOWN_LINES, tr("no data: nothing is known")),
        QgsPalettedRasterRenderer.Class(2, EXTRAPOLATED_LINES, tr("unlike every label: extrapolated")),
    ]
    return QgsPalettedRasterRenderer(provider, 1, entries)


def score_of(threshold: float) -> int:
    """The least score, 0…254, at or above a threshold 0…1."""
    return min(TOP, max(0, -int(-threshold * TOP // 1)))


def _diverging(shown: str, table: ClassTable, names: Sequence[str]) -> list[Stop]:
    other = next(name for name in names if name != shown)
    low, high = _colour(table, other, BLUE), _colour(table, shown, ORANGE)
    stops = [
        (0, low, tr("0 · unlike {0}").format(_name(table, shown))),
        (HALF / 2, _between(low, MIDDLE), "0.25"),
        (HALF, MIDDLE, "0.5"),
        (1.5 * HALF, _between(high, MIDDLE), "0.75"),
        (TOP, high, tr("1 · like {0}").format(_name(table, shown))),
    ]
    return [(value, _with_alpha(colour, FAINT + (255 - FAINT) * value / TOP), text) for value, colour, text in stops]


def _fade(colour: QColor, low: str, high: str) -> list[Stop]:
    return [(0, _with_alpha(colour, 0), low), (TOP, colour, high)]


def _two_unsure() -> list[Stop]:
    clear = _with_alpha(UNSURE, 0)
    return [(0, clear, tr("sure: no")), (HALF, UNSURE, tr("unsure")), (TOP, clear, tr("sure: yes"))]


def _cut(table: ClassTable, names: Sequence[str], shown: str, threshold: float) -> list[Stop]:
    """Two classes by the threshold."""
    other = next(name for name in names if name != shown)
    below = _with_alpha(_colour(table, other, BLUE), FAINT)
    return [
        (score_of(threshold) - 0.5, below, f"{_name(table, other)} (< {threshold:.2f})"),
        (float("inf"), _colour(table, shown, ORANGE), f"{_name(table, shown)} (≥ {threshold:.2f})"),
    ]


def _classes(
    provider: QgsRasterDataProvider, table: ClassTable, names: Sequence[str], opacity: float
) -> QgsRasterRenderer:
    entries = [
        QgsPalettedRasterRenderer.Class(number, _with_alpha(_colour(table, code), 255 * opacity), _name(table, code))
        for number, code in enumerate(names, 1)
    ]
    return QgsPalettedRasterRenderer(provider, 2, entries)


def shaded(
    provider: QgsRasterDataProvider, band: int, stops: Sequence[Stop], kind: QgsColorRampShader.Type, opacity: float
) -> QgsRasterRenderer:
    """A band of 0 … 254 in the colours of ``stops`` (value, colour, words for the legend)."""
    stops = [(value, _with_alpha(colour, opacity * colour.alpha()), text) for value, colour, text in stops]
    between = [QgsGradientStop(value / TOP, colour) for value, colour, _ in stops[1:-1]]
    ramp = QgsGradientColorRamp(stops[0][1], stops[-1][1], False, between)
    shader = QgsColorRampShader(0, TOP, ramp, kind)
    legend = QgsColorRampLegendNodeSettings()
    legend.setMinimumLabel(stops[0][2])
    legend.setMaximumLabel(stops[-1][2])
    shader.setLegendSettings(legend)
    shader.setColorRampItemList([QgsColorRampShader.ColorRampItem(*stop) for stop in stops])
    function = QgsRasterShader()
    function.setRasterShaderFunction(shader)
    made = QgsSingleBandPseudoColorRenderer(provider, band, function)
    made.setClassificationMin(0)
    made.setClassificationMax(TOP)
    return made


def _colour(table: ClassTable, code: str, default: str = "#7f7f7f") -> QColor:
    found = table.by_code(code)
    return QColor(found.colour if found else default)


def _name(table: ClassTable, code: str) -> str:
    found = table.by_code(code)
    return found.name if found else code


def _with_alpha(colour: QColor, alpha: float) -> QColor:
    return QColor(*colour.getRgb()[:3], round(alpha))


def _between(one: QColor, other: QColor) -> QColor:
    return QColor(*((a + b) // 2 for a, b in zip(one.getRgb()[:3], other.getRgb()[:3])))
