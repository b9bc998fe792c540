"""The session in real project files: what comes back, paths that move with the project, and entries not to believe."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from bitscape.plugin.dock.project_entry import KEY, SCOPE, ProjectEntry
from qgis.core import QgsProject

ALL = ProjectEntry(
    labels="clicks_1f3a", field="Klasse", aoi="areas_77", limit=True, view="classes", threshold=0.375, opacity=0.4,
    extrapolated=True, imagery='{"dates": ["2020", "„2024“ & <b>"]}',
)


def saved(project: QgsProject, path: Path, entry: ProjectEntry) -> None:
    """Save the project, the entry written when QGIS asks for it, as the dock does."""

    def write(*_: Any) -> None:
        entry.write(project)

    project.writeProject.connect(write)
    try:
        assert project.write(str(path))
    finally:
        project.writeProject.disconnect(write)


def opened(project: QgsProject, path: Path) -> Any:
    project.clear()
    assert ProjectEntry.read(project) is None
    assert project.read(str(path))
    return ProjectEntry.read(project)


def xml(path: Path) -> str:
    if path.suffix == ".qgs":
        return path.read_text(encoding="utf-8")
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(".qgs"))).decode("utf-8")


def written(path: Path) -> list[str]:
    """The names of the entries under ours in a project file."""
    ours = ElementTree.fromstring(xml(path)).find(f"properties/{SCOPE}")
    return [] if ours is None else [child.tag for child in ours]


def holding(project: QgsProject, **values: Any) -> Any:
    """What is read where the project holds these values besides a path to tiles."""
    project.writeEntry(SCOPE, KEY, json.dumps({"tiles": "/data/tiles.tif", **values}))
    return ProjectEntry.read(project)


@pytest.mark.parametrize("name", ["p.qgz", "p.qgs", "with space, ö and 'quote'.qgz"])
def test_everything_comes_back_from_the_file(project: QgsProject, tmp_path: Path, name: str) -> None:
    for entry in (replace(ALL, tiles=str(tmp_path / "tiles.tif")), ProjectEntry(tiles=str(tmp_path / "ö & <x>.tif"))):
        saved(project, tmp_path / name, entry)
        assert opened(project, tmp_path / name) == entry


def test_tiles_move_with_the_folder_of_the_project(project: QgsProject, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "data").mkdir(parents=True)
    saved(project, here / "p.qgz", replace(ALL, tiles=str(here / "data" / "tiles.tif")))
    assert str(here) not in xml(here / "p.qgz")
    shutil.move(here, there)
    assert opened(project, there / "p.qgz") == replace(ALL, tiles=str(there / "data" / "tiles.tif"))


def test_tiles_beside_and_above_the_project_are_found_after_a_move(project: QgsProject, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "projects").mkdir(parents=True)
    saved(project, here / "projects" / "p.qgz", ProjectEntry(tiles=str(here / "tiles.tif")))
    shutil.move(here, there)
    found = opened(project, there / "projects" / "p.qgz")
    assert Path(found.tiles).resolve() == (there / "tiles.tif").resolve()


def test_a_project_saved_under_another_name_elsewhere_still_means_the_same_tiles(
    project: QgsProject, tmp_path: Path
) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    entry = ProjectEntry(tiles=str(tmp_path / "tiles.tif"))
    for path in (tmp_path / "p.qgz", tmp_path / "far" / "away" / "q.qgz"):
        saved(project, path, entry)
    for path in (tmp_path / "p.qgz", tmp_path / "far" / "away" / "q.qgz"):
        assert Path(opened(project, path).tiles).resolve() == (tmp_path / "tiles.tif").resolve()


def test_absolute_paths_stay_absolute_where_the_project_wants_them(project: QgsProject, tmp_path: Path) -> None:
    project.writeEntryBool("Paths", "/Absolute", True)
    entry = ProjectEntry(tiles=str(tmp_path / "tiles.tif"))
    saved(project, tmp_path / "p.qgz", entry)
    assert str(tmp_path / "tiles.tif") in xml(tmp_path / "p.qgz")
    assert opened(project, tmp_path / "p.qgz") == entry


def test_without_tiles_nothing_is_written_and_what_was_there_goes(project: QgsProject, tmp_path: Path) -> None:
    saved(project, tmp_path / "p.qgz", replace(ALL, tiles=""))
    assert written(tmp_path / "p.qgz") == [] and opened(project, tmp_path / "p.qgz") is None
    saved(project, tmp_path / "p.qgz", replace(ALL, tiles=str(tmp_path / "tiles.tif")))
    assert written(tmp_path / "p.qgz") == [KEY.strip("/")] and opened(project, tmp_path / "p.qgz") is not None
    saved(project, tmp_path / "p.qgz", replace(ALL, tiles=""))
    assert written(tmp_path / "p.qgz") == [] and opened(project, tmp_path / "p.qgz") is None


def test_what_an_older_version_did_not_write_is_as_usual_and_what_is_unknown_is_passed_over(
    project: QgsProject
) -> None:
    assert holding(project) == ProjectEntry(tiles="/data/tiles.tif")
    assert holding(project, later="x", __class__="y", view="uncertainty").view == "uncertainty"
    assert holding(project, threshold=1, opacity=0) == ProjectEntry("/data/tiles.tif", threshold=1, opacity=0)


@pytest.mark.parametrize("text", ["", " ", "{", "tiles", "null", "7", '"tiles"', '{"tiles": 7}', '{"tiles": ["a"]}',
                                  '{"tiles": null}', "{'tiles': 'a'}", "\x00", "<tiles/>"])
def test_text_that_is_no_entry_is_none(project: QgsProject, text: str) -> None:
    project.writeEntry(SCOPE, KEY, text)
    assert ProjectEntry.read(project) is None


@pytest.mark.parametrize(("name", "value"), [
    ("labels", 5), ("labels", None), ("field", ["label"]), ("aoi", {}), ("limit", 1), ("limit", "yes"), ("view", False),
    ("extrapolated", 0), ("extrapolated", None), ("imagery", {"dates": []}), ("threshold", None), ("threshold", "much"),
    ("threshold", [0.5]), ("opacity", {}), ("opacity", ""),
])
def test_a_value_of_a_wrong_type_makes_the_entry_none(project: QgsProject, name: str, value: Any) -> None:
    assert holding(project, **{name: value}) is None


def test_an_entry_of_another_type_in_the_file_is_none(project: QgsProject, tmp_path: Path) -> None:
    for write in (lambda: project.writeEntry(SCOPE, KEY, ["a", "b"]), lambda: project.writeEntryBool(SCOPE, KEY, True),
                  lambda: project.writeEntry(SCOPE, KEY, 5)):
        write()
        assert ProjectEntry.read(project) is None
        assert project.write(str(tmp_path / "p.qgz"))
        assert opened(project, tmp_path / "p.qgz") is None


def test_a_broken_entry_is_replaced_when_the_project_is_saved(project: QgsProject, tmp_path: Path) -> None:
    project.writeEntry(SCOPE, KEY, "{broken")
    entry = replace(ALL, tiles=str(tmp_path / "tiles.tif"))
    saved(project, tmp_path / "p.qgz", entry)
    assert opened(project, tmp_path / "p.qgz") == entry


@pytest.mark.parametrize("text", ["[]", "{}", '{"tiles": ""}', '{"labels": "a"}', "[" * 100_000, '{"a":' * 100_000],
                         ids=lambda text: text[:12])
def test_an_entry_without_tiles_or_without_an_end_is_none(project: QgsProject, text: str) -> None:
    project.writeEntry(SCOPE, KEY, text)
    assert ProjectEntry.read(project) is None


@pytest.mark.parametrize("name", ["threshold", "opacity"])
@pytest.mark.parametrize("value", ["9" * 400, "NaN", "Infinity", "1e999", "-1", "1.01", "true", '"0.5"'])
def test_a_share_that_is_none_makes_the_entry_none(project: QgsProject, name: str, value: str) -> None:
    project.writeEntry(SCOPE, KEY, f'{{"tiles": "/data/tiles.tif", "{name}": {value}}}')
    assert ProjectEntry.read(project) is None


def test_a_view_that_does_not_exist_makes_the_entry_none(project: QgsProject) -> None:
    assert holding(project, view="other") is None
