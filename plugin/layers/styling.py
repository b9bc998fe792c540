"""The looks of results: QGIS's own style files (.qml) beside them, filled from the templates in resources/styles.

Plain text, so that it works in any thread and in any version of QGIS; a threshold is the user's symbology, not ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

TEMPLATES = Path(__file__).resolve().parents[2] / "resources" / "styles"

ORANGE = "#e66101"
BLUE = "#2166ac"
"""Orange for change, or the class that is looked for, and blue for the other: safe for colour-blind eyes."""

OTHERS = ("#009e73", "#cc79a7", "#f0e442", "#56b4e9", "#8c510a", "#7f7f7f", "#5e3c99", "#1b7837", "#b2182b", "#01665e")
"""For further classes: Okabe and Ito's colours first, then ColorBrewer's."""

VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
"""Matplotlib's viridis (Smith & van der Walt 2015): even steps of lightness, safe for colour-blind eyes."""

SHAPES = ("triangle", "circle", "square", "diamond", "pentagon", "star", "cross_fill", "hexagon")
STEPS = 7
"""Colours of graduated footprints."""
SENTINEL2_WHITE = 3000
"""Reflectance × 10000 that is drawn as white: bright soil and roofs keep their texture, forest is not black."""


class Entry(NamedTuple):
    """One value of a paletted raster. ``alpha`` is 0…255."""

    value: int
    name: str
    colour: str
    alpha: int = 255


def sidecar(path: str | Path, suffix: str = ".qml") -> Path:
    """Where QGIS looks for a layer's default style (.qml) or metadata (.qmd)."""
    return Path(path).with_suffix(suffix)


def class_colours(names: Sequence[str], positive: str | None) -> list[str]:
    """A colour for each class: orange for the positive one, blue for the first of the others."""
    rest = iter((BLUE, *OTHERS, *(OTHERS[index % len(OTHERS)] for index in range(len(names)))))
    return [ORANGE if name == positive else next(rest) for name in names]


def style_score(path: str | Path, low: str, high: str, band: int = 1) -> None:
    """A score raster (uint8 0…254): blue to white to orange, see-through; ``low`` and ``high`` label the ends."""
    _fill("score.qml", path, band=str(band), low=escape(low), high=escape(high))


def style_confidence(path: str | Path, low: str, high: str) -> None:
    """A confidence (uint8 0…254): purple where it is undecided, see-through where it is sure; the ends' labels."""
    _fill("confidence.qml", path, low=escape(low), high=escape(high))


def style_magnitude(path: str | Path, low: str, high: str) -> None:
    """A change magnitude (uint8, 254 is 1): see-through up to 0.02, then yellow, orange, dark red from 0.6 on.

    The scale is fixed, so that maps compare. It spans what real AlphaEarth vectors do: of 114 places the unchanged ones
    mostly stay below 0.03 from year to year, felled forests have a median of 0.16 and a maximum of 0.59.
    """
    _fill("magnitude.qml", path, low=escape(low), high=escape(high))


def style_number(path: str | Path, low: float, high: float, unit: str) -> None:
    """A raster of numbers: viridis from ``low`` to ``high`` (beyond: the colours of the ends), a legend in ``unit``."""
    if not low < high:  # the middle of the labels is all one value
        margin = abs(low) / 10 or 1.0
        low, high = low - margin, high + margin
    decimals = min(12, max(0, 2 - math.floor(math.log10(high - low))))
    suffix = f" {unit}" if unit else ""
    steps = [index / (len(VIRIDIS) - 1) for index in range(len(VIRIDIS))]
    items = (
        f'          <item value="{low + share * (high - low)!r}" color="{colour}" alpha="255" '
        f'label="{escape(_number(low + share * (high - low), decimals) + suffix)}"/>'
        for share, colour in zip(steps, VIRIDIS)
    )
    stops = ":".join(f"{share:g};{_rgb(colour)},255" for share, colour in list(zip(steps, VIRIDIS))[1:-1])
    _fill("number.qml", path, low=repr(low), high=repr(high), first=f"{_rgb(VIRIDIS[0])},255",
          last=f"{_rgb(VIRIDIS[-1])},255", stops=stops, items="\n".join(items), decimals=str(decimals),
          suffix=escape(suffix))


