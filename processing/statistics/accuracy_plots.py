"""The drawings of an accuracy report: dots for estimates, whiskers for their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..reports.plots import BLUE, GREY, INK, ORANGE, figure, plain, svg
from .accuracy_text import HECTARE, amount, unit
from .estimation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, PANEL = 0.55, 0.72
"""Inches of height for a class in a common drawing, and in one with an axis of its own."""
LONGEST = 28
"""Letters of a name that are drawn."""
SHOWN = 20
"""Panels of so many classes are drawn, those of the largest areas."""


def areas(
    names: Sequence[str], estimates: Sequence[Estimate], mapped: Sequence[float], total: float, on_ground: bool
) -> str:
    """Estimated area of each class with its interval, and what the map counts; each class on its own scale, since one
    may be a hundred times as large as another."""
    factor = 1 / HECTARE if on_ground else 1.0
    largest = sorted(range(len(names)), key=lambda index: -estimates[index].value)[:SHOWN]
    shown = [index for index in range(len(names)) if index in largest]
    drawn, panels = figure(rows=len(shown), height=0.75 + PANEL * len(shown))
    for axes, index in zip(panels, shown, strict=True):
        one, count = estimates[index], mapped[index] * factor
        _whisker(axes, -0.2, one, total * factor, ORANGE, "o")
        marks = [value * total * factor for value in (one.value, one.low, one.high) if value is not None]
        if count > 0:
            axes.plot(count, 0.25, marker="D", markersize=6.5, markerfacecolor="white", markeredgecolor=GREY,
                      markeredgewidth=1.6, linestyle="none", zorder=4)
            marks.append(count)
        room = 0.08 * ((max(marks) - min(marks)) or max(marks) or 1)
        axes.set_xlim(max(min(marks) - room, -0.3 * room), max(marks) + room)
        axes.xaxis.set_major_locator(_few_ticks())
        axes.xaxis.set_major_formatter(_plain_numbers())
        _rows(axes, [names[index]])
    panels[-1].set_xlabel(f"Area, {unit(on_ground)}: each class on its own scale")
    _legend(panels[0], [("o", ORANGE, "estimated from the sample, 95 % interval"),
                        ("D", GREY, "mapped (pixels counted)")])
    text = "; ".join(f"{names[index]} {amount(estimates[index].value * total, on_ground)} {unit(on_ground)}"
                     for index in shown)
    return svg(drawn, f"Estimated area of each class with its 95 % interval, beside the mapped area: {text}")


def accuracies(names: Sequence[str], users: Sequence[Estimate | None], producers: Sequence[Estimate | None]) -> str:
    """User's and producer's accuracy of each class with their intervals."""
    drawn, (axes,) = figure(height=1.2 + ROW * len(names))
    for row, (user, producer) in enumerate(zip(users, producers, strict=True)):
        _whisker(axes, row - 0.16, user, 100, BLUE, "s")
        _whisker(axes, row + 0.16, producer, 100, ORANGE, "o")
    axes.set_xlim(0, 100.8)
    axes.set_xlabel("Accuracy, %")
    _rows(axes, names)
    _legend(axes, [("s", BLUE, "user's accuracy (precision)"), ("o", ORANGE, "producer's accuracy (recall)")])
    return svg(drawn, "User's and producer's accuracy of each class with their 95 % intervals")


def _whisker(axes: Axes, height: float, one: Estimate | None, factor: float, colour: str, marker: str) -> None:
    if one is None:
        return
    if one.low is not None and one.high is not None:
        reach = [[max(one.value - one.low, 0) * factor], [max(one.high - one.value, 0) * factor]]
        axes.errorbar(one.value * factor, height, xerr=reach, capsize=4, color=colour, elinewidth=2.2, capthick=1.6,
                      zorder=3)
    axes.plot(one.value * factor, height, marker=marker, markersize=7, color=colour, linestyle="none", zorder=4)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [plain(name, LONGEST) for name in names], color=INK)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=6, min_n_ticks=3)


def _plain_numbers() -> Any:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value:,.0f}" if value == int(value) else f"{value:,.4g}")


def _legend(axes: Axes, entries: Sequence[tuple[str, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], marker=marker, color=colour, linestyle="none" if marker == "D" else "-", label=text,
               markerfacecolor="white" if marker == "D" else colour, markersize=6.5)
        for marker, colour, text in entries]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2, frameon=False)
