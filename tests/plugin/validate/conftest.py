"""Fixtures of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.dock.validate.interpreter import KEY
from bitscape.tests.plugin.imagery.scene import collect
from bitscape.tests.plugin.validate.scene import Window
from qgis.core import QgsProject, QgsSettings


@pytest.fixture
def window(project: QgsProject, tmp_path: Path) -> Iterator[Window]:
    """The tab, on a computer where nobody has interpreted yet."""
    QgsSettings().remove(KEY)
    made = Window(project, tmp_path)
    yield made
    made.close()
    collect()
