"""The dock in the real desktop: a scripted new user walks the storyboard on the demo's project (dock_walk.py)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from bitscape.tests.system.demo import BACKEND_PYTHON, make_demo, script
from bitscape.tests.system.desktop import SCREENSHOTS, Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import pixels
from bitscape.tests.system.sample import Sample

ROBOT = Path(__file__).with_name("robot_user.py")
SIZE, SEED = 1024, 7
"""As `make demo` has it."""
WARNING = 1


@pytest.fixture(scope="module")
def walk(qgis: Qgis, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the robot saw, with ``folder``, ``truth`` and ``tiles``."""
    folder = tmp_path_factory.mktemp("walk")
    sample = Sample.make(qgis, folder / "sample", SIZE, SEED)
    demo = make_demo(qgis, sample, folder / "demo")
    tiles, truth = demo / "tiles.tif", demo / "data" / sample.truth.name
    first = script(qgis, BACKEND_PYTHON, ROBOT, "first", str(truth), str(tiles))
    desktop = Desktop(
        qgis.environment, folder, "dock_walk.py", project=demo / "demo.qgz", tiles=tiles, truth=truth, first=first)
    return {**desktop.finish(400), "truth": truth, "tiles": tiles}


def agreement(qgis: Qgis, walk: dict[str, Any], name: str) -> dict[str, float]:
    """F1 of one of the robot's models against the truth, everywhere."""
    model = walk[name]
    assert model["positive"] == "change"
    return script(qgis, BACKEND_PYTHON, ROBOT, "f1", str(walk["truth"]), str(walk["tiles"]),
                  json.dumps(model["weights"]), json.dumps(model["bias"]))


def test_nothing_went_wrong(walk: dict[str, Any], qgis: Qgis) -> None:
    assert walk["exceptions"] == []
    assert walk["steps"] == ["tool", "14 clicks", "views", "everywhere"]
    assert [entry for entry in walk["messages"] if entry[0] == "Python error"] == []
    assert eventually(lambda: not qgis.backends(), 5), "a backend has outlived QGIS"


def test_fourteen_clicks_reach_f1(walk: dict[str, Any], qgis: Qgis, capsys: pytest.CaptureFixture[str]) -> None:
    few, many = agreement(qgis, walk, "few"), agreement(qgis, walk, "many")
    with capsys.disabled():
        print(f"\nF1 against the sample's truth, all pixels with data, {few['share']:.1%} changed: 8 + 6 clicks "
              f"{few['half']:.3f} ({few['matching']:.3f} with the threshold at {few['threshold']:.2f}), "
              f"20 + 20 clicks {many['half']:.3f} ({many['matching']:.3f} at {many['threshold']:.2f})")
    assert walk["few"]["counts"] == {"change": 8, "nochange": 6}
    assert walk["many"]["counts"] == {"change": 20, "nochange": 20}
    assert few["half"] >= 0.85
    assert many["half"] >= 0.8


def test_figures_are_given_only_when_labels_support_them(walk: dict[str, Any]) -> None:
    assert "too few to judge" in walk["few"]["text"] and "F1" not in walk["few"]["text"]
    assert "Agreement with your clicks" in walk["many"]["text"] and "F1" in walk["many"]["text"]
    assert "1%" in walk["many"]["text"].replace(" ", "")


def test_clicking_does_not_block(walk: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty-six clicks and as many flights to the next point. What the main thread computes counts, so that a busy
    machine is not taken for us; two longer pauses are allowed, and no wait of a quarter of a second."""
    long, where = walk["clicks_blocked"]
    with capsys.disabled():
        print(f"\nThe main thread did not answer for {max((gap for gap, _ in long), default=0):.0f} ms at most")
    assert len([worked for _, worked in long if worked > 50]) <= 2, f"{long}\n{where}"
    assert max((gap for gap, _ in long), default=0) < 250, f"{long}\n{where}"


def test_editing(walk: dict[str, Any]) -> None:
    undone, redone, brushed, unbrushed, removed, restored = walk["edits"]
    assert (undone, redone, unbrushed, removed, restored) == (-1, 0, 0, -1, 0)
    assert brushed >= 6, "a stroke of 105 pixels"
    assert walk["off_coverage"] == 0
    assert all(walk["overrides"].values()), "a key went to QGIS's own action"


def test_looking(walk: dict[str, Any]) -> None:
    assert [date for date, _ in walk["imagery"]] == ["2020", "2024"]
    assert sorted(walk["flicked"]) == ["2020", "2024"]
    assert walk["threshold_computes_nothing"]
    whole, inside = walk["limited"]
    assert 0 < inside < whole


def test_the_map_of_everything(walk: dict[str, Any], qgis: Qgis) -> None:
    assert "Mpx" in walk["estimate"]
    classes = next(source for source in walk["made"] if source.endswith("tiles_classes.tif"))
    found = script(qgis, BACKEND_PYTHON, ROBOT, "map", str(walk["truth"]), classes)
    assert found["f1"] == pytest.approx(agreement(qgis, walk, "many")["half"], abs=0.005)
    assert walk["run_blocked"][0] < 500
    assert "bitscape:trainclassifier" in walk["command"] and "bitscape:applyclassifier" in walk["command"]


def test_screenshots_show_something(walk: dict[str, Any]) -> None:
    for name in ("nothing_loaded", "loaded", "14_clicks", "40_clicks", "unsure", "classes", "extrapolated", "swipe",
                 "area", "before_run", "done"):
        values = pixels(SCREENSHOTS / f"dock_{name}.png")[:3]
        assert values.std() > 10, name


def test_from_two_rasters_to_the_picture_before_the_first_click(
    qgis: Qgis, sample: Sample, tmp_path: Path
) -> None:
    embeddings = [shutil.copy(path, tmp_path) for path in sample.embeddings]
    reference = shutil.copy(sample.embeddings[0], tmp_path / "embeddings_2019.tif")
    found = Desktop(qgis.environment, tmp_path, "dock_begin.py", embeddings=embeddings, reference=reference).finish()
    assert found["exceptions"] == []
    assert [entry for entry in found["messages"] if entry[0] == "Python error"] == []
    assert found["shown"] == [True, True] and found["hidden"] == [False, False]
    assert found["cost"].startswith("About ")
    assert Path(found["tiles"]).is_file() and Path(found["tiles"]).parent == tmp_path
    assert sum("magnitude" in name.lower() for name in found["layers"]) == 2, "the dates, and the year without change"
    assert "in the years without change 1% did" in found["compared"]
    assert found["blocked"][0] < 500, found["blocked"][1]
    assert eventually(lambda: not qgis.backends(), 10)
    for name in ("build_form", "magnitude"):
        assert pixels(SCREENSHOTS / f"dock_{name}.png")[:3].std() > 10, name
