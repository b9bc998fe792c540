"""Imagery of several dates: which layers they are, what they say of themselves, and the flick from one to the other."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from qgis.core import QgsLayerTreeNode, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QDateTime, QObject, Qt, pyqtSignal

YEAR = r"(?:19[3-9]\d|20[0-4]\d)"
DATE = re.compile(rf"(?<!\d)({YEAR})(?:([-_./]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
"""2024, 2024-06, 202406, 2024_06_15, 20240615; the first aerial surveys are of the thirties."""

IMAGERY_RENDERERS = {"multibandcolor", "singlebandcolordata", "singlebandgray"}
"""Scores and classes are drawn by others: they are no imagery, whatever year is in their name."""


@dataclass(frozen=True)
class DatedImagery:
    """One layer of the project that shows a place at one date.

    ``date`` is what is recorded with a label, ISO 8601 where it was guessed (2024, 2024-06, 2024-06-15,
    2024-06-01/2024-08-31); ``licence`` is the attribution to show. Both may be "".
    """

    layer_id: str
    date: str = ""
    licence: str = ""


def guess(project: QgsProject) -> list[DatedImagery]:
    """Imagery of the project with a date, oldest first; where there is none, the pictures of embeddings."""
    layers = [
        layer for layer in project.mapLayers().values()
        if isinstance(layer, QgsRasterLayer) and layer.isValid() and layer.renderer() is not None
        and layer.renderer().type() in IMAGERY_RENDERERS
    ]
    found = [describe(layer) for layer in layers if not _is_of_embeddings(layer) and date_of(layer)]
    if not found:
        found = [describe(layer) for layer in layers if _is_picture(layer)]
    return sorted(found, key=lambda one: (one.date, project.mapLayer(one.layer_id).name()))


def describe(layer: QgsMapLayer) -> DatedImagery:
    """The layer with its date and licence as far as it tells them."""
    return DatedImagery(layer.id(), date_of(layer), licence_of(layer))


def date_of(layer: QgsMapLayer) -> str:
    """The date in the layer's name, temporal properties, metadata or file name; "" if there is none.

    A name with two dates (2020→2024) tells of a difference, not of a date.
    """
    in_name = _dates(layer.name())
    if in_name:
        return in_name[0] if len(in_name) == 1 else ""
    temporal = layer.temporalProperties()
    if isinstance(layer, QgsRasterLayer) and temporal is not None and temporal.isActive():
        fixed = temporal.fixedTemporalRange()
        if fixed.begin().isValid():
            return _interval(fixed.begin(), fixed.end())
    for extent in layer.metadata().extent().temporalExtents():
        if extent.begin().isValid():
            return _interval(extent.begin(), extent.end())
    in_file = _dates(Path(layer.source()).stem) if layer.providerType() == "gdal" else []
    return in_file[0] if len(in_file) == 1 else ""


def licence_of(layer: QgsMapLayer) -> str:
    """Rights and licences of the layer's metadata, else its attribution for QGIS Server, else what its source says."""
    metadata = layer.metadata()
    words = [*metadata.rights(), *metadata.licenses()]
    if not any(words):
        server = layer.serverProperties()
        # The attribution has moved from the layer to its server properties in the course of QGIS 3.
        words = [server.attribution() if hasattr(server, "attribution") else layer.attribution()]
    if not any(words) and layer.dataProvider() is not None:
        metadata = layer.dataProvider().layerMetadata()
        words = [*metadata.rights(), *metadata.licenses()]
    return " · ".join(dict.fromkeys(word.strip() for word in words if word and word.strip()))


