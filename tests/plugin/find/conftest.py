"""Fixtures of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.dock.find.store_place import KEY
from bitscape.tests.plugin.find.scene import Window
from bitscape.tests.plugin.imagery.scene import collect
from qgis.core import QgsProject, QgsSettings


@pytest.fixture
def window(project: QgsProject, tmp_path: Path) -> Iterator[Window]:
    """The tab, on a computer where no store was opened yet."""
    QgsSettings().remove(KEY)
    made = Window(project, tmp_path)
    yield made
    made.close()
    collect()
