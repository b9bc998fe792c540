"""What the tests of runs in the background share: the provider, a small sample, and waiting without blocking Qt."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitscape.plugin.algorithms.provider import BitscapeProvider
from bitscape.plugin.backend.client import Client
from bitscape.plugin.backend.environment import backend_python
from bitscape.plugin.dock.background import BackgroundRun
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.tests.plugin.waiting import eventually
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsVectorLayer


@contextmanager
def registered() -> Iterator[BitscapeProvider]:
    """The provider in QGIS's registry, as long as the block lasts."""
    provider = BitscapeProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    try:
        yield provider
    finally:
        QgsApplication.processingRegistry().removeProvider("bitscape")


@dataclass(frozen=True)
class SmallSample:
    """256 × 256 pixels of two years, their tiles and labels."""

    folder: Path
    embeddings: list[Path]
    labels: Path
    tiles: Path

    @classmethod
    def make(cls, folder: Path) -> SmallSample:
        """Make it with the algorithms; the provider is registered."""
        made = execute("createsampledata", SIZE=256, SEED=3, YEARS="2020,2024", OUTPUT=str(folder / "data"))
        tiles = folder / "change.tif"
        execute("buildembeddingtiles", INPUT=made["EMBEDDINGS"], TILES=str(tiles), OUTPUT=str(folder / "picture.tif"))
        return cls(folder, [Path(path) for path in made["EMBEDDINGS"]], Path(made["LABELS"]), tiles)

    def info(self) -> TilesInfo:
        """The tiles, as the dock knows them."""
        with Client(backend_python()) as client:
            return TilesInfo.of(client.call("describetiles", {"tiles": str(self.tiles)}))

    def label_layer(self) -> QgsVectorLayer:
        return QgsVectorLayer(f"{self.labels}|layername=labels", "Labels", "ogr")


def execute(algorithm: str, **parameters: Any) -> dict[str, Any]:
    """Run an algorithm here and now, to success."""
    found = QgsApplication.processingRegistry().createAlgorithmById(f"bitscape:{algorithm}")
    feedback = QgsProcessingFeedback()
    results, done = found.run(parameters, QgsProcessingContext(), feedback)
    assert done, feedback.textLog()
    return dict(results)


class Ending:
    """Listens to a run and knows how it ended."""

    def __init__(self, run: BackgroundRun) -> None:
        self.how: list[tuple[str, Any]] = []
        self.progress: list[tuple[float, str]] = []
        run.finished.connect(lambda results: self.how.append(("finished", results)))
        run.failed.connect(lambda words: self.how.append(("failed", words)))
        run.cancelled.connect(lambda: self.how.append(("cancelled", None)))
        run.progressed.connect(lambda fraction, text: self.progress.append((fraction, text)))

    def wait(self, seconds: float = 60) -> tuple[str, Any]:
        assert eventually(lambda: self.how, seconds), self.progress[-3:]
        return self.how[0]


def backends() -> list[int]:
    """Process ids of the living backends that this process started."""
    return [int(one.name) for one in Path("/proc").glob("[0-9]*") if _is_backend(one)]


def _is_backend(process: Path) -> bool:
    try:
        parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
        return parent == os.getpid() and b"worker.py" in (process / "cmdline").read_bytes()
    except (OSError, IndexError):  # it has ended
        return False


def files_in(folder: Path) -> set[str]:
    """The names of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
