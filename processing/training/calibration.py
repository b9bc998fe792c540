"""Is the score a probability? Answered at the points of a random sample that did not train, never at clicks.

Clicks are placed where they teach: on what is looked for, and where the model is unsure. What the score means there
says nothing of what it means on the map. Points drawn at random stand for the map, each for its share of its stratum's
area.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classification.crossvalidation import likeliest, shares
from ..classification.model import Model
from ..classification.sampling import CODE_NODATA, Pixels, Sample, codes_at
from ..compression.tiles import Tiles
from ..errors import LabelError
from ..grids.features import listed, open_layer
from ..progress import Progress
from ..statistics.correspondence import folded
from ..statistics.interpreters import interpretations_of
from ..statistics.reference import INTERPRETATIONS, LABEL, POINT, SAMPLE, Reference, read_reference

NEEDED = 30
"""Answered points below which nothing is said."""
BINS = 10
REPLICATES = 1000
CHUNK = 2_000_000
"""Numbers of a part of the bootstrap held at once."""
Z = 1.959964

HOW_TO_GET_ONE = (
    "Calibration is drawn only from places chosen at random, never from clicks: clicks are placed where they teach, on "
    "what is looked for and where the model is unsure, and what the score means there says nothing of what it means on "
    "the map. Draw a random sample of the map, interpret its points, and give it as VALIDATION.")


@dataclass(frozen=True)
class Figure:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Scores of one tenth of the scale: their mean, the share that was right (two classes: of the positive class), its
    95 % band, and the points."""

    score: float
    share: float
    low: float
    high: float
    points: int


@dataclass(frozen=True)
class Calibration:
    """The score at ``points`` of a random sample, each weighing its share of the map.

    ``of``: the class whose score it is; "" for more than two classes, where it is the score of the predicted class and
    right means that this is the class. ``brier_of_rate``: the Brier score of saying the same rate everywhere;
    ``chance_error``: the expected calibration error that a perfectly calibrated score would show on as many points.
    ``precision``, ``recall`` and ``f1`` of the map at ½ (more classes: means over them).
    """

    of: str
    points: int
    strata: int
    rate: float
    bins: list[Bin]
    brier: Figure
    brier_of_rate: float
    error: float
    chance_error: float
    precision: Figure
    recall: Figure
    f1: Figure
    warnings: list[str]


