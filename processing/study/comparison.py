"""Each recipe against float32 on the same held-out rows, and the one that is recommended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evaluate import BASELINE, Evaluation
from .labelled import Labelled
from .ridge import r_squared
from .significance import Interval, McNemar, adjusted_low, difference_of_means, f1_by_class, mcnemar
from .splits import Split
from .storage import Storage


@dataclass(frozen=True)
class Agreement:
    """How well predictions agree with the labels: ``f1`` (classes,), NaN for a class not among the tested;
    ``macro_f1`` their mean; ``change`` of the accuracy against float32, ``f1_drop`` float32's F1 less this one's,
    ``test`` McNemar's. ``lowest`` is the lower end of the bootstrap's interval or of Bonett and Price's, whichever is
    lower.
    """

    accuracy: float
    macro_f1: float
    f1: NDArray[np.float64]
    change: Interval
    f1_drop: NDArray[np.float64]
    test: McNemar
    lowest: float


@dataclass(frozen=True)
class Regression:
    """R² of held-out rows, and its change against float32."""

    r2: float
    change: Interval


@dataclass(frozen=True)
class Compared:
    """One recipe on one split. ``decoded`` is kNN by cosine on reconstructed vectors, where ``knn`` is by Hamming
    distance; ``imbalance`` the mean distance of the bits' shares of ones from a half."""

    recipe: str
    storage: Storage
    knn: Agreement
    probe: Agreement
    c: float
    recall: float | None
    decoded: Agreement | None
    regression: Regression | None
    imbalance: float | None


@dataclass(frozen=True)
class Recommendation:
    """The recipe, and a sentence that says why."""

    recipe: str
    sentence: str


def compare(data: Labelled, split: Split, found: Evaluation, baseline: Evaluation, seed: int) -> Compared:
    """The figures of an evaluation against the baseline's on the same split."""
    tested = split.tested
    truth, blocks, total = data.classes[tested], split.blocks[tested], len(data.names)

    def agreement(predicted: NDArray[np.int64], reference: NDArray[np.int64]) -> Agreement:
        right, before = predicted == truth, reference == truth
        f1, f1_before = f1_by_class(truth, predicted, total), f1_by_class(truth, reference, total)
        change = difference_of_means(right.astype(np.float64) - before, blocks, seed)
        test = mcnemar(before, right)
        lowest = min(change.low, adjusted_low(test, len(truth)))
        return Agreement(float(right.mean()), float(np.nanmean(f1)), f1, change, f1_before - f1, test, lowest)

    regression = None
    if found.regressed is not None and baseline.regressed is not None and data.values is not None:
        values = data.values[tested]
        spread = float(np.var(values))
        better = (values - baseline.regressed) ** 2 - (values - found.regressed) ** 2
        change = difference_of_means(better / spread if spread > 0 else 0 * better, blocks, seed)
        regression = Regression(r_squared(values, found.regressed), change)
    return Compared(
        recipe=found.recipe, storage=found.storage, knn=agreement(found.knn, baseline.knn),
        probe=agreement(found.probe, baseline.probe), c=float(np.median(found.c)),
        recall=None if np.isnan(found.recall).all() else float(found.recall.mean()), regression=regression,
        decoded=None if found.knn_decoded is None else agreement(found.knn_decoded, baseline.knn),
        imbalance=None if found.balance is None else float(np.abs(found.balance - 0.5).mean()),
    )


def recommend(compared: Sequence[Compared], kind: str, points: float) -> Recommendation:
    """The recipe of the fewest bytes whose loss of accuracy, by kNN and by the linear probe, is below ``points``
    percentage points with 95 % confidence (``lowest``) on the split ``kind``; of equal bytes the one that loses less.
    float32 where none is."""
    baseline = next(one for one in compared if one.recipe == BASELINE)
    smaller = [one for one in compared if one.storage.size < baseline.storage.size]
    safe = [one for one in smaller if _worst(one) > -points / 100]
    if not safe:
        return Recommendation(BASELINE, (
            f"{BASELINE}: on the {kind} split no smaller recipe is shown to lose less than {points:g} "
            f"{'point' if points == 1 else 'points'} of accuracy{_closest(smaller)}"))
    best = min(safe, key=lambda one: (one.storage.size, -_worst(one)))
    times = baseline.storage.size / best.storage.size
    sentence = (f"{best.recipe}: {best.storage.size} bytes, {times:.3g} × smaller than float32; on the {kind} split "
                f"kNN {_told(best.knn)} and linear probe {_told(best.probe)}, so a loss of {points:g} "
                f"{'point' if points == 1 else 'points'} is ruled out with 95 % confidence")
    refused = [one for one in smaller if one.storage.size < best.storage.size]
    if refused:
        next_one = max(refused, key=lambda one: (one.storage.size, _worst(one)))
        sentence += (f"; {next_one.recipe} ({next_one.storage.size} bytes) may lose "
                     f"{-100 * _worst(next_one):.1f} points")
    return Recommendation(best.recipe, sentence + ".")


def front(sizes: Sequence[float], scores: Sequence[float]) -> list[int]:
    """The Pareto front: indices, by size, of the points that no point of at most their size exceeds."""
    order = sorted(range(len(sizes)), key=lambda index: (sizes[index], -scores[index]))
    kept: list[int] = []
    for index in order:
        if not kept or scores[index] > scores[kept[-1]]:
            kept.append(index)
    return kept


def _worst(one: Compared) -> float:
    """The lower end of the change of accuracy, of kNN or the probe, whichever is lower."""
    return min(one.knn.lowest, one.probe.lowest)


def _closest(smaller: Sequence[Compared]) -> str:
    if not smaller:
        return "."
    best = max(smaller, key=_worst)
    return (f"; the nearest is {best.recipe} ({best.storage.size} bytes), which may lose {-100 * _worst(best):.1f} "
            "points. More labels narrow the intervals.")


def signed(points: float) -> str:
    """A change in points with its sign, to a tenth."""
    return f"{points:+.1f}".replace("-", "−") if abs(points) >= 0.05 else "0.0"


def _told(one: Agreement) -> str:
    if one.change.value == 0 and one.test.lost == one.test.won == 0:
        return "predicts the same"
    points = 100 * one.change.value
    word = f"loses {-points:.1f} points" if points <= -0.05 else f"gains {points:.1f} points" if points >= 0.05 else (
        "keeps its accuracy")
    p = f"p = {one.test.p:.2f}" if one.test.p >= 0.01 else "p < 0.01"
    return f"{word} ({signed(100 * one.change.low)} to {signed(100 * one.change.high)}; McNemar {p})"
