"""What can cover a pixel: codes, land-cover classes with their colours, crop rotations, and reflectances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WATER, CONIFER, BROADLEAF, MEADOW, ORCHARD, GARDEN, HOUSES, DENSE, HALL, ROAD, CLEARED, REGROWTH, BANK = range(13)
WHEAT, MAIZE, RAPESEED, BEET, FALLOW = range(13, 18)
"""GARDEN to ROAD are what towns are made of."""
COVERS = 18
"""Number of covers that have a signature of their own."""

ROTATION = 32
"""Codes from here on are parcels that rotate crops: the code says which rotation and where in it the parcel is."""
ROTATIONS = 24
CODES = ROTATION + ROTATIONS

_SEQUENCES = (
    (WHEAT, RAPESEED, WHEAT, MAIZE, WHEAT),
    (WHEAT, BEET, WHEAT, MAIZE, FALLOW),
    (MAIZE, WHEAT, RAPESEED),
    (MAIZE, MAIZE, WHEAT, BEET, WHEAT),
    (WHEAT, WHEAT, RAPESEED),
    (MAIZE,),
)

CLASSES: dict[int, tuple[str, tuple[int, int, int]]] = {
    1: ("Water", (52, 110, 184)),
    2: ("Coniferous forest", (26, 92, 60)),
    3: ("Broadleaved forest", (79, 141, 66)),
    4: ("Grassland", (176, 205, 112)),
    5: ("Cropland", (240, 214, 120)),
    6: ("Built-up", (200, 72, 66)),
    7: ("Road", (92, 92, 98)),
    8: ("Urban green", (196, 166, 150)),
    9: ("Cleared land", (168, 120, 74)),
    10: ("River bank", (222, 208, 172)),
}
"""Land-cover classes of the map: code → name, colour."""

_CLASS_OF = {
    WATER: 1, CONIFER: 2, BROADLEAF: 3, MEADOW: 4, ORCHARD: 5, GARDEN: 8, HOUSES: 6, DENSE: 6, HALL: 6, ROAD: 7,
    CLEARED: 9, REGROWTH: 9, BANK: 10, WHEAT: 5, MAIZE: 5, RAPESEED: 5, BEET: 5, FALLOW: 5,
}
_KIND_OF_CLASS = {1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4, 8: 4, 9: 5, 10: 6}
"""Kinds between which a transition is a change: water, forest, open land (crops and grass), built, cleared, bank."""


def class_table() -> NDArray[np.uint8]:
    """Land-cover class of every code, uint8 (CODES,)."""
    table = np.full(CODES, 5, np.uint8)
    for cover, number in _CLASS_OF.items():
        table[cover] = number
    return table


def kind_table() -> NDArray[np.uint8]:
    """The kind of every code, uint8 (CODES,): a pixel has changed if its kind has."""
    return np.array([_KIND_OF_CLASS[int(number)] for number in class_table()], np.uint8)


def cover_table(year: int) -> NDArray[np.uint8]:
    """The cover of every code in a year, uint8 (CODES,): rotations resolve to that year's crop."""
    table = np.arange(CODES, dtype=np.uint8)
    for rotation in range(ROTATIONS):
        sequence = _SEQUENCES[rotation % len(_SEQUENCES)]
        table[ROTATION + rotation] = sequence[(year + rotation // len(_SEQUENCES)) % len(sequence)]
    return table


S2_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")

_REFLECTANCE = {
    WATER: (38, 43, 46, 30, 26, 21, 20, 18, 17, 15, 10, 8),
    CONIFER: (20, 23, 36, 23, 56, 150, 190, 212, 222, 220, 100, 45),
    BROADLEAF: (22, 27, 52, 29, 86, 255, 330, 360, 372, 370, 172, 76),
    MEADOW: (35, 45, 86, 56, 126, 280, 340, 372, 390, 388, 230, 128),
    ORCHARD: (40, 50, 80, 66, 120, 228, 272, 300, 318, 318, 222, 132),
    GARDEN: (33, 42, 68, 52, 100, 230, 278, 305, 318, 318, 182, 96),
    HOUSES: (62, 74, 90, 98, 118, 180, 206, 228, 238, 238, 206, 158),
    DENSE: (86, 98, 108, 114, 124, 142, 150, 160, 168, 168, 180, 162),
    HALL: (122, 138, 146, 150, 158, 166, 172, 180, 184, 184, 196, 184),
    ROAD: (66, 78, 88, 94, 104, 118, 124, 130, 136, 136, 150, 138),
    CLEARED: (50, 62, 84, 104, 134, 172, 190, 212, 228, 228, 282, 212),
    REGROWTH: (30, 38, 66, 54, 104, 222, 270, 300, 312, 312, 222, 124),
    BANK: (80, 98, 124, 138, 160, 188, 200, 218, 228, 228, 246, 200),
    WHEAT: (58, 76, 116, 140, 176, 232, 254, 282, 300, 300, 326, 228),
    MAIZE: (30, 38, 76, 43, 110, 300, 388, 428, 440, 440, 212, 100),
    RAPESEED: (46, 57, 112, 98, 160, 280, 324, 352, 370, 370, 272, 160),
    BEET: (28, 36, 88, 40, 122, 360, 468, 500, 512, 512, 200, 90),
    FALLOW: (64, 80, 104, 130, 156, 182, 200, 222, 238, 238, 312, 258),
}
"""Typical summer surface reflectance × 1000 of Sentinel-2's bands."""


def reflectance_table() -> NDArray[np.float32]:
    """Reflectance × 10000 of every cover, float32 (COVERS, 12), in the order of S2_BANDS."""
    return np.array([_REFLECTANCE[cover] for cover in range(COVERS)], np.float32) * 10