@dataclass(frozen=True)
class _Points:
    """Points with a score, all (points,): ``score`` of which is asked, ``right`` whether it came true, ``truth`` and
    ``predicted`` class, ``weight`` (sum 1), ``stratum`` and ``unit`` (what is drawn again together)."""

    score: NDArray[np.float64]
    right: NDArray[np.float64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    weight: NDArray[np.float64]
    stratum: NDArray[np.int64]
    unit: NDArray[np.int64]


def open_sample(
    path: Path, layer: str, class_field: str, tiles: Tiles, crs: str, original: Path | None = None
) -> Reference:
    """The sample and what was said of its points, in the layer and in the interpretations of its file (``original``:
    the file that ``path`` is a copy of a part of).

    The classes are in ``class_field``, or in the sample's own field. Raises LabelError if it is no sample: a layer
    without point numbers was not drawn at random as far as anyone can tell.
    """
    import pyogrio

    layer = layer or (SAMPLE if path.is_file() and SAMPLE in pyogrio.list_layers(path)[:, 0] else "")
    try:
        info = open_layer(path, layer, class_field)
    except LabelError:
        info, class_field = open_layer(path, layer, LABEL), LABEL
    if POINT not in list(info["fields"]):
        raise LabelError(
            f"{info['layer_name']} of {path} is not a random sample: it has no field {POINT} with the numbers of its "
            f"points (it has {listed([str(name) for name in info['fields']])}). Labels that were clicked cannot "
            "calibrate a score; draw a random sample of the map and interpret its points.")
    layer = str(info["layer_name"])
    answers, named = (None, "") if layer == INTERPRETATIONS else interpretations_of(original or path, None, "")
    return read_reference(path, layer, class_field, tiles.grid.crs, crs, answers, named)


def calibrate(
    model: Model, tiles: Tiles, trained: Sample, reference: Reference, seed: int, threads: int, progress: Progress
) -> Calibration | str:
    """How the model's score at the points of a sample agrees with what is there, or why that cannot be said."""
    warnings = list(reference.warnings)
    found = _scored(model, tiles, trained, reference, threads, warnings, progress)
    said = f" ({'; '.join(warnings)})" if warnings else ""
    count = len(found.score)
    if count < NEEDED:
        return f"{count} answered points of the sample can be used, at least {NEEDED} are needed{said}"
    if len(np.unique(found.truth)) < 2:
        return f"all {count} points are of class {model.classes[found.truth[0]]}: nothing can be told apart{said}"
    progress.check()
    edges = np.minimum((found.score * BINS).astype(np.int64), BINS - 1)
    measured = _measures(found, edges, len(model.classes), _positive(model), found.weight[None])
    again = _bootstrap(found, edges, len(model.classes), _positive(model), seed, progress)
    low, high = np.quantile(again, [0.025, 0.975], axis=0)
    brier, precision, recall, f1 = (
        Figure(float(measured[0, k]), float(low[k]), float(high[k])) for k in (0, 2, 3, 4))
    rate = float(np.sum(found.weight * found.right))
    return Calibration(
        of=model.positive_class or "", points=count, strata=len(np.unique(found.stratum)), rate=rate,
        bins=[_bin(found, edges == number) for number in np.unique(edges)], brier=brier,
        brier_of_rate=rate * (1 - rate), error=float(measured[0, 1]), chance_error=_chance_error(found, edges, seed),
        precision=precision, recall=recall, f1=f1, warnings=warnings)


def _positive(model: Model) -> int | None:
    return None if model.positive_class is None else model.classes.index(model.positive_class)


def _scored(
    model: Model, tiles: Tiles, trained: Sample, reference: Reference, threads: int, warnings: list[str],
    progress: Progress,
) -> _Points:
    """The points that count: answered, in a known class, on data, and not under a label that trained."""
    grid = tiles.grid
    with np.errstate(invalid="ignore"):  # a position that could not be moved is infinite, and outside
        rows, columns = grid.pixels(reference.x, reference.y)
    answered = reference.labels != ""
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    meant = {folded(name): name for name in model.classes}
    labels = np.array([meant.get(folded(str(label)), str(label)) for label in reference.labels], object)
    known = np.isin(labels, model.classes)
    taught = np.isin(rows * grid.width + columns, _positions(tiles, trained))
    _tell(warnings, ~answered, "has no agreed answer", "have no agreed answer")
    strange = Counter(labels[answered & ~known].tolist())
    if strange:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(strange.items()))
        warnings.append(f"{sum(strange.values())} of the sample's points are of classes the model does not know and "
                        f"are left out: {named}")
    _tell(warnings, answered & known & ~inside, "lies outside the tiles", "lie outside the tiles")
    _tell(warnings, answered & known & inside & taught, "lies on a pixel that trained the model and is left out",
          "lie on pixels that trained the model and are left out")
    use = np.flatnonzero(answered & known & inside & ~taught)
    pixels = Pixels(rows[use], columns[use], np.arange(len(use)))
    codes = codes_at(tiles, pixels, threads, progress) if len(use) else np.empty((0, tiles.count), np.int8)
    covered = codes[:, 0] != CODE_NODATA if len(use) else np.empty(0, bool)
    _tell(warnings, ~covered, "has no data in the tiles", "have no data in the tiles")
    use, codes = use[covered], codes[covered]
    truth = np.array([model.classes.index(label) for label in labels[use]], np.int64)
    weights, bias = model.arrays()
    logits = codes @ weights.T + bias
    positive = _positive(model)
    if positive is None:
        predicted = likeliest(logits)
        score, right = shares(logits).max(axis=1, initial=0.0), (predicted == truth).astype(np.float64)
    else:
        score, right = shares(logits)[:, 0], (truth == positive).astype(np.float64)
        predicted = np.where(score > 0.5, positive, 1 - positive)
    weight, stratum = _weights(reference, use, warnings)
    clusters = reference.clusters[use]
    unit = np.where(clusters >= 0, clusters, clusters.max(initial=-1) + 1 + np.arange(len(use)))
    return _Points(score, right, truth, predicted, weight, stratum, unit)


