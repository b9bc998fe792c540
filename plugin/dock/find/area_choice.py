"""Where is searched: everywhere, in what the map shows, or in the areas of interest; and what that costs."""

from __future__ import annotations

from typing import Any, Optional

from qgis.PyQt.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ...translation import tr
from ..run_status import size
from ..session import Session
from ..text import wrapped
from .find_loop import FindLoop
from .question import AREAS, EVERYWHERE, WINDOW
from .search import Search


class AreaChoice(QWidget):
    """Three buttons, and the cost in words."""

    def __init__(self, search: Search, loop: FindLoop, session: Session, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._search, self._loop, self._session = search, loop, session
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout()
        row.setSpacing(0)
        for where, text, tip in (
            (EVERYWHERE, tr("Everywhere"), tr("Search the whole store")),
            (WINDOW, tr("Map view"), tr("Search what the map shows now; press again after moving the map")),
            (AREAS, tr("Areas"), tr("Search in the areas of interest, which are drawn below")),
        ):
            button = QToolButton()
            button.setText(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, one=where: self.choose(one))
            self._group.addButton(button)
            self.buttons[where] = button
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            row.addWidget(button, 1)
        self.words = wrapped(small=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.words)
        for signal in (search.store_changed, search.question_changed, session.aoi_changed, loop.state_changed):
            signal.connect(self._show)
        loop.answered.connect(lambda _: self._show())
        self._show()

    def choose(self, where: str) -> None:
        """Search there."""
        self._loop.search_in(where)
        self._show()

    def _show(self, *_: Any) -> None:
        about, where = self._loop.about, self._search.question.where
        for button in self.buttons.values():
            button.setEnabled(bool(self._search.store))
        self._group.setExclusive(False)
        for one, button in self.buttons.items():
            button.setChecked(one == where)
        self._group.setExclusive(True)
        self.words.setText(self._cost() if about is not None else "")
        self.words.setVisible(bool(self.words.text()))

    def _cost(self) -> str:
        about, answer, where = self._loop.about, self._loop.answer, self._search.question.where
        assert about is not None
        if where == AREAS and self._session.aoi is None:
            return tr("No areas yet: draw one under “Areas of interest”.")
        if answer is None or answer["complete"]:
            return ""
        parts = [tr("{0} shards").format(f"{answer['shards']:,}")]
        if where == EVERYWHERE:
            each = about["bits"] / 8 if about["kind"] == "binary" else about["dimensions"]
            parts.append(tr("about {0} to read").format(size(about["patches"] * each)))
        return " · ".join(parts)