def style_similarity(path: str | Path, low: str, high: str) -> None:
    """A picture of similarity (uint8 0…254, 254 the most): viridis, fainter where it is less; labels of the ends."""
    steps = [index / (len(VIRIDIS) - 1) for index in range(len(VIRIDIS))]
    alphas = [round(90 + 165 * share) for share in steps]
    items = (
        f'          <item value="{254 * share:g}" color="{colour}" alpha="{alpha}" '
        f'label="{escape(low if share == 0 else high if share == 1 else "")}"/>'
        for share, colour, alpha in zip(steps, VIRIDIS, alphas)
    )
    colours = [f"{_rgb(colour)},{alpha}" for colour, alpha in zip(VIRIDIS, alphas)]
    stops = ":".join(f"{share:g};{colour}" for share, colour in list(zip(steps, colours))[1:-1])
    _fill("similarity.qml", path, low=escape(low), high=escape(high), first=colours[0], last=colours[-1], stops=stops,
          items="\n".join(items))


def style_similar_places(
    path: str | Path, field: str, low: float, high: float, best_low: bool, outlined: bool, aliases: dict[str, str],
    tip: str,
) -> None:
    """Footprints by ``field`` from ``low`` to ``high`` in seven steps of viridis, the best in its lightest colour, on a
    dark casing: seen on light and on dark maps. Not ``outlined``: for so many that outlines would hide the rest."""
    colours = ramp_colours(STEPS) if best_low else ramp_colours(STEPS)[::-1]
    width = (high - low) / STEPS
    if not width > 0:  # all alike
        colours, width = [VIRIDIS[-1]], max(abs(high), 1.0)
    ranges, symbols = [], []
    for number, colour in enumerate(colours):
        first, last = low + number * width, low + (number + 1) * width
        last = last if number < len(colours) - 1 else max(high, last)
        label = f"{_short(first)} – {_short(last)}" if len(colours) > 1 else _short(low)
        ranges.append(f'      <range symbol="{number}" lower="{first!r}" upper="{last!r}" label="{escape(label)}" '
                      'render="true"/>')
        symbols.append(_cased_symbol(number, colour) if outlined else _plain_symbol(number, colour))
    lines = (
        f'    <alias index="{index}" field="{escape(name)}" name="{escape(text)}"/>'
        for index, (name, text) in enumerate(aliases.items(), 1)  # the first field is fid
    )
    _fill("similar_places.qml", path, field=escape(field), ranges="\n".join(ranges), symbols="\n".join(symbols),
          aliases="\n".join(lines), tip=escape(tip))


def style_classes(path: str | Path, entries: Sequence[Entry], opacity: float = 0.75) -> None:
    """A raster of class numbers, with names and colours."""
    lines = (
        f'        <paletteEntry value="{value}" label="{escape(name)}" color="{colour}" alpha="{alpha}"/>'
        for value, name, colour, alpha in entries
    )
    _fill("paletted.qml", path, opacity=f"{opacity:g}", entries="\n".join(lines))


def style_coverage(path: str | Path, names: Sequence[str]) -> None:
    """Coverage: the number of dates with data, 0 … n, named by ``names``; complete coverage is see-through."""
    complete = len(names) - 1
    style_classes(
        path,
        [
            Entry(count, name, "#4d4d4d", 0 if count == complete else round(200 * (1 - 0.5 * count / complete)))
            for count, name in enumerate(names)
        ],
        opacity=1,
    )


def style_picture(path: str | Path) -> None:
    """A uint8 picture of three bands as it is; black is nodata and see-through."""
    _fill("rgb.qml", path, red="1", green="2", blue="3", low="0", high="255")


def style_sentinel2(path: str | Path) -> None:
    """A 12-band Sentinel-2 raster in true colour (B04, B03, B02)."""
    _fill("rgb.qml", path, red="4", green="3", blue="2", low="0", high=str(SENTINEL2_WHITE))


