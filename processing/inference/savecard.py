"""The operation savecard: what a form says of a model, checked against the model, and remembered beside it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from pydantic import Field

from ..errors import ModelError
from ..operations import Request, Result
from ..outputs import require_folder
from ..progress import Progress
from .card import CardFields
from .card_file import check_fields, save_sidecar, sidecar_fields, sidecar_path
from .model import Model


class SaveCardRequest(Request):
    """``fields``: card fields by name (see ``card.CardFields``), as JSON values; None takes back what a sidecar said of
    a field. ``card``: where to write, "" for ``<model>.card.json`` beside the model."""

    model: Path
    fields: dict[str, Any] = Field(max_length=100)
    card: Path | None = None


class SavedCard(Result):
    """The file, and what was assumed or overridden."""

    sidecar: Path
    notes: list[str]


def save_card(request: SaveCardRequest, progress: Progress) -> SavedCard:
    """Check the fields by themselves, then with the model, then write the sidecar, whole or not at all.

    What a sidecar says already and the form does not touch stays. Raises ModelError that names the field, its value and
    what is right, or what model and card expect of each other.
    """
    unknown = sorted(request.fields.keys() - CardFields.model_fields.keys())
    if unknown:
        raise ModelError(f"A card has no field {', '.join(map(repr, unknown[:8]))}.")
    target = request.card or sidecar_path(request.model)
    require_folder(target)
    said, form = sidecar_fields(target) if target.is_file() else ({}, set())
    said = {name: value for name, value in {**said, **request.fields}.items() if value is not None}
    form |= request.fields.keys()
    check_fields(said)
    with tempfile.TemporaryDirectory(prefix="bitscape-card-") as folder:
        trial = Path(folder) / "card.json"
        trial.write_text(json.dumps(said), encoding="utf-8")
        model = Model.open(request.model, "cpu", 1, trial, progress)
    save_sidecar(target, said, form, progress)
    return SavedCard(sidecar=target, notes=model.notes)
