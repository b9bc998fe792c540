"""Swipe: the map with imagery of two dates, one on each side of a divider that is dragged over the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from qgis.core import (
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsMapLayer,
    QgsMapRendererCache,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
)
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QEvent, QObject, QPointF, QRectF, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QColor, QCursor, QFont, QFontMetricsF, QImage, QPainter, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QWidget

from ..translation import tr
from .imagery import DatedImagery

GRIP = 7
"""So near to the divider, in pixels, the mouse takes hold of it."""
DEBOUNCE = 40
"""Milliseconds: a drag or a wheel makes many extents."""
HANDLE, LOW_HANDLE = 0.5, 0.85
"""How far down the divider's handle is drawn; low where the middle of the map is what one looks at."""
ABOVE_MAP = -5
"""The z value: the canvas's map lies at -10, rubber bands and markers at 0 and above."""


class _Picture(NamedTuple):
    """A rendered map, and where it belongs."""

    image: QImage
    settings: QgsMapSettings


class Swipe(QObject):
    """Shows imagery of two dates side by side, the rest of the map (overlay, labels) on both sides.

    One of the two is what the canvas shows anyway. The other side is the canvas's own map with the one exchanged for
    the other, rendered in the background whenever the canvas is, and drawn over the canvas up to the divider. Clicks
    away from the divider go to the map tool as ever.
    """

    toggled = pyqtSignal(bool)
    """It was switched on or off; off also because one of its layers has gone."""
    moved = pyqtSignal(float)
    """The divider's new position, 0 … 1."""

    def __init__(self, canvas: QgsMapCanvas, project: QgsProject, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._canvas, self._project = canvas, project
        self._item: Optional[_Curtain] = None
        self._pair: Optional[tuple[DatedImagery, DatedImagery]] = None
        self._position = 0.5
        self.handle = HANDLE
        self._held = False
        self._cursor: Optional[QCursor] = None
        self._has_cursor = False
        self._job: Optional[QgsMapRendererParallelJob] = None
        self._cancelled: list[QgsMapRendererParallelJob] = []
        self._cache = QgsMapRendererCache()
        self._picture: Optional[_Picture] = None
        self._watched: list[QgsMapLayer] = []
        self._drawn: Optional[str] = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE)
        self._timer.timeout.connect(self._render)

    @property
    def is_enabled(self) -> bool:
        """Whether the divider is on the canvas."""
        return self._item is not None and not sip.isdeleted(self._item)

    @property
    def is_drawn(self) -> bool:
        """Whether the other date has been drawn and nothing newer is under way."""
        return self._picture is not None and self._job is None and not self._timer.isActive()

    @property
    def pair(self) -> Optional[tuple[DatedImagery, DatedImagery]]:
        """The imagery on the left and on the right."""
        return self._pair

    @property
    def position(self) -> float:
        """Where the divider is: 0 at the left of the canvas, 1 at its right."""
        return self._position

    def set_position(self, position: float) -> None:
        """Move the divider; 0 … 1."""
        self._position = min(1.0, max(0.0, position))
        self._repaint()
        self.moved.emit(self._position)

    def set_layers(self, left: DatedImagery, right: DatedImagery) -> None:
        """The imagery on the left and on the right of the divider."""
        if (left, right) != self._pair:
            self._pair = (left, right)
            if self.is_enabled:
                self._watch(self._layers())
            self._repaint()
            self._schedule()

    def imagery_at(self, x: float) -> Optional[DatedImagery]:
        """What is seen at this pixel column of the canvas; None if the swipe is off."""
        if not self.is_enabled or self._pair is None:
            return None
        return self._pair[x >= self._divider()]

    def enable(self) -> None:
        """Put the divider on the canvas. Without two layers, or without a canvas, nothing happens."""
        if self.is_enabled or sip.isdeleted(self._canvas) or None in (layers := self._layers()):
            return
        self._item = _Curtain(self._canvas, self)
        self._canvas.viewport().installEventFilter(self)
        self._canvas.renderStarting.connect(self._schedule)
        self._project.layersWillBeRemoved.connect(self._forget)
        self._watch(layers)
        self._schedule()
        self.toggled.emit(True)

    def disable(self) -> None:
        """Take divider and picture off the canvas."""
        if self._item is None:
            return
        self._timer.stop()
        self._cancel()
        self._watch(())
        self._point_at(False)
        self._picture, self._drawn, self._held = None, None, False
        self._cache.clear()
        item, self._item = self._item, None
        if not sip.isdeleted(self._project):
            self._project.layersWillBeRemoved.disconnect(self._forget)
        if not sip.isdeleted(self._canvas):
            self._canvas.viewport().removeEventFilter(self)
            self._canvas.renderStarting.disconnect(self._schedule)
            if not sip.isdeleted(item):
                self._canvas.scene().removeItem(item)
        self.toggled.emit(False)

    def close(self) -> None:
        """Disable, and wait until no thread renders for us any more."""
        self.disable()
        for job in tuple(self._cancelled):
            job.cancel()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the mouse from the map tool where, and as long as, it holds the divider."""
        kind = event.type()
        if kind == QEvent.Type.Leave:
            self._point_at(False)
        elif kind == QEvent.Type.MouseMove:
            if self._held:
                self.set_position(event.pos().x() / max(1, self._canvas.viewport().width()))
                return True
            self._point_at(event.buttons() == Qt.MouseButton.NoButton and self._is_near(event.pos().x()))
            self._repaint()  # while the map is dragged, the divider stays where it is
        elif kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            if event.button() == Qt.MouseButton.LeftButton and self._is_near(event.pos().x()):
                self._held = True
                return True
        elif kind == QEvent.Type.MouseButtonRelease and self._held and event.button() == Qt.MouseButton.LeftButton:
            self._held = False
            return True
        return False

    def _is_near(self, x: float) -> bool:
        return abs(x - self._divider()) <= GRIP

    def _point_at(self, divider: bool) -> None:
        """Show the cursor of the divider, or again the one that was there before."""
        if sip.isdeleted(self._canvas) or divider == (self._cursor is not None):
            return
        viewport = self._canvas.viewport()
        if divider:
            self._has_cursor = viewport.testAttribute(Qt.WidgetAttribute.WA_SetCursor)
            self._cursor = QCursor(viewport.cursor())
            viewport.setCursor(Qt.CursorShape.SplitHCursor)
        elif self._cursor is not None:
            if self._has_cursor:
                viewport.setCursor(self._cursor)
            else:
                viewport.unsetCursor()
            self._cursor = None

    # What is drawn ---------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        """Draw picture, divider and captions, in pixels of the viewport."""
        if self._pair is None:
            return
        area = QRectF(self._canvas.viewport().rect())
        x = self._divider()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        left, right = QRectF(0, 0, x, area.height()), QRectF(x, 0, area.width() - x, area.height())
        picture = self._picture
        if picture is not None and picture.settings.rotation() == self._canvas.rotation():
            painter.save()
            painter.setClipRect(left if self._drawn == self._pair[0].layer_id else right)
            painter.drawImage(self._place(picture.settings), picture.image, QRectF(picture.image.rect()))
            painter.restore()
        for side, imagery, align in (
            (left, self._pair[0], Qt.AlignmentFlag.AlignLeft), (right, self._pair[1], Qt.AlignmentFlag.AlignRight)
        ):
            waits = picture is None and imagery.layer_id == self._drawn
            _draw_caption(painter, side, imagery, align, waits, self._canvas.font())
        _draw_divider(painter, x, area.height(), self.handle * area.height())

    def _place(self, settings: QgsMapSettings) -> QRectF:
        """Where a map of these settings lies in the viewport now: while panning and zooming the old one is shown on."""
        now = self._canvas.mapSettings().mapToPixel()
        centre = now.transform(QgsPointXY(settings.visibleExtent().center()))
        origin = self._canvas.mapToScene(0, 0)
        scale = settings.mapUnitsPerPixel() / now.mapUnitsPerPixel()
        size = settings.outputSize()
        width, height = size.width() * scale, size.height() * scale
        return QRectF(centre.x() - origin.x() - width / 2, centre.y() - origin.y() - height / 2, width, height)

    def _divider(self) -> float:
        return round(self._position * self._canvas.viewport().width())

    def _repaint(self) -> None:
        if self._item is not None and not sip.isdeleted(self._item):
            self._item.update()

    # What is rendered ------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self.is_enabled:
            self._timer.start()

    def _render(self) -> None:
        """Render the canvas's map anew with the one imagery exchanged for the other."""
        self._cancel()
        layers = self._layers()
        if not self.is_enabled or None in layers:
            self.disable()
            return
        left, right = layers
        settings = QgsMapSettings(self._canvas.mapSettings())
        shown = settings.layers()
        here, other = (right, left) if right in shown and left not in shown else (left, right)
        if self._drawn != other.id():
            self._picture, self._drawn = None, other.id()
            self._repaint()
        if not settings.hasValidSettings():
            return
        exchanged = [other if layer == here else layer for layer in shown if layer != other]
        settings.setLayers(exchanged if other in exchanged else [*exchanged, other])
        context = QgsExpressionContext()
        # One by one: the constructor that takes a list leaves the scopes to Python, which deletes them a second time.
        context.appendScope(QgsExpressionContextUtils.globalScope())
        context.appendScope(QgsExpressionContextUtils.projectScope(self._project))
        context.appendScope(QgsExpressionContextUtils.mapSettingsScope(settings))
        settings.setExpressionContext(context)
        # A child, not Python's: a job must not die in its own signal with the last name that Python has for it.
        self._job = QgsMapRendererParallelJob(settings)
        self._job.setParent(self)
        self._job.setCache(self._cache)
        self._job.finished.connect(self._finished)
        self._job.start()

    def _finished(self) -> None:
        """A job has ended: keep its picture, unless it was cancelled."""
        job = self.sender()
        if job is self._job:
            self._job = None
            self._picture = _Picture(job.renderedImage(), job.mapSettings())
            self._repaint()
        elif job in self._cancelled:
            self._cancelled.remove(job)
        job.deleteLater()

    def _cancel(self) -> None:
        """Stop the job under way without waiting for it; it is kept until it has stopped."""
        if self._job is not None:
            self._cancelled.append(self._job)
            self._job.cancelWithoutBlocking()
            self._job = None

    def _layers(self) -> tuple[Optional[QgsMapLayer], Optional[QgsMapLayer]]:
        """The two layers, in order; None for one that the project does not have."""
        if self._pair is None or sip.isdeleted(self._project):
            return None, None
        left, right = self._pair
        return self._project.mapLayer(left.layer_id), self._project.mapLayer(right.layer_id)

    def _watch(self, layers: Sequence[Optional[QgsMapLayer]]) -> None:
        """Render when the style of one of these changes: the canvas does so only for what it shows itself."""
        for layer in self._watched:
            if not sip.isdeleted(layer):
                layer.repaintRequested.disconnect(self._schedule)
        self._watched = [layer for layer in layers if layer is not None]
        for layer in self._watched:
            layer.repaintRequested.connect(self._schedule)

    def _forget(self, layer_ids: Sequence[str]) -> None:
        if self._pair is not None and {one.layer_id for one in self._pair} & set(layer_ids):
            self.disable()


