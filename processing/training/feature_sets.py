"""What the labels would teach on other features: fewer or more components, one date or several, all dimensions.

Everything but the features stays as it is in training: rows, folds, nested choice of C, scaling by the deviation over
the area. What is fitted (principal components, deviations) is fitted on pixels drawn without regard to labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..classification.figures import Validation
from ..classification.folds import Folds
from ..classification.lesson import Lesson, validate
from ..classification.sampling import Pixels
from ..compression.basis import Basis, Features, feature_planes, fit
from ..compression.encoder import draw_sample
from ..compression.tiles import Tiles
from ..embeddings.mapping import ValueMapping
from ..embeddings.source import EmbeddingSource
from ..embeddings.stack import Planes, Stack, aligned
from ..errors import GridMismatch, InputError
from ..executors import in_order, open_executor
from ..progress import Progress
from ..provenance import fingerprint

FEW = 3
"""Components of the smallest set: the picture's."""
MOST_ROWS = 3_000
"""Labelled pixels that the sets are compared on, at most: all dimensions of several dates are many."""
SAMPLE = 30_000
SAMPLE_BYTES = 64 * 2**20
"""Unlabelled pixels that components and deviations are fitted on, at most."""
SAME = 0.99
"""Share of codes within one of those that the rasters must project to in order to be the tiles' own."""


@dataclass(frozen=True)
class Candidate:
    """Features of the labelled pixels (rows, d) in units of their ``deviation`` (d,) over the area. ``kind`` says which
    dates, ``components`` how many were kept (None: all dimensions), ``bytes`` what a pixel of them takes on disk."""

    kind: str
    components: int | None
    bytes: int
    values: NDArray[Any]
    deviation: NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """A set of features, what it costs, and how well the labels are agreed with on it; ``own``: the tiles' own, all."""

    kind: str
    components: int | None
    dimensions: int
    bytes: int
    own: bool
    random: Validation | None
    spatial: Validation | None


def open_embeddings(paths: Sequence[str], tiles: Tiles) -> Stack:
    """The rasters that tiles were made from, in their order, through the tiles' grid.

    Raises InputError or GridMismatch, naming what is there and what should be, if they cannot be these rasters.
    """
    basis = tiles.basis
    wanted = ", ".join(f"{source.name} ({source.date})" for source in basis.sources)
    if len(paths) != len(basis.sources):
        raise InputError(f"{tiles.path.name} was made from {len(basis.sources)} embedding rasters, {wanted}, but "
                         f"{len(paths)} {'was' if len(paths) == 1 else 'were'} given. Give all of them, in this order.")
    sources = [EmbeddingSource.open(path) for path in paths]
    for source, record in zip(sources, basis.sources, strict=True):
        if source.bands != basis.bands:
            raise InputError(f"{source.path} has {source.bands} bands, but {tiles.path.name} was made from rasters "
                             f"with {basis.bands}: {wanted}.")
        found = fingerprint(source.path)
        for other in basis.sources:
            if found == other.fingerprint != record.fingerprint:
                raise InputError(f"{source.path} is the raster of {other.date}, but it was given for {record.date}. "
                                 f"Give the rasters in the order of the tiles: {wanted}.")
    aligned(sources, warp=True)
    return Stack(sources, _window_of(sources[0], tiles), warp=True)


def _window_of(source: EmbeddingSource, tiles: Tiles) -> Window:
    """Where the tiles lie in the first raster."""
    corner = tiles.grid.transform.c, tiles.grid.transform.f
    column, row = (round(value) for value in ~source.grid.transform @ corner)
    window = Window(column, row, tiles.grid.width, tiles.grid.height)
    inside = min(column, row) >= 0 and column + window.width <= source.grid.width and (
        row + window.height <= source.grid.height)
    if not inside or not source.grid.crop(window).same_as(tiles.grid):
        raise GridMismatch(f"{source.path} ({source.grid.describe()}) does not hold the pixels of {tiles.path.name} "
                           f"({tiles.grid.describe()}). Give the rasters that the tiles were made from.")
    return window


