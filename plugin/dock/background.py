"""Algorithms of Processing in the background: one after another as one run, which can be cancelled, with its layers.

A run is whole or nothing: cancelled or failed it leaves no file that it made, also none of the steps before.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Optional, Union

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsLayerTreeGroup,
    QgsProcessingAlgorithm,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsTask,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QObject, QTimer, pyqtSignal

from ...processing.errors import BitscapeError
from ..layers.live_layers import ROLE
from ..translation import tr

INFO, WARNING, ERROR = Qgis.MessageLevel.Info, Qgis.MessageLevel.Warning, Qgis.MessageLevel.Critical
PATIENCE = 4.0
"""Seconds that closing waits for a cancelled step: its backend is killed after two."""
POLL = 0.02
SIDECARS = (".basis.json", ".qml", ".qmd")

Results = dict[str, Any]
Parameters = Union[dict[str, Any], Callable[[Sequence[Results]], dict[str, Any]]]
Group = Callable[[], QgsLayerTreeGroup]


@dataclass(frozen=True)
class Step:
    """One algorithm of a run. ``parameters`` may depend on the results of the steps before; ``share`` is its part of
    the whole work."""

    algorithm: str
    parameters: Parameters
    title: str
    share: float = 1.0


class BackgroundRun(QObject):
    """Runs steps off the GUI thread, in QGIS's own task list, and then loads what they made into a group.

    ``progressed`` (0…1 of the whole run, what is done), ``logged`` (text, level), and one of ``finished`` (results of
    the last step), ``failed`` (words) and ``cancelled``. Call ``start`` when these are connected.
    """

    progressed = pyqtSignal(float, str)
    logged = pyqtSignal(str, int)
    finished = pyqtSignal(dict)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()

    def __init__(
        self, steps: Sequence[Step], project: QgsProject, group: Optional[Group] = None, made: Iterable[Path] = (),
        parent: Optional[QObject] = None,
    ) -> None:
        """``group`` is asked for when there is something to load; without it nothing is loaded. ``made``: files and
        folders that the run makes; those that were not there before go again unless it finishes."""
        super().__init__(parent)
        self.steps = tuple(steps)
        self.results: list[Results] = []
        self.log: list[str] = []
        self.project_closed = False
        """Whether the project was closed or replaced in the meantime; then nothing is loaded into the new one."""
        self._project, self._group = project, group
        made = [one for path in made for one in (path, *(path.with_suffix(ending) for ending in SIDECARS))]
        self._fresh = [path for path in made if not path.exists()]
        self._works: list[_Work] = []
        self._state = "new"
        self._fraction, self._text = 0.0, ""
        project.cleared.connect(self._on_cleared)

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._state in ("running", "cancelling")

    def start(self) -> None:
        """Begin; nothing of the algorithm itself happens in this thread."""
        self._state = "running"
        # later, Python's end and the task would wait for each other
        QCoreApplication.instance().aboutToQuit.connect(self.close)
        self._next()

    def cancel(self) -> None:
        """Stop. ``cancelled`` follows, within two seconds even if the backend does not answer."""
        if self._state == "running":
            self._state = "cancelling"
            self._tell(self._fraction, tr("Cancelling…"))
            self._works[-1].cancel()

    def close(self) -> None:
        """Stop and wait until it has: for the end of the dock or of QGIS. No signal comes any more."""
        self.blockSignals(True)
        was_running, self._state = self.is_running, "closed"
        if was_running:
            self._works[-1].cancel()
            self._works[-1].wait(PATIENCE)
            self._sweep()

    def _next(self) -> None:
        step = self.steps[len(self.results)]
        self._tell(self._done, step.title)
        try:
            given = step.parameters(self.results) if callable(step.parameters) else step.parameters
            work = _Work(step.algorithm, given, self._project)
        except BitscapeError as error:
            self._fail(error.message)
            return
        self._works.append(work)
        work.feedback.progressChanged.connect(self._on_progress)
        work.feedback.stage.connect(self._on_stage)
        work.feedback.said.connect(self._on_said)
        work.task.executed.connect(self._on_executed)
        self.destroyed.connect(work.feedback.cancel)
        work.start()

    def _on_executed(self, done: bool, results: Results) -> None:
        if not self.is_running:
            return
        work = self._works[-1]
        if work.feedback.isCanceled():
            self._state = "ended"
            self._sweep()
            self.cancelled.emit()
        elif not done:
            self._fail(work.feedback.words)
        else:
            self.results.append(dict(results))
            if len(self.results) < len(self.steps):
                self._next()
            else:
                self._finish()

    def _finish(self) -> None:
        self._state = "ended"
        if self._group is not None and not self.project_closed:
            for work in self._works:
                for path in load_layers(work.context, self._project, self._group()):
                    self._on_said(tr("{0} was made but cannot be loaded.").format(path), WARNING)
        self._tell(1.0, "")
        self._release()
        self.finished.emit(self.results[-1])

    def _fail(self, words: str) -> None:
        self._state = "ended"
        self._sweep()
        self.failed.emit(words)

    def _sweep(self) -> None:
        """Take away what the steps made so far, and let go of what they held open."""
        self._release()
        for path in self._fresh:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.unlink()

    def _release(self) -> None:
        for signal, slot in (
            (self._project.cleared, self._on_cleared), (QCoreApplication.instance().aboutToQuit, self.close),
        ):
            with contextlib.suppress(TypeError):  # disconnected already
                signal.disconnect(slot)
        self._works.clear()

    def _on_cleared(self) -> None:
        self.project_closed = True

    @property
    def _done(self) -> float:
        """The share of the whole that is behind us."""
        return sum(one.share for one in self.steps[: len(self.results)]) / sum(one.share for one in self.steps)

    def _on_progress(self, percent: float) -> None:
        if self._state == "running":
            share = self.steps[len(self.results)].share / sum(one.share for one in self.steps)
            self._tell(self._done + share * min(1.0, max(0.0, percent / 100)), self._text)

    def _on_stage(self, text: str) -> None:
        if self._state == "running":
            self._tell(self._fraction, text or self.steps[len(self.results)].title)

    def _on_said(self, text: str, level: int) -> None:
        self.log.append(text)
        self.logged.emit(text, level)

    def _tell(self, fraction: float, text: str) -> None:
        self._fraction, self._text = max(self._fraction, fraction), text
        self.progressed.emit(self._fraction, text)


class _Feedback(QgsProcessingFeedback):
    """What an algorithm says in its thread, as signals."""

    stage = pyqtSignal(str)
    said = pyqtSignal(str, int)

    def __init__(self) -> None:
        super().__init__(False)
        self.errors: list[str] = []

    @property
    def words(self) -> str:
        """What went wrong, for people."""
        found = self.errors[0].strip() if self.errors else ""
        if not found or "Traceback" in found:
            last = found.splitlines()[-1] if found else ""
            return f"{tr('The run ended in the middle, and that is a fault of ours. See the details.')} {last}".strip()
        return found

    def setProgressText(self, text: str) -> None:
        self.stage.emit(text)

    def reportError(self, error: str, fatalError: bool = False) -> None:
        self.errors.append(error)
        self.said.emit(error, ERROR)

    def pushWarning(self, warning: str) -> None:
        self.said.emit(warning, WARNING)

    def pushInfo(self, info: str) -> None:
        self.said.emit(info, INFO)

    def pushDebugInfo(self, info: str) -> None:
        self.said.emit(info, INFO)


class _Work:
    """One algorithm with all that its task uses. It is kept until the task is gone, whatever becomes of the run: the
    task has only pointers to context and feedback."""

    _kept: ClassVar[list[_Work]] = []

    def __init__(self, name: str, parameters: dict[str, Any], project: QgsProject) -> None:
        """Check the parameters and prepare. Raises BitscapeError in words."""
        self.algorithm: Optional[QgsProcessingAlgorithm] = QgsApplication.processingRegistry().createAlgorithmById(name)
        if self.algorithm is None:
            message = tr("The algorithm {0} is not there. Is Bitscape switched on in the Processing options?")
            raise BitscapeError(message.format(name))
        self.context = QgsProcessingContext()
        self.context.setProject(project)
        self.feedback = _Feedback()
        fine, words = self.algorithm.checkParameterValues(parameters, self.context)
        if not fine:
            raise BitscapeError(words)
        self.task = QgsProcessingAlgRunnerTask(self.algorithm, parameters, self.context, self.feedback)
        if self.feedback.errors:
            raise BitscapeError(self.feedback.words)

    def start(self) -> None:
        """Hand the task to QGIS."""
        self._kept[:] = [one for one in self._kept if not sip.isdeleted(one.task)]
        self._kept.append(self)
        self.task.executed.connect(self._let_go)
        QgsApplication.taskManager().addTask(self.task)

    def cancel(self) -> None:
        """Ask it to stop; also a task that still waits for its turn."""
        self.feedback.cancel()
        if not self.is_over:
            self.task.cancel()

    @property
    def is_over(self) -> bool:
        """Whether the task's thread has done with it."""
        over = (QgsTask.TaskStatus.Complete, QgsTask.TaskStatus.Terminated)
        return sip.isdeleted(self.task) or self.task.status() in over

    def wait(self, seconds: float) -> None:
        """Wait for the end of the task's thread, with no event of any other object."""
        end = time.monotonic() + seconds
        while not self.is_over and time.monotonic() < end:
            time.sleep(POLL)  # the thread needs Python; QgsTask's own waiting would keep it
            QCoreApplication.sendPostedEvents(self.task, 0)  # how a task learns of its end

    def _let_go(self, *_: Any) -> None:
        QTimer.singleShot(0, lambda: self._kept.remove(self) if self in self._kept else None)


