"""The classes of one output of a model: a name and a colour for each of its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from qgis.gui import QgsColorButton
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from ...translation import tr
from .model_facts import palette

ROWS = 6
"""Rows that are seen at once."""


class ClassRows(QTableWidget):
    """``edited`` when a name or colour was changed."""

    edited = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(0, 2, parent)
        self.setHorizontalHeaderLabels([tr("Colour"), tr("Class")])
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.AllEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(tr("Classes"))
        self.setMinimumWidth(0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._ids: list[int] = []
        self.itemChanged.connect(lambda _: self.edited.emit())

    def show_classes(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Show these (id, name, colour)."""
        self.blockSignals(True)
        self._ids = [int(entry["id"]) for entry in entries]
        self.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            button = QgsColorButton()
            button.setColor(QColor(entry.get("colour") or palette(row)))
            button.setToolTip(tr("The colour of this class on the map"))
            button.setAccessibleName(tr("Colour of class {0}").format(entry["id"]))
            button.colorChanged.connect(lambda _: self.edited.emit())
            self.setCellWidget(row, 0, button)
            item = QTableWidgetItem(entry.get("name") or tr("class {0}").format(entry["id"]))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsSelectable)
            self.setItem(row, 1, item)
        self.blockSignals(False)
        height = self.horizontalHeader().sizeHint().height() + 4
        height += sum(self.rowHeight(row) for row in range(min(ROWS, len(entries))))
        self.setFixedHeight(height)

    def classes(self) -> list[dict[str, Any]]:
        """As a card has them."""
        found = []
        for row, number in enumerate(self._ids):
            name = (self.item(row, 1).text() or "").strip() or tr("class {0}").format(number)
            found.append({"id": number, "name": name, "colour": self.cellWidget(row, 0).color().name()})
        return found
