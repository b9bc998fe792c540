"""Small sample data and what the chain makes of it: the raw material of the other system tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitscape.tests.system.qgis_run import Qgis

SIZE, SEED = 256, 3
YEARS = (2020, 2024)


@dataclass(frozen=True)
class Sample:
    """Paths of small sample data, of its tiles and model, and the results that qgis_process printed for them."""

    folder: Path
    embeddings: list[Path]
    labels: Path
    truth: Path
    tiles: Path
    picture: Path
    coverage: Path
    model: Path
    created: dict[str, Any]
    built: dict[str, Any]
    trained: dict[str, Any]

    @classmethod
    def make(cls, qgis: Qgis, folder: Path, size: int = SIZE, seed: int = SEED) -> Sample:
        """Run createsampledata, buildembeddingtiles and trainclassifier in ``folder``."""
        data = folder / "data"
        created = qgis.succeed(
            "createsampledata", SIZE=size, SEED=seed, YEARS=",".join(str(year) for year in YEARS), OUTPUT=data
        )
        embeddings = [Path(path) for path in created["EMBEDDINGS"]]
        tiles, picture, coverage = folder / "tiles.tif", folder / "picture.tif", folder / "coverage.tif"
        built = qgis.succeed(
            "buildembeddingtiles", INPUT=embeddings, TILES=tiles, OUTPUT=picture, COVERAGE=coverage
        )
        labels, model = Path(created["LABELS"]), folder / "model.json"
        trained = qgis.succeed("trainclassifier", INPUT=tiles, LABELS=labels, OUTPUT=model)
        return cls(
            folder, embeddings, labels, Path(created["TRUTH"]), tiles, picture, coverage, model, created, built, trained
        )
