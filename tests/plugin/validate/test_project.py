"""What a project remembers of a validation: sample, map and interpreter, found again where the folder has moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bitscape.plugin.dock.project_entry import ProjectEntry
from bitscape.plugin.dock.validate.interpreter import KEY
from bitscape.tests.plugin.validate.scene import Window
from qgis.core import QgsProject, QgsSettings


def save(window: Window, path: Path) -> None:
    """As the dock does when QGIS saves."""
    write = lambda *_: window.entry().write(window.project)  # noqa: E731
    window.project.writeProject.connect(write)
    try:
        assert window.project.write(str(path))
    finally:
        window.project.writeProject.disconnect(write)


@pytest.mark.parametrize("name", ["p.qgz", "p.qgs"])
def test_sample_map_and_interpreter_come_back(window: Window, name: str) -> None:
    path = window.start(count=4)
    window.press("c")
    save(window, window.folder / name)
    entry = window.entry()
    window.tab.forget()
    window.project.clear()
    window.validation.set_interpreter("Ben")
    assert window.project.read(str(window.folder / name))
    found = ProjectEntry.read(window.project)
    assert found == entry
    window.tab.restore(found)
    assert window.validation.sample.path == path and window.validation.map_path == window.map_path
    assert window.validation.interpreter == "Ada" and not window.serving.is_on, "nothing is hidden by itself"
    assert {node.name(): node.itemVisibilityChecked() for node in window.project.layerTreeRoot().findLayers()}[
        "Classes"], "although it was saved while the map was hidden"
    window.pad.start.click()
    assert window.number == 2


def test_it_moves_with_the_folder_of_the_project(window: Window, tmp_path: Path) -> None:
    window.open(count=4)
    save(window, window.folder / "p.qgs")
    here = str(window.folder)
    window.tab.forget()
    window.project.clear()
    there = tmp_path / "elsewhere"
    there.mkdir()
    for name in ("p.qgs", "sample.gpkg", "classes.tif"):
        shutil.copy(Path(here) / name, there / name)
    assert here not in (there / "p.qgs").read_text().split("Bitscape", 1)[1][:2000]
    other = QgsProject()
    assert other.read(str(there / "p.qgs"))
    found = ProjectEntry.read(other)
    assert (Path(found.sample), Path(found.map)) == (there / "sample.gpkg", there / "classes.tif")
    del other


def test_a_sample_that_has_gone_is_said_and_another_s_name_is_not_taken(window: Window) -> None:
    QgsSettings().remove(KEY)
    window.validation.set_interpreter("Ben")
    window.tab.restore(ProjectEntry(sample=str(window.folder / "gone.gpkg"), interpreter="Ada",
                                    map=str(window.map_path)))
    assert "does not exist" in window.words[-1] and window.validation.sample is None
    assert window.validation.interpreter == "Ben"
    assert window.validation.map_path == window.map_path


def test_an_entry_without_a_sample_and_without_tiles_is_none(project: QgsProject) -> None:
    ProjectEntry(interpreter="Ada", map="/data/map.tif").write(project)
    assert ProjectEntry.read(project) is None
    ProjectEntry(sample="/data/s.gpkg").write(project)
    assert ProjectEntry.read(project) == ProjectEntry(sample="/data/s.gpkg")
