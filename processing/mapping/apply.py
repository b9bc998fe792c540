"""The operation applyclassifier: a model and embedding tiles in, score and class maps out, or a map of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.windows import Window

from ..classification.model import Model
from ..classification.scoring import HALF, NODATA, score_classes, score_positive
from ..compression.tiles import Tiles
from ..errors import BasisMismatch, InputError
from ..grids.area import read_area, window_of
from ..grids.grid import Grid
from ..grids.writer import Layout
from ..operations import Request, Result
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..provenance import provenance, tags
from ..regression.model import RegressionModel, load_any_model
from .bands import STRIP, Limits, map_names, write_bands
from .numbers import NumberMap, draw_numbers, say_numbers

ORANGE, BLUE = (230, 97, 1, 255), (33, 102, 172, 255)
OKABE_ITO = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
             (0, 0, 0))
"""Eight colours that colour-blind eyes tell apart (Okabe & Ito 2008); a ninth class and on are shades of them."""


class ApplyRequest(Request):
    """Tiles of one basis, the model, and where the maps go; with several tiles the names get their periods.

    ``aoi`` is a file of polygons (``aoi_crs``: for one that names no CRS) and ``extent`` a box, west, south, east,
    north in ``extent_crs`` ("": the tiles' own). The maps cover their bounds; outside the polygons is no data. A
    regression model draws its numbers into ``score`` and has no ``classes``.
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

    target: Literal["classes"] = "classes"
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

    maps: list[Map | NumberMap]


def apply_classifier(request: ApplyRequest, progress: Progress) -> ApplyResult:
    """Score every pixel of the tiles, row band after row band; all maps appear, or none.

    Raises BasisMismatch if tiles are not of the model's basis, InputError or OutputError for files.
    """
    model = load_any_model(request.model)
    tiles = [Tiles.open(path) for path in request.tiles]
    for one in tiles:
        model.require_basis(one.fingerprint, one.dates, one.count, one.path)
        if one.fingerprint != tiles[0].fingerprint:
            raise BasisMismatch(f"{tiles[0].path.name} is of the basis {tiles[0].fingerprint}, but {one.path.name} of "
                                f"{one.fingerprint}. Maps of one model need tiles of one basis.")
    wanted = request.classes
    if wanted and isinstance(model, RegressionModel):
        progress.warn(f"The model predicts numbers, {model.title}: there are no classes, and no class map is written.")
        wanted = None
    scores, classes = map_names(request.score, tiles), map_names(wanted, tiles)
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
    maps: list[Map | NumberMap] = []
    with whole_or_nothing(progress, *outputs) as partials:
        temporary = dict(zip(outputs, partials, strict=True))
        for index, one in enumerate(tiles):
            with progress.stage(index / len(tiles), (index + 1) / len(tiles), f"Scoring {one.path.name}"):
                score, chosen = scores[index], classes[index]
                assert score is not None
                drawn: Map | NumberMap
                if isinstance(model, RegressionModel):
                    drawn = draw_numbers(
                        one, model, score, temporary[score], limits[index], _tagged(record, one), request.threads,
                        request.scheduler, progress)
                else:
                    files = [(score, temporary[score]), (chosen, temporary[chosen] if chosen else None)]
                    drawn = _draw_classes(one, model, files, limits[index], _tagged(record, one), request, progress)
                if not drawn.pixels:
                    raise InputError(f"The area of interest holds the centre of no pixel of {one.path.name}. Draw it "
                                     "larger.")
                maps.append(drawn)
    where = " inside the area of interest" if request.aoi else ""
    for drawn in maps:
        if isinstance(drawn, NumberMap):
            say_numbers(drawn, where, progress)
        else:
            _say_classes(drawn, where, progress)
    return ApplyResult(maps=maps)


@dataclass(frozen=True)
class BandScorer:
    """Scores one row band of tiles; it can be pickled and sent to another process."""

    tiles: Tiles
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    by_class: tuple[int, int]
    """Class numbers below and from the score of one half (two classes)."""

    @property
    def blank(self) -> NDArray[np.uint8]:
        """The score of no data for each band, and 0, the class of none."""
        return np.array([NODATA] * len(self.bias) + [0], np.uint8)

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


def _draw_classes(
    tiles: Tiles, model: Model, files: list[tuple[Path | None, Path | None]], limits: Limits,
    provenance_tags: dict[str, str], request: ApplyRequest, progress: Progress,
) -> Map:
    """Write the maps of one file of tiles: ``files`` are score and classes, each the path and where it is written."""
    scored, classed = layouts(model, tiles.period, provenance_tags)
    counts = np.zeros(256, np.int64)

    def tally(rows: NDArray[np.uint8]) -> None:
        for row in rows[-1]:
            counts[:] += np.bincount(row, minlength=256)

    (score, score_file), (chosen, class_file) = files
    assert score is not None
    asked = write_bands(
        tiles, band_scorer(tiles, model), limits, [(score_file, scored), (class_file, classed)], tally,
        request.threads, request.scheduler, progress)
    return Map(
        tiles=tiles.path, period=tiles.period, score=score, classes=chosen, covered_pixels=int(counts[1:].sum()),
        pixels=asked, class_pixels={name: int(counts[index]) for index, name in enumerate(model.classes, 1)},
        pixel_area=pixel_area(tiles.grid), class_names=model.classes, positive_class=model.positive_class,
    )


def _say_classes(drawn: Map, where: str, progress: Progress) -> None:
    """Shares of the classes, in the log; ``where`` follows "the pixels"."""
    share = drawn.covered_pixels / max(drawn.pixels, 1)
    progress.info(f"{drawn.tiles.name}: {share:.1%} of the pixels{where} have data; of these "
                  + ", ".join(f"{count / max(drawn.covered_pixels, 1):.1%} {name}"
                              for name, count in drawn.class_pixels.items()) + ".")


def pixel_area(grid: Grid) -> float | None:
    """Area of a pixel in m², None unless the CRS is projected in metres."""
    if grid.crs is None or not grid.crs.is_projected or grid.crs.linear_units_factor[1] != 1.0:
        return None
    return abs(float(grid.transform.determinant))


def _tagged(record: dict[str, Any], tiles: Tiles) -> dict[str, str]:
    """The tags of provenance, and the products that the map is of: labels of another one do not test it."""
    products = tiles.basis.products
    return {**tags(record), **({"PRODUCT": ", ".join(products)} if products else {})}


def _carried(model: Model | RegressionModel, kind: str) -> list[str]:
    """Licences or attributions that the model's own provenance names."""
    found: Any = model.provenance.get(kind, [])
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
