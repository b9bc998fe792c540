"""What a satellite makes of a block: int8 embeddings on AlphaEarth's value grid, and Sentinel-2 reflectances."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .cover import (
    BROADLEAF,
    CONIFER,
    GARDEN,
    REGROWTH,
    ROAD,
    S2_BANDS,
    WATER,
    cover_table,
    reflectance_table,
)
from .landscape import HALO, Block
from .noise import Frame, bell, field, hash2, key, mix, unit
from .plan import Plan
from .signatures import DIMENSIONS, TEXTURES, WEATHERS, year_space

NODATA = -128
SHORTEST, LONGEST = 0.9945, 1.0055
"""Length of de-quantised vectors: within what real AlphaEarth vectors show (.994 to 1.006)."""


def embeddings(
    plan: Plan, block: Block, year: int, share: float, covered: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Embeddings of a block in a year: int8 (64, rows, columns), nodata -128 in all bands where not ``covered``.

    ``share`` is how far the year is from the first (0) to the last (1).
    """
    space = year_space(plan.seed, year)
    frame = Frame(block.top, block.left, block.rows, block.columns, plan.step)
    fields = np.stack(
        [field(("texture", index), plan.seed, spacing, octaves, frame)
         for index, (spacing, octaves) in enumerate(TEXTURES)]
        + [field(("weather", index, year), plan.seed, spacing, octaves, frame)
           for index, (spacing, octaves) in enumerate(WEATHERS)]
    )
    out = np.empty((DIMENSIONS, block.rows, block.columns), np.int8)
    _embed(block.codes(share), block.parcel, fields, covered, space.centres, space.sensitivity.T.copy(),
           np.concatenate([space.textures, space.weathers, space.managements]), np.float32(space.noise),
           len(TEXTURES), block.top, block.left, key(plan.seed, "noise", year), key(plan.seed, "parcel", year), out)
    return out


