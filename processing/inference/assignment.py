"""Which band of a raster is the one that a model calls by some name: by name, meaning, colour, wavelength, then "
"order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .band_names import L1C_ORDER, L2A_ORDER, SENTINEL2, WAVELENGTHS, by_wavelength, meaning, plain
from .raster_bands import RasterBand, RasterDescription

COLOURS = ("red", "green", "blue", "nir", "coastal", "rededge", "swir", "pan")


@dataclass(frozen=True)
class Found:
    """A raster's band (counted from 1), why it was taken, and whether this is certain."""

    band: int
    reason: str
    certain: bool


def assign(needed: list[str], named: bool, raster: RasterDescription, warnings: list[str]) -> dict[str, Found]:
    """The bands found for the names ``needed`` (``named``: they are a card's, not mere numbers); others are missing.

    What should be looked at is added to ``warnings``.
    """
    if not named:
        return _unnamed(needed, raster, warnings)
    found: dict[str, Found] = {}
    for rule in (_same_name, _same_meaning, _same_colour, _same_wavelength, _narrow_infrared):
        for name in needed:
            if name in found:
                continue
            taken = {one.band for one in found.values()}
            fitting = [
                (band, reason) for band in raster.bands if band.number not in taken and (reason := rule(name, band))
            ]
            if fitting:
                band, reason = fitting[0]
                sure = len(fitting) == 1 and rule is not _narrow_infrared
                found[name] = Found(band.number, reason, sure)
                if len(fitting) > 1:
                    numbers = ", ".join(str(one.number) for one, _ in fitting)
                    warnings.append(f"Several bands could be {name}: {numbers}; the first is taken.")
                elif not sure:
                    warnings.append(f"{name}: {reason}. Check it.")
    _by_order(needed, raster, found, warnings)
    return found


Rule = Callable[[str, RasterBand], str]


def _same_name(name: str, band: RasterBand) -> str:
    return f"its name is {band.name!r}" if band.name and plain(name) == plain(band.name) else ""


def _same_meaning(name: str, band: RasterBand) -> str:
    wanted = meaning(name)
    if wanted is None or not band.name or meaning(band.name) != wanted:
        return ""
    return (
        f"its name {band.name!r} means {wanted}, as {name} does"
        if plain(name) != wanted
        else f"its name {band.name!r} means {name}"
    )


def _same_colour(name: str, band: RasterBand) -> str:
    unnamed = not band.name or meaning(band.name) is None
    return f"its colour is {band.colour}" if unnamed and band.colour in COLOURS and meaning(name) == band.colour else ""


def _same_wavelength(name: str, band: RasterBand) -> str:
    wanted = meaning(name)
    if wanted is None or band.wavelength is None or by_wavelength(band.wavelength) != wanted:
        return ""
    return f"its wavelength is {band.wavelength:g} µm, {wanted}"


def _narrow_infrared(name: str, band: RasterBand) -> str:
    """B8A for B08 and the other way round, where there is nothing better."""
    pair = {meaning(name), meaning(band.name) if band.name else by_wavelength(band.wavelength or 0)}
    return f"{band.name or band.number} is the nearest to {name}" if pair == {"nir", "nir08"} else ""


def _by_order(needed: list[str], raster: RasterDescription, found: dict[str, Found], warnings: list[str]) -> None:
    missing = [name for name in needed if name not in found]
    if not missing:
        return
    count = raster.count
    known = {value[0]: key for key, value in SENTINEL2.items()}
    keys = [known.get(meaning(name) or "") for name in needed]
    order = {len(L2A_ORDER): L2A_ORDER, len(L1C_ORDER): L1C_ORDER}.get(count)
    if order and not found and all(keys) and set(keys) <= set(order):
        level = "L2A" if count == len(L2A_ORDER) else "L1C"
        for name, key in zip(needed, keys, strict=True):
            found[name] = Found(order.index(str(key)) + 1, f"by order: the {count} bands of Sentinel-2 {level}", False)
        warnings.append(
            f"The raster's bands have no names; its {count} bands are taken for Sentinel-2 {level} in its usual "
            "order. Check them."
        )
        return
    colours = [band.colour for band in raster.bands]
    if count == 4 and colours[:3] == ["red", "green", "blue"]:
        for name in missing:
            if meaning(name) == "nir" and not _means_something(raster.bands[3]):
                found[name] = Found(4, "by order: the fourth band after red, green and blue", False)
                marked = (
                    " It is marked as transparency (alpha), as NAIP files often are." if colours[3] == "alpha" else ""
                )
                warnings.append(f"Band 4 is taken for {name}.{marked} Check it.")
        missing = [name for name in needed if name not in found]
    at_home = all(one.band == needed.index(name) + 1 for name, one in found.items())
    if (
        missing
        and count == len(needed)
        and at_home
        and not any(
            _means_something(raster.bands[needed.index(name)]) and meaning(name) in WAVELENGTHS for name in missing
        )
    ):
        for name in missing:
            place = needed.index(name) + 1
            found[name] = Found(place, f"by order: band {place} of {count}", False)
        warnings.append(
            f"The raster does not say which band is {', '.join(missing)}: taken by their order. Check them."
        )


def _means_something(band: RasterBand) -> bool:
    """Whether the band says by itself what it is."""
    return bool(band.name and meaning(band.name)) or band.wavelength is not None or band.colour in COLOURS


def _unnamed(needed: list[str], raster: RasterDescription, warnings: list[str]) -> dict[str, Found]:
    """For a model that does not say which bands it wants: red, green, blue (and infrared) by name, else the order."""
    count = len(needed)
    if count in (3, 4) and raster.count != count:
        colours = ["red", "green", "blue", "nir"][:count]
        hushed: list[str] = []
        found = assign(colours, True, raster, hushed)
        if len(found) == count and all(one.certain for one in found.values()):
            warnings.append(
                f"The card does not name the bands; {count} channels are taken to be {', '.join(colours)}. Check them."
            )
            return {name: Found(found[colour].band, f"taken to be {colour}: {found[colour].reason}", False)
                    for name, colour in zip(needed, colours, strict=True)}  # fmt: skip
    if raster.count < count:
        return {}
    if raster.count > count:
        warnings.append(
            f"The card does not name the bands; the first {count} of {raster.count} are taken in their order. Check "
            "them."
        )
    elif count > 1:
        warnings.append("The card does not name the bands; they are taken in their order.")
    return {name: Found(number, f"by order: band {number} of {raster.count}", False)
            for number, name in enumerate(needed, 1)}  # fmt: skip
