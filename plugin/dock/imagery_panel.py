"""The imagery panel: one layer for each date, flick and swipe between them, and what is on screen now."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject
from qgis.gui import QgsMapCanvas, QgsMapLayerComboBox
from qgis.PyQt.QtCore import QPoint, QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..canvas.imagery import DatedImagery, ImageryDates, describe, guess
from ..canvas.swipe import Swipe
from ..translation import tr
from .text import wrapped

ROWS = 2
"""So many at least: a change has two dates."""


class ImageryPanel(QWidget):
    """Which imagery stands for which date. Keys are others' business; they call ``previous``, ``next`` and
    ``toggle_swipe``.
    """

    dateChanged = pyqtSignal(str)  # noqa: N815
    """Imagery of another date, or none (""), is on screen."""
    imageryChanged = pyqtSignal()  # noqa: N815
    """Other layers or dates were chosen: ``to_json`` is worth storing."""

    def __init__(self, canvas: QgsMapCanvas, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._project = QgsProject.instance()
        self.dates = ImageryDates(self._project, self)
        self.swipe = Swipe(canvas, self._project, self)
        self._rows: list[_Row] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        layout.addLayout(self._list)
        layout.addLayout(self._add_choosing())
        layout.addLayout(self._add_looking())
        self.status = wrapped()
        self.hint = wrapped(small=True)
        self.hint.setText(tr("Each label records the date of the imagery that was on screen."))
        layout.addWidget(self.status)
        layout.addWidget(self.hint)
        self.dates.changed.connect(self._imagery_changed)
        self.dates.dateChanged.connect(self._date_changed)
        self.swipe.toggled.connect(self._swipe_toggled)
        self.swipe.moved.connect(lambda position: self.divider.setValue(round(100 * position)))
        self._fill_rows()
        self._say()

    @property
    def current_date(self) -> str:
        """The date on screen, or ""; while swiping the date of the canvas's own map: ask ``date_at`` then."""
        return self.dates.current_date

    def date_at(self, position: QPoint) -> str:
        """The date of the imagery seen at a pixel of the canvas, on either side of the divider; "" if not known."""
        seen = self.swipe.imagery_at(position.x())
        return self.current_date if seen is None else seen.date

    def previous(self) -> None:
        """Flick to the date before; before the first comes the last."""
        self.dates.previous()

    def next(self) -> None:
        """Flick to the date after; after the last comes the first."""
        self.dates.next()

    def toggle_swipe(self) -> None:
        """Swipe between the date on screen and the one after it (of the last date: the one before), or stop it."""
        if self.swipe.is_enabled:
            self.swipe.disable()
        elif len(self.dates.imagery) > 1:
            if self.dates.current is None:
                self.dates.show(0)
            self._set_pair()
            self.swipe.enable()
        self._swipe_toggled(self.swipe.is_enabled)

    def find(self) -> None:
        """Choose what the project has of dated imagery, in place of what was chosen before."""
        found = guess(self._project)
        if found:
            self.dates.choose(found)
            self._fill_rows()
        else:
            self.status.setText(tr(
                "No imagery with a date was found: add an XYZ, WMS or raster layer, choose it above, type its date."
            ))

    def release(self) -> None:
        """Stop swiping and give the layers the visibility that was found before the first flick."""
        self.swipe.disable()
        self.dates.release()

    def to_json(self) -> str:
        """The choice, to be stored in the project."""
        return self.dates.to_json()

    def from_json(self, text: str) -> None:
        """Choose what ``to_json`` has told; layers that are no longer in the project are left out."""
        self.dates.from_json(text)
        self._fill_rows()

    def close_imagery(self) -> None:
        """Before the panel goes: nothing of it stays on the canvas or in the layer tree."""
        self.swipe.close()
        self.dates.close()

    def sizeHint(self) -> QSize:
        return QSize(320, super().sizeHint().height())

    # Building --------------------------------------------------------------------------------------------------------

    def _add_choosing(self) -> QHBoxLayout:
        self._add = QPushButton(tr("Add a date"))
        self._add.clicked.connect(lambda: self._append_row())
        self._find = QPushButton(tr("Find in project"))
        self._find.setToolTip(tr("Choose the project's imagery with a date in its name or metadata"))
        self._find.clicked.connect(lambda: self.find())
        row = QHBoxLayout()
        row.addWidget(self._add)
        row.addWidget(self._find)
        row.addStretch(1)
        return row

    def _add_looking(self) -> QHBoxLayout:
        self.back, self.forward, self.swiping = QToolButton(), QToolButton(), QToolButton()
        for button, text, tip, act in (
            (self.back, tr("◀ A"), tr("Flick to the date before (A)"), self.previous),
            (self.forward, tr("D ▶"), tr("Flick to the date after (D)"), self.next),
            (self.swiping, tr("Swipe S"), tr("Two dates side by side, with a divider to drag (S)"), self.toggle_swipe),
        ):
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.clicked.connect(lambda _=False, act=act: act())
        self.swiping.setCheckable(True)
        self.divider = QSlider(Qt.Orientation.Horizontal)
        self.divider.setRange(0, 100)
        self.divider.setValue(50)
        self.divider.setAccessibleName(tr("Place of the divider"))
        self.divider.setToolTip(tr("Place of the divider"))
        self.divider.valueChanged.connect(self._divider_moved)
        row = QHBoxLayout()
        for widget in (self.back, self.forward, self.swiping):
            row.addWidget(widget)
        row.addWidget(self.divider, 1)
        row.addStretch(0)
        return row

    def _append_row(self, imagery: Optional[DatedImagery] = None) -> None:
        row = _Row(imagery, self._project)
        row.edited.connect(self._rows_edited)
        row.wanted.connect(lambda: self._show_row(row))
        row.removed.connect(lambda: self._remove_row(row))
        self._rows.append(row)
        self._list.addWidget(row)
        self._mark_rows()

    def _remove_row(self, row: _Row) -> None:
        self._rows.remove(row)
        self._drop(row)
        while len(self._rows) < ROWS:
            self._append_row()
        self._rows_edited()

    def _fill_rows(self) -> None:
        """A row for each chosen imagery, and empty ones up to two."""
        for row in self._rows:
            self._drop(row)
        self._rows = []
        wanted = self.dates.imagery
        for number in range(max(ROWS, len(wanted))):
            self._append_row(wanted[number] if number < len(wanted) else None)

    def _drop(self, row: _Row) -> None:
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()

    # What happens ----------------------------------------------------------------------------------------------------

    def _rows_edited(self) -> None:
        """The user has chosen: oldest first, whatever the order of the rows; what has no date comes last."""
        chosen = [row.imagery for row in self._rows if row.imagery is not None]
        self.dates.choose(sorted(chosen, key=lambda one: (not one.date, one.date)))
        self._mark_rows()

    def _show_row(self, row: _Row) -> None:
        ids = [one.layer_id for one in self.dates.imagery]
        if row.imagery is not None and row.imagery.layer_id in ids:
            self.dates.show(ids.index(row.imagery.layer_id))
        self._mark_rows()

    def _imagery_changed(self) -> None:
        ids = {one.layer_id for one in self.dates.imagery}
        for row in self._rows:
            row.forget_unless(ids)
        if self.swipe.is_enabled:
            if len(ids) > 1:
                self._set_pair()
            else:
                self.swipe.disable()
        self._say()
        self.imageryChanged.emit()

    def _date_changed(self, date: str) -> None:
        if self.swipe.is_enabled and len(self.dates.imagery) > 1:
            self._set_pair()
        self._say()
        self.dateChanged.emit(date)

    def _set_pair(self) -> None:
        imagery = self.dates.imagery
        first = min(self.dates.current or 0, len(imagery) - 2)
        self.swipe.set_layers(imagery[first], imagery[first + 1])

    def _swipe_toggled(self, is_on: bool) -> None:
        self.swiping.setChecked(is_on)
        self.divider.setVisible(is_on)
        self._say()

    def _divider_moved(self, percent: int) -> None:
        if percent != round(100 * self.swipe.position):  # else it only follows the divider on the canvas
            self.swipe.set_position(percent / 100)

    def _say(self) -> None:
        imagery, current = self.dates.imagery, self.dates.current
        for button in (self.back, self.forward, self.swiping):
            button.setEnabled(len(imagery) > 1)
        self.divider.setVisible(self.swipe.is_enabled)
        if not imagery:
            text = tr("No imagery chosen: choose a layer for each date, or let Bitscape find them in the project.")
        elif self.swipe.is_enabled:
            left, right = (one.date or tr("no date") for one in self.swipe.pair)
            text = tr("On screen: {0} on the left, {1} on the right").format(left, right)
        elif current is None:
            text = tr("None of the chosen imagery is on screen.")
        else:
            text = tr("On screen: {0}").format(imagery[current].date or tr("no date"))
            if imagery[current].licence:
                text = f"{text} · {imagery[current].licence}"
        self.status.setText(text)
        self._mark_rows()

    def _mark_rows(self) -> None:
        current = self.dates.current
        shown = None if current is None else self.dates.imagery[current].layer_id
        seen: set[str] = set()
        for row in self._rows:
            row.mark(shown, seen, len(self._rows) > ROWS or row.imagery is not None)
            if row.imagery is not None:
                seen.add(row.imagery.layer_id)


