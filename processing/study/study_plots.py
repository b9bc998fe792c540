"""The drawings of the study: what is lost for how many bytes, where it is lost, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..reports.plots import BLUE, GREY, INK, ORANGE, OTHERS, figure, svg
from .comparison import Compared, front
from .evaluate import BASELINE
from .findings import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (BLUE, ORANGE, *OTHERS)
FAMILIES = (
    ("int and float", "o", BLUE), ("binary", "s", ORANGE), ("PCA, then int", "^", "#009e73"),
    ("PCA, then binary", "v", "#cc79a7"),
    ("other reductions", "D", "#8c510a"), ("rotated or product", "P", "#5e3c99"),
)
NAMED = 7
"""Points of the front that are named, at most."""
HEAT_ROWS, HEAT_COLUMNS = 40, 30


def accuracy_by_bytes(studies: Sequence[Study], kind: str) -> str:
    """Accuracy of kNN and of the probe against bytes, with the Pareto front of each input."""
    drawn, (left, right) = figure(2, width=9.6, height=4.6)
    for axes, measured, title in ((left, "knn", "kNN (k = 5)"), (right, "probe", "Linear probe")):
        axes.set_title(title, loc="left")
        for number, study in enumerate(studies):
            compared = study.compared.get(kind, [])
            scores = [100 * getattr(one, measured).accuracy for one in compared]
            colour = None if len(studies) == 1 else COLOURS[number % len(COLOURS)]
            _points(axes, compared, scores, colour, study.data.model)
            if colour is None:
                _intervals(axes, compared, scores, measured)
                axes.axhline(scores[0], color=BLUE, lw=0.9, ls=(0, (5, 4)), zorder=0, label="float32")
        _bytes_axis(axes)
        axes.set_ylabel("accuracy on rows held out, %")
        if len(studies) == 1:  # room for names
            low, high = axes.get_ylim()
            axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= 100])
            axes.set_ylim(low, high + 0.3 * (high - low))
    _legend(left, right)
    return svg(drawn, f"Accuracy against bytes per embedding, {kind} split")


def recall_by_bytes(studies: Sequence[Study], kind: str) -> str:
    """Recall@10 of the neighbours that float32 finds, against bytes."""
    drawn, (axes,) = figure(width=7.5, height=3.9)
    for number, study in enumerate(studies):
        compared = [one for one in study.compared.get(kind, []) if one.recall is not None]
        scores = [100 * (one.recall or 0) for one in compared]
        _points(axes, compared, scores, None if len(studies) == 1 else COLOURS[number % len(COLOURS)], study.data.model)
    _bytes_axis(axes)
    axes.set_ylabel("recall@10, %")
    axes.set_ylim(0, 130 if len(studies) == 1 else 104)
    axes.set_yticks(range(0, 101, 20))
    _legend(axes)
    return svg(drawn, f"Recall at 10 against bytes per embedding, {kind} split")


def f1_drops(study: Study, kind: str) -> str:
    """How the F1 of each class changes under each recipe, by kNN and by the linear probe, as a heat map."""
    compared = sorted((one for one in study.compared[kind] if one.recipe != BASELINE),
                      key=lambda one: (-one.storage.size, one.recipe))[:HEAT_ROWS]
    names = study.data.names[:HEAT_COLUMNS]
    both = [("kNN", "knn"), ("Linear probe", "probe")]
    width = min(13.0, 3.4 + 2 * max(1.6, 0.62 * len(names)))
    drawn, panels = figure(2, width=width, height=1.5 + 0.26 * len(compared))
    values = [-100 * np.array([getattr(one, measured).f1_drop[: len(names)] for one in compared])
              for _, measured in both]
    across, down = np.arange(len(names) + 1) - 0.5, np.arange(len(compared) + 1) - 0.5
    largest = max(5.0, float(np.nanmax(np.abs(np.stack(values)), initial=0.0)))
    for axes, (title, _), changes in zip(panels, both, values, strict=True):
        axes.grid(False)
        axes.set_title(title, loc="left")
        picture = axes.pcolormesh(across, down, changes, cmap="RdBu", vmin=-largest, vmax=largest, edgecolors="white",
                                  linewidth=1)
        axes.invert_yaxis()
        axes.set_xticks(range(len(names)), [_short(name) for name in names], rotation=35 if len(names) > 2 else 0,
                        ha="right" if len(names) > 2 else "center")
        axes.set_yticks(range(len(compared)), [f"{one.recipe} ({one.storage.size} "
                                               "B)" for one in compared], fontsize=8.5)
        if axes is not panels[0]:
            axes.set_yticklabels([])
        if len(names) <= 12:
            for (row, column), change in np.ndenumerate(changes):
                if np.isfinite(change):
                    axes.text(column, row, f"{change:+.0f}" if abs(change) >= 0.5 else "0", ha="center", va="center",
                              fontsize=8, color="white" if abs(change) > 0.6 * largest else INK)
    bar = drawn.colorbar(picture, ax=panels, shrink=0.7, pad=0.02)
    if bar.solids is not None:
        bar.solids.set_rasterized(False)  # colours as shapes: a page holds no pictures
        bar.solids.set_edgecolor("face")
    bar.set_label("change of F1, points")
    bar.outline.set_visible(False)
    return svg(drawn, f"Change of F1 by class and recipe, {study.data.model}, {kind} split")


def variances(studies: Sequence[Study]) -> str:
    """The cumulative variance of principal components."""
    drawn, (axes,) = figure(width=7.5, height=3.6)
    for number, study in enumerate(studies):
        colour = COLOURS[number % len(COLOURS)]
        two = study.date_variance is not None
        for variance, label, style in (
            (study.variance, f"{study.data.model}, difference" if two else study.data.model, "--" if two else "-"),
            (study.date_variance, f"{study.data.model}, first date", "-"),
        ):
            if variance is not None:
                axes.plot(np.arange(1, len(variance) + 1), 100 * variance, style, color=colour, label=label)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axes.set_xlabel("principal components")
    axes.set_ylabel("variance held, %")
    axes.set_ylim(0, 104)
    axes.legend(loc="lower right", fontsize=9, frameon=False)
    return svg(drawn, "Cumulative variance of principal components")


def bit_balances(study: Study) -> str:
    """The share of ones of each bit of the binary recipes, sorted: a level line at a half is a code that wastes
    nothing."""
    drawn, (axes,) = figure(width=7.5, height=3.6)
    for number, (recipe, balance) in enumerate(study.balances.items()):
        places = (np.arange(len(balance)) + 0.5) / len(balance)
        axes.plot(100 * places, 100 * np.sort(balance), color=COLOURS[number % len(COLOURS)],
                  ls=("-", "--", "-.", ":")[number // len(COLOURS) % 4],
                  label=f"{recipe} (off by {100 * np.abs(balance - 0.5).mean():.1f})")
    axes.axhline(50, color=GREY, lw=0.8)
    axes.set_xlabel("bits, sorted, %")
    axes.set_ylabel("rows whose bit is 1, %")
    axes.set_ylim(-2, 102)
    axes.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return svg(drawn, f"Balance of bits, {study.data.model}")


def _points(
    axes: Axes, compared: Sequence[Compared], scores: Sequence[float], colour: str | None, model: str
) -> None:
    """The recipes as points, by family or in one colour, with their front, whose points are named where there is one
    input."""
    sizes = [one.storage.size for one in compared]
    kept = front(sizes, scores)
    axes.plot([sizes[index] for index in kept], [scores[index] for index in kept], color=colour or GREY, lw=1.2,
              zorder=1, label=model if colour else None)
    for label, marker, own in FAMILIES:
        chosen = [index for index, one in enumerate(compared) if _family(one.recipe) == label]
        if chosen:
            axes.scatter([sizes[index] for index in chosen], [scores[index] for index in chosen], marker=marker, s=34,
                         color=colour or own, alpha=0.9, lw=0, zorder=2, label=None if colour else label)
    if colour is None:
        _name(axes, [(sizes[index], scores[index], compared[index].recipe) for index in kept])


def _intervals(axes: Axes, compared: Sequence[Compared], scores: Sequence[float], measured: str) -> None:
    """The 95 % intervals of the changes against float32, at the points of the front, from float32's accuracy."""
    for index in front([one.storage.size for one in compared], scores):
        change = getattr(compared[index], measured).change
        size = compared[index].storage.size
        axes.plot([size, size], [scores[0] + 100 * change.low, scores[0] + 100 * change.high],
                  color=GREY, lw=0.9, zorder=0)


