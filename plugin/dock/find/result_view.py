"""The best results as thumbnails with rank and similarity: a list that scrolls, and that keys alone can work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from qgis.PyQt.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    pyqtSignal,
)
from qgis.PyQt.QtGui import QColor, QFont, QKeyEvent, QPainter, QPalette, QResizeEvent, QShowEvent
from qgis.PyQt.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QWidget

from ...translation import tr
from .thumbnails import SIDE, Thumbnails, Wish

RESULT = Qt.ItemDataRole.UserRole
MARGIN = 3
AHEAD = 8
"""Thumbnails that are rendered beyond what is seen."""
ROWS = 3
Result = Mapping[str, Any]


def key_of(result: Result) -> tuple[int, int]:
    """What a patch is known by, within a store."""
    return result["shard"], result["row"]


class ResultModel(QAbstractListModel):
    """Results in the order of their ranks."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.results: list[Result] = []
        self.every: list[Result] = []
        """Also those that are beyond a threshold that was moved since."""
        self.unit = ""
        self.labelled: set[tuple[int, int]] = set()
        self.pointed: Optional[tuple[int, int]] = None
        """What the mouse is over, on the map."""

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.results)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        one = self.results[index.row()]
        if role == RESULT:
            return one
        if role == Qt.ItemDataRole.DisplayRole:
            return short(one)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return described(one, self.unit)
        return None

    def set_results(self, results: Sequence[Result], unit: str) -> None:
        """Others."""
        self.beginResetModel()
        self.every, self.unit = list(results), unit
        self.results = list(results)
        self.endResetModel()

    def limit(self, count: int) -> None:
        """Only so many, the first ones, of those that were set."""
        count, now = min(count, len(self.every)), len(self.results)
        if count < now:
            self.beginRemoveRows(QModelIndex(), count, now - 1)
            del self.results[count:]
            self.endRemoveRows()
        elif count > now:
            self.beginInsertRows(QModelIndex(), now, count - 1)
            self.results += self.every[now:count]
            self.endInsertRows()


