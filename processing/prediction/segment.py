"""The operation segmentraster: a model and a raster in; classes, scores, confidence, polygons or numbers out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import rasterio
from pydantic import Field

from ..errors import InputError, OutputError
from ..grids.grid import Grid
from ..grids.writer import RasterWriter
from ..operations import Result
from ..outputs import explained, require_folder, whole_or_nothing
from ..polygons.classpolygons import PolygonRequest, PolygonResult, class_polygons
from ..polygons.scratch import Scratch
from ..progress import Progress
from ..provenance import provenance, tags
from ..sliding.run import Finished, in_words, run
from ..sliding.setup import ModelRequest, Setup, set_up, tell
from .drawing import HeadMaps, file_of, head_maps
from .outputs import BlockWriter, ScratchTarget
from .smoothing import smoothed

HECTARE = 10_000.0
GDAL_CACHE = 24 * 2**20
"""Bytes of blocks that GDAL keeps: each is read and written once, so that more would only fill the memory."""
OUTPUTS = ("classes", "scores", "confidence", "polygons")


class SegmentRequest(ModelRequest):
    """What ``ModelRequest`` says, and where the results go: at least one of them.

    ``classes`` (class numbers of the card, 255: none), ``scores`` (a band a class, 0 … 254 for 0 … 1), ``confidence``
    (the margin between the best class and the next, 0 … 254) and ``polygons`` (a GeoPackage). A regressor's numbers go
    to ``classes``, or to ``scores`` where that alone is given. Of a model with several heads each has its own files:
    ``map_<head>.tif``. ``small_segment``: side in pixels of the filter that takes away small segments (0: none, −1: the
    card's). ``min_area``: of polygons, m².
    """

    small_segment: int = Field(-1, ge=-1, le=999)
    min_area: float = Field(0, ge=0, allow_inf_nan=False)
    classes: Path | None = None
    scores: Path | None = None
    confidence: Path | None = None
    polygons: Path | None = None


class ClassShare(Result):
    """A class in a map. ``area``: hectares on the ellipsoid, None where the raster has no place on the Earth."""

    value: int
    name: str
    colour: str
    pixels: int
    area: float | None


class PolygonKind(Result):
    """The polygons of a class."""

    name: str
    value: int | None
    colour: str
    count: int


class NumberBand(Result):
    """A band of numbers; None where there are none."""

    name: str
    minimum: float | None
    mean: float | None
    maximum: float | None


class HeadResult(Result):
    """The maps of one head. ``score_names`` are the classes of the bands of scores."""

    name: str
    kind: Literal["classes", "numbers"]
    classes: Path | None
    scores: Path | None
    confidence: Path | None
    polygons: Path | None
    numbers: Path | None
    shares: list[ClassShare]
    score_names: list[str]
    background: int | None
    bands: list[NumberBand]
    polygon_kinds: list[PolygonKind]
    polygon_fields: list[str]
    polygon_description: str


class SegmentResult(Result):
    """``pixels`` were asked for, of which ``covered_pixels`` have data. ``seconds`` by stage (read, model, blend,
    write: in threads side by side; smooth, overviews, polygons: after them) and in total. ``resampled``: to the model's
    pixels and back."""

    model_name: str
    model_type: str
    heads: list[HeadResult]
    pixels: int
    covered_pixels: int
    windows: int
    skipped: int
    tile: int
    overlap: int
    resampled: bool
    provider_used: str
    fallback: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class File:
    """One file of a run: the head and the output it is of, where it will be, and where it is written."""

    maps: HeadMaps
    output: str
    path: Path
    partial: Path


@dataclass
class Count:
    """Pixels asked for, and with data."""

    asked: int = 0
    known: int = 0


def segment_raster(request: SegmentRequest, progress: Progress) -> SegmentResult:
    """Run the model over the raster; all files appear, or none.

    Memory is that of a few rows of windows, whatever the size of the raster. Raises InputError, ModelError or
    OutputError, all that can be known before any work is done; Cancelled within a tenth of a second.
    """
    began = time.perf_counter()
    asked = _check(request)
    setup = set_up(request, asked[0], progress)
    tell(setup, progress)
    maps = head_maps(setup.model.heads, setup.model.card, request.threshold, setup.grid, request.model.name)
    record = _record(request, setup)
    more = {**tags(record), "MODEL": setup.model.card.name or request.model.stem, "PROVIDER": setup.model.provider_used}
    planned = _planned(request, maps, progress)
    side = setup.model.card.small_segment if request.small_segment < 0 else request.small_segment
    count, made, seconds = Count(), dict[int, PolygonResult](), dict[str, float]()

    def finish(finished: Finished) -> None:
        count.asked += finished.asked
        count.known += int(np.count_nonzero(finished.wanted))
        for one in maps:
            one.draw(finished)

    share = 0.85 if request.polygons else 0.95
    with whole_or_nothing(progress, *(path for _, _, path in planned)) as partials:
        files = _placed(planned, partials)
        with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE), Beside(files, progress) as beside, explained(files[0].path):
            with _opened(beside.rasters, setup.grid, more, side, share, seconds, progress):
                with progress.stage(0, share, "Reading"):
                    found = run(setup.plan, setup.network, finish, progress, setup.model.provider_used)
                if not count.asked:
                    raise InputError("The area of interest holds the centre of no pixel of "
                                     f"{Path(request.input).name}. Draw it larger.")
                setup.model.close()
                seconds.update(read=found.read, model=found.model, blend=found.blend, write=found.write)
            with timed(seconds, "polygons"), progress.stage(0.95, 1, "Drawing polygons"):
                for number, head in enumerate(beside.heads):
                    if "polygons" in head:
                        made[number] = _polygons(head, beside, request, record, progress)
            beside.give()
    seconds["total"] = time.perf_counter() - began
    result = SegmentResult(
        model_name=setup.model.card.name or request.model.stem, model_type=setup.kind,
        heads=[_head(one, files, made.get(number)) for number, one in enumerate(maps)], pixels=count.asked,
        covered_pixels=count.known, windows=found.windows, skipped=found.skipped,
        tile=setup.plan.rows.tile + 2 * setup.plan.margin, overlap=setup.plan.rows.overlap,
        resampled=not setup.plan.grid.same, provider_used=setup.model.provider_used, fallback=setup.model.fallback,
        seconds={name: round(value, 3) for name, value in seconds.items()})
    _say(result, request, progress)
    return result


def _check(request: SegmentRequest) -> list[Path]:
    """The outputs that are asked for. Raises InputError or OutputError for what can be said before anything is read."""
    given = {name: path for name in OUTPUTS if (path := getattr(request, name)) is not None}
    if not given:
        raise InputError("No output was chosen: ask for classes, scores, confidence or polygons, at least one of them.")
    for name, path in given.items():
        wanted = (".gpkg",) if name == "polygons" else (".tif", ".tiff")
        if path.suffix.lower() not in wanted:
            raise OutputError(f"{path.name} should end in {wanted[0]}: {name} are written as "
                              f"{'GeoPackage' if name == 'polygons' else 'GeoTIFF'}.")
        require_folder(path)
    inputs = {
        one.resolve() for one in (request.model, Path(request.input), request.aoi, request.card) if one is not None
    }
    for path in given.values():
        if path.resolve() in inputs:
            raise InputError(f"{path} is an input of this run; the result would overwrite it. Choose another name.")
    return list(given.values())


def _record(request: SegmentRequest, setup: Setup) -> dict[str, Any]:
    inputs: list[str | Path] = [
        request.model, request.input, *(path for path in (request.card, request.aoi) if path is not None),
    ]
    parameters = request.model_dump(mode="json")
    parameters["bands_used"] = list(setup.channels.bands)
    parameters["provider_used"] = setup.model.provider_used
    return provenance("segmentraster", parameters, inputs, setup.licences, setup.attributions)


def _planned(request: SegmentRequest, maps: Sequence[HeadMaps], progress: Progress) -> list[tuple[HeadMaps, str, Path]]:
    """The files of the run: head, output and path."""
    planned = []
    for number, one in enumerate(maps):
        name = one.head.name or str(number + 1)
        if one.decision is None:
            path = file_of(request.classes or request.scores, name, len(maps) > 1)
            others = [
                output
                for output in OUTPUTS
                if getattr(request, output) not in (None, request.classes or request.scores)
            ]
            if path is None:
                raise InputError("A regressor gives numbers: choose where they go as the classes or the scores. It "
                                 "has no confidence and no polygons.")
            if others:
                progress.warn(f"A regressor gives numbers, which go to {path.name}; no {' and no '.join(others)} are "
                              "written.")
            planned.append((one, "numbers", path))
            continue
        for output in OUTPUTS:
            path = file_of(getattr(request, output), name, len(maps) > 1)
            if path is not None:
                planned.append((one, output, path))
    return planned


def _placed(planned: Sequence[tuple[HeadMaps, str, Path]], partials: Sequence[Path]) -> list[File]:
    return [File(*one, partial) for one, partial in zip(planned, partials, strict=True)]


class Beside:
    """The rasters of a run and where they are written. Class maps that polygons are made of lie in a folder beside the
    results meanwhile, under the name that they will have, or that of the polygons where nobody asked for them."""

    def __init__(self, files: Sequence[File], progress: Progress) -> None:
        self._files, self._progress = files, progress
        self._folder: TemporaryDirectory[str] | None = None
        self._given: list[tuple[Path, Path]] = []
        self.heads: list[dict[str, File]] = []
        """The files of each head by output."""
        self.rasters: list[tuple[HeadMaps, str, Path]] = []
        """Head, output and place of each raster."""

    def __enter__(self) -> Beside:
        grouped: dict[int, dict[str, File]] = {}
        for one in self._files:
            grouped.setdefault(id(one.maps), {})[one.output] = one
        self.heads = list(grouped.values())
        for head in self.heads:
            for output, one in head.items():
                if output != "polygons" and not (output == "classes" and "polygons" in head):
                    self.rasters.append((one.maps, output, one.partial))
            if "polygons" in head:
                self._add_classes(head)
        return self

    def classes(self, head: dict[str, File]) -> Path:
        """Where the class map of a head is that polygons are made of."""
        assert self._folder is not None
        named = head.get("classes", head["polygons"])
        return Path(self._folder.name) / f"{named.path.stem}.tif"

    def give(self) -> None:
        """Put the class maps that were asked for in their places."""
        for place, partial in self._given:
            place.replace(partial)

    def _add_classes(self, head: dict[str, File]) -> None:
        if self._folder is None:
            folder = head.get("classes", head["polygons"]).path.absolute().parent
            self._folder = TemporaryDirectory(dir=folder, prefix=".bitscape-")
        place = self.classes(head)
        self._progress.writing(str(place))
        self.rasters.append((head["polygons"].maps, "classes", place))
        if "classes" in head:
            self._given.append((place, head["classes"].partial))

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


@contextmanager
def _opened(
    rasters: Sequence[tuple[HeadMaps, str, Path]], grid: Grid, more: dict[str, str], side: int, share: float,
    seconds: dict[str, float], progress: Progress,
) -> Iterator[None]:
    """Open what takes the pixels; after the block smooth classes and close the rasters: that builds overviews."""
    raw: list[tuple[HeadMaps, Scratch, BlockWriter]] = []
    with ExitStack() as stack:
        for maps, output, place in rasters:
            writer = BlockWriter(stack.enter_context(RasterWriter(place, grid, maps.layout(output, more), progress)))
            maps.targets[output] = writer
            if output == "classes" and side > 1:
                scratch = stack.enter_context(Scratch(rasters[0][2], grid.height, grid.width, np.uint8))
                maps.targets[output] = ScratchTarget(scratch.array)
                raw.append((maps, scratch, writer))
        yield
        with timed(seconds, "smooth"):
            for maps, scratch, writer in raw:
                with progress.stage(share, share + 0.05, "Removing small segments"):
                    _smooth(maps, scratch, writer, side, grid, progress)
        began = time.perf_counter()
        stack.enter_context(progress.stage(share + 0.02, 0.95 if share < 0.9 else 1, "Building overviews"))
    seconds["overviews"] = time.perf_counter() - began


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage takes."""
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


def _smooth(maps: HeadMaps, scratch: Scratch, writer: BlockWriter, side: int, grid: Grid, progress: Progress) -> None:
    """Write classes without small segments, and count them anew."""
    maps.tally.clear()
    for top, classes in smoothed(scratch.array, side):
        progress.report(top / grid.height)
        writer.put(classes[None], top, 0)
        maps.tally.add(classes, top, 0)
        scratch.release()
    maps.targets.clear()


def _polygons(
    head: dict[str, File], beside: Beside, request: SegmentRequest, record: dict[str, Any], progress: Progress
) -> PolygonResult:
    """Polygons of the classes of one head, without its background."""
    maps = head["polygons"].maps
    shown = [str(one.value) for one in maps.classes if one.value != maps.background]
    scores = head["scores"].partial if "scores" in head else None
    return class_polygons(
        PolygonRequest(
            inputs=[beside.classes(head)], classes=shown, threshold=0.5, min_area=request.min_area, max_hole=0,
            tolerance=0, score=scores, output=head["polygons"].partial,
        ),
        progress,
        record,
    )


def _head(maps: HeadMaps, files: Sequence[File], made: PolygonResult | None) -> HeadResult:
    paths = {one.output: one.path for one in files if one.maps is maps}
    tally = maps.tally
    return HeadResult(
        name=maps.head.name,
        kind="numbers" if maps.decision is None else "classes",
        classes=paths.get("classes"),
        scores=paths.get("scores"),
        confidence=paths.get("confidence"),
        polygons=paths.get("polygons"),
        numbers=paths.get("numbers"),
        background=maps.background if maps.decision else None,
        shares=[
            ClassShare(
                value=one.value, name=one.name, colour=one.colour, pixels=int(tally.pixels[one.value]),
                area=float(tally.areas[one.value]) / HECTARE if tally.on_earth else None,
            )
            for one in maps.classes
        ],
        score_names=[one.name for one in maps.scored] if maps.decision else [],
        bands=[
            NumberBand(
                name=name, minimum=seen.low if seen.count else None,
                mean=seen.total / seen.count if seen.count else None, maximum=seen.high if seen.count else None,
            )
            for name, seen in zip(maps.number_names, maps.numbers, strict=True)
        ],
        polygon_kinds=[
            PolygonKind(name=kind.name, value=kind.value, colour=kind.colour, count=kind.count)
            for kind in (made.kinds if made else [])
        ],
        polygon_fields=made.fields if made else [],
        polygon_description=made.description if made else "",
    )


def _say(result: SegmentResult, request: SegmentRequest, progress: Progress) -> None:
    """What came out, for the log."""
    where = " inside the area of interest" if request.aoi else ""
    share = result.covered_pixels / max(result.pixels, 1)
    progress.info(f"{share:.1%} of the pixels{where} have data.")
    for head in result.heads:
        name = f"{head.name}: " if head.name else ""
        total = max(sum(one.pixels for one in head.shares), 1)
        if head.shares:
            progress.info(name + ", ".join(
                f"{one.pixels / total:.1%} {one.name}" + (f" ({one.area:,.4g} ha)" if one.area is not None else "")
                for one in head.shares) + ". Pixels counted: no estimate of areas.")
        for band in head.bands:
            if band.minimum is not None:
                progress.info(f"{name}{band.name} from {band.minimum:.4g} to {band.maximum:.4g}, mean {band.mean:.4g}.")
    spent = result.seconds
    progress.info(f"{result.windows:,} windows on {result.provider_used} in {in_words(spent['total'])}"
                  + (f"; {result.skipped:,} held nothing that was asked for" if result.skipped else "")
                  + f". Reading {spent['read']:.1f} s, model {spent['model']:.1f} s, blending {spent['blend']:.1f} s, "
                  f"writing {spent['write'] + spent['overviews']:.1f} s, side by side.")
    if result.fallback:
        progress.warn(result.fallback)
