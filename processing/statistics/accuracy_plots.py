"""The drawings of an accuracy report: dots for estimates, whiskers for their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..reports.plots import BLUE, GREY, INK, ORANGE, figure, svg
from .accuracy_text import HECTARE, amount, unit
from .estimation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 0.42
"""Inches of height for each class."""
SPREAD = 20.0
"""From this ratio of the largest to the smallest area on, areas are drawn on a logarithmic scale."""


def areas(
    names: Sequence[str], estimates: Sequence[Estimate], mapped: Sequence[float], total: float, on_ground: bool
) -> str:
    """Estimated area of each class with its interval, and what the map counts."""
    drawn, (axes,) = figure(height=1.35 + ROW * 1.15 * len(names))
    factor = total / HECTARE if on_ground else total
    counted = [area / HECTARE if on_ground else area for area in mapped]
    for row, (one, count) in enumerate(zip(estimates, counted, strict=True)):
        _whisker(axes, row, one, factor, ORANGE, 0, "o")
        if count > 0:
            axes.plot(count, row, marker="D", markersize=6.5, markerfacecolor="white", markeredgecolor=GREY,
                      markeredgewidth=1.6, linestyle="none", zorder=2)
    shown = [value for value in [*(one.value * factor for one in estimates), *counted] if value > 0]
    low = min([*shown, *(one.low * factor for one in estimates if one.low)], default=1)
    if shown and max(shown) / min(shown) > SPREAD:
        axes.set_xscale("log")
        high = max([*shown, *(one.high * factor for one in estimates if one.high)])
        axes.set_xlim(0.6 * low, 1.7 * high)
        axes.set_xlabel(f"Area, {unit(on_ground)} (logarithmic scale)")
    else:
        axes.set_xlim(left=0)
        axes.set_xlabel(f"Area, {unit(on_ground)}")
    _plain_numbers(axes)
    _rows(axes, names)
    _legend(axes, [("o", ORANGE, "estimated from the sample, 95 % interval"), ("D", GREY, "mapped (pixels counted)")])
    text = "; ".join(f"{name} {amount(one.value * total, on_ground)} {unit(on_ground)}"
                     for name, one in zip(names, estimates, strict=True))
    return svg(drawn, f"Estimated area of each class with its 95 % interval, beside the mapped area: {text}")


def accuracies(names: Sequence[str], users: Sequence[Estimate | None], producers: Sequence[Estimate | None]) -> str:
    """User's and producer's accuracy of each class with their intervals."""
    drawn, (axes,) = figure(height=1.35 + ROW * 1.4 * len(names))
    for row, (user, producer) in enumerate(zip(users, producers, strict=True)):
        _whisker(axes, row, user, 100, BLUE, -0.16, "s")
        _whisker(axes, row, producer, 100, ORANGE, 0.16, "o")
    axes.set_xlim(0, 100.8)
    axes.set_xlabel("Accuracy, %")
    _rows(axes, names)
    _legend(axes, [("s", BLUE, "user's accuracy (precision)"), ("o", ORANGE, "producer's accuracy (recall)")])
    return svg(drawn, "User's and producer's accuracy of each class with their 95 % intervals")


def _whisker(
    axes: Axes, row: int, one: Estimate | None, factor: float, colour: str, offset: float, marker: str
) -> None:
    if one is None:
        return
    if one.low is not None and one.high is not None:
        axes.errorbar(one.value * factor, row + offset, capsize=4, color=colour, elinewidth=2.2, capthick=1.6, zorder=3,
                      xerr=[[(one.value - one.low) * factor], [(one.high - one.value) * factor]])
    axes.plot(one.value * factor, row + offset, marker=marker, markersize=7, color=colour, linestyle="none", zorder=4)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), list(names), color=INK)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _plain_numbers(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _legend(axes: Axes, entries: Sequence[tuple[str, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], marker=marker, color=colour, linestyle="none" if marker == "D" else "-", label=text,
               markerfacecolor="white" if marker == "D" else colour, markersize=6.5)
        for marker, colour, text in entries]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
