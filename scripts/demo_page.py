"""A page that is filled item by item: text, plates, colour bars and maps at positions in millimetres. Needs qgis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsFillSymbol,
    QgsGradientColorRamp,
    QgsGradientFillSymbolLayer,
    QgsGradientStop,
    QgsLayoutItemLabel,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutItemShape,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsPrintLayout,
    QgsProject,
    QgsRectangle,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QFont, QFontDatabase

MILLIMETRES = QgsUnitTypes.LayoutMillimeters
INK, GREY, PALE = QColor("#1c2733"), QColor("#5c6b78"), QColor("#dfe4e8")
PLATE = QColor(255, 255, 255, 230)
FONTS = ("Open Sans", "Noto Sans", "Liberation Sans", "DejaVu Sans")


class Page:
    """A layout of one page; all positions and sizes in millimetres from its top left corner."""

    def __init__(self, project: QgsProject, name: str, width: float, height: float) -> None:
        self.layout = QgsPrintLayout(project)
        self.layout.initializeDefaults()
        self.layout.setName(name)
        self.layout.pageCollection().page(0).setPageSize(QgsLayoutSize(width, height, MILLIMETRES))
        families = set(QFontDatabase().families())
        self.family = next((family for family in FONTS if family in families), QFont().family())

    def text(
        self, text: str, x: float, y: float, size: float, bold: bool = False, colour: QColor = INK, right: bool = False
    ) -> float:
        """One line of ``size`` points from ``x`` (with ``right``: up to ``x``). Returns its width."""
        item = self._label(text, size, bold)
        item.setFontColor(colour)
        item.setHAlign(Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft)
        width = float(item.sizeForText().width()) + 1
        self._place(item, x - width if right else x, y, width, size * 0.6)
        return width

    def caption(self, title: str, note: str, x: float, y: float) -> None:
        """A panel's name and a remark on a light plate in its corner."""
        width = 4 + max(self._width(title, 9.5, True), self._width(note, 7.5))
        self.box(x, y, width, 11, PLATE)
        self.text(title, x + 2, y + 1.4, 9.5, bold=True)
        self.text(note, x + 2, y + 6.2, 7.5, colour=GREY)

    def box(
        self, x: float, y: float, width: float, height: float, fill: QColor, edge: QColor | None = None,
        thickness: float = 0.3,
    ) -> None:
        """A rectangle."""
        symbol = {
            "color": f"{fill.red()},{fill.green()},{fill.blue()},{fill.alpha()}",
            "outline_style": "solid" if edge else "no",
            "outline_color": (edge or fill).name(),
            "outline_width": str(thickness),
        }
        self._shape(QgsFillSymbol.createSimple(symbol), x, y, width, height)

    def bar(self, colours: Sequence[QColor], x: float, y: float, width: float, height: float) -> None:
        """Colours that run into one another, evenly spaced from left to right."""
        between = [QgsGradientStop(i / (len(colours) - 1), colour) for i, colour in enumerate(colours)][1:-1]
        gradient = QgsGradientFillSymbolLayer()
        gradient.setGradientColorType(QgsGradientFillSymbolLayer.ColorRamp)
        gradient.setColorRamp(QgsGradientColorRamp(colours[0], colours[-1], False, between))
        gradient.setAngle(90)
        symbol = QgsFillSymbol.createSimple({"outline_style": "no"})
        symbol.changeSymbolLayer(0, gradient)
        self._shape(symbol, x, y, width, height)

    def marker(self, triangle: bool, x: float, y: float, size: float, fill: QColor) -> None:
        """A triangle or a circle around a place."""
        kind = QgsLayoutItemShape.Triangle if triangle else QgsLayoutItemShape.Ellipse
        look = {"color": fill.name(), "outline_color": "255,255,255", "outline_width": "0.2"}
        self._shape(QgsFillSymbol.createSimple(look), x - size / 2, y - size / 2, size, size, kind)

    def map(self, theme: str, extent: QgsRectangle, x: float, y: float, side: float) -> QgsLayoutItemMap:
        """A square map of what the project's map theme shows; light grey where that is nothing."""
        item = QgsLayoutItemMap(self.layout)
        item.setId(theme)
        self._place(item, x, y, side, side)
        item.setFollowVisibilityPreset(True)
        item.setFollowVisibilityPresetName(theme)
        item.setExtent(extent)
        item.setBackgroundColor(PALE)
        item.setFrameEnabled(False)
        return item

    def scale_bar(self, of: QgsLayoutItemMap, x: float, y: float) -> None:
        """Two kilometres on a plate, for the map ``of``; x and y are its lower right corner."""
        self.box(x - 44, y - 10, 44, 10, PLATE)
        bar = QgsLayoutItemScaleBar(self.layout)
        bar.setLinkedMap(of)
        bar.setStyle("Line Ticks Up")
        bar.setUnits(QgsUnitTypes.DistanceKilometers)
        bar.setUnitLabel("km")
        bar.setUnitsPerSegment(1)
        bar.setNumberOfSegments(2)
        bar.setNumberOfSegmentsLeft(0)
        bar.setHeight(1.4)
        bar.setLineWidth(0.25)
        bar.setLabelBarSpace(1)
        bar.setFont(QFont(self.family, 7))
        bar.setFontColor(INK)
        bar.attemptMove(QgsLayoutPoint(x - 43, y - 9.5, MILLIMETRES))
        self.layout.addLayoutItem(bar)

    def _width(self, text: str, size: float, bold: bool = False) -> float:
        return float(self._label(text, size, bold).sizeForText().width())

    def _label(self, text: str, size: float, bold: bool) -> QgsLayoutItemLabel:
        item = QgsLayoutItemLabel(self.layout)
        font = QFont(self.family)
        font.setPointSizeF(size)
        font.setBold(bold)
        item.setFont(font)
        item.setText(text)
        item.setMarginX(0)
        item.setMarginY(0)
        return item

    def _shape(self, symbol: QgsFillSymbol, x: float, y: float, width: float, height: float,
               kind: QgsLayoutItemShape.Shape = QgsLayoutItemShape.Rectangle) -> None:
        item = QgsLayoutItemShape(self.layout)
        item.setShapeType(kind)
        item.setSymbol(symbol)
        self._place(item, x, y, width, height)

    def _place(self, item: Any, x: float, y: float, width: float, height: float) -> None:
        item.attemptMove(QgsLayoutPoint(x, y, MILLIMETRES))
        item.attemptResize(QgsLayoutSize(width, height, MILLIMETRES))
        self.layout.addLayoutItem(item)