class _Row(QWidget):
    """One date: whether it is on screen, the date, the layer, and its licence below."""

    edited = pyqtSignal()
    wanted = pyqtSignal()
    removed = pyqtSignal()

    def __init__(self, imagery: Optional[DatedImagery], project: QgsProject) -> None:
        super().__init__()
        self.imagery = imagery
        self._show = QRadioButton()
        self._show.setAutoExclusive(False)
        self._show.setToolTip(tr("Show this date"))
        self._show.setAccessibleName(tr("Show this date"))
        self.date = QLineEdit()
        self.date.setPlaceholderText(tr("date"))
        self.date.setToolTip(tr("The date of this imagery, as labels record it: 2024, 2024-06 or 2024-06-15"))
        self.date.setFixedWidth(self.date.fontMetrics().horizontalAdvance("0000-00-00") + 18)
        self.layer = QgsMapLayerComboBox()
        self.layer.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        self.layer.setAllowEmptyLayer(True)
        self.layer.setMinimumContentsLength(8)
        self.layer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.layer.setToolTip(tr("The layer that shows this date: XYZ, WMS or raster"))
        self._remove = QToolButton()
        self._remove.setText("✕")
        self._remove.setAutoRaise(True)
        self._remove.setToolTip(tr("Leave this date out; the layer stays in the project"))
        self._remove.setAccessibleName(tr("Leave this date out"))
        self.licence = wrapped(small=True)
        self.licence.setIndent(22)
        line = QHBoxLayout()
        for widget in (self._show, self.date, self.layer, self._remove):
            line.addWidget(widget)
        line.setStretch(2, 1)
        line.setSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(line)
        layout.addWidget(self.licence)
        self.layer.setLayer(None if imagery is None else project.mapLayer(imagery.layer_id))
        self.date.setText("" if imagery is None else imagery.date)
        self.layer.layerChanged.connect(self._layer_chosen)
        self.date.editingFinished.connect(self._date_typed)
        self._show.clicked.connect(lambda: self.wanted.emit())
        self._remove.clicked.connect(lambda: self.removed.emit())

    def forget_unless(self, layer_ids: set[str]) -> None:
        """Empty the row if its layer is no longer among the chosen: it has left the project."""
        if self.imagery is not None and self.imagery.layer_id not in layer_ids:
            self._take(None)

    def mark(self, shown: Optional[str], above: set[str], removable: bool) -> None:
        """Show whether this is on screen (``shown``), or a layer that a row ``above`` has already."""
        layer_id = None if self.imagery is None else self.imagery.layer_id
        twice = layer_id in above
        self._show.setChecked(layer_id is not None and layer_id == shown and not twice)
        self._show.setEnabled(layer_id is not None and not twice)
        self._remove.setEnabled(removable)
        text = tr("Already chosen above.") if twice else "" if self.imagery is None else self.imagery.licence
        self.licence.setText(text)
        self.licence.setVisible(bool(text))

    def _layer_chosen(self, layer: Optional[QgsMapLayer]) -> None:
        if (None if layer is None else layer.id()) != (None if self.imagery is None else self.imagery.layer_id):
            self._take(None if layer is None else describe(layer))
            self.edited.emit()

    def _date_typed(self) -> None:
        date = self.date.text().strip()
        if self.imagery is not None and date != self.imagery.date:
            self.imagery = replace(self.imagery, date=date)
            self.edited.emit()

    def _take(self, imagery: Optional[DatedImagery]) -> None:
        self.imagery = imagery
        self.date.setText("" if imagery is None else imagery.date)
        if imagery is None and self.layer.currentLayer() is not None:
            self.layer.blockSignals(True)
            self.layer.setLayer(None)
            self.layer.blockSignals(False)
