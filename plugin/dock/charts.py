"""The charts panel: how scores, labels and validation look, and the threshold, which works without pyqtgraph too.

Plain numbers come in and one signal goes out: the panel knows neither the session nor the backend.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Optional

import numpy as np
from qgis.PyQt.QtCore import PYQT_VERSION_STR, QEvent, QObject, QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..translation import tr
from .text import wrapped

SCORES = 255
"""Scores 0 … 254 for 0 … 1; 255 would be no data."""

ClassScores = tuple[str, str, Any]
"""A class's name, its colour (#rrggbb) and the scores 0 … 1 of its labels."""
MeanAndDeviation = Optional[tuple[float, float]]


def import_plots() -> ModuleType | Exception:
    """The module with the plots; or why there are none: pyqtgraph is missing, broken, or bound to another Qt."""
    binding = f"PyQt{PYQT_VERSION_STR.split('.')[0]}"
    if "pyqtgraph" not in sys.modules:
        os.environ["PYQTGRAPH_QT_LIB"] = binding  # it would choose among the installed ones, not by what QGIS runs on
    try:
        import pyqtgraph

        if binding != pyqtgraph.Qt.QT_LIB:
            return ImportError(f"pyqtgraph uses {pyqtgraph.Qt.QT_LIB}, QGIS {binding}")
        from . import chart_plots
    except Exception as error:  # a broken installation can raise anything
        return error
    return chart_plots


def share_at_least(counts: np.ndarray, threshold: float) -> Optional[float]:
    """The share 0 … 1 of ``counts`` (pixels by score 0 … 254) whose score / 254 reaches the threshold; None of none."""
    total = float(counts.sum())
    if not total:
        return None
    first = int(np.ceil(threshold * (SCORES - 1) - 1e-6))
    return float(counts[max(0, first) :].sum()) / total


def percent(share: float) -> str:
    """A share as a percentage of two or three digits."""
    if 0 < share < 0.0001:
        return tr("< {0} %").format("0.01")
    decimals = 2 if share < 0.01 else 1 if share < 0.1 else 0
    return tr("{0} %").format(f"{100 * share:.{decimals}f}")


