"""Text in the dock: it wraps, and never makes the dock wider."""

from __future__ import annotations

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy


def wrapped(text: str = "", *, small: bool = False, rich: bool = False) -> QLabel:
    """A label in as many lines as it needs: plain text, unless ``rich``. ``small`` for what few will look for."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.RichText if rich else Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if small:
        font = label.font()
        font.setPointSizeF(0.85 * font.pointSizeF())
        label.setFont(font)
    return label
