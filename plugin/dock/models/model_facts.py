"""What a model's card says, as people read it: one line a fact, each with the place it comes from."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ...translation import tr

DEFAULT = "default"
MANY = 24
"""Classes beyond these are counted, not listed."""

FEW = 3
"""Figures of accuracy in the short card."""


@dataclass(frozen=True)
class Fact:
    """``text`` is HTML; ``source`` "metadata", "sidecar", "form", "default", or "model": seen in its shape."""

    name: str
    text: str
    source: str


def facts(
    card: Mapping[str, Any], sources: Mapping[str, str], channels: Sequence[str], whole: bool = True
) -> list[Fact]:
    """The card, in the order in which one asks; not ``whole``: only what decides whether it is of use here.
    ``channels``: what the model takes, in order, as far as is known."""

    def fact(name: str, field: str, text: str) -> Fact:
        return Fact(name, text, sources.get(field, DEFAULT))

    found = [fact(tr("Finds"), "heads", _finds(card))]
    if channels:
        found.append(fact(tr("From"), "bands", escape(", ".join(channels))))
    found.append(fact(tr("Resolution"), "resolution", _resolution(card, whole)))
    found.append(fact(tr("Measured"), "accuracy", _accuracy(card) if whole else _accuracy_in_short(card)))
    if card.get("limits"):
        found.append(fact(tr("Limits"), "limits", f"<small>{_lines(card['limits'])}</small>"))
    if not whole:
        return found
    found.append(fact(tr("Scaling"), "scale", _scaling(card)))
    if card.get("training_data"):
        found.append(fact(tr("Trained on"), "training_data", _lines(card["training_data"])))
    found.append(fact(tr("Licence"), "licence", escape(card.get("licence") or tr("not stated"))))
    if card.get("attribution"):
        found.append(fact(tr("Attribution"), "attribution", _lines(card["attribution"])))
    return found


def source_words(source: str) -> str:
    """Where a value comes from, as a sentence for the pointer."""
    return {
        "metadata": tr("The model says so itself (its metadata)."),
        "sidecar": tr("From the card beside the model."),
        "form": tr("You said so, in the form; it is kept in the card beside the model."),
        "model": tr("Seen in the model: the shape of what goes in and comes out."),
    }.get(source, tr("Assumed: nothing says so. “Edit the card” corrects it."))


def type_words(model_type: str) -> str:
    """What a type of model does."""
    return {
        "Segmentor": tr("classes of pixels (segmentation)"), "Regressor": tr("numbers for pixels (regression)"),
        "Detector": tr("objects in boxes (detection)"), "Superresolution": tr("a finer picture (super-resolution)"),
        "Recognition": tr("places like an example (recognition)"),
    }.get(model_type, tr("of a type that is not known"))


def swatch(colour: str) -> str:
    """A small square in a colour, as HTML; its outline keeps it visible on any background."""
    return f'<span style="color:{escape(colour or "#7f7f7f")}">■</span>'


def palette(number: int) -> str:
    """A colour for a class that has none: far from those of its neighbours."""
    red, green, blue = colorsys.hls_to_rgb(number * 0.618034 % 1.0, 0.45, 0.6)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _finds(card: Mapping[str, Any]) -> str:
    heads = card.get("heads") or []
    if card.get("model_type") == "Regressor":
        names = [entry["name"] for head in heads for entry in head["classes"]] or [
            head["name"] for head in heads if head.get("name")]
        return escape(", ".join(names) or tr("a number; its name is not stated"))
    if not any(head["classes"] for head in heads):
        return escape(tr("classes without names"))
    lines = []
    for number, head in enumerate(heads, 1):
        shown = [f"{swatch(entry['colour'])}&nbsp;{escape(entry['name']).replace(' ', '&nbsp;')}"
                 for entry in head["classes"][:MANY]]
        if len(head["classes"]) > MANY:
            shown.append(escape(tr("and {0} more").format(len(head["classes"]) - MANY)))
        title = escape(head.get("name") or tr("output {0}").format(number))
        lines.append((f"<i>{title}:</i> " if len(heads) > 1 else "") + "  ".join(shown))
    return "<br>".join(lines)


def _scaling(card: Mapping[str, Any]) -> str:
    scale, offset = card.get("scale", 1), card.get("offset", 0)
    parts = [tr("values as they are") if scale == 1 else tr("values divided by {0:,.6g}").format(scale)]
    if offset:
        parts.append(tr("plus {0:g}").format(offset))
    if any(card.get("mean") or ()) or any(one != 1 for one in card.get("std") or ()):
        parts.append(tr("then standardised"))
    return escape(", ".join(parts))


def _resolution(card: Mapping[str, Any], whole: bool) -> str:
    metres = card.get("resolution")
    size = card.get("tile_size") if whole else None
    text = tr("{0:g} m a pixel").format(metres) if metres else tr("that of the raster: the model names none")
    if size:
        text = tr("{0}; windows of {1} pixels").format(text, size)
    return escape(text)


def _accuracy(card: Mapping[str, Any]) -> str:
    figures = card.get("accuracy") or []
    if not figures:
        return escape(tr("nothing: its author states no accuracy"))
    groups: dict[tuple[str, str], list[str]] = {}
    for one in figures:
        value = "" if one.get("value") is None else f" {one['value']:.3g}"
        groups.setdefault((one.get("on") or "", one.get("note") or ""), []).append(f"{one['measure']}{value}")
    lines = []
    for (place, note), measured in groups.items():
        small = ". ".join(part.rstrip(".") for part in (tr("On {0}").format(place) if place else "", note) if part)
        lines.append(escape(", ".join(measured)) + (f"<br><small>{escape(small)}.</small>" if small else ""))
    return "<br>".join(lines)


def _accuracy_in_short(card: Mapping[str, Any]) -> str:
    """A few figures of the first test, and what is to be known of them. Overall accuracy comes last: it flatters maps
    of rare classes."""
    figures = card.get("accuracy") or []
    if not figures:
        return _accuracy(card)
    first = figures[0]
    same = [one for one in figures if (one.get("on"), one.get("note")) == (first.get("on"), first.get("note"))]
    same.sort(key=lambda one: str(one["measure"]).lower().startswith("overall"))
    short = [{**one, "on": "" if one.get("note") else one.get("on")} for one in same[:FEW]]
    return _accuracy({"accuracy": short})


def _lines(text: str) -> str:
    return escape(text.strip()).replace("\n", "<br>")
