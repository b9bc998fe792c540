"""Bitscape: clicks, maps and search on compressed Earth embeddings, in QGIS and headless."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:  # noqa: N802 (the name QGIS calls)
    """The plugin object; nothing of QGIS is imported before QGIS asks for it."""
    from .plugin.main import BitscapePlugin

    return BitscapePlugin(iface)
