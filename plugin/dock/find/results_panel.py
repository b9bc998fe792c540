"""The results: how many, the thumbnails, and what can be made of them: exemplars, labels, a place on the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QPoint, QSize, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from ...translation import tr
from ..class_panel import SIDE, sign
from ..session import Session
from ..text import wrapped
from .promotion import LabelledPlaces, promote
from .question import THRESHOLD, UNLIKE
from .result_view import Result, ResultView, key_of
from .search import Search
from .thumbnail_source import ThumbnailSource
from .thumbnails import Thumbnails

UNDO = "undo"


class ResultsPanel(QWidget):
    """``fly`` (result): show it on the map; ``pointed`` (result or None): it is under the mouse in the list."""

    fly = pyqtSignal(object)
    pointed = pyqtSignal(object)

    def __init__(
        self, search: Search, session: Session, thumbnails: Thumbnails, source: ThumbnailSource,
        parent: Optional[QWidget] = None,
    ) -> None:
        super().__init__(parent)
        self._search, self._session, self._source = search, session, source
        self._model = ""
        self._answer: Mapping[str, Any] = {}
        self.words = wrapped()
        self.view = ResultView(thumbnails)
        self.view.setToolTip("")
        self.one, self.every = QPushButton(), QPushButton()
        self.note = wrapped(rich=True)
        self.note.linkActivated.connect(self._on_link)
        self.note.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self.one, 1)
        buttons.addWidget(self.every, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        head.addWidget(source, 1)
        layout.addLayout(head)
        layout.addWidget(self.view)
        layout.addLayout(buttons)
        layout.addWidget(self.note)
        self.view.chosen.connect(self.fly)
        self.view.pointed.connect(self.pointed)
        self.view.acted.connect(self.act)
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._offer())
        self.one.clicked.connect(lambda: self.label(self.view.selected))
        self.every.clicked.connect(lambda: self.label(self.view.results.results))
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._mark)
        for signal in (session.class_chosen, session.classes_changed, session.labels_changed, session.tiles_changed):
            signal.connect(lambda *_: self._soon.start())
        source.changed.connect(lambda: (thumbnails.forget(), self.view.wish(), self.view.viewport().update()))
        self.show_answer({}, [])

    def show_answer(self, answer: Mapping[str, Any], results: Sequence[Result]) -> None:
        """The results of an answer that are within the threshold; {}: none."""
        about = answer.get("about") or {}
        self._answer, self._model = answer, str(about.get("model", ""))
        self.view.show_results(results, str(about.get("unit", "")))
        self.view.setVisible(bool(results))
        self._source.setVisible(bool(results))
        self._mark()
        self.words.setText(self._said(answer, results))
        self.words.setVisible(bool(self.words.text()))

    def limit(self, count: int) -> None:
        """The first ones only: the threshold was moved."""
        self.view.results.limit(count)
        self.view.wish()
        results = self.view.results.results
        self.view.setVisible(bool(results))
        self.words.setText(self._said({**self._answer, "within": count}, results))
        self.words.show()
        self._offer()

    def label(self, results: Sequence[Result]) -> None:
        """Make labels of the chosen class of these."""
        if not results:
            return
        count = promote(self._session, results, self._model, self._source.date)
        if count:
            found = self._session.table.by_code(self._session.chosen)
            name = found.name if found is not None else self._session.chosen
            self.note.setText(tr("{0} labelled as {1}.").format(count, escape(name))
                              + f" <a href='{UNDO}'>{tr('Undo')}</a>")
            self.note.show()
            self._mark()

    def act(self, name: str, results: Sequence[Result]) -> None:
        """What a key or the menu means for these."""
        if name == "label":
            self.label(results)
        else:
            self._search.take(results, name == "positive")

    # Inside

    def _said(self, answer: Mapping[str, Any], results: Sequence[Result]) -> str:
        if not answer:
            return ""
        if not results:
            told = bool(answer.get("reason")) or not answer.get("complete")  # above, with how far the search is
            return "" if told else tr("Nothing within the threshold.")
        view, within = self._search.question.view, answer["within"]
        first = results[0]["similarity"]
        span = f"{100 * first:.0f}–{100 * results[-1]['similarity']:.0f}\u00a0%"
        how = tr("{0} different").format(span) if view in UNLIKE else tr("{0} alike").format(span)
        if view == THRESHOLD and within > len(results):
            return tr("The first {0} of {1} places, {2}").format(f"{len(results):,}", f"{within:,}", how)
        return tr("{0} places, {1}").format(f"{len(results):,}", how)

    def _mark(self) -> None:
        """Which results are labels already."""
        model = self.view.results
        places = LabelledPlaces(self._session)
        model.labelled = {key_of(one) for one in model.results if places.codes(one)} if places else set()
        self.view.viewport().update()
        self._offer()

    def _offer(self) -> None:
        """The buttons name the class and how many they would label."""
        session = self._session
        found = session.table.by_code(session.chosen)
        able = found is not None and (session.labels is not None or session.tiles is not None)
        selected, every = len(self.view.selected), len(self.view.results.results)
        name = found.name if found is not None else tr("a class")
        for button, count, text in (
            (self.one, selected, tr("Label {0} as {1}").format(selected or tr("selected"), name)),
            (self.every, every, tr("All {0}").format(f"{every:,}")),
        ):
            button.setText(text)
            button.setEnabled(able and count > 0)
            button.setVisible(every > 0)
            button.setIconSize(QSize(SIDE, SIDE))
            button.setIcon(sign(found.colour, found.shape) if found is not None else sign("#7f7f7f", "circle"))
            button.setToolTip(
                tr("Open tiles or labels, and choose a class, in the tab Label first") if not able else
                tr("Make labels of the class that is chosen in the tab Label (key L in the list)"))

    def _menu(self, place: QPoint) -> None:
        results = self.view.selected
        if not results:
            return
        found = self._session.table.by_code(self._session.chosen)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(tr("Show on the map"), lambda: self.fly.emit(results[0]))
        menu.addAction(tr("Like this [P]"), lambda: self.act("positive", results))
        menu.addAction(tr("Not like this [N]"), lambda: self.act("negative", results))
        label = menu.addAction(tr("Label as {0} [L]").format(found.name if found is not None else "…"),
                               lambda: self.act("label", results))
        label.setEnabled(self.one.isEnabled())
        menu.addSeparator()
        menu.addAction(tr("Copy the id"), lambda: QgsApplication.clipboard().setText(
            "\n".join(str(one["id"]) for one in results)))
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _on_link(self, address: str) -> None:
        if address == UNDO:
            self._session.undo()
            self.note.hide()
