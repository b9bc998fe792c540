"""Drawings of estimates: what they say, for names that are formulas, classes without figures, and many classes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from bitscape.processing.statistics import accuracy_plots
from bitscape.processing.statistics.estimation import Estimate

SOME, NONE = Estimate(0.2, 0.05, 0.12, 0.35), Estimate(0.0, None, None, None)


def texts(svg: str) -> list[str]:
    """All texts of a drawing, which is well-formed."""
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_areas_have_names_units_and_a_description() -> None:
    svg = accuracy_plots.areas(["change", "no change"], [SOME, Estimate(0.8, 0.05, 0.65, 0.88)], [2e6, 9e6], 1e7, True)
    said = texts(svg)
    assert {"change", "no change", "Area, ha: each class on its own scale", "mapped (pixels counted)"} <= set(said)
    assert "change 200 ha; no change 800 ha" in svg
    assert "Area, pixels" in accuracy_plots.areas(["change"], [SOME], [0], 100, False)


def test_names_are_no_formulas_and_not_endless() -> None:
    names = ["$a^{$", "x" * 200, "<b>&"]
    for svg in (accuracy_plots.areas(names, [SOME, NONE, SOME], [1e4, 0, 5], 1e6, True),
                accuracy_plots.accuracies(names, [SOME, None, NONE], [None, SOME, SOME])):
        said = texts(svg)
        assert "$a^{$" in said and "<b>&" in said and "x" * 27 + "…" in said


def test_of_many_classes_the_largest_are_drawn() -> None:
    names = [f"class {number}" for number in range(60)]
    estimates = [Estimate((number + 1) / 1830, 0.001, number / 1830, (number + 2) / 1830) for number in range(60)]
    said = texts(accuracy_plots.areas(names, estimates, [0] * 60, 1e8, True))
    drawn = [text for text in said if re.fullmatch(r"class \d+", text)]
    assert drawn == names[40:]
