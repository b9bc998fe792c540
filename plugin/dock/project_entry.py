"""The labelling session in the project file: what is written when it is saved, what is found when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from qgis.core import QgsProject

SCOPE, KEY = "Bitscape", "/session"


@dataclass(frozen=True)
class ProjectEntry:
    """``tiles``: path, made relative by the project as layers' are. ``labels`` and ``aoi``: ids of layers."""

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

    def write(self, project: QgsProject) -> None:
        """Into the project; nothing where there is nothing to keep."""
        if not self.tiles:
            project.removeEntry(SCOPE, KEY)
            return
        values = {**asdict(self), "tiles": project.writePath(self.tiles)}
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
            if any(not isinstance(value, type(getattr(cls, name))) for name, value in known.items()
                   if name not in ("threshold", "opacity")):
                return None
            entry = cls(**{**known, "threshold": float(known.get("threshold", 0.5)),
                           "opacity": float(known.get("opacity", 0.75))})
        except (ValueError, TypeError, AttributeError):
            return None
        return cls(**{**asdict(entry), "tiles": str(Path(project.readPath(entry.tiles)))})
