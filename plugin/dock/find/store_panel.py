"""The store that is searched: dropped, chosen, pasted or used before; what it holds; and how one is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsMimeDataUtils
from qgis.PyQt.QtCore import QEvent, QMimeData, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...translation import tr
from ..run_status import failed
from ..text import wrapped
from . import store_place
from .build_store import BuildStore
from .find_loop import FAILED, NOTHING, OPENING, FindLoop, number
from .search import Search

BRACKETS = re.compile(r"\s*\([^)]*\)")
EMBEDDINGS = "Parquet, GeoTIFF (*.parquet *.geoparquet *.tif *.tiff)"


class StorePanel(QWidget):
    """``opened`` (place): the user wants this store."""

    opened = pyqtSignal(str)

    def __init__(self, search: Search, loop: FindLoop, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._search, self._loop = search, loop
        self.setAcceptDrops(True)
        self.place = QComboBox()
        self.place.setEditable(True)
        self.place.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.place.lineEdit().setPlaceholderText(tr("Folder or address of a store"))
        self.place.lineEdit().setClearButtonEnabled(True)
        self.place.setToolTip(tr(
            "Drop a store's folder or its manifest here, or paste an http(s) address, and press Enter; the list has "
            "the stores that were used last"))
        self.place.setAccessibleName(tr("Store"))
        self.place.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.place.installEventFilter(self)
        self.place.lineEdit().returnPressed.connect(lambda: self.take(self.place.currentText()))
        self.place.activated.connect(lambda _: self.take(self.place.currentText()))
        self.browse = QToolButton()
        self.browse.setText("…")
        self.browse.setToolTip(tr("Choose a store's folder or manifest, or embeddings to build one from"))
        self.browse.setAccessibleName(self.browse.toolTip())
        self.browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.browse)
        menu.addAction(tr("Folder of a store…"), self._choose_folder)
        menu.addAction(tr("Manifest of a store…"), self._choose_manifest)
        menu.addSeparator()
        menu.addAction(tr("Build a store from embeddings…"), self._choose_embeddings)
        self.browse.setMenu(menu)
        self.facts = wrapped(rich=True)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.build = BuildStore(search.project)
        self.build.built.connect(self.take)
        self.build.hide()
        row = QHBoxLayout()
        row.addWidget(self.place, 1)
        row.addWidget(self.browse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.facts)
        layout.addWidget(self.build)
        search.store_changed.connect(self._on_store)
        loop.state_changed.connect(self._say)
        self._on_store()

    def take(self, text: str) -> None:
        """What was typed, pasted, dropped or chosen: a store is opened; of embeddings one can be built."""
        place = store_place.cleaned(text)
        if not place:
            self._search.open("")
        elif store_place.is_store(place):
            self.build.hide()
            self._search.open(place)
        elif store_place.is_embeddings(place) and Path(place).is_file():
            self.build.offer(Path(place))
            self._show_place(self._search.store)
        else:
            self._show_place(place)
            self.facts.setText(failed(tr(
                "{0} is no store: it has no manifest. Drop a store's folder, or embeddings (Parquet, GeoTIFF) to build "
                "one from.").format(place) if Path(place).exists() else tr("{0} is not there.").format(place)))

    def stop(self) -> None:
        """Before the dock goes: cancel, and wait for the end."""
        self.build.stop()

    # Dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_place(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        place = dropped_place(event.mimeData())
        if place:
            event.acceptProposedAction()
            self.take(place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls the dock: it would open the store that was used before this one."""
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    # Inside

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, tr("Folder of a store"), self._start())
        if path:
            self.take(path)

    def _choose_manifest(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, tr("Manifest of a store"), self._start(), "Manifest (manifest.parquet);;Parquet (*.parquet)")
        if path:
            self.build.hide()
            self._search.open(path)

    def _choose_embeddings(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Embeddings"), self._start(), EMBEDDINGS)
        if path:
            self.build.offer(Path(path))

    def _start(self) -> str:
        local = [one for one in [self._search.store, *store_place.recent()] if one and not store_place.is_address(one)]
        return str(Path(local[0]).parent) if local else ""

    def _on_store(self) -> None:
        self._show_place(self._search.store)
        self._say()

    def _show_place(self, place: str) -> None:
        self.place.blockSignals(True)
        self.place.clear()
        for one in store_place.recent():
            self.place.addItem(one)
            self.place.setItemData(self.place.count() - 1, one, Qt.ItemDataRole.ToolTipRole)
        self.place.setEditText(place)
        self.place.lineEdit().setCursorPosition(0)
        self.place.blockSignals(False)

    def _say(self) -> None:
        about, state = self._loop.about, self._loop.state
        if state == NOTHING and not self._search.store:
            self.facts.setText(escape(tr(
                "A store holds the embeddings of many places as short codes, so that all that are like one are found "
                "in a moment. Drop one here, paste its address, or drop embeddings (Parquet, GeoTIFF) to build one.")))
        elif about is not None:
            self.facts.setText(facts(about))
            told = [self._search.store, about["sentence"], *about["licences"], *about["attributions"]]
            self.facts.setToolTip("\n".join(line for line in told if line))
            if store_place.recent()[:1] != [self._search.store]:
                store_place.remember(self._search.store)
        elif state == OPENING:
            self.facts.setText(escape(tr("Opening {0}…").format(store_place.name_of(self._search.store))))
        elif state == FAILED:
            self.facts.setText(failed(self._loop.failure))


def facts(about: Mapping[str, Any]) -> str:
    """A store in one line, as HTML: model, bits, patches, years, recall, whose data it is."""
    codes = tr("{0} bits").format(about["bits"]) if about["kind"] == "binary" else tr("{0} × int8").format(
        about["dimensions"])
    parts = [f"<b>{escape(about['model'] or tr('unknown model'))}</b>", codes,
             tr("{0} patches").format(number(about["patches"]))]
    years = about["years"]
    if years:
        parts.append(str(years[0]) if len(years) == 1 else f"{years[0]}–{years[-1]}")
    if about["sentence"]:
        parts.append(escape(BRACKETS.sub("", about["sentence"]).rstrip(".")))  # how it was measured: in the tooltip
    owners = [*dict.fromkeys([*about["attributions"], *about["licences"]])]
    if owners:
        parts.append(escape(", ".join(owners)))
    return " · ".join(parts)


def dropped_place(data: QMimeData) -> str:
    """The place in what is dropped: a folder, a file, an address, or an entry of QGIS's own browser; "" if none."""
    if QgsMimeDataUtils.isUriList(data):
        uris = [uri.uri.split("|")[0] for uri in QgsMimeDataUtils.decodeUriList(data)]
    else:
        uris = [url.toLocalFile() if url.isLocalFile() else url.toString() for url in data.urls()]
    if not uris and data.hasText():
        uris = [data.text()]
    places = [store_place.cleaned(uri) for uri in uris]
    return next((one for one in places if store_place.is_store(one) or store_place.is_embeddings(one)), "")
