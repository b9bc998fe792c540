"""Fixtures of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.canvas.imagery import DatedImagery, ImageryDates
from bitscape.plugin.canvas.swipe import Swipe
from bitscape.plugin.dock.imagery_panel import ImageryPanel
from bitscape.tests.plugin.imagery.scene import (
    Scene,
    collect,
)
from bitscape.tests.plugin.waiting import eventually
from qgis.core import (
    QgsProject,
)


@pytest.fixture
def scene(project: QgsProject, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(project, tmp_path)
    yield made
    made.close()


@pytest.fixture
def dates(scene: Scene) -> Iterator[ImageryDates]:
    """The two images of the scene chosen, oldest first."""
    made = ImageryDates(scene.project)
    made.choose([DatedImagery(scene.old.id(), "2020", "© A"), DatedImagery(scene.new.id(), "2024", "© B")])
    yield made
    made.close()


@pytest.fixture
def swipe(scene: Scene, dates: ImageryDates) -> Iterator[Swipe]:
    """2020 on the left, 2024 on the right, drawn."""
    dates.show(0)
    scene.settle()
    made = Swipe(scene.canvas, scene.project)
    made.set_layers(*dates.imagery)
    made.enable()
    assert eventually(lambda: made.is_drawn)
    yield made
    made.close()


@pytest.fixture
def panel(scene: Scene) -> Iterator[ImageryPanel]:
    """The panel in a dock's width, its imagery found."""
    made = ImageryPanel(scene.canvas)
    made.resize(340, 250)
    made.show()
    made.find()
    yield made
    made.close_imagery()
    made.deleteLater()
    collect()
