"""Exemplars: like this, and not like this. Counts, undo, selected features, and which of them hit nothing."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Optional

from qgis.core import QgsVectorLayer
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...layers.exemplar_layer import EXEMPLARS
from ...layers.live_layers import ROLE
from ...layers.styling import BLUE, ORANGE, SHAPES
from ...translation import tr
from ..class_panel import SIDE, sign
from ..text import wrapped
from .find_loop import FindLoop
from .search import Search

LIKE, UNLIKE = True, False
NARROW = 110
"""Pixels that a button may be narrowed to, so that it does not widen the dock."""
NAMED = 3
"""So many exemplars that hit nothing are told one by one."""


class ExemplarPanel(QWidget):
    """``choosing`` (whether to begin), ``fly`` (key): show this exemplar."""

    choosing = pyqtSignal(bool)
    fly = pyqtSignal(str)

    def __init__(self, search: Search, loop: FindLoop, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._search = search
        self.start = QPushButton(tr("Choose exemplars on the map"))
        self.start.setCheckable(True)
        self.start.setToolTip(tr(
            "Click takes the patch there, Shift+click the other sign, right-click or Delete removes, Ctrl+Z takes "
            "back, Esc leaves, the space bar pans. P: like this, N: not like this."))
        self.start.setMinimumWidth(NARROW)
        self.start.clicked.connect(self.choosing)
        self.undo, self.redo = _arrow("↶", tr("Undo (Ctrl+Z)")), _arrow("↷", tr("Redo (Ctrl+Shift+Z)"))
        self.undo.clicked.connect(search.undo)
        self.redo.clicked.connect(search.redo)
        self.more = QToolButton()
        self.more.setText("⋯")
        self.more.setToolTip(tr("Take features of a layer, or remove all exemplars"))
        self.more.setAccessibleName(self.more.toolTip())
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more)
        self.features = menu.addMenu(tr("Take features of"))
        self.features.setToolTipsVisible(True)
        self.features.aboutToShow.connect(self._list_layers)
        self.clear = menu.addAction(tr("Remove all exemplars"), search.clear)
        self.more.setMenu(menu)
        self._group = QButtonGroup(self)
        self.chips = {LIKE: self._chip(LIKE, ORANGE, SHAPES[0], tr("Like this"), "P"),
                      UNLIKE: self._chip(UNLIKE, BLUE, SHAPES[1], tr("Not like this"), "N")}
        self.missing = wrapped(rich=True)
        self.missing.linkActivated.connect(self._on_link)
        self.missing.hide()
        top, chips = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.start, 1)
        for button in (self.undo, self.redo, self.more):
            top.addWidget(button)
        for chip in self.chips.values():
            chips.addWidget(chip, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row in (top, chips):
            layout.addLayout(row)
        layout.addWidget(self.missing)
        search.exemplars_changed.connect(self._count)
        search.store_changed.connect(self._count)
        loop.answered.connect(self._on_answer)
        self._count()

    def set_sign(self, positive: bool) -> None:
        """What the next click takes."""
        self._search.positive = positive
        self.chips[positive].setChecked(True)

    def _chip(self, positive: bool, colour: str, shape: str, name: str, key: str) -> QToolButton:
        chip = QToolButton()
        chip.setCheckable(True)
        chip.setIcon(sign(colour, shape))
        chip.setIconSize(QSize(SIDE, SIDE))
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        chip.setMinimumWidth(NARROW)
        chip.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        chip.setToolTip(tr("The next click is: {0} (key {1})").format(name, key))
        chip.setProperty("words", f"{name} [{key}]")
        chip.clicked.connect(lambda _=False: self.set_sign(positive))
        self._group.addButton(chip)
        return chip

    def _count(self) -> None:
        search, history = self._search, self._search.history
        for positive, chip in self.chips.items():
            count = search.count(positive)
            chip.setText(f"{chip.property('words')}  {count}")
            chip.setAccessibleName(f"{chip.property('words')}: {count}")
        self.set_sign(search.positive)
        open_ = bool(search.store)
        self.start.setEnabled(open_)
        self.more.setEnabled(open_)
        self.clear.setEnabled(bool(search.count(LIKE) or search.count(UNLIKE)))
        for button, what, tip in (
            (self.undo, history.undo_text if history is not None else "", tr("Undo (Ctrl+Z)")),
            (self.redo, history.redo_text if history is not None else "", tr("Redo (Ctrl+Shift+Z)")),
        ):
            button.setEnabled(bool(what))
            button.setToolTip(f"{tip}: {what}" if what else tip)

    def _list_layers(self) -> None:
        """The project's vector layers, with how many features would be taken."""
        self.features.clear()
        what = tr("Taken as: like this") if self._search.positive else tr("Taken as: not like this")
        layers = [layer for layer in self._search.project.mapLayers().values()
                  if isinstance(layer, QgsVectorLayer) and layer.isSpatial()]
        layers = [layer for layer in layers if layer.customProperty(ROLE) != EXEMPLARS]
        for layer in sorted(layers, key=lambda layer: (not layer.selectedFeatureCount(), layer.name().lower())):
            count = layer.selectedFeatureCount()
            text = tr("{0}: {1} selected").format(layer.name(), count) if count else tr("{0}: all {1}").format(
                layer.name(), layer.featureCount())
            action = self.features.addAction(text.replace("&", "&&"), lambda one=layer: self.use(one))
            action.setToolTip(what)
        if not layers:
            self.features.addAction(tr("No vector layer in the project")).setEnabled(False)

    def use(self, layer: QgsVectorLayer) -> None:
        """Take the selected features of a layer, else all, as exemplars of the chosen sign."""
        self._search.take_features(layer, self._search.positive)

    def _on_answer(self, answer: Mapping[str, Any]) -> None:
        """Those that hit nothing, with where they are and how to be rid of them."""
        missing = answer.get("missing", ())
        lines = []
        for one in missing[:NAMED]:
            key = escape(str(one["key"]))
            lines.append(f"⚠ {escape(one['why'])} <a href='fly:{key}'>{tr('Show')}</a> · "
                         f"<a href='remove:{key}'>{tr('Remove')}</a>")
        if len(missing) > NAMED:
            lines.append(tr("… and {0} more that hit nothing.").format(len(missing) - NAMED))
        self.missing.setText("<br>".join(lines))
        self.missing.setVisible(bool(lines))

    def _on_link(self, address: str) -> None:
        kind, _, key = address.partition(":")
        if kind == "remove":
            self._search.remove(key)
        else:
            self.fly.emit(key)


def _arrow(sign_: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(sign_)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setEnabled(False)
    return button
