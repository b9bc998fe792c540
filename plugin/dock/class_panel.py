"""The classes one labels with, as chips: sign, name, key, count. The chosen one is what the next click places."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsMarkerSymbol, QgsSymbolLayerUtils
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QColor, QIcon
from qgis.PyQt.QtWidgets import (
    QColorDialog,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...processing.errors import InputError
from ..layers.class_table import ClassTable, LabelClass
from ..layers.styling import marker
from ..translation import tr
from .session import Session
from .text import wrapped

SIDE = 18
CSV = "CSV (*.csv)"


class ClassPanel(QWidget):
    """Chips, and a menu for what is done with a class. Edits are undone like clicks."""

    def __init__(self, session: Session, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._session = session
        self._chips: dict[str, QToolButton] = {}
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(3)
        self._none = wrapped(tr("No classes yet: add the ones you look for."))
        self._more = QToolButton()
        self._more.setText(tr("Classes…"))
        self._more.setToolTip(tr("Add, import and export classes"))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setMenu(self._menu())
        session.classes_changed.connect(self._rebuild)
        session.tiles_changed.connect(self._rebuild)
        session.labels_changed.connect(self._count)
        session.class_chosen.connect(self._mark)
        self._rebuild()

    def chip(self, code: str) -> Optional[QToolButton]:
        """The button of a class."""
        return self._chips.get(code)

    def _rebuild(self) -> None:
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget()
            if widget is not None and widget not in (self._none, self._more):
                widget.setParent(None)  # out of sight at once; it may be its own menu that is open
                widget.deleteLater()
        self._chips = {}
        for one in self._session.table.classes:
            self._rows.addWidget(self._row(one))
        self._none.setVisible(not self._chips)
        self._rows.addWidget(self._none)
        self._rows.addWidget(self._more, alignment=Qt.AlignmentFlag.AlignLeft)
        self._count()
        self._mark(self._session.chosen)

    def _row(self, one: LabelClass) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        chip = QToolButton()
        chip.setCheckable(True)
        chip.setIcon(sign(one.colour, one.shape))
        chip.setIconSize(QSize(SIDE, SIDE))
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        chip.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        chip.setToolTip(tr("Label as {0} (key {1})").format(one.name, one.key) if one.key
                        else tr("Label as {0}").format(one.name))
        chip.setAccessibleName(one.name)
        chip.clicked.connect(lambda _=False, code=one.code: self._pick(code))
        chip.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._chips[one.code] = chip
        edit = QToolButton()
        edit.setText("⋯")
        edit.setToolTip(tr("Rename, recolour or remove {0}").format(one.name))
        edit.setAccessibleName(edit.toolTip())
        edit.setAutoRaise(True)
        edit.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(edit)
        menu.addAction(tr("Rename…"), lambda: self._rename(one))
        menu.addAction(tr("Colour…"), lambda: self._recolour(one))
        menu.addAction(tr("Remove"), lambda: self._remove(one))
        edit.setMenu(menu)
        chip.customContextMenuRequested.connect(lambda place, m=menu, c=chip: m.popup(c.mapToGlobal(place)))
        layout.addWidget(chip, 1)
        layout.addWidget(edit)
        return row

    def _pick(self, code: str) -> None:
        self._session.choose(code)
        self._mark(self._session.chosen)

    def _mark(self, code: str) -> None:
        for other, chip in self._chips.items():
            chip.setChecked(other == code)

    def _count(self) -> None:
        labels = self._session.labels
        counts = labels.counts() if labels is not None else {}
        for one in self._session.table.classes:
            if one.code in self._chips:
                key = f"  [{one.key}]" if one.key else ""
                self._chips[one.code].setText(f"{one.name}{key}   {counts.get(one.code, 0)}")

    def _menu(self) -> QMenu:
        menu = QMenu(self._more)
        menu.addAction(tr("Add a class…"), self._add)
        menu.addAction(tr("Change / no change"), lambda: self._session.set_table(ClassTable.change_detection()))
        menu.addSeparator()
        menu.addAction(tr("Import classes (CSV)…"), self._import)
        menu.addAction(tr("Export classes (CSV)…"), self._export)
        return menu

    def _add(self) -> None:
        name, agreed = QInputDialog.getText(self, tr("Add a class"), tr("Name"))
        if agreed and name.strip():
            with self._session.told():
                table = self._session.table.adding(name.strip())
                self._session.set_table(table)
                self._session.choose(table.classes[-1].code)

    def _rename(self, one: LabelClass) -> None:
        name, agreed = QInputDialog.getText(self, tr("Rename {0}").format(one.name), tr("Name"), text=one.name)
        if agreed and name.strip():
            with self._session.told():
                self._session.set_table(self._session.table.changed(one.code, name=name.strip()))

    def _recolour(self, one: LabelClass) -> None:
        colour = QColorDialog.getColor(QColor(one.colour), self, tr("Colour of {0}").format(one.name))
        if colour.isValid():
            with self._session.told():
                self._session.set_table(self._session.table.changed(one.code, colour=colour.name()))

    def _remove(self, one: LabelClass) -> None:
        labels = self._session.labels
        every = labels.labels(trainable_only=False) if labels is not None else []
        used = sum(label.code == one.code for label in every)
        with self._session.told():
            if used:
                raise InputError(tr("{0} has {1} labels: remove them, or give them another class, first.").format(
                    one.name, used))
            self._session.set_table(self._session.table.without(one.code))

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Import classes"), "", CSV)
        if path:
            with self._session.told():
                self._session.set_table(ClassTable.read_csv(path))

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("Export classes"), "classes.csv", CSV)
        if path:
            with self._session.told():
                self._session.table.write_csv(path)


def sign(colour: str, shape: str) -> QIcon:
    """The sign of a class as the map draws it, twice as large: it stays sharp where a pixel of the screen is small."""
    symbol = QgsMarkerSymbol.createSimple(marker(shape, colour))
    symbol.setSize(2.5 * symbol.size())
    return QgsSymbolLayerUtils.symbolPreviewIcon(symbol, QSize(2 * SIDE, 2 * SIDE))
