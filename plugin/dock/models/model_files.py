"""Which models one can pick: those that come with the plugin, and those used lately."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Optional

from qgis.core import QgsApplication, QgsMimeDataUtils, QgsSettings
from qgis.PyQt.QtCore import QMimeData

from ...backend.environment import ROOT

SHIPPED = ROOT / "models"
SUFFIX = ".onnx"
RECENT = "Bitscape/models/recent"
MOST = 8


def shipped(folder: Path = SHIPPED) -> list[Path]:
    """The models of the plugin, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.name.lower())


def recent() -> list[Path]:
    """Models used lately that are still there, the last first; without the plugin's own."""
    kept = QgsSettings().value(RECENT, [])
    texts = [kept] if isinstance(kept, str) else list(kept or [])
    own = set(shipped())
    return [path for path in map(Path, texts) if path not in own and path.is_file()]


def remember(path: Path) -> None:
    """The model was used just now."""
    if path not in shipped():
        rest = [str(other) for other in recent() if other != path]
        QgsSettings().setValue(RECENT, [str(path), *rest][:MOST])


def card_in_profile(model: Path) -> Path:
    """Where the card of a model is kept whose own folder cannot be written to."""
    mark = hashlib.blake2b(str(model).encode(), digest_size=8).hexdigest()
    return Path(QgsApplication.qgisSettingsDirPath()) / "bitscape" / "cards" / f"{model.stem}-{mark}.card.json"


def card_of(model: Path) -> Optional[Path]:
    """The card that is not beside the model, if there is one; the backend finds the other by itself."""
    found = card_in_profile(model)
    return found if found.is_file() else None


def place_for_card(model: Path) -> Optional[Path]:
    """Where a card is to be written that cannot be beside the model; None: it can. Raises OSError."""
    if os.access(model.parent, os.W_OK) and card_of(model) is None:
        return None
    place = card_in_profile(model)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def dropped_models(data: QMimeData) -> list[Path]:
    """The ONNX files in what is dropped."""
    found = (Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile())
    return [path for path in found if path.suffix.lower() == SUFFIX and path.is_file()]


def dropped_rasters(data: QMimeData) -> list[str]:
    """The sources of the rasters in what is dropped: from QGIS's layer tree or browser, or from a file manager."""
    if QgsMimeDataUtils.isUriList(data):
        uris = QgsMimeDataUtils.decodeUriList(data)
        found = [uri.uri.split("|option:")[0] for uri in uris
                 if uri.layerType == "raster" and uri.providerKey in ("gdal", "")]
        if found:
            return found
    files = (Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile())
    return [str(path) for path in files if path.is_file() and path.suffix.lower() in RASTERS]


RASTERS = {".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".jpeg", ".nc", ".gpkg"}
"""What is taken for a raster before it was opened."""
