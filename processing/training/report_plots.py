"""The drawings of the training report. Random folds are grey, dashed and hollow; new places dark, solid and filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..classification.figures import Validation
from ..classification.learning import LearningCurve
from ..classification.prevalence import PrecisionAt
from ..reports.plots import BLUE, GREY, INK, ORANGE, OTHERS, draw_confusion, figure, plain, svg
from .calibration import BINS, Calibration
from .feature_sets import Compared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = (ORANGE, BLUE, *OTHERS)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
RISING, DOTTED = "//", ".."
"""Hatches of the class that is looked for, and of the other."""
MOST_CURVES = 6
"""Classes whose curves are drawn in one plot; more cannot be told apart."""
BESIDE = 6
"""Classes up to which two confusion matrices fit side by side."""
SCORE_BINS = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class Look:
    """How one of the two validations is drawn."""

    name: str
    colour: str
    line: str
    marker: str
    face: str
    size: float

    @property
    def line_marks(self) -> dict[str, Any]:
        """Line and marks for matplotlib."""
        return {"color": self.colour, "ls": self.line, "marker": self.marker, "mfc": self.face, "ms": self.size}


LOOKS = (Look("random folds", GREY, "--", "o", "white", 10), Look("new places", INK, "-", "s", INK, 5.5))


@dataclass(frozen=True)
class Held:
    """Held-out predictions of one validation: ``scores`` (rows, 1 of two classes: of the positive one; else classes),
    ``truth`` (rows,)."""

    scores: NDArray[np.float64]
    truth: NDArray[np.int64]


def confusions(validations: Sequence[Validation | None], names: Sequence[str]) -> str:
    """Held-out predictions against labels, random folds and new places side by side, of many classes one below the
    other."""
    there = [(look, one) for look, one in zip(LOOKS, validations, strict=True) if one is not None]
    side, letters = max(2.2, 0.5 * len(names)), max(len(plain(name)) for name in names)
    width, height = side + 0.8 + 0.085 * letters, side + 0.9 + 0.06 * letters
    columns = len(there) if len(names) <= BESIDE else 1
    rows = len(there) // columns
    drawn, axes = figure(columns, rows, width * columns, height * rows)
    for axis, (look, validation) in zip(axes, there, strict=True):
        draw_confusion(axis, np.array(validation.confusion), names, "label", "predicted where it did not train")
        axis.set_title(look.name[0].upper() + look.name[1:])
    return svg(drawn, "Confusion of held-out labels: " + " and ".join(look.name for look, _ in there))


def precision_recall(held: Sequence[Held | None], names: Sequence[str], positive: int | None) -> str:
    """Precision against recall over all thresholds: two classes, both validations on one plot; more, a plot each with
    a curve for each class (of many the six with the lowest average precision, in new places if there are figures)."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    there = [(look, one) for look, one in zip(LOOKS, held, strict=True) if one is not None]
    if positive is not None:
        drawn, (axis,) = figure(width=6.0, height=4.4)
        for look, one in there:
            is_class, scores = one.truth == positive, one.scores[:, 0]
            precision, recall, thresholds = precision_recall_curve(is_class, scores)
            mean = average_precision_score(is_class, scores)
            axis.plot(recall, precision, color=look.colour, ls=look.line, lw=1.8, drawstyle="steps-post",
                      label=f"{look.name}: average precision {mean:.3f}")
            half = min(int(np.searchsorted(thresholds, 0.5)), len(thresholds))
            axis.plot(recall[half], precision[half], **look.line_marks, mew=1.6)
        share = float(np.mean(there[0][1].truth == positive))
        axis.axhline(share, color=GREY, ls=":", lw=1.2, label=f"guessing: {share:.3f}, their share of the labels")
        _finish_curves([axis], [""])
        _legend_below(axis, 1)
        return svg(drawn, "Precision against recall of held-out labels; the marks are at a score of one half")
    drawn, axes = figure(columns=len(there), width=4.9 * len(there) + 0.4, height=5.2)
    means = [[float(average_precision_score(one.truth == number, one.scores[:, number]))
              for number in range(len(names))] for _, one in there]
    chosen = sorted(np.argsort(means[-1])[:MOST_CURVES].tolist())
    for axis, (_, one), mean_of in zip(axes, there, means, strict=True):
        for place, number in enumerate(chosen):
            precision, recall, _ = precision_recall_curve(one.truth == number, one.scores[:, number])
            axis.plot(recall, precision, color=PALETTE[place], ls=LINES[place % len(LINES)], lw=1.8,
                      drawstyle="steps-post", label=f"{plain(names[number], 22)}: {mean_of[number]:.3f}")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=1, title="average precision", frameon=False)
    _finish_curves(axes, [look.name[0].upper() + look.name[1:] for look, _ in there])
    return svg(drawn, "Precision against recall of held-out labels, a curve for each class")


