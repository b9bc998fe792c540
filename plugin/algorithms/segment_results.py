"""The results of a model in the project: named, styled with the card's classes and colours, described, in good
order."""

from __future__ import annotations

from typing import Any, NamedTuple

from qgis.core import QgsProcessingContext, QgsProcessingFeedback

from ..layers.loading import Results
from ..layers.metadata import write_metadata
from ..layers.styling import Entry, style_classes, style_confidence, style_number, style_polygons, style_score
from ..translation import tr
from .base import beside
from .class_polygons import field_aliases

OUTPUTS = {"classes": "OUTPUT", "scores": "SCORES", "confidence": "CONFIDENCE", "polygons": "POLYGONS"}
RANKS = {"classes": 1, "scores": 0, "confidence": 2, "polygons": 3}
"""Polygons lie on top, then confidence, which is see-through where the model is sure, classes, and scores."""


class Made(NamedTuple):
    """A file and the name of its layer."""

    path: str
    name: str


def finish(
    result: dict[str, Any], planned: dict[str, str | None], context: QgsProcessingContext,
    feedback: QgsProcessingFeedback,
) -> dict[str, Any]:
    """Style and describe the files of all heads and have them loaded; returns the outputs by their names."""
    made: dict[str, list[Made]] = {name: [] for name in OUTPUTS}
    for head in result["heads"]:
        several = len(result["heads"]) > 1
        title = " · ".join(part for part in (result["model_name"], head["name"] if several else "") if part)
        if head["kind"] == "numbers":
            path = head["numbers"]
            output = "classes" if planned["classes"] else "scores"
            made[output].append(Made(path, _numbers(path, head, title, feedback)))
            continue
        for output, work in (("classes", _classes), ("scores", _scores), ("confidence", _confidence),
                             ("polygons", _polygons)):
            if head[output]:
                made[output].append(Made(head[output], work(head[output], head, title, feedback)))
    shown = Results(context)
    found: dict[str, Any] = {}
    for output, files in made.items():
        place = planned[output]
        if place and files:
            shown.show_instead(place, [(one.path, one.name) for one in files], OUTPUTS[output],
                               RANKS[output] * len(result["heads"]))
            found[OUTPUTS[output]] = files[0].path
    return found


def _classes(path: str, head: dict[str, Any], title: str, feedback: QgsProcessingFeedback) -> str:
    name = tr("Classes: {0}").format(title)
    entries = [Entry(one["value"], one["name"], one["colour"], 0 if one["value"] == head["background"] else 255)
               for one in head["shares"]]
    beside(feedback, style_classes, path, entries)
    beside(feedback, write_metadata, path, name, tr(
        "What the model {0} takes each pixel for: {1}. 255: no data, or no class that reached the threshold."
    ).format(title, ", ".join(one["name"] for one in head["shares"])))
    return name


def _scores(path: str, head: dict[str, Any], title: str, feedback: QgsProcessingFeedback) -> str:
    names = head["score_names"]
    name = tr("Scores: {0}").format(title)
    background = next((one["name"] for one in head["shares"] if one["value"] == head["background"]), None)
    band = next((number for number, one in enumerate(names, 1) if one != background), 1)
    shown = names[band - 1]
    beside(feedback, style_score, path, tr("0 · not {0}").format(shown), tr("1 · {0}").format(shown), band)
    beside(feedback, write_metadata, path, name, tr(
        "What the model {0} gives each class, a band each: {1}. 0 to 254 for 0 to 1; 255: no data. Scores of a "
        "network are no calibrated probabilities.").format(title, ", ".join(names)))
    return name


def _confidence(path: str, _head: dict[str, Any], title: str, feedback: QgsProcessingFeedback) -> str:
    name = tr("Confidence: {0}").format(title)
    beside(feedback, style_confidence, path, tr("0 · undecided"), tr("1 · sure"))
    beside(feedback, write_metadata, path, name, tr(
        "Margin between the best class of the model {0} and the next one: 0 undecided, 254 sure; 255: no data. A "
        "network can be sure and wrong.").format(title))
    return name


def _polygons(path: str, head: dict[str, Any], title: str, feedback: QgsProcessingFeedback) -> str:
    name = tr("Polygons: {0}").format(title)
    entries = [(one["name"], one["name"], one["colour"]) for one in head["polygon_kinds"]]
    aliases = field_aliases(head["polygon_fields"], tr("its class"))
    beside(feedback, style_polygons, path, "class", entries, aliases)
    beside(feedback, write_metadata, path, name, head["polygon_description"])
    return name


def _numbers(path: str, head: dict[str, Any], title: str, feedback: QgsProcessingFeedback) -> str:
    first = head["bands"][0]
    name = tr("{0}: {1}").format(first["name"] if len(head["bands"]) == 1 else tr("Numbers"), title)
    if first["minimum"] is not None:
        beside(feedback, style_number, path, first["minimum"], first["maximum"], "")
    beside(feedback, write_metadata, path, name, tr(
        "What the model {0} predicts: {1}. No number: no data.").format(title, ", ".join(
            one["name"] for one in head["bands"])))
    return name
