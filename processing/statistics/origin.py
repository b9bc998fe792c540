"""What a sample says of how it was made, and what of that does not fit the map: clicks, other products, other years."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..grids.class_map import ClassMap
from ..grids.features import class_text, listed, open_layer, read_columns
from .correspondence import folded
from .reference import LABEL

DESIGN, ROLE, TRAIN, VERSION, WHEN = "design", "role", "train", "product_version", "when"
PRODUCT_TAGS, PERIOD_TAGS = ("PRODUCT_VERSION", "PRODUCT"), ("PERIOD", "YEARS", "YEAR", "DATES")
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


@dataclass(frozen=True)
class Origin:
    """``design``: how the points were chosen, in the file's words ("": it does not say); the ``versions`` of the
    product and the ``years`` that labels are of; and how many points taught a classifier."""

    design: str = ""
    versions: set[str] = field(default_factory=set)
    years: set[str] = field(default_factory=set)
    trained: int = 0

    @staticmethod
    def read(sample: Path, layer: str, class_field: str, answers: Path | None, answers_layer: str) -> Origin:
        """From the fields of a sample and of its interpretations, those that are there. Raises LabelError."""
        columns = _columns(sample, layer, class_field)
        versions, years = _said(columns, VERSION), _years(_said(columns, WHEN))
        if answers is not None:
            more = _columns(answers, answers_layer, LABEL)
            versions, years = versions | _said(more, VERSION), years | _years(_said(more, WHEN))
        roles = [class_text(value) for value in columns.get(ROLE, ())]
        return Origin("; ".join(sorted(_said(columns, DESIGN))), versions, years, roles.count(TRAIN))

    def warnings(self, classes: ClassMap) -> list[str]:
        """What the reader of an assessment of this map has to know."""
        said = []
        if self.trained:
            said.append(f"{self.trained} of the points have the role {TRAIN}: a map is not tested by labels that "
                        "taught it. Figures from them flatter.")
        products = {classes.tags[tag].strip() for tag in PRODUCT_TAGS if classes.tags.get(tag, "").strip()}
        if products and self.versions and not any(is_of(version, products) for version in self.versions):
            said.append(f"The labels are of the product {listed(sorted(self.versions))}, the map is of "
                        f"{listed(sorted(products))}. If they are of another version, they say what the ground was in "
                        "that one, not in this.")
        elif len(self.versions) > 1:
            said.append(f"The labels are of several versions of the product: {listed(sorted(self.versions))}. Those "
                        "that are not of the map's do not test it.")
        years = _years(classes.tags.get(tag, "") for tag in PERIOD_TAGS)
        if years and self.years and years != self.years:
            said.append(f"The labels are of {listed(sorted(self.years))}, the map is of {listed(sorted(years))}. What "
                        "changed in between counts as an error of the map.")
        return said


def is_of(version: str, products: Iterable[str]) -> bool:
    """Whether what a label says of its product can mean one of these: one name is in the other."""
    said = folded(version)
    return any(said in folded(product) or folded(product) in said for product in products)


def _columns(path: Path, layer: str, class_field: str) -> dict[str, Any]:
    info = open_layer(path, layer, class_field)
    return read_columns(path, info, [class_field, DESIGN, ROLE, VERSION, WHEN])[0]


def _said(columns: dict[str, Any], name: str) -> set[str]:
    """The different texts of a column; none if it is missing."""
    values = columns.get(name, np.empty(0, object))
    if np.issubdtype(values.dtype, np.datetime64):
        return {str(value)[:10] for value in values[~np.isnat(values)]}
    return {text for text in map(class_text, values) if text}


def _years(texts: Iterable[str]) -> set[str]:
    return {year for text in texts for year in YEAR.findall(text)}
