"""Which label means which class of a map: by name, whatever the case and spacing, else by number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..grids.class_map import ClassMap
from ..grids.features import listed

NO_DATA = "(no data in the map)"


@dataclass(frozen=True)
class Legend:
    """Classes of the map, then those that only the reference knows: ``names``, and the index of each number of the map
    and of each label or number of the reference."""

    names: list[str]
    of_map: dict[int, int]
    of_reference: dict[str, int]
    only_reference: list[str]


def legend(classes: ClassMap, values: Iterable[int], labels: Sequence[str], what: str) -> Legend:
    """The classes that a map holds (``values``) or that labels mean, and what the labels of the reference (``what``
    says where they are from) mean among them. Raises InputError, naming both, if none means any."""
    held = set(values)
    numbers = sorted({*held, *(value for value in classes.names if value != classes.nodata)})
    found = {label: _class_of(label, classes, numbers) for label in labels}
    if all(value is None for value in found.values()):
        raise InputError(f"No class of {what} is one of the map's: {what} has {listed(sorted(labels))}; {classes.path} "
                         f"has {listed([_both(value, classes) for value in numbers])}. Names are compared whatever "
                         "their case and spacing, numbers as they are.")
    strange = sorted(label for label, value in found.items() if value is None)
    numbers = [value for value in numbers if value in held or value in found.values()]
    names = [classes.name(value) for value in numbers]
    of_map = {value: index for index, value in enumerate(numbers)}
    of_reference = {label: of_map[value] for label, value in found.items() if value is not None}
    of_reference.update({label: len(numbers) + index for index, label in enumerate(strange)})
    return Legend(names + strange, of_map, of_reference, strange)


def reference_labels(reference: ClassMap, values: Iterable[int], classes: ClassMap) -> dict[int, str]:
    """What each number of a reference raster is to be looked up as in the map's legend: its name where both rasters
    name their classes, else its number."""
    named = bool(classes.names) and bool(reference.names)
    return {value: reference.name(value) if named else str(value) for value in values}


def folded(name: str) -> str:
    """A name without case, spaces, hyphens and underscores."""
    return "".join(letter for letter in name.casefold() if letter not in " -_\t ")


def _class_of(label: str, classes: ClassMap, numbers: Sequence[int]) -> int | None:
    """The number of the class that a label means."""
    for alike in (lambda name: name.strip().casefold(), folded):
        for value in numbers:
            if alike(classes.name(value)) == alike(label):
                return value
    text = label.strip()
    return int(text) if text.lstrip("-").isdigit() and int(text) in numbers else None


def _both(value: int, classes: ClassMap) -> str:
    name = classes.name(value)
    return name if name == str(value) else f"{name} ({value})"
