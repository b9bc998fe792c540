"""The tab Find in the real desktop: a store is searched by clicks, keys and drags (find_walk.py)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from bitscape.tests.processing.store.servers import Server
from bitscape.tests.system.demo import BACKEND_PYTHON, ROOT, make_demo, script
from bitscape.tests.system.desktop import SCREENSHOTS, Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import pixels
from bitscape.tests.system.sample import YEARS, Sample
from osgeo import ogr

SIZES = {"laptop": (1366, 768), "large": (1900, 1150)}
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def demo(qgis: Qgis, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(qgis, sample, tmp_path_factory.mktemp("demo") / "demo")


@pytest.fixture(scope="module")
def store(qgis: Qgis, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores") / "sample store"
    dated = [str(part) for path, year in zip(sample.embeddings, YEARS) for part in (path, year)]
    environment = {**qgis.environment, "PYTHONPATH": str(ROOT / "build" / "plugins")}
    done = subprocess.run(
        [BACKEND_PYTHON, "-P", str(HERE / "find_store.py"), str(folder), *dated], env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=SIZES)
def walk(
    qgis: Qgis, sample: Sample, demo: Path, store: Path, tmp_path_factory: pytest.TempPathFactory, request: Any
) -> Any:
    """What the robot saw."""
    folder = tmp_path_factory.mktemp("walk")
    truth = demo / "data" / sample.truth.name
    first = script(qgis, BACKEND_PYTHON, HERE / "robot_user.py", "first", str(truth), str(demo / "tiles.tif"))["change"]
    for old in (*store.parent.glob(f"{store.name}_*.gpkg"), *demo.glob("tiles*.gpkg")):
        old.unlink()
    with Server(store) as server:
        desktop = Desktop(
            qgis.environment, folder, "find_walk.py", SIZES[request.param], project=demo / "demo.qgz",
            tiles=demo / "tiles.tif", store=store, url=server.url,
            table=sample.embeddings[0], first=first, size=SIZES[request.param], prefix=f"find_{request.param}")
        return {**desktop.finish(400), "prefix": f"find_{request.param}", "store": str(store), "url": server.url,
                "asked": sorted(server.paths)}


def test_nothing_went_wrong(walk: dict[str, Any], qgis: Qgis) -> None:
    assert walk["exceptions"] == [] and walk["steps"] == ["areas", "remote", "unloaded"]
    assert [entry for entry in walk["messages"] if entry[0] == "Python error"] == []
    assert eventually(lambda: not qgis.backends(), 5), "a backend has outlived QGIS"


def test_the_store_is_told_and_clicks_and_keys_find(walk: dict[str, Any]) -> None:
    for words in ("Synthetic sample", "256 bits", "2020–2024", "CC0"):
        assert words in walk["facts"]
    assert walk["tool"] and walk["found"] == 50
    assert all(walk["overrides"].values()), "a key went to QGIS's own action"
    assert "Rank 7" in walk["told"]


@pytest.mark.parametrize("what", ["blocked", "dragged", "labelling"])
def test_nothing_blocks(walk: dict[str, Any], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the main thread computes counts, so that a busy machine is not taken for us; one longer pause is allowed."""
    long, where = walk[what]
    with capsys.disabled():
        print(f"\nPauses, {what} (ms, of which computed): {[(round(a), round(b)) for a, b in long]}")
    assert len([worked for _, worked in long if worked > 50]) <= 1, f"{long}\n{where}"


def test_results_become_labels_and_undo_takes_them_back(walk: dict[str, Any]) -> None:
    two, every, again = walk["labelled"]
    assert two == again == 2 < 20 < every <= 50, "a place that two years have is one label"


def test_a_store_was_built_from_dropped_embeddings_and_opened(walk: dict[str, Any]) -> None:
    place, facts, said = walk["built"]
    assert Path(place).name == "built store" and (Path(place) / "manifest.parquet").is_file(), said
    assert "patches" in facts
    assert walk["dialog"] == ["Build retrieval store", False], "the Toolbox's dialog, which stops nothing"


def test_what_is_saved_is_what_was_seen_and_the_command_is_the_same_search(walk: dict[str, Any], qgis: Qgis) -> None:
    said, target, seen = walk["saved"]
    assert "Saved" in said, said
    with_ranks = sorted((row["rank"], row["id"], row["score"]) for row in rows_of(Path(target)))
    assert [[name, score] for _, name, score in with_ranks] == seen
    assert Path(target).with_suffix(".parquet").is_file()
    again = Path(target).with_name("again.gpkg")
    line = walk["command"].replace(target, str(again)).replace("saved.parquet", "again.parquet")
    done = subprocess.run(["sh", "-c", line], env=qgis.environment, stdin=subprocess.DEVNULL, capture_output=True,
                          encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted((row["rank"], row["id"], row["score"]) for row in rows_of(again)) == with_ranks


@pytest.mark.parametrize("where", ["saved_window", "saved_areas", "saved_remote"])
def test_what_is_saved_of_a_part_is_what_was_seen(walk: dict[str, Any], where: str) -> None:
    said, target, seen = walk[where]
    assert "Saved" in said and len(seen) > 10, said
    assert [[row["id"], row["score"]] for row in sorted(rows_of(Path(target)), key=lambda row: row["rank"])] == seen


def test_a_store_over_http_is_used_as_one_on_disk(walk: dict[str, Any]) -> None:
    place, facts, _, failed, _ = walk["remote"]
    assert place.startswith(walk["url"].rstrip("/")) and "Synthetic sample" in facts and failed == []
    assert "manifest.parquet" in walk["asked"] and any("part-" in path for path in walk["asked"])
    assert walk["back"] == [1, 1], "the exemplars of the store on disk are as they were"


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The features of a file's first layer."""
    data = ogr.Open(str(path))
    return [row.items() for row in data.GetLayer(0)]


def test_areas_limit_the_search_and_the_project_remembers_it(walk: dict[str, Any]) -> None:
    everywhere, inside = walk["rows"]
    assert 0 < inside < everywhere and walk["aoi_in_find"]
    assert walk["forgotten"] == ["", False]
    assert walk["again"][0] == walk["store"] and walk["again"][1:4] == [1, 1, "threshold"] and walk["again"][4] > 0


def test_pictures_show_something(walk: dict[str, Any]) -> None:
    for name in ("nothing", "offer", "built", "opened", "found", "hover", "heat", "threshold", "dragged", "outlier",
                 "surprise", "gradient", "saved", "typical", "labelled", "window", "areas", "remote_opened",
                 "remote", "remote_saved", "dark", "dark_results"):
        assert pixels(SCREENSHOTS / f"{walk['prefix']}_{name}.png")[:3].std() > 10, name
