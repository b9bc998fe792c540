"""What the labels are worth so far, in words: agreement here and in new places, and what that means on a map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Optional

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ...layers.class_table import ClassTable
from ...translation import tr
from ..text import wrapped


class GuidancePanel(QWidget):
    """``next_wanted``: the button for the most informative next point."""

    next_wanted = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._figures, self._warnings = wrapped(rich=True), wrapped(rich=True)
        layout.addWidget(self._figures)
        layout.addWidget(self._warnings)
        self._figures.setToolTip(tr(
            "Nested cross-validation on your clicks. Random folds have neighbours of each tested click among those "
            "that train, so they flatter; new places leave out whole blocks of ground. Both measure agreement with "
            "your clicks, which are no random sample of the map: those that Next point chose are its hardest places, "
            "and figures on them are lower than the map deserves."))
        self.next = QPushButton(tr("Next point [.]"))
        self.next.setToolTip(tr("Fly to the place whose label would teach the most (.)"))
        self.next.clicked.connect(self.next_wanted)
        layout.addWidget(self.next)
        self.show_nothing(tr("Choose data, then label a few places of each class."))

    @property
    def text(self) -> str:
        """All that is said now."""
        return f"{self._figures.text()} {self._warnings.text()}".strip()

    def show_nothing(self, reason: str) -> None:
        """There are no figures, and why."""
        self._figures.setText(escape(reason))
        self._warnings.hide()

    def show_validation(self, result: Mapping[str, Any], clicks: int, table: ClassTable) -> None:
        """An answer of the operation livevalidation, for so many clicks."""
        random, spatial, rare = result["random"], result["spatial"], result["rare"]
        lines = []
        if random is None:
            reason = _named(result["random_reason"], table)
            lines.append(tr("{0} clicks: {1}.").format(clicks, escape(reason.rstrip("."))))
        else:
            lines.append(tr("{0} clicks. Agreement with your clicks: <b>F1 {1}</b>, precision {2}, recall {3}.").format(
                clicks, _figure(random, "f1"), _figure(random, "precision"), _figure(random, "recall")))
            if spatial is not None:
                lines.append(tr("In new places: <b>F1 {0}</b>, precision {1}, recall {2}.").format(
                    _figure(spatial, "f1"), _figure(spatial, "precision"), _figure(spatial, "recall")))
            else:
                lines.append(tr("In new places: {0}.").format(escape(_named(result["spatial_reason"], table))))
        if rare is not None:
            text = tr("Where {0} is {1:.0%} of the map, that precision becomes <b>{2:.2f}</b> (at least {3:.2f}).")
            lines.append(text.format(escape(_name(table.positive, table)), rare["prevalence"], rare["precision"],
                                     rare["at_least"]))
        self._figures.setText("<br>".join(lines))

    def show_warnings(self, warnings: list[str], table: ClassTable) -> None:
        """What to mind."""
        self._warnings.setVisible(bool(warnings))
        self._warnings.setText("<br>".join("⚠ " + escape(_named(one, table)) for one in warnings))


def _figure(validation: Mapping[str, Any], name: str) -> str:
    return f"{validation[name]:.2f} ± {validation[f'{name}_std']:.2f}"


def _name(code: str, table: ClassTable) -> str:
    found = table.by_code(code)
    return found.name if found else code


def _named(text: str, table: ClassTable) -> str:
    """A sentence of the backend's with class names in place of codes, which stand there as whole words."""
    names = {one.code: one.name for one in table.classes if one.code != one.name and len(one.code) > 2}
    if not names:
        return text
    codes = "|".join(re.escape(code) for code in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{codes})(?!\w)", lambda found: names[found[0]], text)
