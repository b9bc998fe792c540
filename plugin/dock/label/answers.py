"""What the backend answered, spread over the panels: figures and warnings in words, scores and curves in the charts."""

from __future__ import annotations

from typing import Any, Optional

from qgis.PyQt.QtCore import QObject, QTimer

from ...translation import tr
from ..charts import ChartsPanel
from ..session import Session
from .guidance_panel import GuidancePanel
from .live_loop import LiveLoop
from .view_panel import ViewPanel

CHARTS_AFTER = 120
"""Milliseconds from an answer to its charts: the map is drawn first, and one drawing serves map and validation."""


class Answers(QObject):
    """Keeps the newest map answer and validation, and shows both together."""

    def __init__(
        self, session: Session, loop: LiveLoop, guidance: GuidancePanel, charts: ChartsPanel, view: ViewPanel,
        parent: Optional[QObject] = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._guidance, self._charts, self._view = session, guidance, charts, view
        self._map: dict[str, Any] = {}
        self._validation: dict[str, Any] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(CHARTS_AFTER)
        self._soon.timeout.connect(self._show_charts)
        loop.answered.connect(self._on_map)
        loop.validated.connect(self._on_validation)
        loop.curve_ready.connect(self._on_curve)
        session.tiles_changed.connect(self._forget)

    @property
    def validation(self) -> dict[str, Any]:
        """The newest validation; empty if there is none."""
        return self._validation

    def _forget(self) -> None:
        self._map, self._validation = {}, {}
        self._view.set_classes([])
        self._show_first_step()
        self._guidance.show_warnings([], self._session.table)
        self._on_curve({})
        self._show_charts_soon()

    def _show_first_step(self) -> None:
        self._guidance.show_nothing(
            tr("Label a few places of each class: the map answers from the second class on.") if self._session.tiles
            else tr("Choose data, then label a few places of each class."))

    def _on_map(self, result: dict[str, Any]) -> None:
        self._map = result
        model = result["model"]
        names = model["class_names"] if model else []
        table = self._session.table
        self._view.set_classes([(code, _name(table, code)) for code in names])
        self._show_charts_soon()
        self._show_warnings()

    def _on_validation(self, result: dict[str, Any]) -> None:
        self._validation = result
        if result:
            self._guidance.show_validation(result, len(self._session.training), self._session.table)
        else:
            self._show_first_step()
        self._show_charts_soon()
        self._show_warnings()

    def _on_curve(self, result: dict[str, Any]) -> None:
        reason = result.get("reason") or tr("Not enough clicks yet.")
        self._charts.show_learning_curve(
            result.get("clicks"), result.get("random", ()), result.get("spatial", ()), reason)

    def _show_warnings(self) -> None:
        result, model = self._map, self._map.get("model")
        warnings = list(result.get("warnings", ())) + list(self._validation.get("warnings", ()))
        if result and model is None and self._session.training and (
                result["reason"] != self._validation.get("random_reason")):
            warnings.insert(0, result["reason"])
        drawn = result.get("drawn")
        if drawn and drawn["extrapolated"]:
            share = drawn["extrapolated"] / max(drawn["covered"], 1)
            warnings.append(tr("{0:.0%} of the visible map is unlike every label").format(share))
        self._guidance.show_warnings(warnings, self._session.table)

    def _show_charts_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _show_charts(self) -> None:
        charts, table, validation = self._charts, self._session.table, self._validation
        model, drawn = self._map.get("model"), self._map.get("drawn")
        held_out = bool(validation.get("held_out"))
        scores, classes = (
            (validation["held_out"], validation["classes"]) if held_out else
            (model["scores"], model["classes"]) if model else ([], []))
        by_class = [
            (one.name, one.colour, [score for score, code in zip(scores, classes) if code == one.code])
            for one in table.classes
        ]
        charts.show_scores(
            drawn["histogram"] if model and drawn else None, [entry for entry in by_class if entry[2]],
            charts.threshold, held_out, tr("Label a few places of two classes."))
        curve = validation.get("curve")
        reason = validation.get("random_reason") or tr("Not enough clicks yet.")
        charts.show_precision_recall(
            *((curve["recall"], curve["precision"], curve["thresholds"]) if curve else (None, None, None)),
            charts.threshold, reason)
        labels = self._session.labels
        counts = labels.counts() if labels is not None else {}
        charts.show_counts([(one.name, one.colour, counts.get(one.code, 0)) for one in table.classes])
        self._show_weights(model)

    def _show_weights(self, model: Optional[dict[str, Any]]) -> None:
        tiles = self._session.tiles
        if model is None or tiles is None:
            self._charts.show_coefficients(None, None, tr("There is no model yet."))
            return
        number = model["class_names"].index(self._map["drawn"]["shown"]) if (
            len(model["importance"]) > 1 and self._map["drawn"]) else 0
        names = [f"PC{index} ({share:.0%})" for index, share in enumerate(tiles.explained_variance, 1)]
        self._charts.show_coefficients(names, model["importance"][number])


def _name(table: Any, code: str) -> str:
    found = table.by_code(code)
    return found.name if found else code
