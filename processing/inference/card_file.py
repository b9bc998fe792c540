"""Where cards are kept: the ONNX metadata and a sidecar beside the model, which wins field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ModelError
from ..outputs import whole_or_nothing
from ..progress import Progress
from .card import MAX_CARD, Card, CardFields, Source
from .deepness_keys import Fields, Problem, read_deepness

METADATA_KEY = "bitscape_card"
FORM_KEY = "form_fields"
"""In a sidecar: the fields that a person filled in, rather than the model's maker."""

MOST_TOLD = 20
"""Wrong fields that are named."""

UNCHECKED = "card"
"""Stands for the field where a problem concerns all of a card."""


@dataclass(frozen=True)
class Reading:
    """A card as read. ``problems``: values that cannot be used, in words; ``notes``: what overrides what."""

    card: Card
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sidecar: Path | None = None


def sidecar_path(model: Path) -> Path:
    """Where the card of a model is: ``<name>.card.json`` beside it."""
    return model.with_name(f"{model.stem}.card.json")


def read_card(model: Path, metadata: Mapping[str, str], sidecar: Path | None = None) -> Reading:
    """The card of a model from its metadata and its sidecar (``sidecar``, else the one beside it, if there is one).

    A value that cannot be used is left out and listed, unless the sidecar says it better. Raises ModelError where the
    file ``sidecar`` is missing, or is no card at all.
    """
    fields, problems = read_deepness(metadata)
    fields, wrong = _checked(fields, "the metadata")
    problems += wrong
    sources: dict[str, Source] = dict.fromkeys(fields, "metadata")
    if METADATA_KEY in metadata:
        ours, wrong = _own(metadata[METADATA_KEY], f"the metadata key {METADATA_KEY}")
        problems = [one for one in problems if one[0] not in ours] + wrong
        fields |= ours
        sources |= dict.fromkeys(ours, "metadata")
    notes: list[str] = []
    found = sidecar or _beside(model)
    if found is not None:
        said, form = sidecar_fields(found)
        said, wrong = _checked(said, found.name)
        changed = sorted(name for name in said if name in fields and fields[name] != said[name])
        if changed:
            notes.append(f"{found.name} says otherwise than the model's metadata, and counts: {', '.join(changed)}.")
        problems = [one for one in problems if one[0] not in said] + wrong
        fields |= said
        sources |= {name: "form" if name in form else "sidecar" for name in said}
    card = Card.model_validate({**fields, "sources": sources})
    return Reading(card, [text for _, text in problems], notes, found)


def save_sidecar(path: Path, said: Fields, form: set[str], progress: Progress) -> None:
    """Write a sidecar, whole or not at all: the fields ``said``, of which a form gave ``form``.

    Raises ModelError where a value is not right.
    """
    checked = _complete(said, path.name)
    content = {name: _plain(getattr(checked, name)) for name in CardFields.model_fields if name in said}
    text = json.dumps({"version": 1, **content, FORM_KEY: sorted(form & said.keys())}, indent=1, ensure_ascii=False)
    with whole_or_nothing(progress, path) as (partial,):
        partial.write_text(text + "\n", encoding="utf-8")


def sidecar_fields(path: Path) -> tuple[Fields, set[str]]:
    """What a sidecar says, as unchecked JSON values, and which of it a form gave. Raises ModelError where it is no "
    "card."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_CARD + 1)
    except FileNotFoundError as error:
        raise ModelError(f"There is no card {path}. Check the path, or leave it empty.") from error
    except OSError as error:
        raise ModelError(f"The card {path} cannot be read.", str(error)) from error
    if len(content) > MAX_CARD:
        raise ModelError(f"{path} is larger than {MAX_CARD // 2**20} MiB; it is no model's card.")
    try:
        said = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"The card {path} is not JSON text. Mend or remove it.", str(error)[:500]) from error
    if not isinstance(said, dict):
        raise ModelError(f"The card {path} should be a JSON object of fields; it is a {type(said).__name__}.")
    form = said.pop(FORM_KEY, [])
    return said, {name for name in form if isinstance(name, str)} if isinstance(form, list) else set()


def check_fields(said: Fields) -> None:
    """Raise ModelError that names each field of a card that is not right, its value and what would be."""
    _complete(said, "The card")


def card_json(card: CardFields) -> str:
    """The text for the metadata key ``bitscape_card``: every field that differs from the default."""
    return card.model_dump_json(exclude_defaults=True)


def _beside(model: Path) -> Path | None:
    for path in (sidecar_path(model), model.with_name(f"{model.name}.card.json")):
        if path.is_file():
            return path
    return None


def _own(text: str, where: str) -> tuple[Fields, list[Problem]]:
    if len(text) > MAX_CARD:
        return {}, [(UNCHECKED, f"{where} has {len(text)} characters; a card has at most {MAX_CARD}.")]
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, [(UNCHECKED, f"{where} is not JSON text ({error!s:.100}).")]
    if not isinstance(said, dict):
        return {}, [(UNCHECKED, f"{where} should be a JSON object of fields; it is {said!r:.60}.")]
    said.pop(FORM_KEY, None)
    return _checked(said, where)


def _checked(said: Fields, where: str) -> tuple[Fields, list[Problem]]:
    """The fields that are right, as JSON values, and what is wrong with the others."""
    try:
        CardFields.model_validate(said)
        return said, []
    except ValidationError as error:
        wrong = {str(problem["loc"][0]) if problem["loc"] else UNCHECKED for problem in error.errors()}
        rest = {name: value for name, value in said.items() if name not in wrong}
        return rest, _explained(error, where)


def _complete(said: Fields, where: str) -> CardFields:
    try:
        return CardFields.model_validate(said)
    except ValidationError as error:
        raise ModelError(" ".join(text for _, text in _explained(error, where)), str(error)[:2000]) from error


def _explained(error: ValidationError, where: str) -> list[Problem]:
    """The first thing that is wrong with each field."""
    found: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        field_name = str(problem["loc"][0]) if problem["loc"] else UNCHECKED
        path = ".".join(str(part) for part in problem["loc"]) or UNCHECKED
        if problem["type"] == "extra_forbidden":
            text = f"{where}: {path!r:.100} is no field of a card."
        else:
            text = (
                f"{where}: {path!r:.100} is {problem['input']!r:.120}; {problem['msg'].removeprefix('Value error, ')}."
            )
        found.setdefault(field_name, text)
    return list(found.items())[:MOST_TOLD]


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
