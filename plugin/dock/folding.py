"""A part of the dock that can be folded away."""

from __future__ import annotations

from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

WIDTH = 360
"""Pixels below which words and charts would be cut off."""


def folding(title: str, panel: QWidget, folded: bool) -> QgsCollapsibleGroupBox:
    """A panel under a title."""
    box = QgsCollapsibleGroupBox(title)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(4, 4, 4, 4)
    layout.addWidget(panel)
    box.setCollapsed(folded)
    return box


def scrolling(inside: QWidget) -> QScrollArea:
    """A column of panels that scrolls where the screen is lower than it."""
    scroll = QScrollArea()
    scroll.setWidget(inside)
    scroll.setWidgetResizable(True)
    scroll.setMinimumWidth(WIDTH)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return scroll
