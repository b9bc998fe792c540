"""A model's card: what it finds, from what, how well, and under which licence; where each value comes from on hover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QGridLayout, QLabel, QWidget

from ..text import wrapped
from .model_facts import DEFAULT, Fact, source_words


class ModelCard(QWidget):
    """Facts, one below the other. What is only assumed is in italics."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setHorizontalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self.rows: list[tuple[QLabel, QLabel]] = []

    def show_facts(self, found: Sequence[Fact]) -> None:
        """Show these, and no others."""
        while len(self.rows) < len(found):
            name, text = QLabel(), wrapped(rich=True)
            name.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            name.setForegroundRole(self.foregroundRole())
            text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(name, len(self.rows), 0)
            self._grid.addWidget(text, len(self.rows), 1)
            self.rows.append((name, text))
        for index, (name, text) in enumerate(self.rows):
            there = index < len(found)
            name.setVisible(there)
            text.setVisible(there)
            if there:
                fact = found[index]
                name.setText(fact.name)
                text.setText(f"<i>{fact.text}</i>" if fact.source == DEFAULT else fact.text)
                for label in (name, text):
                    label.setToolTip(source_words(fact.source))
                text.setAccessibleName(fact.name)
                text.setAccessibleDescription(source_words(fact.source))

    def text_of(self, name: str) -> str:
        """What stands beside a name, as HTML; "" where it does not."""
        return next((text.text() for label, text in self.rows
                     if label.text() == name and not label.isHidden()), "")