def load_layers(context: QgsProcessingContext, project: QgsProject, group: QgsLayerTreeGroup) -> list[str]:
    """Load what an algorithm registered, named and styled as it says, into a group; the paths that could not be.

    Not by the Processing plugin's own function: that has another signature in every other version, and its own group.
    """
    missing = []
    for path, details in context.layersToLoadOnCompletion().items():
        layer = QgsProcessingUtils.mapLayerFromString(path, context, True, details.layerTypeHint)
        if layer is None:
            missing.append(path)
            continue
        if project.mapLayer(layer.id()) is None:
            layer.setName(details.name or layer.name())
            project.addMapLayer(context.temporaryLayerStore().takeMapLayer(layer), False)
            group.insertLayer(place_for_results(group), layer)
        if details.postProcessor() is not None:
            details.postProcessor().postProcessLayer(layer, context, QgsProcessingFeedback(False))
    return missing


def load_rasters(paths: Iterable[Path], project: QgsProject, group: QgsLayerTreeGroup) -> None:
    """Load results that lie on the disk, the last on top, named and styled by their sidecars; those that the project
    has already are left alone."""
    shown = {Path(layer.source()) for layer in project.mapLayers().values() if isinstance(layer, QgsRasterLayer)}
    for path in paths:
        layer = QgsRasterLayer(str(path), path.stem, "gdal")
        if path in shown or not layer.isValid():
            continue
        layer.loadDefaultMetadata()
        layer.setName(layer.metadata().title() or path.stem)
        project.addMapLayer(layer, False)
        group.insertLayer(place_for_results(group), layer)


def place_for_results(group: QgsLayerTreeGroup) -> int:
    """Below the labels and the live layers, above older results."""
    roles = [child.layer().customProperty(ROLE) if hasattr(child, "layer") and child.layer() else None
             for child in group.children()]
    return max((place + 1 for place, role in enumerate(roles) if role), default=0)
