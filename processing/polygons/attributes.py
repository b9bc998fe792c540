"""What is said of each polygon: its class, period, pixels, area, perimeter, and the mean score in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .changes import Target
from .labelling import FIRST
from .regions import Regions
from .selection import TOP, Entry, years_in

HECTARE = 10_000
CHANGED = "changed"
"""The class of polygons that are of any change."""
Column = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""Values, and which of them are missing (None: none)."""


def area_field(on_earth: bool) -> str:
    """The name of the field of the mapped area, whose unit is hectares, or square units of the grid."""
    return "mapped_ha" if on_earth else "mapped_area"


def columns(
    numbers: NDArray[np.int32], perimeter: NDArray[np.float64], regions: Regions, targets: Sequence[Target],
    legend: Sequence[Entry], periods: Sequence[str], on_earth: bool, scored: bool,
) -> dict[str, Column]:
    """The fields of the polygons of some regions, by name. Areas are those of the pixels: simplification moves the
    outline, not what was mapped."""
    kind = regions.target[numbers] - FIRST
    entries = [None if one.entry is None else legend[one.entry] for one in targets]
    names = np.array([CHANGED if one is None else one.name for one in entries], object)
    values = [None if one is None else one.value for one in entries]
    found: dict[str, Column] = {"class": (names[kind], None), "value": _whole(values, kind)}
    of_map = [periods[one.map] for one in targets]
    if len(periods) > 1:
        years = [years_in(text) for text in of_map]
        found["first_period"] = (np.array(of_map, object)[kind], None)
        found["first_year"] = _whole([int(some[-1]) if some else None for some in years], kind)
    elif periods[0]:
        found["period"] = (np.array(of_map, object)[kind], None)
    found["pixels"] = (regions.pixels[numbers], None)
    found[area_field(on_earth)] = (regions.area[numbers] / (HECTARE if on_earth else 1), None)
    found["perimeter_m" if on_earth else "perimeter"] = (perimeter, None)
    if scored:
        found["mean_score"] = (regions.score[numbers] / TOP, None)
    return found


def _whole(values: Sequence[int | None], kind: NDArray[Any]) -> Column:
    """Whole numbers of which some may be missing."""
    numbers = np.array([0 if value is None else value for value in values], np.int64)[kind]
    return numbers, np.array([value is None for value in values])[kind]
