"""The sample to try everything on: an invented landscape in two years, its tiles and its change magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qgis.core import QgsApplication, QgsProject

from ...translation import tr
from ..background import Step
from .build_plan import BuildPlan, is_tiles, magnitude_beside

YEARS = ("2020", "2024")
SEED = 7
SIZE = 1024


@dataclass(frozen=True)
class Sample:
    """The files in ``folder``. The true change is among them and never shown: it is what the labels are to find."""

    folder: Path
    size: int = SIZE

    @classmethod
    def default(cls) -> Sample:
        """In the user's QGIS profile."""
        return cls(Path(QgsApplication.qgisSettingsDirPath()) / "bitscape" / "sample")

    @property
    def plan(self) -> BuildPlan:
        """How its tiles are built."""
        rasters = tuple(self._data / f"embeddings_{year}.tif" for year in YEARS)
        tiles = self.folder / "change.tif"
        return BuildPlan(rasters, YEARS, tiles, magnitude_beside(tiles))

    @property
    def shown(self) -> list[Path]:
        """What is loaded, from the bottom to the top."""
        magnitude = self.plan.magnitude
        return [*(self._data / f"sentinel2_{year}.tif" for year in YEARS), *([magnitude] if magnitude else [])]

    @property
    def is_built(self) -> bool:
        """Whether there is nothing left to do."""
        return is_tiles(self.plan.tiles) and all(path.is_file() for path in self.shown)

    @property
    def made(self) -> list[Path]:
        """The files and folders that the steps make."""
        return [self.folder, self._data, *self.plan.outputs]

    def steps(self, project: QgsProject) -> list[Step]:
        """What is still to be run. What an earlier run made is used; other files of these names are overwritten."""
        sources = [*self.plan.rasters, *self.shown[:-1]]
        build = self.plan.steps(project)
        if all(path.is_file() for path in sources):
            return build
        create = {"SIZE": self.size, "SEED": SEED, "YEARS": ",".join(YEARS), "OUTPUT": str(self._data)}
        share = 2 * sum(step.share for step in build)
        return [Step("bitscape:createsampledata", create, tr("Making the landscape"), share), *build]

    @property
    def _data(self) -> Path:
        return self.folder / "data"