def style_labels(path: str | Path, field: str, classes: Sequence[tuple[str, str]], positive: str | None) -> None:
    """Label points by class: shape and colour both tell. ``classes`` are (value in the file, name to show)."""
    colours = class_colours([value for value, _ in classes], positive)
    shapes = iter(SHAPES[1:] * (1 + len(classes) // len(SHAPES)))
    categories, symbols = [], []
    for number, ((value, name), colour) in enumerate(zip(classes, colours)):
        shape = SHAPES[0] if value == positive else next(shapes)
        categories.append(
            f'      <category symbol="{number}" value="{escape(value)}" label="{escape(name)}" render="true"/>'
        )
        symbols.append(_marker(number, shape, colour))
    _fill("labels.qml", path, field=escape(field), categories="\n".join(categories), symbols="\n".join(symbols))


def ramp_colours(count: int) -> list[str]:
    """Colours from light to dark for things in an order, such as periods."""
    ramp, found = VIRIDIS[::-1], []
    for number in range(count):
        place = number / max(count - 1, 1) * (len(ramp) - 1)
        left = min(int(place), len(ramp) - 2)
        pairs = ((int(ramp[left][i : i + 2], 16), int(ramp[left + 1][i : i + 2], 16)) for i in (1, 3, 5))
        found.append("#" + "".join(f"{round(one + (other - one) * (place - left)):02x}" for one, other in pairs))
    return found


def style_polygons(
    path: str | Path, field: str, entries: Sequence[tuple[str, str, str]], aliases: dict[str, str]
) -> None:
    """Polygons by a field, see-through, with darker outlines. ``entries`` are (value, name to show, colour),
    ``aliases`` what fields are called where they are shown."""
    categories, symbols = [], []
    for number, (value, name, colour) in enumerate(entries):
        categories.append(
            f'      <category symbol="{number}" value="{escape(value)}" label="{escape(name)}" render="true"/>'
        )
        symbols.append(_fill_symbol(number, colour))
    lines = (
        f'    <alias index="{index}" field="{escape(name)}" name="{escape(text)}"/>'
        for index, (name, text) in enumerate(aliases.items(), 1)  # the first field is fid
    )
    _fill("polygons.qml", path, field=escape(field), categories="\n".join(categories), symbols="\n".join(symbols),
          aliases="\n".join(lines))


def _fill_symbol(number: int, colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    values = {
        "color": f"{red},{green},{blue},110", "style": "solid",
        "outline_color": f"{red * 3 // 5},{green * 3 // 5},{blue * 3 // 5},255",
        "outline_style": "solid", "outline_width": "0.4", "outline_width_unit": "MM", "joinstyle": "miter",
    }
    options = "".join(f'<Option type="QString" name="{name}" value="{value}"/>' for name, value in values.items())
    return (f'      <symbol type="fill" name="{number}" alpha="1" clip_to_extent="1" force_rhr="0">'
            f'<layer class="SimpleFill" enabled="1" pass="0" locked="0"><Option type="Map">{options}</Option>'
            "</layer></symbol>")


def _cased_symbol(number: int, colour: str) -> str:
    """A see-through fill, a white and a dark casing, and a line of the colour on them: one is seen on any map."""
    fill = {"color": f"{_rgb(colour)},70", "style": "solid", "outline_style": "no"}
    layers = _layer("SimpleFill", fill)
    for line, width in (("255,255,255,220", "1.5"), ("27,31,36,255", "1.1"), (f"{_rgb(colour)},255", "0.7")):
        layers += _layer("SimpleLine", {"line_color": line, "line_style": "solid", "line_width": width,
                                        "line_width_unit": "MM", "joinstyle": "miter"})
    return _symbol(number, layers)


def _plain_symbol(number: int, colour: str) -> str:
    return _symbol(number, _layer("SimpleFill", {"color": f"{_rgb(colour)},210", "style": "solid",
                                                 "outline_style": "no"}))


def _symbol(number: int, layers: str) -> str:
    return (f'      <symbol type="fill" name="{number}" alpha="1" clip_to_extent="1" force_rhr="0">{layers}'
            "</symbol>")


def _layer(kind: str, values: dict[str, str]) -> str:
    options = "".join(f'<Option type="QString" name="{name}" value="{value}"/>' for name, value in values.items())
    return (f'<layer class="{kind}" enabled="1" pass="0" locked="0"><Option type="Map">{options}</Option>'
            "</layer>")


def _short(value: float) -> str:
    """A number for a class of a legend."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def marker(shape: str, colour: str) -> dict[str, str]:
    """The properties of a label's simple marker: filled, with a white outline."""
    return {
        "name": shape, "color": f"{_rgb(colour)},255", "outline_color": "255,255,255,255",
        "outline_style": "solid", "outline_width": "0.3", "outline_width_unit": "MM",
        "size": "3.2" if shape == "triangle" else "2.6", "size_unit": "MM",
    }


def _number(value: float, decimals: int) -> str:
    """A number for a legend; those that would be long, with an exponent."""
    return f"{value:.3g}" if decimals > 6 or abs(value) >= 1e9 else f"{value:,.{decimals}f}"


def _rgb(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))


def _marker(number: int, shape: str, colour: str) -> str:
    values = marker(shape, colour)
    options = "".join(f'<Option type="QString" name="{name}" value="{value}"/>' for name, value in values.items())
    return (f'      <symbol type="marker" name="{number}" alpha="1" clip_to_extent="1" force_rhr="0">'
            f'<layer class="SimpleMarker" enabled="1" pass="0" locked="0"><Option type="Map">{options}</Option>'
            "</layer></symbol>")


def _fill(template: str, path: str | Path, **values: str) -> None:
    text = Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
    sidecar(path).write_text(text, encoding="utf-8")