def _finish_curves(axes: Sequence[Axes], titles: Sequence[str]) -> None:
    for axis, title in zip(axes, titles, strict=True):
        axis.set(xlim=(-0.02, 1.02), ylim=(0, 1.04), xlabel="recall", title=title)
    axes[0].set_ylabel("precision")


def score_histograms(held: Sequence[Held | None], names: Sequence[str], positive: int | None) -> str:
    """Two classes: held-out scores of each class, a plot for each validation. More: for each class (of many the first
    nine) the score of the class that was labelled, both validations in one plot."""
    there = [(look, one) for look, one in zip(LOOKS, held, strict=True) if one is not None]
    if positive is not None:
        drawn, axes = figure(columns=len(there), width=4.7 * len(there) + 0.4, height=3.6)
        for axis, (look, one) in zip(axes, there, strict=True):
            for number in (1 - positive, positive):
                colour = ORANGE if number == positive else BLUE
                counts = np.histogram(one.scores[one.truth == number, 0], SCORE_BINS)[0]
                axis.stairs(counts, SCORE_BINS, fill=True, facecolor="none", edgecolor=colour, lw=1.5,
                            hatch=RISING if number == positive else DOTTED, label=f"labelled {plain(names[number])}")
            axis.axvline(0.5, color=INK, lw=1)
            axis.set(title=look.name[0].upper() + look.name[1:], xlabel=f"held-out score of {plain(names[positive])}",
                     xlim=(0, 1))
        axes[0].set_ylabel("labelled pixels")
        _legend_below(axes[0])
        _same_height(axes)
        return svg(drawn, "Held-out scores by class; the line is at one half")
    shown = list(range(min(len(names), 9)))
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    drawn, axes = figure(columns, rows, width=3.2 * columns + 0.4, height=2.4 * rows + 0.3)
    for number, axis in zip(shown, axes):
        for look, one in there:
            counts = np.histogram(one.scores[one.truth == number, number], SCORE_BINS)[0]
            axis.stairs(counts, SCORE_BINS, color=look.colour, ls=look.line, lw=1.6, label=look.name)
        axis.set(title=plain(names[number]), xlim=(0, 1))
        axis.locator_params("y", integer=True)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    for axis in axes[max(0, len(shown) - columns) : len(shown)]:
        axis.set_xlabel("score of the labelled class")
    for axis in axes[::columns]:
        axis.set_ylabel("pixels")
    _legend_below(axes[0])
    return svg(drawn, "Held-out scores that labelled pixels got for the class of their label, by class")


def prevalence(curves: Sequence[list[PrecisionAt] | None]) -> str:
    """Precision against the share of the map that is of the class; the bands reach down to what the labels leave
    possible."""
    drawn, (axis,) = figure(width=6.6, height=4.0)
    for look, curve in zip(LOOKS, curves, strict=True):
        if curve is None:
            continue
        shares = [100 * one.prevalence for one in curve]
        said, least = [one.precision for one in curve], [one.at_least for one in curve]
        axis.fill_between(shares, least, said, color=look.colour, alpha=0.15, lw=0)
        axis.plot(shares, said, **look.line_marks, lw=1.8, label=f"{look.name}: as the labels suggest")
        axis.plot(shares, least, color=look.colour, ls=look.line, lw=0.9, label=f"{look.name}: at least, 95 % sure")
    axis.set_xscale("log")
    ticks = [0.1, 0.5, 1, 2, 5, 10, 20, 50]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set(ylim=(0, 1.04), xlabel="share of the map that is of the class (%)", ylabel="precision on the map")
    _legend_below(axis)
    return svg(drawn, "Precision on a map where the class is rarer than among the labels")


def learning(curve: LearningCurve) -> str:
    """F1 after so many labels."""
    drawn, (axis,) = figure(width=6.6, height=3.8)
    for shift, look, values in zip((-1, 1), LOOKS, (curve.random, curve.spatial), strict=True):
        there = [(size, value) for size, value in zip(curve.clicks, values, strict=True) if value is not None]
        if there:
            _error_line(axis, [size * 1.012**shift for size, _ in there], [value for _, value in there], look)
    axis.set_xscale("log")
    shown = [size for size, *values in zip(curve.clicks, curve.random, curve.spatial, strict=True) if any(values)]
    axis.set_xticks(shown, [str(size) for size in shown])
    axis.minorticks_off()
    axis.set(ylim=(0, 1.04), xlabel="labels, in random order", ylabel="F1 on held-out labels")
    _legend_below(axis)
    return svg(drawn, "F1 on held-out labels after more and more labels")


