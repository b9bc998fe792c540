"""What the system tests share: QGIS in a profile of its own, real data, small sample data made by the plugin itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.sample import Sample


@pytest.fixture(scope="session")
def qgis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qgis]:
    """The real qgis_process in a profile of its own; afterwards no backend of it may be left."""
    session = Qgis(tmp_path_factory.mktemp("profile"))
    yield session
    assert eventually(lambda: not session.backends(), 5), "a backend has outlived its QGIS"


@pytest.fixture(scope="session")
def sample(qgis: Qgis, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Small sample data, and tiles and a model made of it."""
    return Sample.make(qgis, tmp_path_factory.mktemp("sample"))