def _name(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Names of some points of the front, those far enough from the one before."""
    chosen: list[tuple[float, float, str]] = []
    for point in reversed(points):
        if not chosen or np.log2(chosen[-1][0] / point[0]) >= 0.95:
            chosen.append(point)
    for size, score, text in chosen[:NAMED]:
        axes.annotate(text, (size, score), xytext=(0, 6), textcoords="offset points", fontsize=7.5, color=INK,
                      ha="center", va="bottom", rotation=90,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85})


def _bytes_axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axes.set_xlabel("bytes per embedding")
    axes.margins(x=0.16, y=0.12)


def _legend(axes: Axes, other: Axes | None = None) -> None:
    from matplotlib.lines import Line2D

    beside = other or axes
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    if not any(label in once for label, _, _ in FAMILIES):  # colours are inputs: what markers are is said in grey
        once.update({label: Line2D([], [], color=GREY, marker=marker, ls="") for label, marker, _ in FAMILIES})
    beside.legend(once.values(), once.keys(), fontsize=8.5, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def _family(recipe: str) -> str:
    reduction, _, quantiser = recipe.rpartition("+")
    binary = quantiser.startswith("binary") or quantiser == "itq"
    if reduction.startswith("pca"):
        return "PCA, then binary" if binary else "PCA, then int"
    if reduction:
        return "other reductions"
    if binary:
        return "binary"
    return "rotated or product" if quantiser.startswith(("turbo", "pq")) else "int and float"


def _short(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"


def sharpest(values: NDArray[np.float64], share: float) -> int:
    """How many components hold at least ``share`` of the variance; all where none does."""
    reached = np.flatnonzero(values >= share - 1e-9)
    return int(reached[0]) + 1 if len(reached) else len(values)
