"""Create sample data: an invented landscape in several years, its true change, labels and Sentinel-2-like pictures.

Everything follows from size, seed and years, whatever the number of threads: noise is hashed from seed and place. The
landscape is drawn block by block of 512 pixels, so that memory is bounded by one row band of one year.

How hard it is was frozen before any model was scored on it, on one criterion alone: see signatures.py, which holds
the constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pydantic import Field, model_validator
from rasterio.crs import CRS

from ..errors import OutputError
from ..executors import cores, in_order, open_executor
from ..grids.grid import Grid
from ..grids.writer import BLOCK, Layout, RasterWriter
from ..operations import Request, Result
from ..outputs import explained, require_space, whole_or_nothing
from ..progress import Progress
from ..provenance import provenance, tags
from . import cover
from .coverage import covered
from .difficulty import BINS, best_f1, count_lengths
from .landscape import Block, make_block
from .plan import Plan, make_plan
from .points import Candidates, candidates, write_labels
from .rendering import NODATA, embeddings, sentinel2
from .signatures import DIMENSIONS

PRODUCT = "Bitscape synthetic sample"
LICENCE = "CC0-1.0"
CRS_CODE = 32610
WEST, NORTH, PIXEL = 540_000.0, 5_270_000.0, 10.0
TRUTH_NODATA = 255

S = TypeVar("S")
T = TypeVar("T")


class SampleRequest(Request):
    """What to create: a square of ``size`` × ``size`` pixels of 10 m in ``years``, into ``folder`` (made if missing).

    ``threads`` 0 is one a core; it does not change the result.
    """

    folder: Path
    size: int = Field(default=1024, ge=128, le=16384)
    seed: int = Field(default=0, ge=0, lt=2**31)
    years: list[int] = Field(default=[2020, 2022, 2024], min_length=1, max_length=30)
    threads: int = Field(default=0, ge=0, le=1024)

    @model_validator(mode="after")
    def _years_ascend(self) -> Self:
        if any(not 1900 <= year <= 2099 for year in self.years):
            raise ValueError("years must lie between 1900 and 2099")
        if any(later <= earlier for earlier, later in zip(self.years, self.years[1:], strict=False)):
            raise ValueError("years must ascend, each named once, such as 2020, 2022, 2024")
        return self


class SampleResult(Result):
    """The files, and what the landscape is like.

    ``difficulty_f1``: the best F1 on the true change that a threshold on the length of the plain difference (last −
    first year, de-quantised) reaches; None for one year. ``changed_fraction``: of the pixels covered in the first and
    the last year; ``covered_fraction``: those, of all pixels.
    """

    embeddings: list[Path]
    sentinel2: list[Path]
    truth: Path
    landcover: Path
    labels: Path
    difficulty_f1: float | None
    changed_fraction: float
    covered_fraction: float


def create_sample_data(request: SampleRequest, progress: Progress) -> SampleResult:
    """Create the sample. Raises OutputError where the folder cannot be written, Cancelled when asked to stop."""
    with _folder(request.folder):
        first, last = request.years[0], request.years[-1]
        years = {year: request.folder / f"embeddings_{year}.tif" for year in request.years}
        pictures = {year: request.folder / f"sentinel2_{year}.tif" for year in dict.fromkeys((first, last))}
        truth, landcover = request.folder / "change_truth.tif", request.folder / f"landcover_{first}.tif"
        labels = request.folder / "labels.gpkg"
        targets = [*years.values(), *pictures.values(), truth, landcover, labels]
        with whole_or_nothing(progress, *targets) as partials:
            require_space(truth, request.size**2 * (80 * len(years) + 30 * len(pictures) + 2))
            making = _Making(request, progress, dict(zip(targets, partials, strict=True)))
            making.run(years, pictures, truth, landcover, labels)
        return SampleResult(
            embeddings=list(years.values()), sentinel2=list(pictures.values()), truth=truth, landcover=landcover,
            labels=labels, difficulty_f1=making.difficulty() if len(years) > 1 else None,
            changed_fraction=making.changed_fraction(), covered_fraction=float(making.counts.sum()) / request.size**2,
        )


class _Making:
    """One run: the writers, and the counts that grow with every row band."""

    def __init__(self, request: SampleRequest, progress: Progress, partials: dict[Path, Path]) -> None:
        self.request, self.progress, self.partials = request, progress, partials
        self.threads = request.threads or cores()
        progress.report(0.0, "Planning the landscape")
        self.plan: Plan = make_plan(request.seed, request.size)
        transform = Affine(PIXEL, 0.0, WEST, 0.0, -PIXEL, NORTH)
        self.grid = Grid(request.size, request.size, transform, CRS.from_epsg(CRS_CODE))
        parameters = {"size": request.size, "seed": request.seed, "years": request.years}
        self.tags = {"PRODUCT": PRODUCT, **tags(provenance("createsampledata", parameters, [], [LICENCE]))}
        self.counts = np.zeros((2, BINS), np.int64)
        """Histograms of unchanged and changed pixels by the length of the difference; with one year all in bin 0."""
        self.candidates: list[Candidates] = []

    def run(
        self, years: dict[int, Path], pictures: dict[int, Path], truth: Path, landcover: Path, labels: Path
    ) -> None:
        """Draw row band after row band into all files."""
        with open_executor(self.threads) as executor, ExitStack() as stack, self.progress.stage(0.0, 0.85, "Drawing"):
            def writer(path: Path, layout: Layout) -> RasterWriter:
                opened = RasterWriter(self.partials[path], self.grid, layout, self.progress, self.threads)
                return stack.enter_context(opened)

            truth_writer, cover_writer = writer(truth, self._truth_layout()), writer(landcover, self._cover_layout())
            year_writers = {year: writer(path, self._embedding_layout(year)) for year, path in years.items()}
            picture_writers = {year: writer(path, self._picture_layout(year)) for year, path in pictures.items()}
            bands = Bands(self.request.size, executor, self.threads + 2, self.progress, len(years) + len(pictures) + 2)
            for top in bands:
                blocks = self._blocks(bands, top)
                truths = [self._truth(block) for block in blocks]
                truth_writer.write(np.concatenate(truths, axis=1)[None])
                cover_writer.write(np.concatenate([block.classes() for block in blocks], axis=1)[None])
                self._collect(bands, blocks, truths)
                for year, target in year_writers.items():
                    target.write(self._year_band(bands, blocks, truths, year))
                for year, target in picture_writers.items():
                    target.write(self._picture_band(bands, blocks, year))
            self.progress.report(1.0, "Building overviews")
        self.progress.report(0.98, "Writing labels")
        write_labels(self.partials[labels], self.grid, self.plan, self.request.years, self._chosen())

    def difficulty(self) -> float:
        """The best F1 of a threshold on the length of the plain difference."""
        return best_f1(self.counts)

    def changed_fraction(self) -> float:
        """Share of changed pixels among those covered in the first and last year."""
        return float(self.counts[1].sum() / max(1, self.counts.sum()))

    def _share(self, year: int) -> float:
        first, last = self.request.years[0], self.request.years[-1]
        return (year - first) / (last - first) if last > first else 0.0

    def _blocks(self, bands: Bands, top: int) -> list[Block]:
        size = self.request.size

        def draw(left: int) -> Block:
            return make_block(self.plan, top, left, min(BLOCK, size - top), min(BLOCK, size - left))

        return bands.each(draw, range(0, size, BLOCK))

    def _truth(self, block: Block) -> NDArray[np.uint8]:
        first, last = self.request.years[0], self.request.years[-1]
        valid = covered(self.plan, block, first) & covered(self.plan, block, last)
        changed = block.inner(block.instant) > 0 if last > first else np.zeros_like(valid)
        return np.where(valid, changed, TRUTH_NODATA).astype(np.uint8)

    def _collect(self, bands: Bands, blocks: list[Block], truths: list[NDArray[np.uint8]]) -> None:
        def find(index: int) -> Candidates:
            labelled = truths[index] != TRUTH_NODATA
            for year in self.request.years[1:-1]:
                labelled &= covered(self.plan, blocks[index], year)
            return candidates(self.plan, blocks[index], self.request.years, labelled)

        self.candidates = [Candidates.joined([*self.candidates, *bands.each(find, range(len(blocks)))]).best(4)]
        if len(self.request.years) == 1:
            self.counts[0, 0] += sum(int((truth != TRUTH_NODATA).sum()) for truth in truths)

    def _year_band(
        self, bands: Bands, blocks: list[Block], truths: list[NDArray[np.uint8]], year: int
    ) -> NDArray[np.int8]:
        """All bands of a row band in a year: int8 (64, rows, size). The last year's is compared with the first's."""
        first, last = self.request.years[0], self.request.years[-1]
        out = np.empty((DIMENSIONS, blocks[0].rows, self.request.size), np.int8)

        def render(index: int) -> NDArray[np.int64] | None:
            block = blocks[index]
            codes = self._embeddings(block, year)
            out[:, :, block.left : block.left + block.columns] = codes
            if year != last or first == last:
                return None
            counts = np.zeros((2, BINS), np.int64)
            count_lengths(self._embeddings(block, first), codes, truths[index], counts)
            return counts

        for counts in bands.each(render, range(len(blocks))):
            if counts is not None:
                self.counts += counts
        return out

    def _embeddings(self, block: Block, year: int) -> NDArray[np.int8]:
        return embeddings(self.plan, block, year, self._share(year), covered(self.plan, block, year))

    def _picture_band(self, bands: Bands, blocks: list[Block], year: int) -> NDArray[np.uint16]:
        def render(block: Block) -> NDArray[np.uint16]:
            return sentinel2(self.plan, block, year, self._share(year), covered(self.plan, block, year))

        return np.concatenate(bands.each(render, blocks), axis=2)

    def _chosen(self) -> Candidates:
        chosen = Candidates.joined(self.candidates).best()
        order = np.lexsort((chosen.draw, chosen.place))
        return chosen.take(order)

    def _embedding_layout(self, year: int) -> Layout:
        names = [f"A{band:02d}" for band in range(DIMENSIONS)]
        return Layout(DIMENSIONS, "int8", NODATA, names, {**self.tags, "YEAR": str(year)}, averaged=False)

    def _picture_layout(self, year: int) -> Layout:
        return Layout(len(cover.S2_BANDS), "uint16", 0, cover.S2_BANDS, {**self.tags, "YEAR": str(year)})

    def _cover_layout(self) -> Layout:
        names = {f"CLASS_{code}": name for code, (name, _) in cover.CLASSES.items()}
        colors = {code: (*color, 255) for code, (_, color) in cover.CLASSES.items()}
        extra = {**self.tags, **names, "YEAR": str(self.request.years[0])}
        return Layout(1, "uint8", 0, ("land cover",), extra, averaged=False, colors=colors)

    def _truth_layout(self) -> Layout:
        names = {"CLASS_0": "no change", "CLASS_1": "change"}
        colors = {0: (33, 102, 172, 255), 1: (230, 97, 1, 255), TRUTH_NODATA: (0, 0, 0, 0)}
        extra = {**self.tags, **names, "YEARS": f"{self.request.years[0]}-{self.request.years[-1]}"}
        return Layout(1, "uint8", TRUTH_NODATA, ("true change",), extra, averaged=False, colors=colors)


class Bands:
    """Row bands of 512 rows from top to bottom, and work on their blocks in an executor, reporting after each."""

    def __init__(self, size: int, executor: Executor, ahead: int, progress: Progress, stages: int) -> None:
        self._size, self._executor, self._ahead, self._progress = size, executor, ahead, progress
        self._total = stages * len(range(0, size, BLOCK)) ** 2
        self._done = 0

    def __iter__(self) -> Iterator[int]:
        """Top rows of the row bands."""
        return iter(range(0, self._size, BLOCK))

    def each(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """``work`` for every item, in order."""
        found = []
        for result in in_order(self._executor, work, items, self._ahead):
            found.append(result)
            self._done += 1
            self._progress.report(self._done / self._total)
        return found


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Make the folder; take away again what was made if nothing came to lie in it."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; the sample needs a folder. Choose another name.")
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with explained(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except NotADirectoryError as error:
            raise OutputError(f"{folder} cannot be made: a part of its path is a file.", str(error)) from error
        except FileNotFoundError as error:
            raise OutputError(f"{folder} cannot be made there. Choose another folder.", str(error)) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for path in missing:
                path.rmdir()
        raise
