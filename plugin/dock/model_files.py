"""Which models one can pick: those that come with the plugin, and those used lately."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qgis.core import QgsMimeDataUtils, QgsSettings
from qgis.PyQt.QtCore import QMimeData

from ..backend.environment import ROOT

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


def forget(paths: Iterable[Path]) -> None:
    """Do not offer these any more."""
    gone = set(paths)
    QgsSettings().setValue(RECENT, [str(path) for path in recent() if path not in gone])


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
