"""What can happen to somebody who labels, in the real desktop (dock_mishaps.py).

No exception, no orphan, no lost label."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Optional

import pytest
from bitscape.tests.system.desktop import Desktop
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.sample import Sample
from osgeo import ogr

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


class Mishaps:
    """Starts the desktop on copies of the sample."""

    def __init__(self, qgis: Qgis, sample: Sample, folder: Path) -> None:
        self.qgis, self.folder = qgis, folder
        self.tiles = folder / "tiles.tif"
        shutil.copy(sample.tiles, self.tiles)
        shutil.copy(sample.folder / "tiles.basis.json", folder / "tiles.basis.json")

    def start(self, case: str, environment: Optional[dict[str, str]] = None, **plan: Any) -> Desktop:
        """Start one case."""
        return Desktop({**self.qgis.environment, **(environment or {})}, self.folder, "dock_mishaps.py", case=case,
                       tiles=self.tiles, **plan)

    def run(self, case: str, environment: Optional[dict[str, str]] = None, **plan: Any) -> dict[str, Any]:
        """One case to its end; nothing may have gone wrong inside, and nothing may be left running."""
        found = self.start(case, environment, **plan).finish(180)
        assert found["exceptions"] == []
        assert [entry for entry in found["messages"] if entry[0] == "Python error"] == []
        self.nothing_runs()
        return found

    def nothing_runs(self) -> None:
        """No backend outlives its QGIS."""
        assert eventually(lambda: not self.qgis.backends(), 10), "a backend has outlived QGIS"


@pytest.fixture
def mishaps(qgis: Qgis, sample: Sample, tmp_path: Path) -> Mishaps:
    """A folder of its own for each case."""
    return Mishaps(qgis, sample, tmp_path)


def labels_in(path: str) -> int:
    """Labels in a GeoPackage, as another program finds them."""
    data = ogr.Open(path)
    return int(data.GetLayerByName("labels").GetFeatureCount())


def qgis_itself(desktop: Desktop) -> int:
    """The process id of QGIS below xvfb-run."""
    for one in Path("/proc").glob("[0-9]*"):
        try:
            name, session = (one / "comm").read_text().strip(), os.getsid(int(one.name))
        except OSError:
            continue
        if session == desktop.process.pid and name.startswith("qgis"):
            return int(one.name)
    raise AssertionError("QGIS does not run")


def test_qgis_is_killed(mishaps: Mishaps) -> None:
    """Labels on disk are those that were placed, to the last one; opened again, they are all there."""
    desktop = mishaps.start("killed")
    found = eventually(desktop.report, 90)
    assert found, desktop.wait(1)
    time.sleep(1.0)
    os.kill(qgis_itself(desktop), signal.SIGKILL)
    desktop.wait(30)
    mishaps.nothing_runs()
    assert found["exceptions"] == []
    assert found["placed"] == 6
    kept = labels_in(found["labels"])
    assert kept > 6, "those after the report too"
    opened = mishaps.run("removed")
    assert opened["after_labels"]["count"] == 0
    assert labels_in(found["labels"]) == kept + 4


def test_layers_are_removed_in_use(mishaps: Mishaps) -> None:
    found = mishaps.run("removed")
    assert found["after_labels"]["count"] == 0 and found["after_labels"]["file"]
    assert any("its file is untouched" in text for text in found["after_labels"]["said"])
    assert found["after_new"] == {"count": 2, "other": True, "model": True}
    assert found["after_score"] and found["after_hatching"]
    assert found["after_aoi"] == {"aoi": True, "limit": False}
    assert found["edit_mode"]["placed"] == 0
    assert any("is in edit mode" in text for text in found["edit_mode"]["said"])
    assert found["after_edit_mode"] == 1
    assert found["after_all"] == 1


def test_backend_is_killed_in_mid_click(mishaps: Mishaps) -> None:
    found = mishaps.run("backend")
    assert found["mid_click"]["placed"] == 2 and found["mid_click"]["clicks"] == 4
    assert any("no label is lost" in text for text in found["mid_click"]["said"])
    assert found["again"]["placed"] == 6
    assert found["restarted"] == 8


def test_projects_plugin_and_qgis_itself_come_and_go(mishaps: Mishaps) -> None:
    found = mishaps.run("projects")
    assert found["dirty_after_save"] is False
    assert found["new_project"]["tiles"] and found["new_project"]["labels"]
    assert found["new_project"]["said"] == [], "nobody removed anything"
    assert any("Choose the data first" in text for text in found["nowhere"])
    expected = {"view": "classes", "opacity": 0.4, "threshold": 0.62, "limit": True, "model": True, "dirty": False,
                "layers": ["aoi", "hatching", "labels", "score"]}
    for name in ("reopened", "reloaded"):
        assert {key: found[name][key] for key in expected} == expected, name
    assert found["reopened"]["same"] and found["reopened"]["count"] == 7, "the one after saving too"
    assert found["after_unload"] == {"docks": [], "actions": [], "tool": True}
    assert labels_in(found["labels"]) == found["count"]
    restored = mishaps.run("restored", project=mishaps.folder / "mine.qgz")
    for name in ("restored", "rebuilt"):
        assert {key: restored[name][key] for key in expected} == expected, name
        assert restored[name]["count"] == found["count"], name
    assert restored["same_order"]


def test_first_run_without_backend_and_charts(mishaps: Mishaps) -> None:
    """One sentence says what is missing and how to get it; the dock works."""
    hidden = mishaps.folder / "hidden"
    hidden.mkdir()
    (hidden / "pyqtgraph.py").write_text("raise ImportError('No module named pyqtgraph')")
    found = mishaps.run("bare", {"BITSCAPE_PYTHON": "/nowhere/python", "PYTHONPATH": str(hidden)})
    assert "/nowhere/python" in found["backend"] and "\n" not in found["backend"].strip().split("\n")[0]
    assert any("python3-pyqtgraph" in text for text in found["charts"])
