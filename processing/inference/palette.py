"""Colours for classes that a card gives none: told apart with any colour vision."""

from __future__ import annotations

import colorsys

TOL = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#882255", "#44aa99", "#ddcc77", "#332288", "#999933", "#cc6677",
)  # fmt: skip
"""Paul Tol's schemes bright and muted, without the hues that both have."""

BACKGROUND = "#bbbbbb"
BACKGROUND_NAMES = frozenset(
    {"background", "other", "others", "none", "nothing", "unknown", "no class", "not road", "no water", "land", "bg"}
)


def class_colours(names: list[str]) -> list[str]:
    """A colour "#rrggbb" for each class name: grey for a background, then Tol's schemes, then hues far apart whose
    lightness also changes."""
    colours, used = [], 0
    for name in names:
        if name.strip().lower() in BACKGROUND_NAMES and BACKGROUND not in colours:
            colours.append(BACKGROUND)
            continue
        colours.append(TOL[used] if used < len(TOL) else _further(used - len(TOL)))
        used += 1
    return colours


def _further(index: int) -> str:
    red, green, blue = colorsys.hls_to_rgb(index * 0.618034 % 1.0, (0.35, 0.55, 0.72)[index % 3], 0.55)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