class ImageryDates(QObject):
    """The chosen imagery, in order, and which of it lies open in the layer tree.

    Only the chosen layers (and, to open one, the groups it is in) are switched on and off. What is on screen is read
    from the layer tree, so that it is true also when the user switches layers there.
    """

    changed = pyqtSignal()
    """Other imagery was chosen, or a chosen layer has gone."""
    dateChanged = pyqtSignal(str)  # noqa: N815
    """Another date, or none (""), is on screen."""

    def __init__(self, project: QgsProject, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._project = project
        self._imagery: tuple[DatedImagery, ...] = ()
        self._found: dict[str, bool] = {}
        self._found_groups: list[tuple[QgsLayerTreeNode, bool]] = []
        self._shown: Optional[str] = None
        self._last: tuple[Optional[str], str] = (None, "")
        self._switching = False
        self._is_open = True
        project.layersWillBeRemoved.connect(self._forget)
        root = project.layerTreeRoot()
        root.visibilityChanged.connect(self._tell)
        root.layerOrderChanged.connect(self._tell)

    @property
    def imagery(self) -> tuple[DatedImagery, ...]:
        """What was chosen, in the order of flicking."""
        return self._imagery

    @property
    def current(self) -> Optional[int]:
        """The number of the chosen imagery that is on screen, the uppermost if there are several; None if none is."""
        if sip.isdeleted(self._project):
            return None
        root = self._project.layerTreeRoot()
        numbers = {one.layer_id: number for number, one in enumerate(self._imagery)}
        for layer in root.layerOrder():
            if layer is not None and layer.id() in numbers:
                node = root.findLayer(layer.id())
                if node is not None and node.isVisible():
                    return numbers[layer.id()]
        return None

    @property
    def current_date(self) -> str:
        """The date of the imagery on screen, to be recorded with labels; "" if none is or its date is not known."""
        number = self.current
        return "" if number is None else self._imagery[number].date

    def choose(self, imagery: Sequence[DatedImagery]) -> None:
        """Flick through these from now on. Layers that the project does not have are left out, and second mentions."""
        chosen = {one.layer_id: one for one in reversed(imagery) if self._project.mapLayer(one.layer_id) is not None}
        kept = tuple(one for one in imagery if chosen.get(one.layer_id) is one)
        self._switch({layer_id: self._found.pop(layer_id) for layer_id in set(self._found) - set(chosen)})
        if kept != self._imagery:
            self._imagery = kept
            self.changed.emit()
        self._tell()

    def show(self, index: int) -> None:
        """Open the imagery of this number and shut the rest of the chosen. Raises IndexError if there is none."""
        if not 0 <= index < len(self._imagery):
            raise IndexError(f"no imagery {index} among {len(self._imagery)}")
        root = self._project.layerTreeRoot()
        self._shown = self._imagery[index].layer_id
        for one in self._imagery:
            node = root.findLayer(one.layer_id)
            if node is not None:
                self._found.setdefault(one.layer_id, node.itemVisibilityChecked())
        known = [group for group, _ in self._found_groups]
        groups = [group for group in _groups_above(root, self._shown) if group not in known]
        self._found_groups += [(group, group.itemVisibilityChecked()) for group in groups]
        others = [one.layer_id for one in self._imagery if one.layer_id != self._shown]
        self._switch({self._shown: True, **dict.fromkeys(others, False)})

    def next(self) -> None:
        """Show the next date; after the last comes the first."""
        self._step(1, 0)

    def previous(self) -> None:
        """Show the previous date; before the first comes the last."""
        self._step(-1, -1)

    def release(self) -> None:
        """Give the layers the visibility that was found before the first flick."""
        found, groups = self._found, self._found_groups
        self._found, self._found_groups, self._shown = {}, [], None
        self._switch(found)
        for group, checked in groups:
            if not sip.isdeleted(group):
                group.setItemVisibilityChecked(checked)

    def close(self) -> None:
        """Release, and hear nothing of the project any more."""
        if not self._is_open or sip.isdeleted(self._project):
            return
        self._is_open = False
        self.release()
        self._project.layersWillBeRemoved.disconnect(self._forget)
        root = self._project.layerTreeRoot()
        root.visibilityChanged.disconnect(self._tell)
        root.layerOrderChanged.disconnect(self._tell)

    def to_json(self) -> str:
        """The choice, to be stored in the project."""
        return json.dumps([asdict(one) for one in self._imagery], ensure_ascii=False)

    def from_json(self, text: str) -> None:
        """Choose what ``to_json`` has told. What is broken, or no longer in the project, is left out."""
        try:
            entries = json.loads(text) if text else []
        except ValueError:
            entries = []
        entries = entries if isinstance(entries, list) else []
        wanted = [one for one in entries if isinstance(one, dict) and isinstance(one.get("layer_id"), str)]
        self.choose([
            DatedImagery(one["layer_id"], str(one.get("date", "")), str(one.get("licence", ""))) for one in wanted
        ])

    def _step(self, by: int, first: int) -> None:
        count = len(self._imagery)
        if count:
            current = self.current
            self.show((first if current is None else current + by) % count)

    def _switch(self, wanted: dict[str, bool]) -> None:
        """Open and shut layers by their id; the groups of what is opened are opened too while flicking."""
        root = self._project.layerTreeRoot()
        self._switching = True
        for layer_id, is_open in wanted.items():
            node = root.findLayer(layer_id)
            if node is not None and is_open and layer_id == self._shown:
                node.setItemVisibilityCheckedParentRecursive(True)
            elif node is not None:
                node.setItemVisibilityChecked(is_open)
        self._switching = False
        self._tell()

    def _forget(self, layer_ids: Sequence[str]) -> None:
        """Layers are about to be removed. If one of them was flicked to, the date beside it takes its place."""
        ids = [one.layer_id for one in self._imagery]
        gone = set(layer_ids) & set(ids)
        if not gone:
            return
        lost = ids.index(self._shown) if self._shown in gone else None
        for layer_id in gone:
            self._found.pop(layer_id, None)
        self._imagery = tuple(one for one in self._imagery if one.layer_id not in gone)
        self.changed.emit()
        if lost is not None:
            self._shown = None
            if self._imagery and self.current is None:
                left = sum(layer_id not in gone for layer_id in ids[:lost])
                self.show(min(left, len(self._imagery) - 1))
        self._tell()

    def _tell(self, *_: object) -> None:
        """Say so if what is on screen has become another."""
        if self._switching:
            return
        number = self.current
        now = (None, "") if number is None else (self._imagery[number].layer_id, self._imagery[number].date)
        if now != self._last:
            self._last = now
            self.dateChanged.emit(now[1])


def _groups_above(root: QgsLayerTreeNode, layer_id: str) -> list[QgsLayerTreeNode]:
    """The groups that a layer is in, below the root."""
    node, groups = root.findLayer(layer_id), []
    while node is not None and node.parent() is not None:
        node = node.parent()
        groups.append(node)
    return groups[:-1]


def _dates(text: str) -> list[str]:
    """The dates in a text as ISO 8601, each once."""
    return list(dict.fromkeys("-".join(part for part in found.group(1, 3, 4) if part) for found in DATE.finditer(text)))


def _interval(begin: QDateTime, end: QDateTime) -> str:
    """A span of time in the fewest words: a year, a day, or first and last day."""
    first = begin.date()
    last = end.date() if end.isValid() else first
    if (first.month(), first.day(), last.month(), last.day()) == (1, 1, 12, 31) and first.year() == last.year():
        return str(first.year())
    days = [day.toString(Qt.DateFormat.ISODate) for day in (first, last)]
    return days[0] if days[0] == days[1] else "/".join(days)


def _is_of_embeddings(layer: QgsRasterLayer) -> bool:
    return "embedding" in layer.name().lower() or "embedding" in Path(layer.source()).stem.lower() or _is_picture(layer)


def _is_picture(layer: QgsRasterLayer) -> bool:
    """Whether it is our picture of embedding tiles: by its name, or three bytes a pixel in a folder with tiles."""
    if "embedding picture" in layer.name().lower():
        return True
    if layer.providerType() != "gdal" or layer.bandCount() != 3:
        return False
    path = Path(layer.source())
    return path.is_file() and any(path.parent.glob("*.basis.json")) and len(_dates(layer.name())) != 1
