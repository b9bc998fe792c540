"""What all algorithms share: names, help, icon, and one way to run the backend and to tell what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QEventLoop, QThread
from qgis.PyQt.QtGui import QIcon
from qgis.utils import iface

from ...processing.errors import BitscapeError, Cancelled
from ..backend.client import Client
from ..backend.environment import ROOT, backend_python
from ..translation import tr
from .sources import absolute

RESOURCES = ROOT / "resources"

GROUPS = {
    "setup": QT_TRANSLATE_NOOP("Bitscape", "Set-up"),
    "labelsandclassification": QT_TRANSLATE_NOOP("Bitscape", "Labels and classification"),
    "accuracyandarea": QT_TRANSLATE_NOOP("Bitscape", "Accuracy and area"),
    "changewithoutlabels": QT_TRANSLATE_NOOP("Bitscape", "Change without labels"),
    "similaritysearch": QT_TRANSLATE_NOOP("Bitscape", "Similarity search"),
    "deeplearning": QT_TRANSLATE_NOOP("Bitscape", "Deep-learning models"),
    "compression": QT_TRANSLATE_NOOP("Bitscape", "Compression"),
}


class BitscapeAlgorithm(QgsProcessingAlgorithm):
    """An algorithm of the backend. Subclasses name it, define its parameters, and turn them into a request.

    ``ID`` is also the name of the operation, of the help page and of the icon.
    """

    ID: ClassVar[str]
    GROUP: ClassVar[str]
    TAGS: ClassVar[str]
    """Further words to find it by, separated by commas, translated as one text."""

    def createInstance(self) -> QgsProcessingAlgorithm:
        return type(self)()

    def name(self) -> str:
        return self.ID

    def group(self) -> str:
        return tr(GROUPS[self.GROUP])

    def groupId(self) -> str:
        return self.GROUP

    def tags(self) -> list[str]:
        return [word.strip() for word in tr(self.TAGS).split(",")]

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(RESOURCES / "icons" / f"{self.ID}.svg")

    def shortHelpString(self) -> str:
        return (RESOURCES / "help" / f"{self.ID}.html").read_text(encoding="utf-8")

    def add(self, parameter: QgsProcessingParameterDefinition, help_text: str = "", advanced: bool = False) -> None:
        """Add a parameter, with a line of help under the pointer, folded away if ``advanced``."""
        if help_text:
            parameter.setHelp(help_text)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

    def run_backend(self, request: dict[str, Any], feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Run this algorithm's operation in a backend process of its own and return its result.

        Progress and log go to ``feedback``. Raises QgsProcessingException in the user's words: also when cancelled, so
        that qgis_process does not report success.
        """
        feedback.pushDebugInfo(f"{self.ID} {json.dumps(request, ensure_ascii=False)}")
        last = [""]

        def on_progress(fraction: float, message: str) -> None:
            feedback.setProgress(100 * fraction)
            if message != last[0]:
                last[0] = message
                feedback.setProgressText(message)

        def on_log(message: str, level: str) -> None:
            if level == "warning":
                feedback.pushWarning(message)
            else:
                feedback.pushInfo(message)

        def is_cancelled() -> bool:
            _hear_signals()
            return feedback.isCanceled()

        try:
            with Client(backend_python(), is_cancelled) as client:
                return client.call(self.ID, request, on_progress, on_log, is_cancelled)
        except Cancelled as error:
            raise QgsProcessingException(tr("Cancelled; nothing was written.")) from error
        except BitscapeError as error:
            if error.detail:
                feedback.pushDebugInfo(error.detail)
            raise QgsProcessingException(error.message) from error

    def validateInputCrs(self, parameters: dict[str, Any], context: QgsProcessingContext) -> bool:
        """Always true: QGIS's own check would load the rasters, and the backend compares them and names both."""
        return True

    def raster_output(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> str | None:
        """The absolute path of a raster destination; None if an optional one is left out."""
        path = self.parameterAsOutputLayer(parameters, name, context)
        return path or None

    def file_output(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> str:
        """The absolute path of a file destination."""
        return absolute(self.parameterAsFileOutput(parameters, name, context))


def _hear_signals() -> None:
    """Let qgis_process hear Ctrl+C: its signal arrives as an event, and the algorithm runs in its only thread."""
    application = QCoreApplication.instance()
    if iface is None and application is not None and QThread.currentThread() == application.thread():
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)


def beside(feedback: QgsProcessingFeedback, write: Callable[..., None], *arguments: Any) -> None:
    """Write a style or metadata file beside a result. The result stands without it, so a failure is only told."""
    try:
        write(*arguments)
    except OSError as error:
        text = tr("The style or metadata beside {0} could not be written: {1}")
        feedback.pushWarning(text.format(arguments[0], error))