class ResultView(QListView):
    """``chosen`` (result): the user wants to see it on the map; ``pointed`` (result or None): it is under the mouse;
    ``acted`` (name, results): "positive", "negative" or "label" for what is selected."""

    chosen = pyqtSignal(object)
    pointed = pyqtSignal(object)
    acted = pyqtSignal(str, list)

    def __init__(self, thumbnails: Thumbnails, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.results = ResultModel(self)
        self.setModel(self.results)
        self.setItemDelegate(_Delegate(thumbnails, self.results, self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSpacing(0)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setAccessibleName(tr("Results"))
        self.setFixedHeight(ROWS * tile(self).height() + 2 * self.frameWidth())
        self.clicked.connect(self._on_clicked)
        self.activated.connect(self._on_clicked)
        self.entered.connect(lambda index: self.pointed.emit(index.data(RESULT)))
        self.verticalScrollBar().valueChanged.connect(lambda _: self.wish())
        thumbnails.made.connect(self._on_made)

    @property
    def selected(self) -> list[Result]:
        """What is selected, in the order of ranks."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.results.results[row] for row in rows]

    def show_results(self, results: Sequence[Result], unit: str) -> None:
        """Others; what is among them again stays selected, and the list where it is."""
        kept = {key_of(one) for one in self.selected}
        current = self.currentIndex().data(RESULT) if self.currentIndex().isValid() else None
        place = self.verticalScrollBar().value()
        self.results.set_results(results, unit)
        model = self.selectionModel()
        for row, one in enumerate(self.results.results):
            if key_of(one) in kept:
                model.select(self.results.index(row), model.SelectionFlag.Select)
            if current is not None and key_of(one) == key_of(current):
                model.setCurrentIndex(self.results.index(row), model.SelectionFlag.NoUpdate)
        self.verticalScrollBar().setValue(place)
        self.wish()

    def select(self, result: Optional[Result]) -> None:
        """Select one, and show it in the list."""
        for row, one in enumerate(self.results.results):
            if result is not None and key_of(one) == key_of(result):
                self.setCurrentIndex(self.results.index(row))
                self.scrollTo(self.results.index(row))
                return

    def point(self, result: Optional[Result]) -> None:
        """Frame the one that is pointed at on the map, and show it; what is selected stays."""
        key = key_of(result) if result is not None else None
        if key != self.results.pointed:
            self.results.pointed = key
            for row, one in enumerate(self.results.results if key is not None else ()):
                if key_of(one) == key:
                    self.scrollTo(self.results.index(row))
                    break
            self.viewport().update()

    def step(self, by: int) -> Optional[Result]:
        """Go to the next result, or the one before; None where there is none."""
        count = len(self.results.results)
        if not count:
            return None
        row = self.currentIndex().row() + by if self.currentIndex().isValid() else (0 if by > 0 else count - 1)
        self.setCurrentIndex(self.results.index(min(count - 1, max(0, row))))
        return self.currentIndex().data(RESULT)

    def wish(self) -> None:
        """Have the pictures made that are seen, and some beyond."""
        if not self.isVisible() or not self.results.results:
            self._thumbnails.want(())
            return
        step = tile(self)
        columns = max(1, self.viewport().width() // step.width())
        first = self.verticalScrollBar().value() // step.height() * columns
        last = first + columns * (ROWS + 1) + AHEAD
        self._thumbnails.ratio = self.devicePixelRatioF()
        self._thumbnails.want([Wish(key_of(one), one["wkt"]) for one in self.results.results[first:last]])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """P, N and L act on what is selected; arrows and Enter are the list's own."""
        name = {Qt.Key.Key_P: "positive", Qt.Key.Key_N: "negative", Qt.Key.Key_L: "label"}.get(event.key())
        if name is None or event.modifiers() != Qt.KeyboardModifier.NoModifier or not self.selected:
            super().keyPressEvent(event)
            return
        event.accept()
        self.acted.emit(name, self.selected)

    def event(self, event: QEvent) -> bool:
        """Its keys before QGIS's own actions."""
        if event.type() == QEvent.Type.ShortcutOverride and event.modifiers() == Qt.KeyboardModifier.NoModifier \
                and event.key() in (Qt.Key.Key_P, Qt.Key.Key_N, Qt.Key.Key_L):
            event.accept()
            return True
        return bool(super().event(event))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.wish()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.wish()

    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.data(RESULT))

    def _on_made(self, key: object) -> None:
        for row, one in enumerate(self.results.results):
            if key_of(one) == key:
                self.update(self.results.index(row))
                return


class _Delegate(QStyledItemDelegate):
    """Picture, rank in its corner, similarity below."""

    def __init__(self, thumbnails: Thumbnails, model: ResultModel, parent: ResultView) -> None:
        super().__init__(parent)
        self._thumbnails, self._model, self._view = thumbnails, model, parent

    def sizeHint(self, option: Any, index: QModelIndex) -> QSize:
        return tile(self._view)

    def paint(self, painter: QPainter, option: Any, index: QModelIndex) -> None:
        one = index.data(RESULT)
        palette: QPalette = option.palette
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(option.rect, palette.color(QPalette.ColorRole.Highlight))
        width = option.rect.width()
        place = QRect(option.rect.left() + (width - SIDE) // 2, option.rect.top() + MARGIN, SIDE, SIDE)
        picture = self._thumbnails.picture(key_of(one))
        if picture is not None:
            painter.drawImage(place, picture)
        else:
            _wait(painter, place, palette)
        self._badge(painter, place, one)
        below = QRect(option.rect.left(), place.bottom() + 1, width, option.rect.bottom() - place.bottom())
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        painter.setPen(palette.color(role))
        painter.setFont(_small(self._view.font()))
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, share(one))
        if self._model.pointed == key_of(one):
            for colour, inset in ((QColor("black"), 0), (QColor("white"), 1)):
                painter.setPen(colour)
                painter.drawRect(place.adjusted(inset, inset, -1 - inset, -1 - inset))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _badge(self, painter: QPainter, place: QRect, one: Result) -> None:
        """The rank, and a tick where the place is a label."""
        font = _small(self._view.font())
        font.setBold(True)
        painter.setFont(font)
        text = f"{one['rank']}" + (" ✓" if key_of(one) in self._model.labelled else "")
        box = QRect(place.left(), place.top(), painter.fontMetrics().horizontalAdvance(text) + 8,
                    painter.fontMetrics().height() + 2)
        painter.fillRect(box, QColor(0, 0, 0, 170))
        painter.setPen(QColor("white"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def short(one: Result) -> str:
    """Rank and similarity, for the eyes that hear."""
    return tr("{0}: {1}").format(one["rank"], share(one))


def share(one: Result) -> str:
    """The similarity as a percentage."""
    return tr("{0} %").format(f"{100 * one['similarity']:.1f}")


def described(one: Result, unit: str) -> str:
    """All that is known of a result."""
    parts = [tr("Rank {0}").format(one["rank"]), tr("similarity {0}").format(share(one)),
             tr("score {0} {1}").format(f"{one['score']:.4g}", unit).rstrip()]
    if one["year"] is not None:
        parts.append(str(one["year"]))
    return " · ".join(parts) + f"\n{one['id']}"


def tile(view: QWidget) -> QSize:
    """The size of a thumbnail with its words."""
    height = SIDE + 2 * MARGIN + view.fontMetrics().height()
    return QSize(SIDE + 2, height)


def _small(font: QFont) -> QFont:
    small = QFont(font)
    small.setPointSizeF(max(6.5, 0.85 * font.pointSizeF()))
    return small


def _wait(painter: QPainter, place: QRect, palette: QPalette) -> None:
    """A tile whose picture is still being made."""
    ground = QColor(palette.color(QPalette.ColorRole.Mid))
    ground.setAlpha(90)
    painter.fillRect(place, ground)
    painter.setPen(palette.color(QPalette.ColorRole.Text))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, "…")

