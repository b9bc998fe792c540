"""How a run in the background looks: what is done, how far, how long still, Cancel; then what came of it and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt, QTimer, QUrl, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QGridLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QToolButton,
    QWidget,
)

from ...processing.errors import BitscapeError
from ..translation import tr
from .background import BackgroundRun
from .command import command
from .text import wrapped

PERMILLE = 1000
ENOUGH_TIME, ENOUGH_WORK = 2.0, 0.05
"""Seconds and share of the work from which the rest of the time can be told."""


class RunStatus(QWidget):
    """Hidden until there is something to say. ``changed``: a run has begun, or is over."""

    changed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._run: Optional[BackgroundRun] = None
        self._began, self._fraction, self._what = 0.0, 0.0, ""
        self.bar = QProgressBar()
        self.bar.setRange(0, PERMILLE)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress"))
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setToolTip(tr("Stop; nothing half-done is left"))
        self.cancel.clicked.connect(self._on_cancel)
        self.words = wrapped(rich=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.words.setOpenExternalLinks(True)
        self.more = QToolButton()
        self.more.setText(tr("Details"))
        self.more.setCheckable(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setAutoRaise(True)
        self.more.setToolTip(tr("What the run said"))
        self.more.toggled.connect(self._on_more)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setMaximumHeight(120)
        self.details.setAccessibleName(tr("What the run said"))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.bar, 0, 0)
        grid.addWidget(self.cancel, 0, 1)
        grid.addWidget(self.words, 1, 0, 1, 2)
        grid.addWidget(self.more, 2, 0, 1, 2)
        grid.addWidget(self.details, 3, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._say)
        self._work(False)
        self.hide()

    @property
    def run(self) -> Optional[BackgroundRun]:
        """The run that goes on, None if there is none."""
        return self._run

    def start(
        self, run: BackgroundRun, tell: Callable[[Mapping[str, Any], bool], None], cancelled: str = ""
    ) -> None:
        """Start a run and show it, until it is over and what came of it is said.

        ``tell`` gets the results, and whether the project was closed meanwhile, and says it (``end``).
        """
        run.setParent(self)
        self._follow(run)
        run.finished.connect(lambda results: self._over(lambda: tell(results, run.project_closed)))
        run.failed.connect(lambda text: self._over(lambda: self.end(failed(text))))
        said = cancelled or tr("Cancelled; nothing was written.")
        run.cancelled.connect(lambda: self._over(lambda: self.end(said)))
        self.changed.emit()
        run.start()

    def copy_command(self, steps: Callable[[], Sequence[tuple[str, Mapping[str, Any]]]], said: str) -> None:
        """Put algorithms (id, parameters) as a command on the clipboard and say so, or say why there is none."""
        try:
            text = command(steps())
        except BitscapeError as error:
            self.end(failed(error.message))
            return
        QgsApplication.clipboard().setText(text)
        self.end(said)

    def close_run(self) -> None:
        """Before the window goes: cancel, and wait for the end."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def drop_run(self) -> None:
        """The run that is shown was given up, and will say nothing any more."""
        if self._run is not None:
            self._run = None
            self.changed.emit()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def _over(self, say: Callable[[], None]) -> None:
        run, self._run = self._run, None
        say()
        if run is not None:
            run.deleteLater()
        self.changed.emit()

    def _follow(self, run: BackgroundRun) -> None:
        self._run, self._began = run, time.monotonic()
        self._fraction, self._what = 0.0, tr("Starting…")
        self.bar.setValue(0)
        self.details.clear()
        self.more.setChecked(False)
        self.cancel.setEnabled(True)
        run.progressed.connect(self._on_progress)
        run.logged.connect(lambda text, _: self.details.appendPlainText(text))
        self._work(True)
        self._clock.start()
        self.show()
        self._say()

    def end(self, text: str) -> None:
        """Say what came of a run, or why there is none, as HTML. Details stay, where there are."""
        self._clock.stop()
        self._work(False)
        self.words.setText(text)
        self.more.setVisible(bool(self.details.toPlainText()))
        self.details.setVisible(self.more.isChecked() and self.more.isVisibleTo(self))
        self.show()

    def _work(self, working: bool) -> None:
        for widget in (self.bar, self.cancel):
            widget.setVisible(working)
        self.more.setVisible(working)
        self.details.setVisible(working and self.more.isChecked())

    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        if self._run is not None:
            self._run.cancel()

    def _on_more(self, on: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self.details.setVisible(on)

    def _on_progress(self, fraction: float, what: str) -> None:
        self._fraction, self._what = fraction, what
        self.bar.setValue(round(PERMILLE * fraction))
        self._say()

    def _say(self) -> None:
        if self._run is None:
            return
        parts = [self._what.rstrip("."), f"{self._fraction:.0%}"]
        if self._fraction >= ENOUGH_WORK and self.seconds >= ENOUGH_TIME:
            rest = self.seconds * (1 - self._fraction) / self._fraction
            parts.append(tr("about {0} left").format(duration(rest)))
        self.words.setText(" · ".join(part for part in parts if part))


def duration(seconds: float) -> str:
    """A time for people, coarse: what is told is never exact."""
    if seconds < 90:
        return tr("{0} s").format(max(1, round(seconds)))
    if seconds < 90 * 60:
        return tr("{0} min").format(round(seconds / 60))
    return tr("{0:.1f} h").format(seconds / 3600)


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            shown = count / unit
            return f"{shown:.0f} {name}" if shown >= 10 else f"{shown:.1f} {name}"
    return f"{count:.0f} B"


def failed(message: str) -> str:
    """What went wrong, as HTML."""
    return f"⚠ {escape(message)}"


def link(path: Path) -> str:
    """A file's name as HTML, which opens its folder."""
    folder = QUrl.fromLocalFile(str(path.absolute().parent)).toString()
    return f'<a href="{escape(folder)}" title="{escape(str(path))}">{escape(path.name)}</a>'
