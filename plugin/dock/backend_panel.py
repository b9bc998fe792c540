"""The backend in the dock: what it is and does, and how to get one where there is none."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from qgis.PyQt import sip
from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QShowEvent
from qgis.PyQt.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...processing.errors import BackendError, BitscapeError, Cancelled
from .. import settings
from ..backend.diagnosis import OLDEST, diagnose, interpreter
from ..backend.environment import HOW_TO_GET_IT, backend_python
from ..backend.resident import Resident
from ..translation import tr
from .text import wrapped

PULSE = 2000
"""Milliseconds between two looks whether an idle backend still lives."""

MISSING, CHECKING, STARTING, IDLE, WORKING, ENDED, FAILED = (
    "missing", "checking", "starting", "idle", "working", "ended", "failed")
PROBLEMS = (MISSING, CHECKING, FAILED)


class BackendPanel(QWidget):
    """Follows a resident backend and starts it when the panel is first shown. ``chosen`` (path): the user has chosen a
    Python, it has been seen to work, is kept in the settings, and the resident is being started with it.

    ``state`` is one of the constants above. Nothing is computed or waited for in the window's thread.
    """

    chosen = pyqtSignal(str)
    _checked = pyqtSignal(int, object, object)

    def __init__(
        self, resident: Resident, parent: Optional[QWidget] = None,
        find_python: Callable[[], Path] = backend_python,
    ) -> None:
        super().__init__(parent)
        self._resident, self._find_python = resident, find_python
        self._hello: dict[str, Any] = {}
        self._number = 0
        self._stop = threading.Event()
        self._looked = self._busy = self._loud = False
        self._failure = ""
        self.state = STARTING
        self._build()
        self._pulse = QTimer(self)
        self._pulse.setInterval(PULSE)
        self._pulse.timeout.connect(self._feel_pulse)
        self._checked.connect(self._on_checked, Qt.ConnectionType.QueuedConnection)
        resident.started.connect(self.show_versions)
        resident.busy.connect(self._on_busy)
        resident.died.connect(self._on_died)
        resident.failed.connect(self._on_failed)
        self._set(STARTING, tr("The backend starts when it is needed."))

    @property
    def text(self) -> str:
        """What is said now."""
        return _plain(self.line.text())

    @property
    def details(self) -> str:
        """What is said when the details are unfolded."""
        return _plain(self._details.text())

    def look(self, again: bool = False) -> None:
        """Look for the backend's Python and start it, or say what is missing. ``again``: the process that runs is ended
        and another one started."""
        self._looked = True
        self._stop.set()
        try:
            self._find_python()
        except BackendError as error:
            self._show_missing(error)
            return
        if again or not self._hello or self._resident.pid is None:
            self._set(STARTING, tr("Starting the backend…"))
            (self._resident.restart if again else self._resident.wake)()
        else:
            self.show_versions(self._hello)

    def try_python(self, chosen: str) -> None:
        """Start a backend with an interpreter, or a virtual environment, off this thread; if that works it is used
        from now on, else the reason is said and everything stays as it was."""
        python = interpreter(chosen)
        self._set(CHECKING, tr("Trying {0}…").format(python))
        self._check(python)

    def show_versions(self, hello: Mapping[str, Any]) -> None:
        """The backend runs: what it says of itself."""
        self._hello = dict(hello)
        if self.state != CHECKING:
            self._stop.set()
            self._set(WORKING if self._busy else IDLE, summary(hello), details(hello))

    def show_failure(self, message: str) -> None:
        """The backend does not start, or keeps ending; the reason is looked for in its Python."""
        if self.state == CHECKING or (self.state == FAILED and message == self._failure):
            return  # of every job that fails so, only the first is looked into
        self._failure = message
        try:
            python = self._find_python()
        except BackendError as error:
            self._show_missing(error)
            return
        self._set(FAILED, message)
        self._check(python, for_use=False)

    def close_checks(self) -> None:
        """Before the panel goes: nothing goes on."""
        self._stop.set()
        self._pulse.stop()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin when somebody looks."""
        super().showEvent(event)
        if not self._looked:
            self.look()

    # Building

    def _build(self) -> None:
        self.line, self._details, self.activity = wrapped(), wrapped(small=True), wrapped(small=True)
        self._details.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self.activity.setAccessibleName(tr("What the backend does"))
        self.unfold, self.again = QToolButton(), QToolButton()
        self.unfold.setText(tr("Details"))
        self.unfold.setCheckable(True)
        self.unfold.setAutoRaise(True)
        self.unfold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.unfold.setToolTip(tr("Versions, place and process of the backend, and choosing another Python"))
        self.unfold.toggled.connect(self._lay_open)
        self.again.setAutoRaise(True)
        self.again.clicked.connect(lambda: self.look(again=True))
        self.choose = QPushButton(tr("Choose a Python…"))
        self.choose.setToolTip(tr(
            "A Python {0} or newer that has requirements/backend.lock installed; it is tried before it is used."
        ).format(".".join(map(str, OLDEST))))
        self.choose.clicked.connect(self._choose_or_stop)
        quiet = QHBoxLayout()
        quiet.addWidget(self.activity, 1)
        quiet.addWidget(self.unfold)
        quiet.addWidget(self.again)
        # The place of "Install the backend": before the other button, and there where that is.
        self.ways = QHBoxLayout()
        self.ways.addWidget(self.choose)
        self.ways.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line)
        layout.addLayout(quiet)
        layout.addWidget(self._details)
        layout.addLayout(self.ways)
        self._small, self._normal = self.activity.font(), self.font()
        for button in (self.unfold, self.again):
            button.setFont(self._small)

    def _set(self, state: str, text: str, more: str = "", loud: bool = False) -> None:
        self.state = state
        self._loud = loud or state in PROBLEMS
        self.line.setFont(self._normal if self._loud else self._small)
        self.line.setText(_breakable(text))
        self.line.setToolTip(more)
        self._details.setText(_breakable(more))
        self.choose.setText(tr("Stop trying") if state == CHECKING else tr("Choose a Python…"))
        self.again.setText(tr("Try again") if state in (MISSING, FAILED) else tr("Restart"))
        self.again.setToolTip(
            tr("Look for the backend again") if state in (MISSING, FAILED) else
            tr("End the backend's process and start another; no label is lost"))
        self.again.setEnabled(state != CHECKING)
        self.activity.setText({
            MISSING: tr("No backend"), CHECKING: tr("Trying…"), STARTING: "", IDLE: tr("Backend idle"),
            WORKING: tr("Backend working…"), ENDED: tr("Backend ended"), FAILED: tr("Backend failed"),
        }[state])
        (self._pulse.start if state == IDLE else self._pulse.stop)()
        self._lay_open()

    def _lay_open(self, *_: Any) -> None:
        is_open = self.unfold.isChecked()
        self.unfold.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self._details.setVisible(is_open and bool(self._details.text()))
        self.choose.setVisible(is_open or self._loud)

    # What happens

    def _show_missing(self, error: BackendError) -> None:
        """One sentence: what is missing, and how to get it; all ways to do so are in the details."""
        what, how, _ = error.message.partition(HOW_TO_GET_IT.partition("{")[0])
        if how:
            what = tr("{0}; choose a Python {1} or newer that has requirements/backend.lock installed.").format(
                what.rstrip(" ."), ".".join(map(str, OLDEST)))
        self._set(MISSING, what, error.message)

    def _choose_or_stop(self) -> None:
        if self.state == CHECKING:
            self._stop.set()
            self._after_checking(tr("Not tried to the end; nothing has changed."))
            return
        start = str(self._hello.get("executable") or Path.home())
        path, _ = QFileDialog.getOpenFileName(self, tr("A Python that has Bitscape's packages"), start)
        if path:
            self.try_python(path)

    def _check(self, python: Path, for_use: bool = True) -> None:
        self._stop.set()
        self._number += 1
        stop = self._stop = threading.Event()
        threading.Thread(
            target=self._diagnose, args=(python, self._number, stop, for_use), name="bitscape-check", daemon=True
        ).start()

    def _diagnose(self, python: Path, number: int, stop: threading.Event, for_use: bool) -> None:
        """In a thread of its own."""
        found: Any
        try:
            found = diagnose(python, lambda: stop.is_set() or sip.isdeleted(self))
        except Cancelled:
            return
        except BitscapeError as error:
            found = error
        except Exception as error:  # else it would be tried for ever
            found = BackendError(tr("{0} could not be tried: {1}").format(python, error))
        try:
            self._checked.emit(number, python if for_use else None, found)
        except RuntimeError:  # the panel has gone meanwhile
            pass

    def _on_checked(self, number: int, python: Optional[Path], found: Any) -> None:
        if number != self._number or self._stop.is_set():
            return
        if isinstance(found, BitscapeError):
            if python is None or not self._hello or self._resident.pid is None:
                self._set(FAILED, found.message, found.detail)
            else:
                self._after_checking(found.message, found.detail)
        elif python is not None:
            settings.write(settings.BACKEND_PYTHON, str(python))
            self._set(STARTING, tr("Starting the backend…"))
            self._resident.restart()
            self.chosen.emit(str(python))

    def _after_checking(self, text: str, more: str = "") -> None:
        """What was tried is not used: the backend that runs goes on; where there is none, it is still missing."""
        if self._hello and self._resident.pid is not None:
            stays = tr("The backend stays what it was: {0}").format(summary(self._hello))
            self._set(WORKING if self._busy else IDLE, f"{text} {stays}", more or details(self._hello), loud=True)
            return
        try:
            self._find_python()
        except BackendError as error:
            self._show_missing(error)
        else:
            self._set(FAILED, text, more)

    def _on_busy(self, channel: str) -> None:
        self._busy = bool(channel)
        if self.state in (IDLE, WORKING):
            self.state = WORKING if channel else IDLE
            self.activity.setText(tr("Backend working…") if channel else tr("Backend idle"))
            (self._pulse.stop if channel else self._pulse.start)()
        elif channel and self.state == ENDED:
            self._set(STARTING, tr("Starting the backend…"))

    def _on_died(self, error: BitscapeError) -> None:
        if self.state != CHECKING:
            self._set(ENDED, tr("The backend ended; it starts again with the next click."), error.message)

    def _on_failed(self, channel: str, token: int, error: BitscapeError) -> None:
        if error.kind == BackendError.kind:
            self.show_failure(error.message)

    def _feel_pulse(self) -> None:
        if self._resident.pid is None:
            self._set(ENDED, tr("The backend ended; it starts again with the next click."), details(self._hello))


