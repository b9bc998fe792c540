"""What was added to areas of interest and removed from them, and how the last of it is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsFeature, QgsFeatureRequest, QgsGeometry, QgsVectorLayer

from ..translation import tr
from . import direct_writing
from .aoi_layer import AoiLayer

DEPTH = 100


@dataclass
class _Step:
    """Areas that were added, by their fids, or removed, whole."""

    fids: list[int]
    removed: Optional[list[QgsFeature]] = None

    def text(self) -> str:
        count = len(self.fids)
        if self.removed is not None:
            return tr("Remove an area") if count == 1 else tr("Remove {0} areas").format(count)
        return tr("Add an area") if count == 1 else tr("Add {0} areas").format(count)


class AoiHistory:
    """Changes areas so that it can be undone. What others do to the layer meanwhile stays: an area that they took away
    is passed over. Everything raises InputError or OutputError as AoiLayer does, and a step that fails stays."""

    def __init__(self, aoi: AoiLayer) -> None:
        self.aoi = aoi
        self._steps: list[_Step] = []

    def add(self, geometry: QgsGeometry, crs: QgsCoordinateReferenceSystem) -> int:
        """Write a polygon given in ``crs``; the number of areas it became."""
        fids = self.aoi.add(geometry, crs=crs)
        self._record(_Step(fids))
        return len(fids)

    def import_polygons(self, source: QgsVectorLayer | str | Path, selected_only: bool = False) -> int:
        """Copy the polygons of a layer or file; their number."""
        before = set(self._fids())
        count = self.aoi.import_polygons(source, selected_only)
        self._record(_Step([fid for fid in self._fids() if fid not in before]))
        return count

    def remove(self, fids: Optional[Iterable[int]] = None) -> int:
        """Delete areas, by default all; how many there were."""
        removed = self._take(self._fids() if fids is None else list(fids))
        self._record(_Step([feature.id() for feature in removed], removed))
        return len(removed)

    def undo(self) -> str:
        """Take the last step back; what it was, in words, or "" if there is none."""
        if not self._steps:
            return ""
        step = self._steps[-1]
        if step.removed is None:
            self._take(step.fids)
        else:
            self.aoi.check_writable()
            written = direct_writing.add_features(self.aoi.layer, step.removed)
            direct_writing.announce(self.aoi.layer)
            now = {old: feature.id() for old, feature in zip(step.fids, written)}
            for other in self._steps:  # what added these has to find them again
                other.fids = [now.get(fid, fid) for fid in other.fids]
        self._steps.remove(step)
        return step.text()

    @property
    def undo_text(self) -> str:
        """What the next undo takes back; "" if there is nothing."""
        return self._steps[-1].text() if self._steps else ""

    def _take(self, fids: list[int]) -> list[QgsFeature]:
        """Delete features; those that were there, whole."""
        self.aoi.check_writable()
        request = QgsFeatureRequest().setFilterFids(fids)
        found = [QgsFeature(feature) for feature in self.aoi.layer.dataProvider().getFeatures(request)] if fids else []
        if found:
            direct_writing.delete_features(self.aoi.layer, [feature.id() for feature in found])
            direct_writing.announce(self.aoi.layer)
        return found

    def _fids(self) -> list[int]:
        return [feature.id() for feature in self.aoi.layer.getFeatures(QgsFeatureRequest().setNoAttributes())]

    def _record(self, step: _Step) -> None:
        if not step.fids:
            return
        if not direct_writing.keeps_fids(self.aoi.layer):  # the numbers that were known are others' now
            self._steps = []
            if step.removed is None:
                return
        self._steps.append(step)
        del self._steps[:-DEPTH]