def _weights(
    reference: Reference, use: NDArray[np.int64], warnings: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What each point stands for, as a share of the map, and the number of its stratum."""
    names, stratum = np.unique(reference.strata[use].astype(str), return_inverse=True)
    stratum = stratum.astype(np.int64)
    if not reference.areas or len(use) == 0:
        return np.full(len(use), 1 / max(len(use), 1)), stratum
    total = sum(reference.areas.values())
    unseen = {name: area for name, area in reference.areas.items() if name not in set(names.tolist())}
    if unseen:
        warnings.append(f"{', '.join(sorted(unseen))}: no usable point, so {sum(unseen.values()) / total:.1%} of the "
                        "sampled area is not represented")
    areas = np.array([reference.areas[name] for name in names])
    each = (areas / np.bincount(stratum, minlength=len(names)))[stratum]
    return each / each.sum(), stratum


def _measures(
    found: _Points, edges: NDArray[np.int64], total: int, positive: int | None, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Brier score, calibration error, precision, recall and F1 for each row of weights (replicates, points): all are
    made of weighted sums, so that thousands of replicates are one product."""
    everything = weights.sum(axis=1)
    brier = weights @ (found.score - found.right) ** 2 / everything
    gaps = np.zeros((len(found.score), BINS))
    gaps[np.arange(len(edges)), edges] = found.score - found.right
    error = np.abs(weights @ gaps).sum(axis=1) / everything
    classes = range(total) if positive is None else [positive]
    named = np.stack([found.predicted == k for k in classes], axis=1).astype(np.float64)
    present = np.stack([found.truth == k for k in classes], axis=1).astype(np.float64)
    hits, said, true = weights @ (named * present), weights @ named, weights @ present
    occurs = said + true > 0

    def mean(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
        summed: NDArray[np.float64] = (values * occurs).sum(axis=1) / np.maximum(occurs.sum(axis=1), 1)
        return summed

    return np.stack([brier, error, mean(hits, said), mean(hits, true), mean(2 * hits, said + true)], axis=1)


def _bootstrap(
    found: _Points, edges: NDArray[np.int64], total: int, positive: int | None, seed: int, progress: Progress
) -> NDArray[np.float64]:
    """The measures (replicates, 5) of samples drawn again, with replacement, within each stratum, whole clusters."""
    random = np.random.default_rng(seed)
    members = []
    for number in np.unique(found.stratum):
        which = np.flatnonzero(found.stratum == number)
        _, unit = np.unique(found.unit[which], return_inverse=True)
        members.append((which, unit, int(unit.max()) + 1))
    part = max(1, min(REPLICATES, CHUNK // len(found.score)))
    rows = []
    for start in range(0, REPLICATES, part):
        count = min(part, REPLICATES - start)
        times = np.zeros((count, len(found.score)))
        for which, unit, units in members:
            drawn = random.multinomial(units, np.full(units, 1 / units), size=count)
            times[:, which] = drawn[:, unit]
        rows.append(_measures(found, edges, total, positive, times * found.weight))
        progress.check()
    return np.concatenate(rows)


def _chance_error(found: _Points, edges: NDArray[np.int64], seed: int) -> float:
    """The mean calibration error if each score came true just as often as it says."""
    random = np.random.default_rng(seed)
    gaps = np.zeros((200, BINS))
    for row in gaps:
        right = random.random(len(found.score)) < found.score
        row += np.bincount(edges, found.weight * (found.score - right), BINS)
    return float(np.abs(gaps).sum(axis=1).mean())


def _bin(found: _Points, which: NDArray[np.bool_]) -> Bin:
    """Wilson's interval (1927) with the effective number of points, (Σ w)² / Σ w² (Kish 1965)."""
    weight = found.weight[which]
    share = float(np.average(found.right[which], weights=weight))
    n = float(weight.sum() ** 2 / np.sum(weight**2))
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low, high = min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))
    return Bin(float(np.average(found.score[which], weights=weight)), share, float(low), float(high), int(which.sum()))


def _positions(tiles: Tiles, sample: Sample) -> NDArray[np.int64]:
    rows, columns = tiles.grid.pixels(sample.x, sample.y)
    positions: NDArray[np.int64] = rows * tiles.grid.width + columns
    return positions


def _tell(warnings: list[str], which: NDArray[Any], one: str, many: str) -> None:
    count = int(np.count_nonzero(which))
    if count:
        warnings.append(f"{count} of the sample's points {one if count == 1 else many}")
