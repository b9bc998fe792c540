"""The search of the dock as parameters of the algorithm findsimilar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....processing.errors import InputError
from ...layers.exemplar_layer import NEGATIVE, PATCH, POSITIVE
from ...layers.label_file import CLASS_FIELD, LABELS
from ...translation import tr
from ..session import Session
from .question import AREAS, MEAN, THRESHOLD, TOP, UNAIDED, VIEWS, WINDOW
from .search import Search
from .store_place import manifest_of

ALGORITHM = "bitscape:findsimilar"
COMBINES = ("mean", "and", "or", "xor")
"""In the order of the algorithm's parameter COMBINE; VIEW has that of ``question.VIEWS``."""


def find_parameters(
    search: Search, session: Session, answer: Mapping[str, Any], target: Path, parquet: bool
) -> dict[str, Any]:
    """What was asked last, as the algorithm takes it: results go to ``target``, a GeoPackage, and beside it into a
    GeoParquet. What is as by default is left out. Raises InputError for what it cannot be asked."""
    question = search.question
    found: dict[str, Any] = {"STORE": manifest_of(search.store)}
    if question.view not in UNAIDED:
        for name, ids, code in (("POSITIVE", "IDS", POSITIVE), ("NEGATIVE", "NEGATIVE_IDS", NEGATIVE)):
            found.update(_exemplars(search, answer, name, ids, code))
    if question.where == AREAS:
        if session.aoi is None:
            raise InputError(tr("There are no areas of interest any more: draw one, or search elsewhere."))
        found["AOI"] = session.aoi.source
    elif question.where == WINDOW:
        found["EXTENT"] = question.extent
    if question.years:
        found["YEARS"] = ",".join(str(year) for year in question.years)
    if question.view != TOP:
        found["VIEW"] = VIEWS.index(question.view)
    found["K"] = question.k
    if question.view == THRESHOLD and answer["threshold"] is not None:
        found["THRESHOLD"] = answer["threshold"]
    if question.combine != MEAN:
        found["COMBINE"] = COMBINES.index(question.combine)
    if question.invert:
        found["INVERT"] = True
    found["OUTPUT"] = str(target)
    if parquet:
        found["PARQUET"] = str(target.with_suffix(".parquet"))
    return found


def _exemplars(
    search: Search, answer: Mapping[str, Any], name: str, ids: str, code: str
) -> dict[str, Any]:
    """Clicks as what they are, points; results that were taken by their identifiers: others may lie over them."""
    labels = search.layer
    if labels is None:
        return {}
    of_code = [one for one in answer["exemplars"] if one["positive"] == (code == POSITIVE)]
    taken = [one["id"] for one in of_code if search.is_patch(one["key"])]
    if any("," in one or ";" in one for one in taken):
        raise InputError(tr("Some exemplars have commas in their identifiers, which cannot be written as a list. Take "
                            "them by clicks instead."))
    found: dict[str, Any] = {}
    if len(of_code) > len(taken):
        subset = f"\"{CLASS_FIELD}\" = '{code}' AND (\"{PATCH}\" IS NULL OR \"{PATCH}\" = '')"
        found[name] = f"{labels.path}|layername={LABELS}|subset={subset}"
    if taken:
        found[ids] = ",".join(taken)
    return found
