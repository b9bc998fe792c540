"""Small pictures of footprints from the map's imagery, rendered in the background, two at a time, as wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsGeometry,
    QgsMapLayer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QObject, QPointF, QSize, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from ...layers.exemplar_layer import PLACES

AT_ONCE = 2
KEPT = 600
"""Pictures in memory: about 25 MB."""
AROUND = 1.7
"""How much more than the footprint is seen, for its surroundings."""
SIDE = 76
FLIGHTY = 40
"""Milliseconds without another wish before rendering begins: scrolling passes over many."""


@dataclass(frozen=True)
class Wish:
    """A picture that is wanted: what it is known by, and the footprint as WKT in degrees."""

    key: Hashable
    wkt: str


@dataclass
class _Work:
    wish: Wish
    outline: QgsGeometry
    job: QgsMapRendererParallelJob


class Thumbnails(QObject):
    """``made`` (key): a picture is there. ``layers`` says what is drawn, ``crs`` in which CRS."""

    made = pyqtSignal(object)

    def __init__(
        self, project: QgsProject, layers: Callable[[], Sequence[QgsMapLayer]],
        crs: Callable[[], QgsCoordinateReferenceSystem], parent: Optional[QObject] = None,
    ) -> None:
        super().__init__(parent)
        self._project, self._layers, self._crs = project, layers, crs
        self._pictures: OrderedDict[Hashable, QImage] = OrderedDict()
        self._wishes: list[Wish] = []
        self._running: list[_Work] = []
        self._cancelled: list[QgsMapRendererParallelJob] = []
        self.ratio = 1.0
        """Pixels of the screen for each of the window's."""
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(FLIGHTY)
        self._calm.timeout.connect(self._begin)
        project.layersWillBeRemoved.connect(self._on_removed)

    @property
    def running(self) -> int:
        """How many are rendered now."""
        return len(self._running)

    def picture(self, key: Hashable) -> Optional[QImage]:
        """A picture that was made."""
        found = self._pictures.get(key)
        if found is not None:
            self._pictures.move_to_end(key)
        return found

    def want(self, wishes: Sequence[Wish]) -> None:
        """These are wanted now, the first most; what was wanted before and is not among them is stopped."""
        keys = {wish.key for wish in wishes}
        for work in [work for work in self._running if work.wish.key not in keys]:
            self._stop(work)
        running = {work.wish.key for work in self._running}
        self._wishes = [wish for wish in wishes if wish.key not in self._pictures and wish.key not in running]
        if self._wishes:
            self._calm.start()

    def forget(self) -> None:
        """Other imagery: all pictures are old."""
        self.want(())
        self._pictures.clear()

    def close(self) -> None:
        """Before it goes: wait for what is being rendered to stop."""
        self._calm.stop()
        self._project.layersWillBeRemoved.disconnect(self._on_removed)
        self._wishes = []
        for job in [*(work.job for work in self._running), *self._cancelled]:
            job.finished.disconnect(self._finished)
            job.cancel()
            job.deleteLater()
        self._running, self._cancelled = [], []

    def _begin(self) -> None:
        """Start as many as may run. One to a turn: preparing layers takes the main thread's time."""
        if self._wishes and len(self._running) < AT_ONCE and len(self._cancelled) < AT_ONCE:
            self._start(self._wishes.pop(0))
            if self._wishes and len(self._running) < AT_ONCE:
                QTimer.singleShot(0, self._begin)

    def _start(self, wish: Wish) -> None:
        outline = QgsGeometry.fromWkt(wish.wkt)
        crs, layers = self._crs(), [layer for layer in self._layers() if layer.isValid()]
        try:
            if crs != PLACES:
                outline.transform(QgsCoordinateTransform(PLACES, crs, self._project))
        except QgsCsException:
            return
        box = outline.boundingBox()
        side = AROUND * max(box.width(), box.height())
        if not layers or not side > 0:
            return
        settings = QgsMapSettings()
        settings.setLayers(layers)
        settings.setDestinationCrs(crs)
        settings.setTransformContext(self._project.transformContext())
        settings.setEllipsoid(self._project.ellipsoid())
        settings.setOutputSize(QSize(round(SIDE * self.ratio), round(SIDE * self.ratio)))
        settings.setBackgroundColor(QColor(128, 128, 128))
        settings.setExtent(QgsRectangle.fromCenterAndSize(box.center(), side, side))
        context = QgsExpressionContext()
        context.appendScope(QgsExpressionContextUtils.globalScope())
        context.appendScope(QgsExpressionContextUtils.projectScope(self._project))
        context.appendScope(QgsExpressionContextUtils.mapSettingsScope(settings))
        settings.setExpressionContext(context)
        job = QgsMapRendererParallelJob(settings)
        job.setParent(self)  # not Python's: it must not die in its own signal
        job.finished.connect(self._finished)
        self._running.append(_Work(wish, outline, job))
        job.start()

    def _finished(self) -> None:
        job = self.sender()
        work = next((work for work in self._running if work.job is job), None)
        if work is not None:
            self._running.remove(work)
            image = job.renderedImage()
            _outline(image, work.outline, job.mapSettings(), self.ratio)
            image.setDevicePixelRatio(self.ratio)
            self._pictures[work.wish.key] = image
            while len(self._pictures) > KEPT:
                self._pictures.popitem(last=False)
            self.made.emit(work.wish.key)
        elif job in self._cancelled:
            self._cancelled.remove(job)
        job.deleteLater()
        self._begin()

    def _stop(self, work: _Work) -> None:
        """Without waiting: the job is kept until it has stopped."""
        self._running.remove(work)
        self._cancelled.append(work.job)
        work.job.cancelWithoutBlocking()

    def _on_removed(self, ids: Sequence[str]) -> None:
        """A job keeps no layer alive."""
        for work in [*self._running]:
            if any(layer.id() in ids for layer in work.job.mapSettings().layers()):
                self._stop(work)


def _outline(image: QImage, outline: QgsGeometry, settings: QgsMapSettings, ratio: float) -> None:
    """Draw the footprint's edge, so that it is clear what of the picture the patch is."""
    to_pixel = settings.mapToPixel()
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, width in ((QColor(0, 0, 0, 120), 2.5), (QColor(255, 255, 255, 230), 1.0)):
        painter.setPen(QPen(colour, width * ratio, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap,
                            Qt.PenJoinStyle.MiterJoin))
        for part in outline.asGeometryCollection():
            for ring in part.asPolygon():
                places = (to_pixel.transform(QgsPointXY(one)) for one in ring)
                painter.drawPolygon(QPolygonF([QPointF(one.x(), one.y()) for one in places]))
    painter.end()
