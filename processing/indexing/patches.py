"""What every source of patches gives: batches of patches with their vectors, names, footprints and years."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..embeddings.mapping import ValueMapping

UNDATED = 0


@dataclass(frozen=True)
class Facts:
    """What a source says of its patches. ``bits`` > 0: they are packed codes of so many bits, not vectors.

    ``dimensions`` is 0 where there is no patch to tell by; ``stored`` names the type of the numbers as stored ("float",
    "int8", …); ``model``, ``licence`` and ``attribution`` are "" where nothing is said.
    """

    dimensions: int
    stored: str
    number_bytes: int
    """Of a number of a patch's vector: as stored, or 4 where it is pooled."""
    bits: int = 0
    model: str = ""
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class Patches:
    """Patches of a batch, those that have a vector and a place.

    ``values``: vectors (m, d) float32, or packed codes (m, bytes) uint8. ``ids`` and ``shapes`` (WKB, OGC:CRS84) are
    pyarrow arrays of strings and bytes with 64-bit offsets; ``boxes`` (m, 4) float64: xmin, ymin, xmax, ymax in
    degrees; ``years`` (m,) int32, 0 where undated. ``read`` rows were read for them, of which ``no_vector`` had no
    vector, or too few pixels of one, and ``no_place`` further ones no footprint.
    """

    values: NDArray[Any]
    ids: Any
    shapes: Any
    boxes: NDArray[np.float64]
    years: NDArray[np.int32]
    read: int
    no_vector: int
    no_place: int
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.values)


class PatchSource(Protocol):
    """A file of patches, read unit by unit (row groups of a table, windows of a raster).

    Equal calls give equal batches: a build that was interrupted goes on in the middle of a unit.
    """

    path: str
    facts: Facts
    unit_rows: list[int]
    """Rows of each unit, those without a vector included."""

    def stored(self, unit: int, most: int) -> NDArray[Any]:
        """Some vectors of a unit (n, d), n ≤ ``most``, in the numbers they are stored in: to tell the mapping by."""

    def batches(self, unit: int, mapping: ValueMapping) -> Iterator[Patches]:
        """All patches of a unit. Raises InputError if the file cannot be read or holds what cannot be."""

    def vectors(self, unit: int, mapping: ValueMapping) -> Iterator[NDArray[np.float32]]:
        """Only the vectors of a unit (m, d), batch by batch."""
