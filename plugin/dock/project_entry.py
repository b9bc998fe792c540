"""The labelling session in the project file: what is written when it is saved, what is found when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from qgis.core import QgsProject

from ..layers.score_views import CLASSES, SCORE, UNCERTAINTY

SCOPE, KEY = "Bitscape", "/session"
PATHS = ("tiles", "sample", "map", "store", "model", "raster")


@dataclass(frozen=True)
class ProjectEntry:
    """``tiles``, ``sample``, ``map``, ``store``, ``model`` and ``raster``: paths, made relative by the project as
    layers' are (a store may be an http(s) address instead); there are tiles, a sample, a store or a model. ``labels``,
    ``aoi`` and ``thumbnails``: ids of layers. ``find``: what is asked of the store, as JSON. ``bands``: numbers that
    the user chose, separated by commas."""

    tiles: str = ""
    labels: str = ""
    field: str = "label"
    aoi: str = ""
    limit: bool = False
    view: str = "score"
    threshold: float = 0.5
    opacity: float = 0.75
    extrapolated: bool = False
    imagery: str = ""
    sample: str = ""
    map: str = ""
    interpreter: str = ""
    store: str = ""
    find: str = ""
    thumbnails: str = ""
    model: str = ""
    raster: str = ""
    bands: str = ""
    provider: str = ""

    def write(self, project: QgsProject) -> None:
        """Into the project; nothing where there is nothing to keep."""
        if not (self.tiles or self.sample or self.store or self.model):
            project.removeEntry(SCOPE, KEY)
            return
        paths = {name: project.writePath(path) for name, path in self._paths().items()}
        values = {**asdict(self), **paths}
        project.writeEntry(SCOPE, KEY, json.dumps(values))

    @classmethod
    def read(cls, project: QgsProject) -> Optional[ProjectEntry]:
        """From the project; None if it has none that can be believed."""
        text, found = project.readEntry(SCOPE, KEY, "")
        if not found or not text:
            return None
        try:
            values = json.loads(text)
            known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        shares = {name: known.pop(name) for name in ("threshold", "opacity") if name in known}
        if any(type(value) not in (int, float) or not 0 <= value <= 1 for value in shares.values()):
            return None  # NaN too
        if any(not isinstance(value, type(getattr(cls, name))) for name, value in known.items()):
            return None
        entry = cls(**known, **{name: float(value) for name, value in shares.items()})
        something = entry.tiles or entry.sample or entry.store or entry.model
        if not something or entry.view not in (SCORE, CLASSES, UNCERTAINTY):
            return None
        paths = {name: str(Path(project.readPath(path))) for name, path in entry._paths().items()}
        return cls(**{**asdict(entry), **paths})

    def _paths(self) -> dict[str, str]:
        """The paths that are not empty."""
        return {name: path for name in PATHS if (path := getattr(self, name)) and not _is_address(path)}


def _is_address(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))