class _Curtain(QgsMapCanvasItem):
    """The swipe's place in the canvas's scene. The scene moves under the viewport while the map is dragged."""

    def __init__(self, canvas: QgsMapCanvas, swipe: Swipe) -> None:
        super().__init__(canvas)
        self._canvas, self._swipe = canvas, swipe
        self.setZValue(ABOVE_MAP)

    def boundingRect(self) -> QRectF:
        size = self._canvas.viewport().size()
        return QRectF(-2 * size.width(), -2 * size.height(), 5 * size.width(), 5 * size.height())

    def paint(self, painter: QPainter, option: object = None, widget: Optional[QWidget] = None) -> None:
        painter.save()
        painter.translate(self._canvas.mapToScene(0, 0))
        self._swipe.paint(painter)
        painter.restore()

    def updatePosition(self) -> None:
        self.prepareGeometryChange()
        self.update()


def _draw_divider(painter: QPainter, x: float, height: float, middle: float) -> None:
    """A line with a handle that says which ways it goes."""
    for colour, width in ((QColor(0, 0, 0, 150), 4.0), (QColor("white"), 2.0)):
        painter.setPen(QPen(colour, width))
        painter.drawLine(QPointF(x, 0), QPointF(x, height))
    painter.setPen(QPen(QColor(0, 0, 0, 150), 1))
    painter.setBrush(QColor("white"))
    painter.drawEllipse(QPointF(x, middle), 12, 12)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("#333333"))
    for way in (-1, 1):
        tip = [QPointF(x + way * 8, middle), QPointF(x + way * 3, middle - 4.5), QPointF(x + way * 3, middle + 4.5)]
        painter.drawPolygon(QPolygonF(tip))


