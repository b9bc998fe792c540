"""The operation applyclassifier: a model and embedding tiles in, score and class maps out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.windows import Window

from ..compression.tiles import Tiles
from ..errors import BasisMismatch, InputError
from ..executors import cores, in_order, open_executor
from ..grids.area import AreaOfInterest, read_area, window_of
from ..grids.grid import Grid
from ..grids.writer import BLOCK, Layout, RasterWriter
from ..operations import Request, Result
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..provenance import provenance, tags
from .model import Model, load_model
from .scoring import HALF, NODATA, score_classes, score_positive

STRIP = 4096
"""Columns that are read at once: memory for codes stays the same however wide the tiles are."""
ORANGE, BLUE = (230, 97, 1, 255), (33, 102, 172, 255)
OKABE_ITO = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
             (0, 0, 0))
"""Eight colours that colour-blind eyes tell apart (Okabe & Ito 2008); a ninth class and on are shades of them."""


class ApplyRequest(Request):
    """Tiles of one basis, the model, and where the maps go; with several tiles the names get their periods.

    ``aoi`` is a file of polygons (``aoi_crs``: for one that names no CRS) and ``extent`` a box, west, south, east,
    north in ``extent_crs`` ("": the tiles' own). The maps cover their bounds; outside the polygons is no data.
    """

    tiles: list[Path] = Field(min_length=1)
    model: Path
    score: Path
    classes: Path | None = None
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    extent: tuple[float, float, float, float] | None = None
    extent_crs: str = ""
    threads: int = Field(0, ge=0)
    scheduler: str = ""


class Map(Result):
    """The maps of one file of tiles. ``pixels`` are those asked for: of polygons only the ones inside.

    ``pixel_area`` in m², None unless the CRS is projected in metres.
    """

    tiles: Path
    period: str
    score: Path
    classes: Path | None
    covered_pixels: int
    pixels: int
    class_pixels: dict[str, int]
    pixel_area: float | None
    class_names: list[str]
    positive_class: str | None


class ApplyResult(Result):
    """One entry for each file of tiles, in their order."""

    maps: list[Map]


def apply_classifier(request: ApplyRequest, progress: Progress) -> ApplyResult:
    """Score every pixel of the tiles, row band after row band; all maps appear, or none.

    Raises BasisMismatch if tiles are not of the model's basis, InputError or OutputError for files.
    """
    model = load_model(request.model)
    tiles = [Tiles.open(path) for path in request.tiles]
    for one in tiles:
        model.require_basis(one.fingerprint, one.dates, one.count, one.path)
        if one.fingerprint != tiles[0].fingerprint:
            raise BasisMismatch(f"{tiles[0].path.name} is of the basis {tiles[0].fingerprint}, but {one.path.name} of "
                                f"{one.fingerprint}. Maps of one model need tiles of one basis.")
    scores, classes = map_names(request.score, tiles), map_names(request.classes, tiles)
    outputs = [path for path in [*scores, *classes] if path is not None]
    inputs = [request.model, *request.tiles, *([request.aoi] if request.aoi else [])]
    resolved = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in resolved:
            raise InputError(f"{path} is an input of this run; a map would overwrite it. Choose another name.")
    record = provenance(
        "applyclassifier", request.model_dump(mode="json"), inputs,
        [licence for one in tiles for licence in one.basis.licences] + _carried(model, "licences"),
        [text for one in tiles for text in one.basis.attributions] + _carried(model, "attributions"),
    )
    limits = [_limits(one, request) for one in tiles]
    maps = []
    with whole_or_nothing(progress, *outputs) as partials:
        temporary = dict(zip(outputs, partials, strict=True))
        for index, one in enumerate(tiles):
            with progress.stage(index / len(tiles), (index + 1) / len(tiles), f"Scoring {one.path.name}"):
                score, chosen = scores[index], classes[index]
                assert score is not None
                counts, pixels = _write_maps(
                    one, model, temporary[score], None if chosen is None else temporary[chosen], limits[index],
                    tags(record), request, progress)
                if not pixels:
                    raise InputError(f"The area of interest holds the centre of no pixel of {one.path.name}. Draw it "
                                     "larger.")
                maps.append(_described(one, model, score, chosen, counts, pixels))
    for one_map in maps:
        share = one_map.covered_pixels / max(one_map.pixels, 1)
        where = " inside the area of interest" if request.aoi else ""
        progress.info(f"{one_map.tiles.name}: {share:.1%} of the pixels{where} have data; of these "
                      + ", ".join(f"{count / max(one_map.covered_pixels, 1):.1%} {name}"
                                  for name, count in one_map.class_pixels.items()) + ".")
    return ApplyResult(maps=maps)


def map_names(path: Path | None, tiles: Sequence[Tiles]) -> list[Path | None]:
    """``path`` for one file of tiles; for several ``<stem>_<period><suffix>``, and the tiles' own name where two are of
    one period."""
    if path is None or len(tiles) == 1:
        return [path] * len(tiles)
    periods = [_file_safe(one.period) for one in tiles]
    names = [period if periods.count(period) == 1 else f"{period}_{_file_safe(one.path.stem)}"
             for period, one in zip(periods, tiles, strict=True)]
    return [path.with_name(f"{path.stem}_{name}{path.suffix}") for name in names]


@dataclass(frozen=True)
class BandScorer:
    """Scores one row band of tiles; it can be pickled and sent to another process."""

    tiles: Tiles
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    by_class: tuple[int, int]
    """Class numbers below and from the score of one half (two classes)."""

    def __call__(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Scores (bands, height, width) and class numbers (1, height, width), 0 without data."""
        height, width, bands = int(window.height), int(window.width), len(self.bias)
        scores = np.empty((bands, height, width), np.uint8)
        classes = np.empty((1, height, width), np.uint8)
        for left in range(0, width, STRIP):
            columns = min(STRIP, width - left)
            codes = self.tiles.read(Window(window.col_off + left, window.row_off, columns, height))
            planes = codes.reshape(len(codes), -1)
            part, chosen = np.empty((bands, planes.shape[1]), np.uint8), np.empty(planes.shape[1], np.uint8)
            if bands == 1:
                score_positive(planes, self.weights[0], float(self.bias[0]), part[0])
                chosen = self._class_table()[part[0]]
            else:
                score_classes(planes, self.weights, self.bias, part, chosen)
            scores[:, :, left : left + columns] = part.reshape(bands, height, columns)
            classes[0, :, left : left + columns] = chosen.reshape(height, columns)
        return scores, classes

    def _class_table(self) -> NDArray[np.uint8]:
        """Class number by score: the class map is the score map, cut at one half."""
        table = np.full(256, self.by_class[0], np.uint8)
        table[HALF:] = self.by_class[1]
        table[NODATA] = 0
        return table


@dataclass(frozen=True)
class AreaScorer:
    """Scores the pixels of a row band that are inside an area; it can be pickled and sent to another process."""

    scorer: BandScorer

    def __call__(self, band: tuple[Window, NDArray[np.bool_] | None]) -> tuple[NDArray[np.uint8], int]:
        """Score bands and, last, class numbers of a window (bands + 1, height, width), and how many pixels were asked
        for: those of the mask (height, width), or all. Only the columns that hold some are read."""
        window, inside = band
        if inside is None:
            rows = np.concatenate(self.scorer(window))
            return rows, rows[0].size
        rows = np.full((len(self.scorer.bias) + 1, *inside.shape), NODATA, np.uint8)
        rows[-1] = 0
        columns = np.flatnonzero(inside.any(axis=0))
        if len(columns) == 0:
            return rows, 0
        part = np.s_[:, :, columns[0] : columns[-1] + 1]
        found = np.concatenate(self.scorer(
            Window(window.col_off + columns[0], window.row_off, columns[-1] + 1 - columns[0], window.height)))
        np.copyto(rows[part], found, where=inside[part[1:]])
        return rows, int(np.count_nonzero(inside))


@dataclass(frozen=True)
class Limits:
    """The window of the tiles that is mapped, and the polygons (None: none) that hold the pixels that are."""

    window: Window
    area: AreaOfInterest | None

    def bands(self, grid: Grid, rows: int) -> Iterator[tuple[Window, NDArray[np.bool_] | None]]:
        """Row bands from top to bottom with their masks, cut where the tiles' blocks are: none is decoded twice."""
        top, end = int(self.window.row_off), int(self.window.row_off + self.window.height)
        while top < end:
            bottom = min(end, (top // rows + 1) * rows)
            band = Window(self.window.col_off, top, self.window.width, bottom - top)
            yield band, None if self.area is None else self.area.mask(grid, band)
            top = bottom


def _limits(tiles: Tiles, request: ApplyRequest) -> Limits:
    """What of the tiles is asked for. Raises InputError if it is nothing."""
    area = None
    if request.aoi is not None:
        area = read_area(request.aoi, request.aoi_layer, tiles.grid.crs, request.aoi_crs)
    return Limits(window_of(tiles.grid, str(tiles.path), area, request.extent, request.extent_crs), area)


def class_colors(model: Model) -> dict[int, tuple[int, int, int, int]]:
    """Colours by class number: orange for the positive of two classes and blue for the other, else Okabe and Ito's."""
    colors: dict[int, tuple[int, int, int, int]] = {0: (0, 0, 0, 0)}
    for index, name in enumerate(model.classes):
        if model.positive_class is not None:
            colors[index + 1] = ORANGE if name == model.positive_class else BLUE
        else:
            red, green, blue = OKABE_ITO[index % 8]
            shade = 1 - 0.35 * min(index // 8, 2)
            colors[index + 1] = (int(red * shade), int(green * shade), int(blue * shade), 255)
    return colors


def band_scorer(tiles: Tiles, model: Model) -> BandScorer:
    """What scores the bands of tiles with a model."""
    if model.positive_class is None:
        return BandScorer(tiles, *model.arrays(), by_class=(0, 0))
    positive = model.classes.index(model.positive_class) + 1
    return BandScorer(tiles, *model.arrays(), by_class=(3 - positive, positive))


def layouts(model: Model, period: str, more_tags: dict[str, str]) -> tuple[Layout, Layout]:
    """What the bands of the score map and of the class map are."""
    named = [model.positive_class] if model.positive_class is not None else model.classes
    tagged = {**more_tags, **{f"CLASS_{index}": name for index, name in enumerate(model.classes, 1)}, "PERIOD": period}
    if model.positive_class is not None:
        tagged["POSITIVE_CLASS"] = model.positive_class
    scored = Layout(len(named), "uint8", NODATA, [f"score of {name}" for name in named],
                    {**tagged, "SCORE_OF": ", ".join(named)})
    return scored, Layout(1, "uint8", 0, ["class"], tagged, averaged=False, colors=class_colors(model))


def _write_maps(
    tiles: Tiles, model: Model, score: Path, chosen: Path | None, limits: Limits, provenance_tags: dict[str, str],
    request: ApplyRequest, progress: Progress,
) -> tuple[NDArray[np.int64], int]:
    """Write the maps of one file of tiles. Returns the number of pixels by class number (0: no data), and of the pixels
    that were asked for."""
    scored, classed = layouts(model, tiles.period, provenance_tags)
    grid, threads = tiles.grid.crop(limits.window), request.threads or cores()
    counts, asked, done = np.zeros(256, np.int64), 0, 0
    with ExitStack() as stack:
        executor = stack.enter_context(open_executor(request.threads, request.scheduler))
        score_writer = stack.enter_context(RasterWriter(score, grid, scored, progress, threads))
        class_writer = stack.enter_context(RasterWriter(chosen, grid, classed, progress, threads)) if chosen else None
        work = AreaScorer(band_scorer(tiles, model))
        rest = np.empty((scored.count + 1, 0, grid.width), np.uint8)
        bands = in_order(executor, work, limits.bands(tiles.grid, tiles.block_rows), threads + 1)
        for rows, inside in stack.enter_context(closing(bands)):
            asked += inside
            done += rows.shape[1]
            for row in rows[-1]:
                counts += np.bincount(row, minlength=256)
            rest = rows if rest.shape[1] == 0 else np.concatenate([rest, rows], axis=1)
            ready = rest.shape[1] if done == grid.height else rest.shape[1] // BLOCK * BLOCK
            if ready:
                score_writer.write(rest[:-1, :ready])
                if class_writer:
                    class_writer.write(rest[-1:, :ready])
                rest = rest[:, ready:]
            progress.report(0.95 * done / grid.height)
    return counts, asked


def _described(
    tiles: Tiles, model: Model, score: Path, chosen: Path | None, counts: NDArray[np.int64], pixels: int
) -> Map:
    return Map(
        tiles=tiles.path, period=tiles.period, score=score, classes=chosen, covered_pixels=int(counts[1:].sum()),
        pixels=pixels, class_pixels={name: int(counts[index]) for index, name in enumerate(model.classes, 1)},
        pixel_area=pixel_area(tiles.grid), class_names=model.classes, positive_class=model.positive_class,
    )


def pixel_area(grid: Grid) -> float | None:
    """Area of a pixel in m², None unless the CRS is projected in metres."""
    if grid.crs is None or not grid.crs.is_projected or grid.crs.linear_units_factor[1] != 1.0:
        return None
    return abs(float(grid.transform.determinant))


def _carried(model: Model, kind: str) -> list[str]:
    """Licences or attributions that the model's own provenance names."""
    found: Any = model.provenance.get(kind, [])
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _file_safe(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "map"