def sentinel2(plan: Plan, block: Block, year: int, share: float, covered: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """A Sentinel-2-like summer picture: reflectance × 10000, uint16 (12, rows, columns), 0 where not ``covered``."""
    frame = Frame(block.top, block.left, block.rows, block.columns, plan.step)
    fields = np.stack([
        field(("texture", 0), plan.seed, 48, 3, frame),
        field(("weather", 0, year), plan.seed, 260, 2, frame),
        field(("crown",), plan.seed, 2.2 * plan.step, 1, frame),
    ])
    out = np.empty((len(S2_BANDS), block.rows, block.columns), np.uint16)
    haze = np.array([9, 8, 5, 3.5, 2, 1, 1, 0.5, 0.5, 0.5, 0, 0], np.float32) * np.float32(
        4 + 5 * unit(key(plan.seed, "haze", year))
    )
    _reflect(block.codes(share), block.parcel, block.height, fields, covered, cover_table(year), reflectance_table(),
             haze, np.float32(plan.step), block.top, block.left, key(plan.seed, "radiometry", year),
             key(plan.seed, "parcel", year), out)
    return out


@njit(nogil=True, cache=True)
def _mixture(
    codes: NDArray[np.uint8], table: NDArray[np.float32], row: int, column: int, out: NDArray[np.float32]
) -> bool:
    """Mean of the table's rows over 3 × 3 pixels with the point spread [1 2 1]/4 in each direction.

    False, and nothing in ``out``, where all nine are of one code.
    """
    centre = codes[row, column]
    pure = True
    for r in range(row - 1, row + 2):
        for c in range(column - 1, column + 2):
            if codes[r, c] != centre:
                pure = False
    first = table[centre]
    if pure:
        return False
    for band in range(out.shape[0]):
        out[band] = first[band] * np.float32(0.25)
    for r in range(row - 1, row + 2):
        for c in range(column - 1, column + 2):
            if r == row and c == column:
                continue
            weight = np.float32(0.125) if r == row or c == column else np.float32(0.0625)
            line = table[codes[r, c]]
            for band in range(out.shape[0]):
                out[band] += weight * line[band]
    return True


@njit(nogil=True, cache=True)
def _embed(
    codes: NDArray[np.uint8], parcel: NDArray[np.uint32], fields: NDArray[np.float32], covered: NDArray[np.bool_],
    centres: NDArray[np.float32], sensitivity: NDArray[np.float32], directions: NDArray[np.float32],
    deviation: np.float32, textures: int, top: int, left: int, noise: np.uint32, yearly: np.uint32,
    out: NDArray[np.int8],
) -> None:
    """Row by row, and within a row band by band: loops over columns are what vectorises."""
    bands, rows, columns = out.shape
    count, moves = fields.shape[0], directions.shape[0]
    planes = centres.T.copy()
    lines = np.empty((bands, columns), np.float32)
    strength = np.empty((moves, columns), np.float32)
    pixels = np.empty(columns, np.uint32)
    managed = np.empty(columns, np.uint32)
    middle = np.empty(columns, np.uint8)
    border = np.empty(columns, np.int64)
    mixed = np.empty((columns, bands), np.float32)
    square = np.empty(columns, np.float32)
    fourths = np.empty(columns, np.float32)
    for row in range(rows):
        for column in range(columns):
            middle[column] = codes[row + HALO, column + HALO]
            pixels[column] = hash2(noise, top + row, left + column)
            managed[column] = mix(np.uint32(yearly ^ parcel[row + HALO, column + HALO]))
        for index in range(moves):
            if index < count:
                _look_up(sensitivity[0 if index < textures else 1], middle, strength[index])
                _scale(strength[index], fields[index, row])
            else:
                _look_up(sensitivity[2], middle, strength[index])
                for column in range(columns):
                    strength[index, column] *= bell(managed[column])
                    managed[column] = mix(managed[column])
        borders = 0
        for column in range(columns):
            if _mixture(codes, centres, row + HALO, column + HALO, mixed[borders]):
                border[borders] = column
                borders += 1
        square[:] = 0
        for band in range(bands):
            _look_up(planes[band], middle, lines[band])
            for index in range(borders):
                lines[band, border[index]] = mixed[index, band]
            for index in range(moves):
                _add(lines[band], strength[index], directions[index, band])
            _add_noise(lines[band], pixels, np.uint32(np.uint32(band) * np.uint32(0x9E3779B9)), deviation, square)
        fourths[:] = 0
        scale = (np.float32(127.5**2) / np.sqrt(square)).astype(np.float32)
        for band in range(bands):
            _quantise(lines[band], scale, fourths, out[band, row])
        for column in range(columns):
            if not covered[row, column]:
                out[:, row, column] = NODATA
            elif not SHORTEST**2 < fourths[column] / 127.5**4 < LONGEST**2:
                _correct_length(out[:, row, column])


@njit(nogil=True, cache=True)
def _scale(line: NDArray[np.float32], factors: NDArray[np.float32]) -> None:
    for column in range(line.shape[0]):
        line[column] *= factors[column]


@njit(nogil=True, cache=True)
def _add(line: NDArray[np.float32], strength: NDArray[np.float32], direction: np.float32) -> None:
    for column in range(line.shape[0]):
        line[column] += strength[column] * direction


@njit(nogil=True, cache=True)
def _add_noise(
    line: NDArray[np.float32], pixels: NDArray[np.uint32], band: np.uint32, deviation: np.float32,
    square: NDArray[np.float32],
) -> None:
    for column in range(line.shape[0]):
        value = line[column] + deviation * bell(mix(np.uint32(pixels[column] + band)))
        line[column] = value
        square[column] += value * value


@njit(nogil=True, cache=True)
def _look_up(table: NDArray[np.float32], codes: NDArray[np.uint8], line: NDArray[np.float32]) -> None:
    for column in range(line.shape[0]):
        line[column] = table[codes[column]]


@njit(nogil=True, cache=True, error_model="numpy")
def _quantise(
    line: NDArray[np.float32], scale: NDArray[np.float32], fourths: NDArray[np.float32], codes: NDArray[np.int8]
) -> None:
    """q = clip(round(sign(v)·√|v|·127.5), -127, 127) with 127.5²·v = line · scale; adds q⁴ to ``fourths``."""
    for column in range(line.shape[0]):
        value = line[column] * scale[column]
        root = np.sqrt(abs(value)) + np.float32(0.5)
        size = np.int32(root if root < np.float32(127.0) else np.float32(127.0))
        back = np.float32(size)
        fourths[column] += back * back * (back * back)
        codes[column] = np.int8(size if value > np.float32(0.0) else -size)


@njit(nogil=True, cache=True)
def _correct_length(codes: NDArray[np.int8]) -> None:
    """Rounding moves the length of about one vector in a hundred past SHORTEST or LONGEST: move the code whose step
    brings the length nearest to 1 by one, until the length is right."""
    one = 127.5**4
    fourths = np.int64(0)
    for band in range(codes.shape[0]):
        fourths += np.int64(codes[band]) ** 4
    for _ in range(16):
        if SHORTEST <= np.sqrt(fourths / one) <= LONGEST:
            break
        step = 1 if fourths < one else -1
        best, chosen, gain = 1e30, 0, np.int64(0)
        for band in range(codes.shape[0]):
            size = abs(np.int64(codes[band]))
            if size > 0 and size + step <= 127:
                moved = (size + step) ** 4 - size**4
                if abs(fourths + moved - one) < best:
                    best, chosen, gain = abs(fourths + moved - one), band, moved
        if gain == 0:
            break
        fourths += gain
        codes[chosen] += step if codes[chosen] > 0 else -step


@njit(nogil=True, cache=True)
def _reflect(
    codes: NDArray[np.uint8], parcel: NDArray[np.uint32], height: NDArray[np.float32], fields: NDArray[np.float32],
    covered: NDArray[np.bool_], covers: NDArray[np.uint8], spectra: NDArray[np.float32], haze: NDArray[np.float32],
    step: np.float32, top: int, left: int, noise: np.uint32, yearly: np.uint32, out: NDArray[np.uint16],
) -> None:
    bands, rows, columns = out.shape
    value = np.empty(bands, np.float32)
    table = np.empty((covers.shape[0], bands), np.float32)
    for code in range(covers.shape[0]):
        table[code] = spectra[min(covers[code], spectra.shape[0] - 1)]
    for row in range(rows):
        for column in range(columns):
            if not covered[row, column]:
                out[:, row, column] = 0
                continue
            r, c = row + HALO, column + HALO
            if not _mixture(codes, table, r, c, value):
                value[:] = table[codes[r, c]]
            cover = covers[codes[r, c]]
            number = parcel[r, c]
            lasting, this_year = bell(mix(number)), bell(mix(np.uint32(yearly ^ number)))
            light = np.float32(1.0)
            greener = np.float32(0.0)
            if cover == WATER:  # water: depth and glint
                light += np.float32(0.10) * fields[0, row, column] + np.float32(0.05) * fields[1, row, column]
            elif cover in (CONIFER, BROADLEAF, REGROWTH):  # trees: crowns, and slopes in the morning sun
                slope = (height[r + 1, c + 1] - height[r - 1, c - 1]) / step
                light += np.float32(0.12) * fields[2, row, column] + np.float32(0.04) * lasting
                light -= min(max(np.float32(9.0) * slope, np.float32(-0.35)), np.float32(0.35))
                greener = np.float32(0.05) * fields[0, row, column]
            elif GARDEN <= cover <= ROAD:  # houses and streets
                light += np.float32(0.12) * bell(hash2(number, 0, 0)) + np.float32(0.03) * fields[2, row, column]
            else:
                slope = (height[r + 1, c + 1] - height[r - 1, c - 1]) / step
                light += np.float32(0.09) * this_year + np.float32(0.04) * lasting
                light += np.float32(0.05) * fields[0, row, column] + np.float32(0.02) * fields[2, row, column]
                light -= min(max(np.float32(4.0) * slope, np.float32(-0.2)), np.float32(0.2))
                greener = np.float32(0.09) * this_year + np.float32(0.05) * fields[1, row, column]
            light = max(light, np.float32(0.35))
            pixel = hash2(noise, top + row, left + column)
            for band in range(bands):
                infrared = band >= 5 and band <= 9
                tilt = np.float32(1.0) + (greener if infrared else -greener)
                reflectance = value[band] * light * tilt + haze[band]
                reflectance *= np.float32(1.0) + np.float32(0.02) * bell(mix(np.uint32(pixel + np.uint32(band))))
                out[band, row, column] = np.uint16(min(max(reflectance, np.float32(1.0)), np.float32(10000.0)))
