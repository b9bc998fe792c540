"""Second styles of the demo's layers, for the view where the score lies over a quiet picture. Needs qgis."""

from __future__ import annotations

from qgis.core import (
    QgsColorRampShader,
    QgsMapLayer,
    QgsMapLayerStyle,
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

CLICK_SIZE = 2.2
GAP = "#dfe4e8"
GREEN_BAND, GREEN_SPAN, GREYS = 3, (200, 1600), ("#9aa0a6", "#ffffff")
"""Reflectance × 10000 of the green band, and the greys it is drawn in."""
STOPS = (
    (0.0, "#2166ac", 45),
    (0.3, "#92b5d6", 60),
    (0.5, "#f7f7f7", 140),
    (0.75, "#f0ac7c", 225),
    (1.0, "#e66101", 255),
)
"""Score, colour, opacity (of 255)."""


def see_through_score(layer: QgsMapLayer) -> QgsMapLayerStyle:
    """A style of the score that lets the picture below through where nothing changed."""
    copy = layer.clone()
    items = []
    for share, colour, alpha in STOPS:
        shade = QColor(colour)
        shade.setAlpha(alpha)
        items.append(QgsColorRampShader.ColorRampItem(254 * share, shade, f"{share:g}"))
    renderer = copy.renderer()
    renderer.shader().rasterShaderFunction().setColorRampItemList(items)
    renderer.setClassificationMin(0)  # cloning forgets both, and the legend is then of one colour
    renderer.setClassificationMax(254)
    renderer.setOpacity(1)
    return _style_of(copy)


def quiet_grey(layer: QgsRasterLayer) -> None:
    """Draw the green band of a picture as a pale backdrop. In pseudocolour: nobody takes it for imagery to compare."""
    ramp = QgsColorRampShader(*GREEN_SPAN, None, QgsColorRampShader.Type.Interpolated)
    ramp.setColorRampItemList([
        QgsColorRampShader.ColorRampItem(value, QColor(shade), "") for value, shade in zip(GREEN_SPAN, GREYS)])
    shader = QgsRasterShader()
    shader.setRasterShaderFunction(ramp)
    layer.setRenderer(QgsSingleBandPseudoColorRenderer(layer.dataProvider(), GREEN_BAND, shader))


def small_markers(layer: QgsMapLayer) -> QgsMapLayerStyle:
    """The clicks with small markers."""
    copy = layer.clone()
    for category in copy.renderer().categories():
        symbol = category.symbol().clone()
        symbol.setSize(CLICK_SIZE)
        copy.renderer().updateCategorySymbol(copy.renderer().categoryIndexForValue(category.value()), symbol)
    return _style_of(copy)


def pale_gaps(layer: QgsMapLayer) -> QgsMapLayerStyle:
    """Coverage as light grey where any date has no data."""
    copy = layer.clone()
    classes = copy.renderer().classes()
    complete = max(entry.value for entry in classes)
    for entry in classes:
        entry.color = QColor(GAP if entry.value < complete else "#00000000")
    copy.setRenderer(QgsPalettedRasterRenderer(copy.dataProvider(), 1, classes))
    return _style_of(copy)


def _style_of(layer: QgsMapLayer) -> QgsMapLayerStyle:
    style = QgsMapLayerStyle()
    style.readFromLayer(layer)
    return style
