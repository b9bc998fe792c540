"""Fixtures of this folder's tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bitscape.plugin.dock.session import Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.tests.plugin.background_runs import SmallSample, registered
from qgis.core import (
    QgsProject,
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    with registered():
        return SmallSample.make(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def described(sample: SmallSample) -> TilesInfo:
    return sample.info()


@pytest.fixture
def tiles(described: TilesInfo, tmp_path: Path) -> TilesInfo:
    """The tiles in a folder of their own."""
    for name in ("change.tif", "change.basis.json"):
        shutil.copy(described.path.with_name(name), tmp_path / name)
    return replace(described, path=tmp_path / "change.tif")


@pytest.fixture
def session(project: QgsProject) -> Iterator[Session]:
    """A session that remembers what it said."""
    made = Session(project)
    made.words = []
    made.said.connect(lambda text, level: made.words.append((level, text)))
    yield made
    made.close()
