"""The operation changemagnitude: 1 − cosine between two dates' embeddings, on one fixed scale, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from rasterio.windows import Window

from .. import provenance
from ..errors import InputError
from ..executors import cores, in_order, open_executor
from ..grids.area import window_of
from ..grids.writer import Layout, RasterWriter
from ..operations import Request, Result
from ..outputs import require_folder, require_space, whole_or_nothing
from ..progress import Progress
from .cosine import BINS, NODATA, TOP, Counts, cosine_magnitude
from .mapping import Mapping, ValueMapping
from .sampling import sampled
from .source import EmbeddingSource, date_names, mapping_of
from .stack import Planes, Stack, aligned

UNCHANGED = 0.99
"""Share of the reference pair's pixels at or below the threshold."""


class MagnitudeRequest(Request):
    """Two dates, and where their map goes; ``reference``: two dates between which nothing changed, nearby in time.

    ``mapping``, ``extent`` (west, south, east, north in ``extent_crs``) and ``warp`` are for both pairs.
    """

    inputs: list[str] = Field(max_length=50)
    reference: list[str] = Field(default_factory=list, max_length=50)
    output: Path
    reference_output: Path | None = None
    mapping: Mapping | Literal["auto"] = "auto"
    dates: list[str] = Field(default_factory=list)
    extent: tuple[float, float, float, float] | None = None
    extent_crs: str = ""
    warp: bool = False
    threads: int = Field(0, ge=0, le=1024)
    scheduler: str = ""


class Magnitudes(Result):
    """The magnitude of one pair of dates: quantiles to the nearest 1/16384 over all pixels with data at both."""

    dates: list[str]
    mapping: str
    mapping_reason: str
    pixels: int
    covered_pixels: int
    median: float
    p90: float
    p99: float
    above_one: float


class MagnitudeResult(Result):
    """``share_above``: of the pair's pixels, the share whose magnitude is above ``threshold``, which 99 % of the
    reference pair's pixels do not exceed; None without a reference."""

    output: Path
    reference_output: Path | None
    pair: Magnitudes
    reference: Magnitudes | None
    threshold: float | None
    share_above: float | None


@dataclass(frozen=True)
class Pair:
    """Two dates on one grid, and how their numbers become vectors."""

    stack: Stack
    dates: list[str]
    mappings: list[ValueMapping]

    @property
    def period(self) -> str:
        """Both dates, for people."""
        return "→".join(self.dates)


