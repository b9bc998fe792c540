"""The report of a regression: held-out predictions against what was observed, at random and in new places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..regression.figures import NumberFold, NumberValidation
from ..regression.model import RegressionModel
from ..regression.ridge import HeldOut
from ..regression.sampling import NumberSample
from ..reports import plots
from ..reports.page import Page, Part, Plot, Section, Table, Text, Warnings

MOST_POINTS = 2000
"""Points of a scatter plot: more are a blot, and a page of many megabytes."""
BINS = 30
TITLES = ("Random folds", "New places")


def regression_page(
    model: RegressionModel, sample: NumberSample, random: HeldOut | None, spatial: HeldOut | None
) -> Page:
    """A page on a model, the rows it was trained on, and what models that had not seen them predicted for each.

    ``random`` and ``spatial`` are None where the model has no figure of that kind.
    """
    shown = [(title, figures, held_out) for title, figures, held_out in zip(
        TITLES, (model.random, model.spatial), (random, spatial), strict=True) if figures and held_out]
    return Page(
        title=f"{model.title}: how well it is predicted",
        lead=f"Ridge regression on {', '.join(model.basis.dates)}, trained on {model.labels.labels} labels with "
             f"{model.labels.pixels} pixels. All figures are of labels that the model had not seen; each label weighs "
             "the same, however many pixels it has.",
        facts=_facts(model),
        sections=[
            Section("Before you use it", _warnings(model)),
            Section("Figures", _figures(model)),
            Section("Predicted against observed", _drawings(model, sample, shown)),
            Section("Each fold", [_folds(model, title, figures) for title, figures, _ in shown]),
            Section("The labels", [_labels(model)]),
        ],
        record=model.provenance,
    )


def _facts(model: RegressionModel) -> list[tuple[str, str]]:
    facts = []
    for title, figures in zip(TITLES, (model.random, model.spatial), strict=True):
        name = title.lower()
        facts.append((f"RMSE, {name}", _with_unit(figures.rmse, model) if figures else "none"))
        facts.append((f"R², {name}", _share(figures.r2) if figures else "none"))
    return facts


def _warnings(model: RegressionModel) -> list[Part]:
    lines = [f"{warning[0].upper()}{warning[1:]}." for warning in model.warnings if warning]
    if model.random is None:
        lines.append(f"No figure for random folds: {model.random_reason}.")
    if model.spatial is None:
        lines.append(f"No figure for new places: {model.spatial_reason}.")
    spatial, random = model.spatial, model.random
    if spatial and spatial.r2 is not None and spatial.r2 <= 0:
        lines.append("In new places the mean of the labels is as good a prediction as the model's: away from the "
                     "labels the map says nothing.")
    elif spatial and random and spatial.rmse > 1.25 * random.rmse:
        lines.append(f"In new places the error is {spatial.rmse / random.rmse:.1f} times that of random folds: expect "
                     "this where there are no labels, and label more places.")
    return [Warnings(lines)] if lines else []


def _figures(model: RegressionModel) -> list[Part]:
    both = (model.random, model.spatial)

    def row(name: str, of: str) -> list[str]:
        return [name, *("–" if figures is None else _with_unit(getattr(figures, of), model) for figures in both)]

    relative = [f"{one.relative_rmse:.1f} %" if one and one.relative_rmse is not None else "–" for one in both]
    rows = [
        row("RMSE", "rmse"), row("RMSE, standard deviation over folds", "rmse_std"),
        ["RMSE, % of the mean", *relative], row("Mean absolute error", "mae"), row("Mean error (bias)", "bias"),
        ["R²", *(_share(one.r2) if one else "–" for one in both)],
        row("RMSE of the labels' mean alone", "baseline_rmse"),
        ["Folds", *(str(one.folds) if one else "–" for one in both)],
    ]
    blocks = f" Blocks of {model.block_size:g} CRS units are left out as a whole." if model.spatial else ""
    text = ("R² compares with the simplest prediction there is, the mean of the labels: 0 is no better than it. Random "
            "folds leave neighbours of each tested label among those that train, and flatter; new places are what to "
            f"expect where there is no label.{blocks}")
    return [Table(["", *TITLES], rows), Text(text)]


def _drawings(
    model: RegressionModel, sample: NumberSample, shown: list[tuple[str, NumberValidation, HeldOut]]
) -> list[Part]:
    if not shown:
        return []
    chosen = np.arange(len(sample.values))
    if len(chosen) > MOST_POINTS:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, MOST_POINTS, replace=False))
    drawn = "" if len(chosen) == len(sample.values) else f" {MOST_POINTS} pixels, drawn at random, are shown."
    return [
        Plot(_scatter(model, sample, shown, chosen),
             "Held-out labels. On the grey line the prediction is what was observed; the dashed line is the mean of "
             f"the labels.{drawn}"),
        Plot(_histogram(model, sample, shown), "Predicted minus observed; the dashed line is the mean error."),
    ]


def _scatter(
    model: RegressionModel, sample: NumberSample, shown: list[tuple[str, NumberValidation, HeldOut]],
    chosen: NDArray[np.int64],
) -> str:
    figure, axes = plots.figure(columns=len(shown), width=3.9 * len(shown), height=4.4)
    every = [sample.values, *(held_out.predicted for _, _, held_out in shown)]
    low, high = min(float(one.min()) for one in every), max(float(one.max()) for one in every)
    margin = 0.04 * (high - low)
    ends = (low - margin, high + margin)
    alpha = float(np.clip(60 / np.sqrt(len(chosen)) / 10, 0.15, 0.8))
    for ax, (title, figures, held_out), colour in zip(axes, shown, (plots.BLUE, plots.ORANGE), strict=False):
        ax.plot(ends, ends, color=plots.GREY, linewidth=1.2, zorder=1)
        ax.axhline(model.labels.mean, color=plots.GREY, linewidth=1, linestyle="--", zorder=1)
        ax.scatter(sample.values[chosen], held_out.predicted[chosen], s=14, color=colour, alpha=alpha, linewidths=0,
                   zorder=2)
        ax.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"observed {model.title}")
        ax.set_title(f"{title}: RMSE {figures.rmse:.3g}, R² {_share(figures.r2)}", loc="left", fontsize=11)
        ax.locator_params(nbins=6)
    axes[0].set_ylabel(f"predicted {model.title}")
    return plots.svg(figure, f"Predicted against observed {model.title}")


def _histogram(
    model: RegressionModel, sample: NumberSample, shown: list[tuple[str, NumberValidation, HeldOut]]
) -> str:
    figure, axes = plots.figure(columns=len(shown), width=3.9 * len(shown), height=2.6)
    errors = [held_out.predicted - sample.values for _, _, held_out in shown]
    edges = np.histogram_bin_edges(np.concatenate(errors), BINS).tolist()
    for ax, (title, figures, _), error, colour in zip(axes, shown, errors, (plots.BLUE, plots.ORANGE), strict=False):
        ax.hist(error, edges, weights=sample.weights, color=colour)
        ax.axvline(figures.bias, color=plots.INK, linewidth=1, linestyle="--")
        ax.set_title(title, loc="left", fontsize=11)
        ax.set_xlabel(f"error{f' ({model.unit})' if model.unit else ''}")
    top = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(0, top)
    axes[0].set_ylabel("labels")
    return plots.svg(figure, f"Errors of {model.title}")


def _folds(model: RegressionModel, title: str, figures: NumberValidation) -> Table:
    def row(name: str, one: NumberFold) -> list[str]:
        return [name, str(one.labels), _number(one.rmse), _number(one.mae), f"{one.bias:+.3g}", _share(one.r2),
                _number(one.baseline_rmse)]

    rows = [row(str(number), one) for number, one in enumerate(figures.per_fold, 1)]
    unit = f" ({model.unit})" if model.unit else ""
    return Table(
        [title, "labels", f"RMSE{unit}", f"MAE{unit}", f"bias{unit}", "R²", f"RMSE of the mean{unit}"],
        [*rows, row("all", figures)],
        "R² of a fold compares with the mean of the labels in the other folds; below 0 that mean would have been the "
        "better prediction.")


def _labels(model: RegressionModel) -> Table:
    seen = model.labels
    return Table(
        ["", model.title],
        [["smallest", _number(seen.minimum)], ["2nd percentile", _number(seen.low)], ["mean", _number(seen.mean)],
         ["98th percentile", _number(seen.high)], ["largest", _number(seen.maximum)]],
        "What the map shows beyond the smallest and the largest label is extrapolated.")


def _with_unit(value: float, model: RegressionModel) -> str:
    return f"{_number(value)} {model.unit}".strip()


def _number(value: float) -> str:
    return f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
