"""Fixtures of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bitscape.plugin.dock.models.model_files import RECENT
from bitscape.tests.plugin.background_runs import registered
from bitscape.tests.plugin.imagery.scene import collect
from bitscape.tests.plugin.models.scene import Window, make_models
from qgis.core import QgsProject, QgsSettings


@pytest.fixture(scope="session")
def models(backend_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models."""
    return make_models(backend_python, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module", autouse=True)
def provider() -> Iterator[Any]:
    with registered() as found:
        yield found


@pytest.fixture
def window(project: QgsProject, tmp_path: Path, models: Path) -> Iterator[Window]:
    """The tab, on a computer where no model was used yet."""
    QgsSettings().remove(RECENT)
    made = Window(project, tmp_path, models)
    yield made
    made.close()
    collect()
