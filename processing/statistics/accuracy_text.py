"""Figures of accuracy and area in words: as much of a number as its interval supports."""

from __future__ import annotations

from .estimation import Estimate

HECTARE = 10_000.0
DASH, BRACKET = "–\N{WORD JOINER}", "\N{NO-BREAK SPACE}("
"""A figure and its interval stay on one line."""


def amount(area: float, on_ground: bool, beside: float | None = None) -> str:
    """An area in hectares, or pixels, to as many digits as the one ``beside`` it."""
    factor = 1 / HECTARE if on_ground else 1.0
    leading = factor * (area if beside is None else beside)
    digits = 0 if leading >= 100 or not on_ground else 1 if leading >= 10 else 2
    return f"{factor * area:,.{digits}f}"


def interval(share: Estimate, total: float, on_ground: bool, between: str = DASH) -> str:
    """The limits of the area of a class; a dash where there are none."""
    if share.low is None or share.high is None:
        return "–"
    return between.join(amount(limit * total, on_ground, share.value * total) for limit in (share.low, share.high))


def unit(on_ground: bool) -> str:
    """What areas are in."""
    return "ha" if on_ground else "pixels"


def percent(share: float) -> str:
    """A share as a number of per cent, without the sign."""
    return f"{100 * share:.1f}"


def area_sentence(name: str, share: Estimate, total: float, on_ground: bool) -> str:
    """The area of a class: 412 ha ± 60 ha (95 % confidence: 357 to 481 ha). The ± is 1.96 standard errors, as is
    custom; the interval is the better one of ``intervals``. Without spread there is no ±."""
    of = unit(on_ground)
    value = share.value * total
    said = f"{name[:1].upper()}{name[1:]}: {amount(value, on_ground)} {of}"
    if share.margin is None:
        return said
    if share.margin > 0:
        said += f" ± {amount(share.margin * total, on_ground, value)} {of}"
    return f"{said} (95 % confidence: {interval(share, total, on_ground, ' to ')} {of})"


def share_sentence(name: str, share: Estimate) -> str:
    """A measure: overall accuracy 94.2 ± 1.8 % (92.1 to 95.7 %)."""
    if share.low is None or share.high is None or share.margin is None:
        return f"{name} {percent(share.value)} %"
    around = f" ± {percent(share.margin)}" if share.margin > 0 else ""
    return f"{name} {percent(share.value)}{around} % ({percent(share.low)} to {percent(share.high)} %)"


def cell(share: Estimate | None, factor: float = 100, digits: int = 1) -> str:
    """A measure for a table: value (low–high)."""
    if share is None:
        return "–"
    value = f"{factor * share.value:.{digits}f}"
    if share.low is None or share.high is None:
        return value
    return f"{value}{BRACKET}{factor * share.low:.{digits}f}{DASH}{factor * share.high:.{digits}f})"