def _draw_caption(
    painter: QPainter, side: QRectF, imagery: DatedImagery, align: Qt.AlignmentFlag, waits: bool, font: QFont
) -> None:
    """Date and licence in the outer upper corner of a side, shortened to its width; nothing on a very narrow side."""
    margin, pad = 8.0, 6.0
    room = side.width() - 2 * (margin + pad) - 12
    if room < 24:
        return
    bold = QFont(font)
    bold.setBold(True)
    date = imagery.date or tr("no date")
    lines = [(bold, tr("{0} · is being drawn …").format(date) if waits else date)]
    if imagery.licence:
        small = QFont(font)
        small.setPointSizeF(0.85 * font.pointSizeF())
        lines.append((small, imagery.licence))
    lines = [(f, QFontMetricsF(f).elidedText(text, Qt.TextElideMode.ElideRight, room)) for f, text in lines]
    # Elided text can be a little wider than asked for, and italics lean out.
    width = max(QFontMetricsF(f).horizontalAdvance(text) for f, text in lines) + 2
    height = sum(QFontMetricsF(f).height() for f, _ in lines)
    left = side.left() + margin if align == Qt.AlignmentFlag.AlignLeft else side.right() - margin - width - 2 * pad
    box = QRectF(left, side.top() + margin, width + 2 * pad, height + pad)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 170))
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(QColor("white"))
    top = box.top() + pad / 2
    for f, text in lines:
        painter.setFont(f)
        row = QRectF(box.left() + pad, top, width, QFontMetricsF(f).height())
        painter.drawText(row, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        top += row.height()
