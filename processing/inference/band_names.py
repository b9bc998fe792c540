"""Names of spectral bands in all their spellings, and the wavelengths they stand for."""

from __future__ import annotations

import re

SENTINEL2 = {
    "B01": ("coastal", 0.443), "B02": ("blue", 0.490), "B03": ("green", 0.560), "B04": ("red", 0.665),
    "B05": ("rededge1", 0.705), "B06": ("rededge2", 0.740), "B07": ("rededge3", 0.783), "B08": ("nir", 0.842),
    "B8A": ("nir08", 0.865), "B09": ("watervapour", 0.945), "B10": ("cirrus", 1.375), "B11": ("swir1", 1.610),
    "B12": ("swir2", 2.190),
}  # fmt: skip
"""Sentinel-2's bands: common name, central wavelength in µm (ESA)."""

L2A_ORDER = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
L1C_ORDER = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")

WAVELENGTHS = dict(SENTINEL2.values())
HALF_WIDTHS = {"coastal": 0.02, "blue": 0.04, "green": 0.04, "red": 0.04, "rededge1": 0.012, "rededge2": 0.012,
               "rededge3": 0.015, "nir": 0.06, "nir08": 0.02, "watervapour": 0.02, "cirrus": 0.03, "swir1": 0.08,
               "swir2": 0.12}  # fmt: skip
"""How far a band's centre may lie from the wavelength, µm."""

SPELLINGS = {
    "coastal": ("coastal", "coastalaerosol", "aerosol", "ultrablue", "aerosols"),
    "blue": ("blue", "b", "blau", "bleu", "azul", "blu"),
    "green": ("green", "g", "gruen", "grün", "vert", "verde"),
    "red": ("red", "r", "rot", "rouge", "rojo", "rosso"),
    "rededge1": ("rededge1", "re1", "rededge", "vegetationrededge1", "vre1"),
    "rededge2": ("rededge2", "re2", "vegetationrededge2", "vre2"),
    "rededge3": ("rededge3", "re3", "vegetationrededge3", "vre3"),
    "nir": ("nir", "n", "nearinfrared", "infrared", "ir", "nir1", "nearir", "broadnir"),
    "nir08": ("nir08", "narrownir", "nirnarrow", "nir2", "rededge4", "re4"),
    "watervapour": ("watervapour", "watervapor", "wv", "nir09"),
    "cirrus": ("cirrus",),
    "swir1": ("swir1", "swir16", "shortwaveinfrared1", "swir"),
    "swir2": ("swir2", "swir22", "shortwaveinfrared2"),
}
_BY_SPELLING = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}
_SENTINEL = re.compile(r"^(?:sentinel2|s2)?(?:msi)?(?:band|b)0*(\d{1,2})(a?)$")
_NOISE = re.compile(
    r"\b(reflectance|surface|toa|boa|sr|l1c|l2a|nm|um|µm|central|wavelength)\b|\d+(\.\d+)?\s*(nm|um|µm)", re.I
)


def plain(name: str) -> str:
    """Letters and digits alone, in lower case."""
    return re.sub(r"[\W_]+", "", name.lower())


def sentinel2(name: str) -> str | None:
    """ "B02" for B2, b02, S2_B2, "Band 2", "B8a" …; None for other names."""
    found = _SENTINEL.match(plain(name))
    if found is None:
        return None
    key = f"B{int(found.group(1)):02d}" if not found.group(2) else f"B{int(found.group(1))}A"
    return key if key in SENTINEL2 else None


def meaning(name: str) -> str | None:
    """The common name ("red", "nir", "swir1" …) that a band's name stands for; "B4" counts as Sentinel-2's. Words
    beside it, such as "B02 (blue)" or "Red 665 nm", are looked at too. None where it cannot be told."""
    whole = _BY_SPELLING.get(plain(_NOISE.sub(" ", name)))
    if whole:
        return whole
    key = sentinel2(_NOISE.sub(" ", name))
    if key:
        return SENTINEL2[key][0]
    words = [word for word in re.split(r"[^\w]+|_", _NOISE.sub(" ", name)) if len(word) > 1]
    for word in words:
        key = sentinel2(word)
        if key:
            return SENTINEL2[key][0]
    found = {_BY_SPELLING[plain(word)] for word in words if plain(word) in _BY_SPELLING}
    return found.pop() if len(found) == 1 else None


def by_wavelength(micrometres: float) -> str | None:
    """The common name of a band with that centre; None where none is near."""
    near = {name: abs(micrometres - centre) for name, centre in WAVELENGTHS.items()}
    fitting = [name for name, away in near.items() if away <= HALF_WIDTHS[name]]
    return min(fitting, key=lambda name: near[name]) if fitting else None
