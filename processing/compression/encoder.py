"""Turns windows of a stack into codes of a basis: the sample a basis is fitted on, the work on blocks, the picture."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..embeddings.mapping import POWER_UNIT, ValueMapping
from ..embeddings.stack import Planes, Stack
from ..errors import InputError
from ..executors import in_order
from ..progress import Progress
from .basis import Basis, feature_planes
from .projection import project

SAMPLE_PIXELS = 100_000
SAMPLE_WINDOWS = 12
SAMPLE_BYTES = 128 * 2**20
KEPT_BYTES = 400 * 2**20
"""Sampled windows stay in memory up to this, so that they are not read twice."""

Kept = dict[tuple[int, int], Planes]


def draw_sample(
    stack: Stack, executor: Executor, seed: int, progress: Progress, room: int = KEPT_BYTES
) -> tuple[NDArray[Any], Kept]:
    """Stored numbers (pixels, dates · bands) of up to 100,000 seeded random pixels with data at all dates.

    They come from 12 windows spread over the raster, one drawn from each of 12 equal runs of windows; further windows
    are read while these have little data. Also returns the planes of sampled windows, by row and column, as far as they
    fit ``room`` bytes. Raises InputError if no pixel has data at all dates.
    """
    rng = np.random.default_rng(seed)
    windows = [window for band in stack.windows() for window in band]
    runs = np.array_split(np.arange(len(windows)), min(SAMPLE_WINDOWS, len(windows)))
    chosen = [int(rng.choice(run)) for run in runs]
    rest = [int(index) for index in rng.permutation(np.setdiff1d(np.arange(len(windows)), chosen))]
    width = len(stack.sources) * stack.sources[0].bands
    wanted = min(SAMPLE_PIXELS, SAMPLE_BYTES // (width * stack.sources[0].dtype.itemsize))
    work = partial(_sample_window, stack, -(-wanted // len(chosen)), seed)
    parts: list[NDArray[Any]] = []
    kept: Kept = {}
    sampled = in_order(executor, work, [windows[index] for index in chosen], 2)
    for count, (index, (part, planes)) in enumerate(zip(chosen, sampled, strict=True), 1):
        parts.append(part)
        window = windows[index]
        if planes.values.nbytes <= room:
            room -= planes.values.nbytes
            kept[window.row_off, window.col_off] = planes
        progress.report(count / len(chosen))
    for index in rest:
        if sum(map(len, parts)) >= min(wanted, 1000):
            break
        parts.append(work(windows[index])[0])
        progress.check()
    sample = np.concatenate(parts)
    if len(sample) < 2:
        names = " and ".join(source.path for source in stack.sources)
        together = " at all dates together" if len(stack.sources) > 1 else ""
        raise InputError(
            f"No pixel of {names} has data{together}: everything is nodata. Choose other rasters, or an "
            "extent where they overlap."
        )
    return sample, kept


def _sample_window(stack: Stack, count: int, seed: int, window: Window) -> tuple[NDArray[Any], Planes]:
    planes = stack.read(window, keep=True)
    pixels = np.flatnonzero(~planes.missing().any(axis=0))
    if len(pixels) > count:
        rng = np.random.default_rng((seed, window.row_off, window.col_off))
        pixels = np.sort(rng.choice(pixels, count, replace=False))
    return np.ascontiguousarray(planes.values[:, pixels].T), planes


@dataclass(frozen=True)
class Encoded:
    """Codes (k, height, width) of a window, its covered pixels, and how many dates have data (1, height, width)."""

    codes: NDArray[np.int8]
    covered: int
    dates: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Encoder:
    """Work on one window; can be pickled. int8 of one mapping goes to the kernel as stored, the rest as float32."""

    stack: Stack
    mappings: Sequence[ValueMapping]
    plus: NDArray[np.int64] = field(repr=False)
    minus: NDArray[np.int64] = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    offset: NDArray[np.float32] = field(repr=False)
    direct: bool
    count_dates: bool

    @staticmethod
    def of(stack: Stack, mappings: Sequence[ValueMapping], basis: Basis, count_dates: bool) -> Encoder:
        """The encoder of a stack in a basis; ``count_dates`` also asks for the dates with data."""
        plus, minus = feature_planes(basis.features, basis.bands, len(stack.sources))
        weights, offset = basis.projection()
        direct = (
            stack.sources[0].dtype == np.int8
            and len({mapping.kind for mapping in mappings}) == 1
            and mappings[0].kind != "linear"
            and len({source.nodata for source in stack.sources}) == 1
        )
        if direct and mappings[0].kind == "alphaearth":
            weights = weights * POWER_UNIT**-2
        return Encoder(
            stack, mappings, plus, minus, weights.astype(np.float32), offset.astype(np.float32), direct, count_dates
        )

    def __call__(self, item: tuple[Window, Planes | None]) -> Encoded:
        """Encode one window, read now unless its planes come with it."""
        window, planes = item
        planes = planes or self.stack.read(window)
        codes = np.empty((len(self.weights), planes.values.shape[1]), np.int8)
        missing = planes.missing() if self.count_dates or not self.direct else None
        if self.direct and planes.outside is None:
            covered = project(
                planes.values,
                self.mappings[0].kind == "alphaearth",
                self.plus,
                self.minus,
                self.weights,
                self.offset,
                planes.nodata[0],
                codes,
            )
        else:
            values = self._mapped(planes)
            covered = project(values, False, self.plus, self.minus, self.weights, self.offset, None, codes)
        shape = (window.height, window.width)
        dates = None if missing is None else (~missing).sum(axis=0, dtype=np.uint8).reshape(1, *shape)
        return Encoded(codes.reshape(-1, *shape), covered, dates if self.count_dates else None)

    def _mapped(self, planes: Planes) -> NDArray[np.float32]:
        scale = np.float32(POWER_UNIT**2 if self.direct and self.mappings[0].kind == "alphaearth" else 1)
        values = np.concatenate([mapping.apply(planes.date(i)) for i, mapping in enumerate(self.mappings)])
        values *= scale
        for index, missing in enumerate(planes.missing()):
            bands = len(values) // len(self.mappings)
            values[index * bands : (index + 1) * bands, missing] = np.nan
        return values
