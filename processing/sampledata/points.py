"""Label points as a person would click them: some places of the map, several points at each, hard cases included."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numba import njit
from numpy.typing import NDArray

from ..errors import OutputError
from ..grids.grid import Grid
from .cover import ROTATION, cover_table, kind_table
from .landscape import Block
from .noise import hash2, key, mix, unit
from .plan import Plan

LABEL_CLASSES = (("change", "change", "#e66101"), ("nochange", "no change", "#2166ac"))
"""Code, name and colour of the two classes."""

PRODUCT_VERSION = "Bitscape synthetic sample 1"


@dataclass(frozen=True)
class Stratum:
    """A kind of place to label, and how many points of it."""

    name: str
    label: str
    quota: int


STRATA = (
    Stratum("land to built", "change", 30),
    Stratum("forest to cleared", "change", 28),
    Stratum("land to water", "change", 8),
    Stratum("crop rotated", "nochange", 34),
    Stratum("same crop", "nochange", 10),
    Stratum("grass", "nochange", 12),
    Stratum("forest", "nochange", 18),
    Stratum("built", "nochange", 14),
    Stratum("water", "nochange", 8),
    Stratum("cleared before", "nochange", 4),
)
_OF_STABLE_KIND = {1: 8, 2: 6, 3: 5, 4: 7, 5: 9}
_OF_NEW_KIND = {4: 0, 5: 1, 1: 2}
NONE = 255


@dataclass(frozen=True)
class Candidates:
    """Pixels that may be labelled, all arrays (n,): ``stratum``, ``place`` (a hash of the neighbourhood: neighbours
    share it), ``draw`` (a hash of the pixel), ``row`` and ``column``."""

    stratum: NDArray[np.int64]
    place: NDArray[np.int64]
    draw: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]

    def best(self, factor: int = 1) -> Candidates:
        """Of every stratum the ``factor`` × quota points of the first places, in a fixed order."""
        order = np.lexsort((self.draw, self.place, self.stratum))
        stratum = self.stratum[order]
        rank = np.arange(len(order)) - np.searchsorted(stratum, stratum)
        quota = np.array([entry.quota for entry in STRATA])
        return self.take(order[rank < factor * quota[stratum]])

    @staticmethod
    def joined(parts: Sequence[Candidates]) -> Candidates:
        """All candidates of several blocks."""
        return Candidates(*(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("stratum", "place", "draw", "row", "column")
        ))

    def take(self, index: NDArray[np.int64]) -> Candidates:
        """The candidates at ``index``."""
        return Candidates(
            self.stratum[index], self.place[index], self.draw[index], self.row[index], self.column[index]
        )


def candidates(plan: Plan, block: Block, years: Sequence[int], labelled: NDArray[np.bool_]) -> Candidates:
    """Candidates of a block among the ``labelled`` pixels (rows, columns): in pure neighbourhoods of 3 × 3 pixels."""
    strata = _strata(block, years)
    pure = np.ones((block.rows, block.columns), np.bool_)
    centre = strata[2:-2, 2:-2]
    for row in (1, 2, 3):
        for column in (1, 2, 3):
            pure &= strata[row : row + block.rows, column : column + block.columns] == centre
    side = 64 if plan.size >= 768 else 32 if plan.size >= 384 else 16
    found = _pick(np.where(pure & labelled, centre, NONE).astype(np.uint8), block.top, block.left, side,
                  len(STRATA), key(plan.seed, "places"), key(plan.seed, "points"))
    return Candidates(found[0], found[1], found[2], found[3], found[4])


def _strata(block: Block, years: Sequence[int]) -> NDArray[np.uint8]:
    """The stratum of every pixel, with the halo; NONE where none fits."""
    kinds = kind_table()
    before, after = kinds[block.before], kinds[block.after]
    stable = np.full(256, NONE, np.uint8)
    stable[list(_OF_STABLE_KIND)] = list(_OF_STABLE_KIND.values())
    new = np.full(256, NONE, np.uint8)
    new[list(_OF_NEW_KIND)] = list(_OF_NEW_KIND.values())
    rotated = (cover_table(years[0]) != cover_table(years[-1]))[block.before]
    strata = np.where(block.before >= ROTATION, np.where(rotated, 3, 4), stable[before])
    if len(years) == 1:
        return np.where(strata == 3, 4, strata).astype(np.uint8)
    strata = np.where(block.changed(), new[after], strata)
    return np.asarray(strata.astype(np.uint8))


@njit(nogil=True, cache=True)
def _pick(
    strata: NDArray[np.uint8], top: int, left: int, side: int, count: int, place: np.uint32, draw: np.uint32
) -> NDArray[np.int64]:
    """The one or two first pixels by hash of every stratum in every cell of ``side`` pixels: int64 (5, n)."""
    rows, columns = strata.shape
    down, across = (rows + side - 1) // side, (columns + side - 1) // side
    best = np.full((down, across, count, 2, 3), np.int64(2**40))
    for row in range(rows):
        for column in range(columns):
            stratum = strata[row, column]
            if stratum >= count:
                continue
            here = best[row // side, column // side, stratum]
            number = np.int64(hash2(draw, top + row, left + column))
            if number < here[0, 0]:
                here[1] = here[0]
                here[0, 0], here[0, 1], here[0, 2] = number, top + row, left + column
            elif number < here[1, 0]:
                here[1, 0], here[1, 1], here[1, 2] = number, top + row, left + column
    out = np.empty((5, down * across * count * 2), np.int64)
    n = 0
    for cell_row in range(down):
        for cell_column in range(across):
            cell = hash2(place, top // side + cell_row, left // side + cell_column)
            for stratum in range(count):
                more = unit(mix(np.uint32(cell ^ np.uint32(stratum)))) < 0.4
                for rank in range(2 if more else 1):
                    number, row, column = best[cell_row, cell_column, stratum, rank]
                    if number < 2**40:
                        out[0, n], out[1, n], out[2, n], out[3, n], out[4, n] = stratum, cell, number, row, column
                        n += 1
    return out[:, :n]


def write_labels(path: Path, grid: Grid, plan: Plan, years: Sequence[int], found: Candidates) -> None:
    """Write the points to a GeoPackage: layer ``labels`` and the table ``classes`` (code, name, colour)."""
    row, column, number = found.row, found.column, found.draw
    inside = np.stack([number % 1009, number % 1013]) / 1013 * 0.8 + 0.1
    x, y = grid.transform @ (column + inside[0], row + inside[1])
    count = len(row)
    name = f"{years[0]}-{years[-1]}" if len(years) > 1 else str(years[0])
    space = uuid.uuid5(uuid.NAMESPACE_URL, f"bitscape-sample/{plan.seed}/{plan.size}/{','.join(map(str, years))}")
    created = np.datetime64(f"{years[-1] + 1}-01-15T09:00:00", "ms") + 7000 * np.arange(count)
    fields = {
        "label": np.array([STRATA[s].label for s in found.stratum], object),
        "role": np.full(count, "train", object),
        "when": np.full(count, name, object),
        "image_date": np.full(count, np.datetime64(f"{years[-1]}-07-01", "D")),
        "interpreter": np.full(count, "Bitscape sample", object),
        "certainty": np.where(number % 7 == 0, "medium", "high").astype(object),
        "product_version": np.full(count, PRODUCT_VERSION, object),
        "uuid": np.array([str(uuid.uuid5(space, f"{r}/{c}")) for r, c in zip(row, column, strict=True)], object),
        "created": created,
    }
    table = {
        name: np.array(values, object)
        for name, values in zip(("code", "name", "colour"), zip(*LABEL_CLASSES, strict=True), strict=True)
    }
    try:
        pyogrio.raw.write(
            str(path), shapely.to_wkb(shapely.points(x, y)), list(fields.values()), list(fields), layer="labels",
            driver="GPKG", geometry_type="Point", crs="EPSG:32610",
            dataset_options={"VERSION": "1.2"},  # GDAL before 3.7 warns about newer ones
        )
        pyogrio.raw.write(
            str(path), None, list(table.values()), list(table), layer="classes", driver="GPKG", geometry_type=None,
            crs=None, append=True,
        )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        raise OutputError(f"The label points could not be written to {path.parent}: is the disk full?",
                          str(error)) from error
