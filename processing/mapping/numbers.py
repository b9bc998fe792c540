"""Maps of what a regression model predicts: float32 numbers in their unit, NaN where there is no data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from ..classification.scoring import predict_numbers
from ..compression.tiles import Tiles
from ..grids.writer import Layout
from ..operations import Result
from ..progress import Progress
from ..regression.model import LabelRange, RegressionModel
from .bands import STRIP, Limits, write_bands


class NumberMap(Result):
    """The map of one file of tiles. ``pixels`` are those asked for: of polygons only the ones inside.

    ``minimum``, ``mean`` and ``maximum`` of the map (None without any data); ``below`` and ``above`` count the pixels
    beyond the smallest and largest label: extrapolation. ``low`` and ``high``: the 2nd and 98th percentile of the
    labels, between which the map is coloured.
    """

    target: Literal["numbers"] = "numbers"
    tiles: Path
    period: str
    score: Path
    classes: None = None
    title: str
    unit: str
    covered_pixels: int
    pixels: int
    minimum: float | None
    mean: float | None
    maximum: float | None
    labels: LabelRange
    low: float
    high: float
    below: int
    above: int


@dataclass(frozen=True)
class NumberScorer:
    """Predicts one row band of tiles; it can be pickled and sent to another process."""

    tiles: Tiles
    weights: NDArray[np.float64]
    bias: float

    @property
    def blank(self) -> NDArray[np.float32]:
        """NaN: no number that could be a result."""
        return np.array([np.nan], np.float32)

    def __call__(self, window: Window) -> tuple[NDArray[np.float32]]:
        """Numbers (1, height, width)."""
        height, width = int(window.height), int(window.width)
        numbers = np.empty((1, height, width), np.float32)
        for left in range(0, width, STRIP):
            columns = min(STRIP, width - left)
            codes = self.tiles.read(Window(window.col_off + left, window.row_off, columns, height))
            part = np.empty(columns * height, np.float32)
            predict_numbers(codes.reshape(len(codes), -1), self.weights, self.bias, part)
            numbers[0, :, left : left + columns] = part.reshape(height, columns)
        return (numbers,)


@dataclass
class _Tally:
    """What the numbers of a map are like, row band after row band."""

    labels: LabelRange
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    """Pixels with data, below and above the labels."""
    total: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    def __call__(self, rows: NDArray[np.float32]) -> None:
        known = rows[0][~np.isnan(rows[0])]
        if len(known) == 0:
            return
        # as the map's numbers are float32, so are the labels that they are compared with
        low, high = np.float32(self.labels.minimum), np.float32(self.labels.maximum)
        self.counts += (known.size, np.count_nonzero(known < low), np.count_nonzero(known > high))
        self.total += float(known.sum(dtype=np.float64))
        self.lowest, self.highest = min(self.lowest, float(known.min())), max(self.highest, float(known.max()))


def number_scorer(tiles: Tiles, model: RegressionModel) -> NumberScorer:
    """What predicts the bands of tiles with a model."""
    return NumberScorer(tiles, *model.arrays())


def number_layout(model: RegressionModel, period: str, more_tags: dict[str, str]) -> Layout:
    """What the band of the map is."""
    tagged = {**more_tags, "TARGET": model.target, "UNIT": model.unit, "PERIOD": period}
    return Layout(1, "float32", float("nan"), [model.title], {name: text for name, text in tagged.items() if text})


def draw_numbers(
    tiles: Tiles, model: RegressionModel, path: Path, partial: Path, limits: Limits, provenance_tags: dict[str, str],
    threads: int, scheduler: str, progress: Progress,
) -> NumberMap:
    """Write the map of one file of tiles to ``partial``, which will become ``path``."""
    tally = _Tally(model.labels)
    asked = write_bands(
        tiles, number_scorer(tiles, model), limits, [(partial, number_layout(model, tiles.period, provenance_tags))],
        tally, threads, scheduler, progress)
    known, below, above = (int(count) for count in tally.counts)
    return NumberMap(
        tiles=tiles.path, period=tiles.period, score=path, title=model.title, unit=model.unit, covered_pixels=known,
        pixels=asked, minimum=tally.lowest if known else None, mean=tally.total / known if known else None,
        maximum=tally.highest if known else None, labels=model.labels, low=model.labels.low, high=model.labels.high,
        below=below, above=above)


def say_numbers(drawn: NumberMap, where: str, progress: Progress) -> None:
    """What the map is like, in the log; ``where`` follows "the pixels"."""
    share = drawn.covered_pixels / max(drawn.pixels, 1)
    text = f"{drawn.tiles.name}: {share:.1%} of the pixels{where} have data"
    if drawn.minimum is None or drawn.mean is None or drawn.maximum is None:
        progress.info(f"{text}.")
        return
    unit = f" {drawn.unit}" if drawn.unit else ""
    progress.info(f"{text}; {drawn.title} from {drawn.minimum:.4g} to {drawn.maximum:.4g}{unit}, mean "
                  f"{drawn.mean:.4g}{unit}.")
    beyond = drawn.below + drawn.above
    if beyond:
        progress.warn(
            f"{drawn.tiles.name}: {beyond / drawn.covered_pixels:.1%} of the pixels with data lie beyond the labels "
            f"({drawn.below / drawn.covered_pixels:.1%} below {drawn.labels.minimum:.4g}{unit}, "
            f"{drawn.above / drawn.covered_pixels:.1%} above {drawn.labels.maximum:.4g}{unit}): there the model "
            "extrapolates.")
