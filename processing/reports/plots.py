"""The look of plots in reports, and the drawings that several reports share. Matplotlib without its windows."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORANGE, BLUE, GREY, INK = "#e66101", "#2166ac", "#7f7f7f", "#1b1f24"
"""Orange for change, or the class that is looked for, and blue for the other: safe for colour-blind eyes."""
OTHERS = ("#009e73", "#cc79a7", "#8c510a", "#56b4e9", "#5e3c99", "#666666", "#d55e00", "#0072b2")

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, sharp, can be searched
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left", "axes.labelcolor": INK, "text.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#57606a", "axes.grid": True,
    "axes.axisbelow": True, "grid.color": "#e3e7eb", "grid.linewidth": 0.8, "xtick.color": "#57606a",
    "ytick.color": "#57606a", "legend.frameon": False, "lines.linewidth": 1.8, "figure.facecolor": "white",
}
SHOWN_CLASSES = 15
"""Counts are written into the cells of confusion matrices of up to so many classes."""


SLANTED_LETTERS = 24
"""Names of columns are slanted where, side by side, they would need more letters."""


def figure(columns: int = 1, rows: int = 1, width: float = 7.5, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    """A figure (inches) and its axes, row by row, in the reports' style."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        made = Figure(figsize=(width, height), layout="constrained")
        axes: NDArray[Any] = np.atleast_1d(made.subplots(rows, columns))
    return made, list(axes.ravel())


def svg(drawn: Figure, description: str) -> str:
    """A figure as an ``<svg>`` element to stand in a page; ``description`` is for who cannot see it.

    Names inside it are its own, so that several stand in one page; the same figure gives the same text.
    """
    import matplotlib

    stream = io.StringIO()
    salt = hashlib.blake2b(description.encode(), digest_size=6).hexdigest()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": salt, "svg.id": f"plot-{salt}"}):
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        drawn.savefig(stream, format="svg", bbox_inches="tight", metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # the ids that matplotlib numbers (axes_1, text_3) are the same in every figure
    names = set(re.findall(r'\bid="([^"]+)"', text))
    text = re.sub(r'\bid="([^"]+)"', rf'id="p{salt}-\1"', text)
    text = re.sub(r'(href="#|url\(#)([^")]+)', lambda found: found[1] + (
        f"p{salt}-{found[2]}" if found[2] in names else found[2]), text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def confusion(counts: NDArray[Any], names: Sequence[str], rows: str, columns: str, description: str) -> str:
    """A confusion matrix (classes, classes) as shares of its rows, with the counts written into the cells.

    ``rows`` and ``columns`` say what these are, as in "label" and "predicted".
    """
    total = len(names)
    side = min(8.0, 2.6 + 0.55 * total)
    drawn, (axes,) = figure(width=side + 1.4, height=side)
    draw_confusion(axes, counts, names, rows, columns)
    return svg(drawn, description)


def draw_confusion(axes: Axes, counts: NDArray[Any], names: Sequence[str], rows: str, columns: str) -> None:
    """The same on axes of a larger figure."""
    total = len(names)
    shown = [plain(name) for name in names]
    shares = np.divide(counts, counts.sum(axis=1, keepdims=True), out=np.zeros(counts.shape, float),
                       where=counts.sum(axis=1, keepdims=True) > 0)
    axes.grid(False)
    edges = np.arange(total + 1) - 0.5  # squares, not a picture: sharp at any size
    axes.pcolormesh(edges, edges, shares, cmap="Blues", vmin=0, vmax=1.25, edgecolors="white", linewidth=1)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    slanted = total > 3 or max(len(name) for name in shown) * total > SLANTED_LETTERS
    axes.set_xticks(range(total), shown, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.set_yticks(range(total), shown)
    axes.set_xlabel(columns)
    axes.set_ylabel(rows)
    if total <= SHOWN_CLASSES:
        for row, column in np.ndindex(counts.shape):
            value = counts[row, column]
            text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"
            axes.text(column, row, text, ha="center", va="center",
                      color="white" if shares[row, column] > 0.75 else INK)


def plain(name: str, most: int = 24) -> str:
    """A name from a file as text that is drawn as it stands: no formula, no line of its own, not too long."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    text = f" {text}" if text.startswith("_") else text  # matplotlib leaves such names out of legends
    return text.replace("$", r"\$")