def compare(
    lesson: Lesson, tiles: Tiles, stack: Stack | None, folds: tuple[Folds | str, Folds | str], seed: int, threads: int,
    warnings: list[str], progress: Progress,
) -> list[Compared]:
    """The tiles' first three and all components, and, with the rasters, other dates and all dimensions, validated on
    the same (random, spatial) ``folds``. What has to be known about the comparison goes to ``warnings``.

    Raises InputError if the rasters are not those that the tiles were made from.
    """
    kept = thinned(lesson, seed)
    if len(kept) < len(lesson.sample.classes):
        warnings.append(f"feature sets and the learning curve use {len(kept)} of the {len(lesson.sample.classes)} "
                        "labelled pixels, drawn at random so that every label and every class keeps some")
        lesson = lesson.take(kept)
        folds = (_of_rows(folds[0], kept, lesson), _of_rows(folds[1], kept, lesson))
    with progress.stage(0.0, 0.3, "Reading embeddings"), open_executor(threads) as executor:
        candidates = _candidates(lesson, tiles, stack, seed, warnings, executor, progress)
    found: list[Compared] = []
    for index, candidate in enumerate(candidates):
        problem = replace(lesson.problem, features=candidate.values / candidate.deviation)
        figures: list[Validation | None] = []
        for part, kind in enumerate(folds):
            begin = 0.3 + 0.7 * (index + part / 2) / len(candidates)
            with progress.stage(begin, begin + 0.35 / len(candidates), "Comparing feature sets"):
                figures.append(validate(
                    problem, lesson.sample, kind, lesson.positive, seed, threads, [], progress)[0])
        own = candidate.kind == kind_name(tiles.basis.features, tiles.dates)
        found.append(Compared(
            candidate.kind, candidate.components, candidate.values.shape[1], candidate.bytes,
            own and candidate.components == tiles.count, *figures))
    return found


def kind_name(features: Features, dates: Sequence[str]) -> str:
    """Features in words, with their dates."""
    if features == "difference":
        return f"difference {dates[0]} → {dates[1]}" if len(dates) == 2 else f"differences of {len(dates)} dates"
    if features == "single":
        return f"one date, {dates[0]}"
    if features == "side_by_side":
        return f"both dates, {dates[0]} and {dates[1]}" if len(dates) == 2 else f"all {len(dates)} dates side by side"
    return f"{dates[0]} and difference{'' if len(dates) == 2 else 's'}"


def thinned(lesson: Lesson, seed: int, most: int = MOST_ROWS) -> NDArray[np.int64]:
    """Indices of at most about ``most`` rows: every class keeps as many as the others as far as it has them, and each
    label feature one pixel before any has a second."""
    sample = lesson.sample
    if len(sample.classes) <= most:
        return np.arange(len(sample.classes))
    shuffled = np.random.default_rng(seed).permutation(len(sample.classes))
    by_feature = shuffled[np.argsort(sample.features[shuffled], kind="stable")]
    _, first, count = np.unique(sample.features[by_feature], return_index=True, return_counts=True)
    turn = np.empty(len(by_feature), np.int64)
    turn[by_feature] = np.arange(len(by_feature)) - np.repeat(first, count)
    order = shuffled[np.argsort(turn[shuffled], kind="stable")]
    counts = np.bincount(sample.classes)
    share = next(size for size in range(most, 0, -1) if size == 1 or np.minimum(counts, size).sum() <= most)
    chosen = [order[sample.classes[order] == number][:share] for number in range(len(counts))]
    return np.sort(np.concatenate(chosen))


def _of_rows(folds: Folds | str, kept: NDArray[np.int64], lesson: Lesson) -> Folds | str:
    """The folds of the rows that are kept, if every one of them still holds every class."""
    if isinstance(folds, str):
        return folds
    numbers = folds.numbers[kept]
    held = np.zeros((folds.count, len(lesson.names)), np.int64)
    np.add.at(held, (numbers, lesson.sample.classes), 1)
    return replace(folds, numbers=numbers) if held.min() > 0 else "the pixels compared leave a fold without a class"


