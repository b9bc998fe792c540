"""What is to be run on what: a model, a raster, which band goes where, and where it computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from qgis.core import Qgis
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ....processing.errors import BitscapeError
from ...backend.resident import Resident
from ...settings import threads
from ...translation import tr
from . import model_files
from .model_info import ModelInfo

WARNING = Qgis.MessageLevel.Warning
DESCRIBE, SAVE = "describemodel", "savecard"
URGENCY = 0
SETTLING = 30
"""Milliseconds: model and raster that change together are asked for once."""


class ModelChoice(QObject):
    """State of the tab. ``described``: what is known has changed: another model or raster, their description, a
    failure. ``tuned``: bands or provider were chosen otherwise. ``said`` (text, level) is for the message bar."""

    described = pyqtSignal()
    tuned = pyqtSignal()
    card_saved = pyqtSignal(str)
    said = pyqtSignal(str, int)

    def __init__(self, resident: Resident, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._resident = resident
        self.model: Optional[Path] = None
        self.raster = ""
        self.info: Optional[ModelInfo] = None
        self.bands: Optional[list[int]] = None
        """As the user changed them; None: as proposed."""
        self.provider_chosen = ""
        """"" is automatic."""
        self.failure = ""
        self.detail = ""
        self._told = ""
        self._token = self._saving = -1
        self._wanted_bands: Optional[list[int]] = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING)
        self._settling.timeout.connect(self._ask)
        resident.answered.connect(self._on_answer)
        resident.failed.connect(self._on_failure)

    # What there is

    @property
    def is_reading(self) -> bool:
        """Whether a description is on its way, or a card is being saved, after which one will be."""
        return self._settling.isActive() or self._token >= 0 or self._saving >= 0

    @property
    def card(self) -> Optional[Path]:
        """The model's card where it is not beside the model."""
        return model_files.card_of(self.model) if self.model is not None else None

    @property
    def mapping(self) -> list[int]:
        """The band of each channel that has one; 0 where none is known."""
        if self.bands is not None:
            return list(self.bands)
        return [slot.band or 0 for slot in self.info.slots] if self.info is not None else []

    def hindrance(self) -> str:
        """Why nothing can be run, "" if it can."""
        if self.model is None:
            return tr("Choose a model first.")
        if self.failure:
            return self.failure
        if self.info is None:
            return tr("Looking at {0}…").format(self.model.name)
        if not self.raster:
            return tr("Choose the raster that the model is to see.")
        if self.info.card_problems:
            return self.info.card_problems[0]
        if self.is_reading:
            return tr("Looking at the raster…")
        if self.info.raster is None:
            return self.info.problems[0] if self.info.problems else tr("The raster cannot be read.")
        if self.bands is None and self.info.problems:
            return self.info.problems[0]
        if not all(self.mapping):
            missing = [slot.name for slot, band in zip(self.info.slots, self.mapping) if not band]
            return tr("Choose the band for {0}.").format(", ".join(missing))
        return ""

    # What is chosen

    def set_model(self, path: Optional[Path], bands: Optional[list[int]] = None) -> None:
        """Another model, or none. ``bands``: of a project that remembers them."""
        if path == self.model and bands is None:
            return
        self.model, self.info, self.bands, self._wanted_bands = path, None, None, bands
        self.failure = self.detail = ""
        self._later()

    def set_raster(self, source: str) -> None:
        """Another raster; bands are proposed anew."""
        if source != self.raster:
            self.raster, self.bands = source, None
            self._later()

    def set_band(self, place: int, band: int) -> None:
        """Let the channel at ``place`` (from 0) see another band (from 1)."""
        found = self.mapping
        if 0 <= place < len(found) and found[place] != band:
            found[place] = band
            self.bands = found
            if self.info is not None and found == [slot.band or 0 for slot in self.info.slots]:
                self.bands = None
            self.tuned.emit()

    def propose_bands(self) -> None:
        """Back to what was proposed."""
        if self.bands is not None:
            self.bands = None
            self.tuned.emit()

    def set_provider(self, key: str) -> None:
        """Compute there; "" is automatic."""
        if key != self.provider_chosen:
            self.provider_chosen = key
            self.tuned.emit()
            self._later()

    def save_card(self, fields: Mapping[str, Any]) -> None:
        """Keep what the user filled in, beside the model, and describe it anew."""
        if self.model is not None:
            request: dict[str, Any] = {"model": str(self.model), "fields": dict(fields)}
            try:
                place = model_files.place_for_card(self.model)
            except OSError as error:
                self.said.emit(tr("There is no place for the card: {0}").format(error), WARNING)
                return
            if place is not None:
                request["card"] = str(place)
            self._saving = self._resident.submit(SAVE, SAVE, request, URGENCY)

    def describe(self) -> None:
        """Look at model and raster again."""
        self._later()

    def forget(self) -> None:
        """Choose nothing."""
        self.raster = ""
        self.set_model(None)

    def close(self) -> None:
        """Ask nothing more."""
        self._settling.stop()
        for channel in (DESCRIBE, SAVE):
            self._resident.cancel(channel)

    # Inside

    def _later(self) -> None:
        self._token = -1
        self._settling.start()
        self.described.emit()

    def _ask(self) -> None:
        if self.model is None:
            self._resident.cancel(DESCRIBE)
            self.described.emit()
            return
        request: dict[str, Any] = {
            "model": str(self.model), "rasters": [self.raster] if self.raster else [], "threads": threads()}
        if self.card is not None:
            request["card"] = str(self.card)
        if self.provider_chosen:
            request["provider"] = self.provider_chosen
        self._token = self._resident.submit(DESCRIBE, DESCRIBE, request, URGENCY)

    def _on_answer(self, channel: str, token: int, result: dict[str, Any]) -> None:
        if (channel, token) == (SAVE, self._saving):
            self._saving = -1
            self.card_saved.emit(str(result.get("sidecar") or ""))
            self._later()
        elif (channel, token) == (DESCRIBE, self._token):
            self._token = -1
            first = self.info is None
            self.info, self.failure, self.detail = ModelInfo.of(result), "", ""
            if self.info.raster is not None:
                wanted, self._wanted_bands = self._wanted_bands, None
                if wanted and len(wanted) == len(self.info.slots) and wanted != self.mapping:
                    self.bands = wanted
            if first and self.model is not None:
                model_files.remember(self.model)
            if self.info.fallback and self.info.fallback != self._told:
                self.said.emit(self.info.fallback, WARNING)
            self._told = self.info.fallback
            self.described.emit()

    def _on_failure(self, channel: str, token: int, error: BitscapeError) -> None:
        if (channel, token) == (SAVE, self._saving):
            self._saving = -1
            self.said.emit(error.message, WARNING)
            self.described.emit()
        elif (channel, token) == (DESCRIBE, self._token):
            self._token = -1
            self.failure, self.detail = error.message, error.detail
            self.described.emit()
