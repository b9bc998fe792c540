"""Where stores are, which were used last, and where what belongs to one is kept: exemplars, areas, pictures."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from qgis.core import QgsApplication, QgsSettings

KEY = "bitscape/find/stores"
REMEMBERED = 8
MANIFEST = "manifest.parquet"
TABLES = (".parquet", ".geoparquet")
RASTERS = (".tif", ".tiff")


def is_address(place: str) -> bool:
    """Whether a store is on a server."""
    return place.lower().startswith(("http://", "https://"))


def is_store(place: str) -> bool:
    """Whether it looks like one: an address, a manifest, or a folder with a manifest in it."""
    if is_address(place):
        return True
    path = Path(place)
    return path.name.lower() == MANIFEST or (path / MANIFEST).is_file() or (path.is_dir() and _holds_a_manifest(path))


def is_embeddings(place: str) -> bool:
    """Whether a store can perhaps be built from it: a table or a raster that is no manifest."""
    path = Path(place)
    return not is_address(place) and path.suffix.lower() in (*TABLES, *RASTERS) and path.name.lower() != MANIFEST


def manifest_of(place: str) -> str:
    """The store's manifest: Processing takes a file where it asks for one, and no folder."""
    if is_address(place):
        return place if place.lower().endswith(TABLES) else f"{place.rstrip('/')}/{MANIFEST}"
    path = Path(place) / MANIFEST
    return str(path) if path.is_file() else place


def cleaned(text: str) -> str:
    """A place as it was typed, pasted or dropped: without quotes, and whether or not it is a file's address."""
    text = text.strip().strip("\"'")
    if text.lower().startswith("file:"):
        from qgis.PyQt.QtCore import QUrl

        text = QUrl(text).toLocalFile()
    return text if is_address(text) or not text else str(Path(text).expanduser())


def name_of(place: str) -> str:
    """What to call a store: the last part of its place that tells something."""
    parts = urlsplit(place).path.split("/") if is_address(place) else list(Path(place).parts)
    telling = [part for part in parts if part and part.lower() != MANIFEST]
    return telling[-1] if telling else urlsplit(place).netloc or place


def recent() -> list[str]:
    """The stores that were used last, the latest first."""
    found = QgsSettings().value(KEY, [])
    found = [found] if isinstance(found, str) else list(found or [])
    return [str(one) for one in found][:REMEMBERED]


def remember(place: str) -> None:
    """This store is the one that was used last."""
    QgsSettings().setValue(KEY, [place, *(one for one in recent() if one != place)][:REMEMBERED])


def home_of(place: str) -> Path:
    """The path, without ending, that the names of files about a store begin with: beside it where one may write there,
    else in the user's own folder."""
    if not is_address(place):
        path = Path(place).absolute()
        store = path.parent if path.name.lower() == MANIFEST else path
        if os.access(store.parent, os.W_OK):
            return store.parent / store.name
    mark = hashlib.blake2b(place.encode(), digest_size=6).hexdigest()
    return Path(QgsApplication.qgisSettingsDirPath()) / "bitscape" / "find" / f"{_file_name(place)}-{mark}"


def results_of(place: str, project_folder: str) -> Path:
    """A name for a file of results: beside the store; of one on a server in the project's folder, if it has one."""
    home = home_of(place)
    if is_address(place) and project_folder:
        home = Path(project_folder) / _file_name(place)
    return home.with_name(f"{home.name}_similar.gpkg")


def _file_name(place: str) -> str:
    return re.sub(r"[^\w-]+", "_", name_of(place)).strip("_")[:40] or "store"


def _holds_a_manifest(folder: Path) -> bool:
    try:
        return any(entry.name.lower().startswith("manifest") and entry.suffix in TABLES for entry in folder.iterdir())
    except OSError:
        return False
