"""What the user reads, in their language."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication


def tr(text: str) -> str:
    """``text`` in the user's language."""
    return QCoreApplication.translate("Bitscape", text)
