"""The files buildembeddingtiles writes together: tiles with their basis, the picture, the coverage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..grids.grid import Grid
from ..grids.writer import Layout, RasterWriter
from ..outputs import whole_or_nothing
from ..progress import Progress
from .basis import Basis, basis_path
from .tiles import NODATA, TAG

COVERAGE_NODATA = 255


@dataclass(frozen=True)
class TileOutputs:
    """Where the tiles go, and where picture and coverage go if they are wanted."""

    tiles: Path
    picture: Path | None
    coverage: Path | None

    @contextmanager
    def writer(
        self, grid: Grid, basis: Basis, tags: Mapping[str, str], progress: Progress, threads: int
    ) -> Iterator[TileWriter]:
        """A writer of row bands; all files appear together once the block succeeds after ``TileWriter.close``."""
        tags = {**tags, TAG: basis.fingerprint, "DATES": ",".join(basis.dates)}
        names = [f"PC{number} ({share:.1%})" for number, share in enumerate(basis.explained_variance, 1)]
        layouts = {self.tiles: Layout(len(names), "int8", NODATA, names, tags, plain_overviews=True)}
        if self.picture is not None:
            layouts[self.picture] = Layout(3, "uint8", 0, names[:3], tags, rgb=True)
        if self.coverage is not None:
            text = f"dates with data, of {len(basis.dates)}"
            layouts[self.coverage] = Layout(1, "uint8", COVERAGE_NODATA, [text], tags, averaged=False)
        targets = [basis_path(self.tiles), *reversed(layouts)]
        with whole_or_nothing(progress, *targets) as partials, ExitStack() as files:
            basis.save(partials[0])
            paths = dict(zip(targets, partials, strict=True))
            rasters = {
                target: files.enter_context(RasterWriter(paths[target], grid, layout, progress, threads))
                for target, layout in layouts.items()
            }
            yield TileWriter(self, rasters, files, Picture(basis))


class TileWriter:
    """Takes row bands of codes and of counted dates, from top to bottom."""

    def __init__(
        self, outputs: TileOutputs, rasters: dict[Path, RasterWriter], files: ExitStack, picture: Picture
    ) -> None:
        self._outputs, self._rasters, self._files, self._picture = outputs, rasters, files, picture

    def write(self, codes: NDArray[np.int8], dates: NDArray[np.uint8]) -> None:
        """Write codes (k, rows, width) and how many dates have data (1, rows, width)."""
        self._rasters[self._outputs.tiles].write(codes)
        if self._outputs.picture is not None:
            self._rasters[self._outputs.picture].write(self._picture(codes))
        if self._outputs.coverage is not None:
            self._rasters[self._outputs.coverage].write(dates)

    def close(self) -> None:
        """Build the overviews."""
        self._files.close()


class Picture:
    """Renders codes (k, rows, columns) as uint8 RGB: the basis's 1–99 % stretch to 1…255, 0 where there is no data.

    One component becomes grey; with two the third colour is constant.
    """

    def __init__(self, basis: Basis) -> None:
        codes = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
        self._tables = []
        for low, high in basis.stretch:
            share = (codes - low) / max(high - low, 1e-9)
            self._tables.append(np.where(codes == -128, 0, np.clip(np.rint(1 + 254 * share), 1, 255)).astype(np.uint8))

    def __call__(self, codes: NDArray[np.int8]) -> NDArray[np.uint8]:
        """The picture, (3, rows, columns)."""
        out = np.empty((3, *codes.shape[1:]), np.uint8)
        for colour in range(3):
            if colour < len(self._tables):
                np.take(self._tables[colour], codes[colour].view(np.uint8), out=out[colour])
            elif len(self._tables) == 1:
                out[colour] = out[0]
            else:
                out[colour] = np.where(codes[0] == -128, 0, 128)
        return out