def feature_sets(sets: Sequence[Compared]) -> str:
    """F1 against bytes per pixel, a plot for each validation, a line for each choice of dates."""
    chosen = [number for number, name in enumerate(("random", "spatial")) if any(getattr(one, name) for one in sets)]
    drawn, axes = figure(columns=len(chosen), width=4.9 * len(chosen) + 0.4, height=4.9)
    kinds = list(dict.fromkeys(one.kind for one in sets))
    sizes = sorted({one.bytes for one in sets})
    for axis, number in zip(axes, chosen, strict=True):
        for place, kind in enumerate(kinds):
            points = [(one.bytes * 1.05 ** (place - (len(kinds) - 1) / 2), (found.f1, found.f1_std)) for one in sets
                      if one.kind == kind and (found := (one.random, one.spatial)[number]) is not None]
            if points:
                colour = PALETTE[place % len(PALETTE)]
                face = colour if place % 2 == 0 else "white"
                look = Look(plain(kind, 44), colour, "-", MARKERS[place % len(MARKERS)], face, 6.5)
                _error_line(axis, [x for x, _ in points], [y for _, y in points], look)
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axis.minorticks_off()
        name = LOOKS[number].name
        axis.set(ylim=(0, 1.04), xlabel="bytes per pixel", title=name[0].upper() + name[1:])
    axes[0].set_ylabel("F1 on held-out labels")
    _legend_below(axes[0])
    return svg(drawn, "F1 on held-out labels against bytes per pixel, for several sets of features")


def reliability(found: Calibration) -> str:
    """The share that was right against the score, with its band; below, the points."""
    drawn, (axis, below) = figure(rows=2, width=5.4, height=5.6)
    axis.get_gridspec().set_height_ratios([3, 1])  # type: ignore[union-attr]
    axis.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1.2, label="a score that is a probability")
    x, y = [one.score for one in found.bins], [one.share for one in found.bins]
    reach: Any = [[one.share - one.low for one in found.bins], [one.high - one.share for one in found.bins]]
    axis.errorbar(x, y, reach, color=INK, marker="s", ms=6, lw=1.6, elinewidth=1.2, capsize=3, label="the sample")
    what = f"share that is {plain(found.of)}" if found.of else "share that is the predicted class"
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), ylabel=what)
    places = [min(int(one.score * BINS), BINS - 1) / BINS + 0.5 / BINS for one in found.bins]
    bars = below.bar(places, [one.points for one in found.bins], 0.9 / BINS, color=GREY)
    below.bar_label(bars, fontsize=8, padding=1)
    below.margins(y=0.3)
    below.set(xlim=(-0.02, 1.02), ylabel="points",
              xlabel=f"score of {plain(found.of)}" if found.of else "score of the predicted class")
    _legend_below(axis)
    return svg(drawn, "Reliability of the score at the points of a random sample")


def weights(importance: NDArray[np.float64], variance: Sequence[float], names: Sequence[str]) -> str:
    """Weights of two classes (1, components), each times its component's deviation over the area."""
    count = importance.shape[1]
    drawn, (axis,) = figure(width=min(9.0, 2.5 + 0.45 * count), height=3.2)
    values = importance[0]
    colours = [ORANGE if value > 0 else BLUE for value in values]
    bars = axis.bar(range(1, count + 1), values, color=colours)
    for bar, value in zip(bars, values, strict=True):
        bar.set_hatch(RISING if value > 0 else DOTTED)
        bar.set_edgecolor("white")
    axis.axhline(0, color=INK, lw=1)
    labels = [f"{index}\n{100 * share:.0f} %" for index, share in enumerate(variance, 1)]
    axis.set_xticks(range(1, count + 1), labels, fontsize=10 if count <= 12 else 7)
    axis.set(xlabel="component, and its share of the variance", ylabel=f"pull towards {plain(names[0])}")
    return svg(drawn, "Weight of each component times its deviation over the area")


def _error_line(axis: Axes, x: list[float], spreads: list[tuple[float, float]], look: Look) -> None:
    """Means with their deviation, which stops at 0 and 1 as F1 does."""
    y, deviation = (np.array(values) for values in zip(*spreads, strict=True))
    reach: Any = [np.minimum(deviation, y), np.minimum(deviation, 1 - y)]
    axis.errorbar(x, y, reach, **look.line_marks, lw=1.6, elinewidth=1, capsize=3, label=look.name)


def _legend_below(axis: Axes, columns: int = 2) -> None:
    """One legend for all axes of a figure, where it covers none of them."""
    handles, labels = axis.get_legend_handles_labels()
    axis.figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def _same_height(axes: Sequence[Axes]) -> None:
    top = max(axis.get_ylim()[1] for axis in axes)
    for axis in axes:
        axis.set_ylim(0, 1.12 * top)