def change_magnitude(request: MagnitudeRequest, progress: Progress) -> MagnitudeResult:
    """Map the magnitude block by block. Raises InputError, GridMismatch, OutputError or Cancelled."""
    _check(request)
    with ExitStack() as stack, open_executor(request.threads, request.scheduler) as executor:
        pair = _open(request, request.inputs, request.dates, stack, progress)
        reference = _open(request, request.reference, [], stack, progress) if request.reference else None
        if reference is not None:
            _comparable(pair, reference)
        outputs = [path for path in (request.output, request.reference_output) if path is not None]
        sizes = [one.stack.grid.width * one.stack.grid.height for one in (pair, reference) if one is not None]
        require_space(request.output, sum(sizes[: len(outputs)]) * 4 // 3)
        with whole_or_nothing(progress, *outputs) as partials:
            half = 0.5 if reference else 1.0
            with progress.stage(0, half, f"Comparing {pair.period}"):
                counts = _write(pair, partials[0], request, executor, progress)
            other = Counts()
            if reference is not None:
                with progress.stage(half, 1, f"Comparing the reference {reference.period}"):
                    target = partials[1] if request.reference_output is not None else None
                    other = _write(reference, target, request, executor, progress)
            for one, found in ((pair, counts), (reference, other)):
                if one is not None and found.total == 0:
                    raise _nothing(one.stack)
    threshold = other.quantile(UNCHANGED) if reference else None
    result = MagnitudeResult(
        output=request.output, reference_output=request.reference_output, pair=_magnitudes(pair, counts),
        reference=_magnitudes(reference, other) if reference else None, threshold=threshold,
        share_above=None if threshold is None else counts.share_above(threshold),
    )
    _tell(result, progress)
    return result


def _check(request: MagnitudeRequest) -> None:
    """Raise InputError or OutputError for what can be said before anything is read."""
    for names, what in ((request.inputs, "The change magnitude"), (request.reference, "The reference")):
        if len(names) != 2 and (names or names is request.inputs):
            raise InputError(f"{what} compares two rasters, one for each date; {len(names)} "
                             f"{'was' if len(names) == 1 else 'were'} given.")
        if len(names) == 2 and Path(names[0]).resolve() == Path(names[1]).resolve():
            raise InputError(f"{what} compares {names[0]} with itself: there is nothing to see. Choose another date.")
    if {Path(name).resolve() for name in request.inputs} == {Path(name).resolve() for name in request.reference}:
        raise InputError("The reference is the very pair that is mapped. Choose dates between which nothing changed.")
    if request.reference_output is not None and not request.reference:
        raise InputError("A map of the reference was asked for, but no reference rasters were given.")
    inputs = {Path(name).resolve() for name in [*request.inputs, *request.reference]}
    for target in (request.output, request.reference_output):
        if target is not None:
            require_folder(target)
            if target.resolve() in inputs:
                raise InputError(f"{target} is an input of this run; the map would overwrite it. Choose another name.")


def _open(
    request: MagnitudeRequest, names: Sequence[str], dates: Sequence[str], files: ExitStack, progress: Progress
) -> Pair:
    """Open two rasters as a pair, to be closed with ``files``, and tell how their numbers become vectors."""
    sources = [EmbeddingSource.open(name) for name in names]
    aligned(sources, request.warp)
    window = window_of(sources[0].grid, sources[0].path, None, request.extent, request.extent_crs)
    stack = Stack(sources, window, request.warp)
    files.callback(stack.close)
    progress.report(0, "Looking at the values")
    mappings = _mappings(request.mapping, stack, progress)
    pair = Pair(stack, date_names(sources, dates), mappings)
    progress.info(f"{pair.period}: {sources[0].bands} bands of {sources[0].dtype}, {stack.grid.describe()}")
    for date, mapping in zip(pair.dates, mappings, strict=True):
        progress.info(f"{date}: value mapping {mapping.kind} ({mapping.reason})")
    return pair


def _mappings(asked: Mapping | Literal["auto"], stack: Stack, progress: Progress) -> list[ValueMapping]:
    """The value mapping of each date: detected on a sample, or what was asked for."""
    bands = stack.sources[0].bands
    sample = _sample(stack, progress) if asked == "auto" else np.empty((0, bands * len(stack.sources)))
    return [mapping_of(source, asked, sample[:, index * bands : (index + 1) * bands])
            for index, source in enumerate(stack.sources)]


def _sample(stack: Stack, progress: Progress) -> NDArray[Any]:
    sample = sampled(stack, progress)
    if len(sample) == 0:
        raise _nothing(stack)
    return sample


def _comparable(pair: Pair, reference: Pair) -> None:
    """Raise InputError if magnitudes of both pairs do not measure the same."""
    first, other = pair.stack.sources[0], reference.stack.sources[0]
    for what, ours, theirs in (
        ("bands", first.bands, other.bands), ("values", first.dtype, other.dtype),
        ("value mapping", pair.mappings[0].kind, reference.mappings[0].kind),
    ):
        if ours != theirs:
            raise InputError(f"The reference is not of the same product: {first.path} has {what} {ours}, "
                             f"{other.path} {theirs}. Choose a reference of the product that is mapped.")


@dataclass(frozen=True)
class Comparer:
    """Work on one window; can be pickled. int8 whose directions the kernel knows goes there as stored, the rest as
    float32."""

    stack: Stack
    mappings: Sequence[ValueMapping]

    def __call__(self, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The map of a window, (1, height, width), and its histogram."""
        planes = self.stack.read(window)
        out = np.empty((1, window.height, window.width), np.uint8)
        bins = np.zeros(BINS, np.int64)
        if self._direct and planes.outside is None:
            power = self.mappings[0].kind == "alphaearth"
            cosine_magnitude(planes.date(0), planes.date(1), power, planes.nodata[0], out.reshape(-1), bins)
        else:
            first, second = self._mapped(planes)
            cosine_magnitude(first, second, False, None, out.reshape(-1), bins)
        return out, bins

    @property
    def _direct(self) -> bool:
        """Whether stored int8 have the direction of the vectors, or that of the power mapping: a positive factor turns
        nothing."""
        nodata = self.stack.sources[0].nodata
        kinds = {"alphaearth" if mapping.kind == "alphaearth" else "plain" for mapping in self.mappings}
        return (
            self.stack.sources[0].dtype == np.int8
            and len(kinds) == 1
            and all(mapping.offset == 0 and mapping.scale > 0 for mapping in self.mappings)
            and nodata == self.stack.sources[1].nodata
            and nodata in range(-128, 128)
        )

    def _mapped(self, planes: Planes) -> list[NDArray[np.float32]]:
        values = [mapping.apply(planes.date(index)) for index, mapping in enumerate(self.mappings)]
        for date, missing in zip(values, planes.missing(), strict=True):
            date[:, missing] = np.nan
        return values


def _write(pair: Pair, target: Path | None, request: MagnitudeRequest, executor: Any, progress: Progress) -> Counts:
    """Count the magnitudes of a pair, and write its map if there is a target."""
    stack, threads = pair.stack, request.threads or cores()
    counts, done, pixels = Counts(), 0, stack.grid.width * stack.grid.height
    bands = list(stack.windows())
    windows = (window for band in bands for window in band)
    found = in_order(executor, Comparer(stack, pair.mappings), windows, 2 * threads)
    with ExitStack() as files:
        writer = None
        if target is not None:
            writer = files.enter_context(RasterWriter(target, stack.grid, _layout(pair, request), progress, threads))
        files.enter_context(closing(found))
        for band in bands:
            top, height = band[0].row_off, band[-1].row_off + band[-1].height - band[0].row_off
            rows = np.empty((1, height, stack.grid.width), np.uint8)
            for window in band:
                part, bins = next(found)
                upper = window.row_off - top
                rows[:, upper : upper + window.height, window.col_off : window.col_off + window.width] = part
                np.add(counts.bins, bins, out=counts.bins)
                done += window.width * window.height
                progress.report(0.95 * done / pixels)
            if writer is not None:
                writer.write(rows)
    return counts


def _layout(pair: Pair, request: MagnitudeRequest) -> Layout:
    sources = pair.stack.sources
    parameters = request.model_dump(mode="json", include={"mapping", "extent", "extent_crs", "warp"})
    record = provenance.provenance(
        "changemagnitude", {**parameters, "dates": pair.dates, "mapping_used": pair.mappings[0].kind},
        [source.path for source in sources], [source.product.licence for source in sources],
        [source.product.attribution for source in sources],
    )
    tags = {**provenance.tags(record), "DATES": ",".join(pair.dates), "MAGNITUDE": f"1 - cosine = value / {TOP}"}
    return Layout(1, "uint8", NODATA, [f"1 − cosine, {pair.period}, × {TOP}"], tags)


def _nothing(stack: Stack) -> InputError:
    names = " and ".join(source.path for source in stack.sources)
    return InputError(f"No pixel of {names} has data at both dates: everything is nodata. Choose other rasters, or an "
                      "extent where they overlap.")


def _magnitudes(pair: Pair, counts: Counts) -> Magnitudes:
    return Magnitudes(
        dates=pair.dates, mapping=pair.mappings[0].kind, mapping_reason=pair.mappings[0].reason,
        pixels=pair.stack.grid.width * pair.stack.grid.height, covered_pixels=counts.total,
        median=counts.quantile(0.5), p90=counts.quantile(0.9), p99=counts.quantile(0.99),
        above_one=counts.share_above(1.0),
    )


def _tell(result: MagnitudeResult, progress: Progress) -> None:
    """What came out, in the log."""
    for one, what in ((result.pair, "Magnitude"), (result.reference, "Reference")):
        if one is None:
            continue
        unknown = "; the rest is unknown, not unchanged" if one.covered_pixels < one.pixels else ""
        progress.info(f"{what} {'→'.join(one.dates)}: median {one.median:.3f}, 90 % up to {one.p90:.3f}, 99 % up to "
                      f"{one.p99:.3f}. {one.covered_pixels / one.pixels:.1%} of the pixels have data at both dates"
                      f"{unknown}.")
        if one.above_one > 0:
            progress.info(f"{one.above_one:.2%} of these pixels differ by more than a right angle; the map shows them "
                          "as 1, its largest value.")
    if result.reference is not None and result.threshold is not None and result.share_above is not None:
        progress.info(f"{result.share_above:.1%} of the area changed more than 99 % of the reference pair did "
                      f"(magnitude above {result.threshold:.3f}).")
    compare = "" if result.reference else " Compare it with a pair of dates between which nothing changed."
    progress.warn("Weather and season move whole regions without any change of the land: a magnitude says how "
                  f"different two dates are, not why.{compare}")