def _candidates(
    lesson: Lesson, tiles: Tiles, stack: Stack | None, seed: int, warnings: list[str], executor: Executor,
    progress: Progress,
) -> list[Candidate]:
    basis = tiles.basis
    own = kind_name(basis.features, tiles.dates)
    components = sorted({min(FEW, tiles.count), tiles.count})
    deviation = np.array(basis.deviation)
    found = [Candidate(own, k, k, lesson.sample.codes[:, :k], deviation[:k]) for k in components]
    if stack is None:
        return found
    rows, columns = tiles.grid.pixels(lesson.sample.x, lesson.sample.y)
    with progress.stage(0.0, 0.5, "Reading embeddings under the labels"):
        stored, missing = _vectors(stack, Pixels(rows, columns, lesson.sample.features), executor, progress)
    mappings = [ValueMapping(m.kind, m.scale, m.offset, m.reason) for m in basis.mappings]
    values = _mapped(stored, mappings)
    _require_same(values, missing, lesson.sample.codes, stack, tiles, warnings)
    with progress.stage(0.5, 1.0, "Sampling embeddings everywhere"):
        drawn = draw_sample(stack, executor, seed, progress, room=0)[0]
        most = min(SAMPLE, SAMPLE_BYTES // (drawn.shape[1] * 4))
        if len(drawn) > most:
            drawn = drawn[np.random.default_rng(seed).choice(len(drawn), most, replace=False)]
        everywhere = _mapped(drawn, mappings)
    for features, dates in _kinds(basis):
        progress.check()
        kind = kind_name(features, [tiles.dates[date] for date in dates])
        here, there = (_features(part, features, basis.bands, dates) for part in (values, everywhere))
        if kind != own:
            found += _projected(kind, here, there, components)
        size = basis.bands * len(dates) * stack.sources[0].dtype.itemsize
        spread = np.maximum(there.std(axis=0, dtype=np.float64), 1e-12)
        found.append(Candidate(kind, None, size, here, spread))
    return found


def _kinds(basis: Basis) -> list[tuple[Features, list[int]]]:
    """Features to compare and the dates they are of, the tiles' own first."""
    every = list(range(len(basis.sources)))
    if len(every) == 1:
        return [("single", every)]
    others: list[tuple[Features, list[int]]] = [
        ("difference", every), ("single", every[:1]), ("single", every[-1:]), ("side_by_side", every)]
    own = (basis.features, every)
    return [own, *(other for other in others if other != own)]


def _projected(
    kind: str, here: NDArray[np.float32], there: NDArray[np.float32], components: Sequence[int]
) -> Iterator[Candidate]:
    """Codes as tiles of these features would hold them."""
    most = min(components[-1], here.shape[1])
    found = fit(there, most)
    rows, scale, mean = (np.array(found[name]) for name in ("components", "scale", "mean"))
    deviation = np.array(found["deviation"])
    codes = np.clip(np.rint((here - mean) @ (rows / scale[:, None]).T), -127, 127).astype(np.int8)
    for k in sorted({min(count, most) for count in components}):
        yield Candidate(kind, k, k, codes[:, :k], deviation[:k])


def _features(
    values: NDArray[np.float32], features: Features, bands: int, dates: Sequence[int]
) -> NDArray[np.float32]:
    """Feature vectors (pixels, d) of some dates of values (pixels, dates · bands)."""
    chosen = np.concatenate([values[:, date * bands : (date + 1) * bands] for date in dates], axis=1)
    plus, minus = feature_planes(features, bands, len(dates))
    made = chosen[:, plus]
    subtracts = minus >= 0
    made[:, subtracts] -= chosen[:, minus[subtracts]]
    return made


def _mapped(stored: NDArray[Any], mappings: Sequence[ValueMapping]) -> NDArray[np.float32]:
    return np.concatenate([
        mapping.apply(part) for mapping, part in zip(mappings, np.split(stored, len(mappings), axis=1), strict=True)
    ], axis=1)


def _require_same(
    values: NDArray[np.float32], missing: NDArray[np.bool_], codes: NDArray[np.int8], stack: Stack, tiles: Tiles,
    warnings: list[str],
) -> None:
    """Raise InputError unless the rasters project to the tiles' codes; warn where the files are not the very same."""
    weights, offset = tiles.basis.projection()
    every = list(range(len(stack.sources)))
    vectors = _features(values, tiles.basis.features, tiles.basis.bands, every)
    expected = np.clip(np.rint(vectors @ weights.T - offset), -127, 127)
    share = float(np.mean((np.abs(expected - codes) <= 1) & ~missing[:, None]))
    names = " and ".join(source.path for source in stack.sources)
    if not share >= SAME:
        made = ", ".join(f"{source.name} ({source.date})" for source in tiles.basis.sources)
        raise InputError(f"{names} are not the rasters that {tiles.path.name} was made from ({made}): at the labelled "
                         f"pixels only {share:.0%} of their codes are those of the tiles. Give these rasters, in this "
                         "order.")
    others = [source.path for source, record in zip(stack.sources, tiles.basis.sources, strict=True)
              if fingerprint(source.path) != record.fingerprint]
    if others:
        warnings.append(f"{' and '.join(others)} {'is' if len(others) == 1 else 'are'} not the very file the tiles "
                        f"were made from; {share:.1%} of the codes at the labels agree")


def _vectors(
    stack: Stack, pixels: Pixels, executor: Executor, progress: Progress
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Stored numbers (pixels, dates · bands), and which pixels lack a date; a window that holds none is not read."""
    values = np.empty((len(pixels.rows), len(stack.sources) * stack.sources[0].bands), stack.sources[0].dtype)
    missing = np.zeros(len(values), bool)
    jobs: list[tuple[Window, NDArray[np.int64]]] = []
    for band in stack.windows():
        for window in band:
            rows, columns = pixels.rows - window.row_off, pixels.columns - window.col_off
            which = np.flatnonzero((rows >= 0) & (rows < window.height) & (columns >= 0) & (columns < window.width))
            if len(which):
                jobs.append((window, which))
        progress.check()

    def read(job: tuple[Window, NDArray[np.int64]]) -> Planes:
        window, which = job
        places = (pixels.rows[which] - window.row_off) * window.width + pixels.columns[which] - window.col_off
        planes = stack.read(window)
        return Planes(planes.values[:, places], planes.nodata,
                      None if planes.outside is None else planes.outside[:, places])

    for done, ((_, which), planes) in enumerate(zip(jobs, in_order(executor, read, jobs, 2), strict=True), 1):
        values[which], missing[which] = planes.values.T, planes.missing().any(axis=0)
        progress.report(done / len(jobs))
    return values, missing
