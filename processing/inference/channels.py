"""From a raster's bands to a model's channels: which band is which channel and why, and the pixels made ready."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..errors import ModelError
from .assignment import Found, assign
from .card import Card
from .raster_bands import RasterDescription

EPSILON = np.float32(1e-10)
KERNEL_TYPES = ("uint8", "int16", "uint16", "float32")
"""Pixels of other types are converted to float32 first."""

REFLECTANCE_LIMIT = 2.0
"""Scaled values above this are no reflectance."""


@dataclass(frozen=True)
class Channel:
    """A channel of the model: the raster's band ``band`` (counted from 1), or a normalised difference of the two in
    ``index``. ``certain`` is False where the proposal should be looked at."""

    name: str
    band: int
    reason: str
    index: tuple[int, int] | None = None
    certain: bool = True


@dataclass(frozen=True)
class ChannelMap:
    """How pixels become channels.

    ``raster_bands`` are the bands to read, in this order, for ``apply`` and ``valid``. ``needed`` names what each
    band is for (card's bands, then those that only an index needs) and ``bands`` are the numbers proposed for them.
    ``problems`` say why the raster does not fit; ``warnings`` what to look at.
    """

    channels: tuple[Channel, ...]
    needed: tuple[str, ...]
    bands: tuple[int, ...]
    raster_bands: tuple[int, ...]
    gain: NDArray[np.float32]
    shift: NDArray[np.float32]
    scale: float
    offset: float
    nodata: tuple[tuple[float, ...], ...] = ()
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def require(self) -> ChannelMap:
        """The map itself. Raises ModelError where the raster does not fit the model."""
        if self.problems:
            raise ModelError(" ".join(self.problems))
        return self

    def apply(
        self, pixels: NDArray[Any], valid: NDArray[np.bool_] | None = None, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Pixels (raster_bands, h, w) of any type → float32 (channels, h, w): (pixel / scale + offset − mean) / std,
        indices from pixel / scale + offset; 0 where ``valid`` (h, w) is False (None: all are valid)."""
        if pixels.ndim != 3 or len(pixels) != len(self.raster_bands):
            raise ValueError(f"pixels of shape {pixels.shape} for the bands {self.raster_bands}")
        source = np.ascontiguousarray(pixels, None if pixels.dtype.name in KERNEL_TYPES else np.float32)
        height, width = source.shape[1:]
        if valid is None:
            valid = np.ones((height, width), np.bool_)
        if out is None:
            out = np.empty((len(self.channels), height, width), np.float32)
        place = {number: row for row, number in enumerate(self.raster_bands)}
        factor, offset = np.float32(1 / self.scale), np.float32(self.offset)
        for row, channel in enumerate(self.channels):
            if channel.index is None:
                linear(source[place[channel.band]], self.gain[row], self.shift[row], valid, out[row])
            else:
                first, second = (source[place[number]] for number in channel.index)
                normalised_difference(first, second, factor, offset, valid, out[row])
                if self.gain[row] != 1 or self.shift[row] != 0:
                    linear(out[row], self.gain[row], self.shift[row], valid, out[row])
        return out

    def valid(self, pixels: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Which of the pixels (raster_bands, h, w) mean something, (h, w): inside ``mask``, no band NaN or infinite,
        and no nodata. A nodata value at the end of an unsigned type's range, such as 0, occurs in valid pixels too: it
        counts where all bands have it; any other where one band does."""
        good = np.ones(pixels.shape[1:], np.bool_) if mask is None else mask.astype(np.bool_, copy=True)
        if pixels.dtype.kind == "f":
            for band in pixels:
                good &= np.isfinite(band)
        ends = _ends(pixels.dtype)
        everywhere = np.ones_like(good)
        shared, possible = False, True
        for band, values in zip(pixels, self.nodata or ((),) * len(pixels), strict=True):
            missing = np.zeros_like(good) if possible else None
            for value in values:
                if value in ends:
                    shared = True
                    if missing is not None:
                        missing |= band == value
                elif not math.isnan(value):
                    good &= band != value
            if missing is not None:
                everywhere &= missing
                possible = bool(everywhere.any())
        return good & ~everywhere if shared else good


def propose(card: Card, raster: RasterDescription, channels: int = 0, bands: list[int] | None = None) -> ChannelMap:
    """The map from ``raster`` to a model of ``card`` with ``channels`` inputs (0: as many as the card names).

    ``bands`` overrides: the raster's band for each of ``needed``, in order. Never raises for what does not fit: see
    ``problems`` and ``require``.
    """
    names = list(card.bands) or [f"channel {number + 1}" for number in range((channels or 1) - len(card.indices))]
    needed = names + [name for index in card.indices for name in index.bands]
    needed = list(dict.fromkeys(needed))
    warnings: list[str] = []
    problems: list[str] = []
    if channels and len(names) + len(card.indices) != channels:
        problems.append(
            f"The card names {len(names)} bands and {len(card.indices)} indices; the model takes {channels} channels."
        )
    if bands is None:
        found = assign(needed, bool(card.bands), raster, warnings)
    else:
        found = _chosen(needed, bands, raster, problems)
    missing = [name for name in needed if name not in found]
    if missing and not problems:
        problems.append(_lacking(missing, needed, raster))
    if missing or problems:
        found |= {name: Found(0, "no band fits", False) for name in missing}
    listed = [Channel(name, found[name].band, found[name].reason, None, found[name].certain) for name in names]
    for index in card.indices:
        first, second = (found[name] for name in index.bands)
        reason = f"({index.bands[0]} − {index.bands[1]}) / ({index.bands[0]} + {index.bands[1]})"
        listed.append(Channel(index.name, 0, reason, (first.band, second.band), first.certain and second.certain))
    reading = tuple(sorted({one.band for one in found.values() if one.band}))
    if not problems:
        warnings += _scale_warnings(card, raster, reading)
    gain, shift = _coefficients(card, len(names), len(card.indices))
    own = {band.number: band.nodata for band in raster.bands}
    nodata = tuple(tuple(v for v in {own[number], card.nodata} if v is not None) for number in reading)
    return ChannelMap(tuple(listed), tuple(needed), tuple(found[name].band for name in needed), reading, gain, shift,
                      card.scale, card.offset, nodata, warnings, problems)  # fmt: skip


def _chosen(needed: list[str], bands: list[int], raster: RasterDescription, problems: list[str]) -> dict[str, Found]:
    if len(bands) != len(needed):
        problems.append(f"{len(bands)} bands were chosen; the model needs {len(needed)}: {', '.join(needed)}.")
        return {}
    wrong = [number for number in bands if not 1 <= number <= raster.count]
    if wrong:
        problems.append(f"The raster has the bands 1 to {raster.count}; chosen were {', '.join(map(str, wrong))}.")
        return {}
    return {name: Found(number, "chosen", True) for name, number in zip(needed, bands, strict=True)}


def _lacking(missing: list[str], needed: list[str], raster: RasterDescription) -> str:
    there = ", ".join(band.name or f"band {band.number}" for band in raster.bands[:15])
    more = " …" if raster.count > 15 else ""
    return (
        f"The raster lacks {', '.join(missing)}: the model needs {len(needed)} bands ({', '.join(needed)}); the raster "
        f"has {raster.count} ({there}{more}). Choose a raster with these bands, or say which band is which."
    )


def _coefficients(card: Card, bands: int, indices: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gain and shift of each channel, so that channel = value · gain + shift; of raw pixels for bands."""
    count = bands + indices
    mean, std = (_whole(said, neutral, bands, indices) for said, neutral in ((card.mean, 0.0), (card.std, 1.0)))
    gain, shift = 1 / std, -mean / std
    shift[:bands] += card.offset / std[:bands]
    gain[:bands] /= card.scale
    return gain.astype(np.float32)[:count], shift.astype(np.float32)[:count]


def _whole(said: list[float], neutral: float, bands: int, indices: int) -> NDArray[np.float64]:
    """One number a channel, from none, one, one a band or one a channel; other counts are the model's to refuse."""
    values = np.full(bands + indices, neutral)
    if len(said) in (1, bands):
        values[:bands] = said
    elif len(said) == bands + indices:
        values[:] = said
    return values


def _scale_warnings(card: Card, raster: RasterDescription, reading: tuple[int, ...]) -> list[str]:
    """Where the raster's values contradict the card's scale."""
    used = [band for band in raster.bands if band.number in reading]
    divided = f"the card divides by {card.scale:g}"
    for scale, offset in sorted({(band.scale, band.offset) for band in used} - {(1.0, 0.0)}):
        if not math.isclose(scale * card.scale, 1, rel_tol=1e-6) or not math.isclose(offset, card.offset, abs_tol=1e-9):
            said = f"The raster says that its values are number × {scale:g} + {offset:g}"
            return [f"{said}; {divided} and adds {card.offset:g}. Check the scale."]
    ranges = [band.range for band in used if band.range is not None]
    if card.scale == 1 or not ranges:
        return []
    highest = max(high for _, high in ranges)
    scaled = highest / card.scale + card.offset
    if raster.dtype == "uint8" and card.scale > 255:
        return [
            f"The raster has 8-bit values up to {highest:g} and {divided}, as for reflectance: it may be a picture for "
            "display, from which reflectance cannot be had."
        ]
    if scaled > REFLECTANCE_LIMIT:
        hint = " A scale of 10000 would fit." if 1000 <= highest <= 20_000 and card.scale != 10_000 else ""
        return [f"Divided by {card.scale:g}, the raster's values reach {scaled:.3g}; the model expects 0 to 1.{hint}"]
    if 0 < highest <= REFLECTANCE_LIMIT and card.scale >= 100 and raster.dtype.startswith("float"):
        return [
            f"The raster's values reach only {highest:.3g} and {divided}: they may be scaled already. A scale of 1 "
            "would fit."
        ]
    return []


def _ends(dtype: np.dtype[Any]) -> tuple[float, ...]:
    if dtype.kind != "u":
        return (0.0,)
    return (0.0, float(np.iinfo(dtype).max)) if dtype.itemsize == 1 else (0.0,)


@njit(nogil=True, cache=True)
def linear(
    pixels: NDArray[Any], gain: np.float32, shift: np.float32, valid: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    """out = pixels · gain + shift where valid, else 0; all (h, w)."""
    for y in range(pixels.shape[0]):
        source, good, target = pixels[y], valid[y], out[y]
        for x in range(len(target)):
            value = np.float32(source[x]) * gain + shift
            target[x] = value if good[x] else np.float32(0)


@njit(nogil=True, cache=True)
def normalised_difference(
    first: NDArray[Any], second: NDArray[Any], factor: np.float32, offset: np.float32, valid: NDArray[np.bool_],
    out: NDArray[np.float32],
) -> None:  # fmt: skip
    """out = (a − b) / (a + b + 1e-10) with a = first · factor + offset, b likewise, where valid, else 0; all (h, w)."""
    for y in range(first.shape[0]):
        row, other, good, target = first[y], second[y], valid[y], out[y]
        for x in range(len(target)):
            a = np.float32(row[x]) * factor + offset
            b = np.float32(other[x]) * factor + offset
            below = a + b + EPSILON
            value = (a - b) / (below if below != 0 else EPSILON)
            target[x] = value if good[x] else np.float32(0)