class ChartsPanel(QWidget):
    """One chart at a time, and the threshold below them, which is moved by line, slider or number alike.

    An argument that is None or empty clears its chart and shows ``reason`` in its place.
    """

    thresholdChanged = pyqtSignal(float)  # noqa: N815
    """The user has moved the threshold, 0 … 1; comes while dragging too."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._threshold = 0.5
        self._counts: Optional[np.ndarray] = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        plots = import_plots()
        self.missing: Optional[QLabel] = None
        """What is said where there is no pyqtgraph."""
        self._tabs: Optional[QStackedWidget] = None
        if isinstance(plots, Exception):
            self.missing = self._say_what_is_missing(plots)
            layout.addWidget(self.missing)
        else:
            self._add_charts(plots, layout)
        self._add_threshold(layout)
        self._spread()

    @property
    def threshold(self) -> float:
        """0 … 1."""
        return self._threshold

    def set_threshold(self, value: float) -> None:
        """Move the threshold without a signal."""
        self._threshold = min(1.0, max(0.0, float(value)))
        self._spread()

    def show_scores(
        self, map_counts: Optional[Sequence[int]], by_class: Sequence[ClassScores], threshold: float, held_out: bool,
        reason: str = "",
    ) -> None:
        """Scores of the visible map (255 counts of pixels, for the scores 0 … 254) and of the labels by class.

        A class of ``styling.ORANGE``, or else the first one, gets the triangle. ``held_out`` says whether the labels'
        scores come from models that had not seen them. Raises ValueError if there are not 255 counts.
        """
        counts = None if map_counts is None else np.asarray(map_counts, float)
        if counts is not None and counts.size and counts.shape != (SCORES,):
            raise ValueError(f"{SCORES} counts are needed, one for each score, not {counts.shape}")
        self._counts = counts if counts is not None and counts.any() else None
        if self._tabs is not None:
            self.scores.show_scores(self._counts, by_class, held_out, reason)
        self.set_threshold(threshold)

    def show_precision_recall(
        self, recall: Any, precision: Any, thresholds: Any, current_threshold: Optional[float] = None, reason: str = ""
    ) -> None:
        """The curve from held-out scores; ``recall[i]`` and ``precision[i]`` are those of score ≥ ``thresholds[i]``.

        One point more than thresholds (scikit-learn's end of the curve) is left out.
        """
        if self._tabs is not None:
            tables = [np.asarray([] if v is None else v, float) for v in (recall, precision, thresholds)]
            self.precision_recall.show_curve(*tables, reason)
        if current_threshold is not None:
            self.set_threshold(current_threshold)

    def show_learning_curve(
        self, sizes: Optional[Sequence[int]], random: Sequence[MeanAndDeviation],
        spatial: Sequence[MeanAndDeviation], reason: str = "",
    ) -> None:
        """F1, as (mean, standard deviation) or None, over numbers of clicks: held out at random and in new places."""
        if self._tabs is not None:
            self.learning.show_curves(() if sizes is None else sizes, (random or (), spatial or ()), reason)

    def show_counts(self, counts: Optional[Sequence[tuple[str, str, int]]], reason: str = "") -> None:
        """Labels by class: (name, colour, count)."""
        if self._tabs is not None:
            self.counts.show_counts(counts or (), reason)

    def show_coefficients(self, names: Optional[Sequence[str]], values: Any, reason: str = "") -> None:
        """The standardised weight of each component: by how much one standard deviation moves the logit."""
        if self._tabs is not None:
            table = np.asarray([] if values is None else values, float)
            self.coefficients.show_coefficients(() if names is None else names, table, reason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the dock, unless the slider or the number was clicked first."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _add_charts(self, plots: ModuleType, layout: QVBoxLayout) -> None:
        nothing = tr("Nothing to show yet: label a few places of two classes.")
        self._tabs = QStackedWidget()
        self._buttons = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(1)
        self.scores = plots.ScoresChart(tr("Scores and threshold"), nothing)
        self.precision_recall = plots.PrecisionRecallChart(tr("Precision and recall"), nothing)
        self.learning = plots.LearningChart(tr("Learning curve"), nothing)
        self.counts = plots.CountsChart(tr("Labels by class"), tr("No labels yet."))
        self.coefficients = plots.CoefficientsChart(tr("Weights of the components"), nothing)
        for chart, name, words in (
            (self.scores, tr("Scores"), tr("Scores of the visible map and of your labels, and the threshold")),
            (self.precision_recall, tr("PR"), tr("Precision over recall, from held-out scores")),
            (self.learning, tr("Learning"), tr("How F1 grows with the number of clicks")),
            (self.counts, tr("Classes"), tr("How many labels each class has")),
            (self.coefficients, tr("Weights"), tr("What the classifier goes by")),
        ):
            button = QToolButton()
            button.setText(name)
            button.setToolTip(words)
            button.setCheckable(True)
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setMinimumWidth(20)
            self._buttons.addButton(button, self._tabs.addWidget(chart))
            row.addWidget(button, 1)
        self._buttons.button(0).setChecked(True)
        self._buttons.buttonToggled.connect(
            lambda button, on: self._tabs.setCurrentIndex(self._buttons.id(button)) if on else None
        )
        self.scores.dragged.connect(lambda value: self._move(round(value, 2)))
        layout.addLayout(row)
        layout.addWidget(self._tabs, 1)

    def _say_what_is_missing(self, error: Exception) -> QLabel:
        words = QLabel(tr("Charts need pyqtgraph: apt install python3-pyqtgraph, or OSGeo4W's python3-pyqtgraph"))
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words.setToolTip(f"{type(error).__name__}: {error}")
        return words

    def _add_threshold(self, layout: QVBoxLayout) -> None:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setPageStep(10)
        self.spin = QDoubleSpinBox()
        self.spin.setRange(0, 1)
        self.spin.setDecimals(3)
        self.spin.setSingleStep(0.01)
        self.share = wrapped()
        label = QLabel(tr("&Threshold"))
        label.setBuddy(self.spin)
        for widget in (self.slider, self.spin):
            widget.setToolTip(tr("From this score on a place belongs to the class that is looked for"))
            widget.setAccessibleName(tr("Threshold of the score"))
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self)
        row = QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.spin)
        layout.addLayout(row)
        layout.addWidget(self.share)
        self.slider.valueChanged.connect(lambda value: self._move(value / 100))
        self.spin.valueChanged.connect(lambda value: self._move(round(value, 3)))

    def sizeHint(self) -> QSize:
        return QSize(320, super().sizeHint().height())

    def _move(self, value: float) -> None:
        """The user has moved the threshold: in steps of 0.01, of 0.001 where the number is typed."""
        if value != self._threshold:
            self.set_threshold(value)
            self.thresholdChanged.emit(self._threshold)

    def _spread(self) -> None:
        """Show the threshold wherever it is shown."""
        for widget, value in ((self.slider, round(100 * self._threshold)), (self.spin, self._threshold)):
            widget.blockSignals(True)
            widget.setValue(value)
            widget.blockSignals(False)
        shown = f"{self._threshold:.3f}"
        shown = shown[:-1] if shown.endswith("0") else shown
        share = None if self._counts is None else share_at_least(self._counts, self._threshold)
        text = tr("≥ {0}").format(shown)
        if share is not None:
            text = tr("≥ {0}: {1}\nof the visible map").format(shown, percent(share))
        self.share.setText(text.replace("\n", " ") if share is not None else "")
        self.share.setVisible(self._tabs is None and share is not None)
        if self._tabs is not None:
            self.scores.set_threshold(self._threshold, text)
            self.precision_recall.set_threshold(self._threshold, shown)