def summary(hello: Mapping[str, Any]) -> str:
    """Device and versions in one line: "CPU, 2 threads · Python 3.11.2 · numpy 2.4.6; Bitscape 0.1.0"."""
    versions, device = hello.get("versions", {}), hello.get("device", {})
    cores = int(device.get("cores", 1))
    threads = tr("1 thread") if cores == 1 else tr("{0} threads").format(cores)
    return tr("{0}, {1} · Python {2} · numpy {3}; Bitscape {4}").format(
        device.get("name", "CPU"), threads, *(versions.get(name, "?") for name in ("python", "numpy", "bitscape")))


def details(hello: Mapping[str, Any]) -> str:
    """The rest of what a backend says of itself, a line each."""
    versions = hello.get("versions", {})
    packages = [f"{name} {version}" for name, version in versions.items() if name not in ("python", "bitscape")]
    lines = [tr("Runs with {0}").format(hello["executable"])] if hello.get("executable") else []
    return "\n".join([
        *lines, tr("Packages: {0}").format(", ".join(packages)), tr("Process {0}").format(hello.get("pid", "?")),
        tr("It computes on the processor's cores; no GPU is used."),
    ])


def _breakable(text: str) -> str:
    """Long paths may go on in the next line."""
    return re.sub(r"(?<=\w)([/\\])", "\\1\u200b", text)


def _plain(text: str) -> str:
    return text.replace("\u200b", "")
