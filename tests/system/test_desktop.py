"""The real QGIS desktop under a virtual display, and the demo's project and picture."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.scripts import headless_qgis
from bitscape.tests.system.demo import make_demo
from bitscape.tests.system.desktop import SCREENSHOTS, Desktop
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.rasters import pixels
from bitscape.tests.system.sample import Sample

WARNING = 1


@pytest.fixture(scope="module")
def demo(qgis: Qgis, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder, as `make demo` makes it, from the small sample."""
    return make_demo(qgis, sample, tmp_path_factory.mktemp("demo") / "demo")


def is_blank(path: Path) -> bool:
    """Whether a picture shows next to nothing."""
    values = pixels(path)[:3]
    colours = np.unique(values.reshape(3, -1)[:, ::7], axis=1).shape[1]
    return bool(values.std() < 10 or colours < 200)


def test_accuracy_counts_only_what_is_covered(qgis: Qgis, sample: Sample, demo: Path) -> None:
    agreement, classes = (pixels(demo / name)[0] for name in ("agreement.tif", "classes.tif"))
    truth = pixels(sample.truth)[0]
    assert (agreement[classes == 0] == 0).all()
    assert ((agreement == 2) | (agreement == 3))[(classes != 0) & (truth == 1)].all()
    assert {1, 2} <= set(np.unique(agreement).tolist())


def test_map_is_drawn(demo: Path) -> None:
    assert not is_blank(demo / "map.png")


def test_project_opens_elsewhere_without_plugin_and_backend(demo: Path, tmp_path: Path) -> None:
    """Moved to another place, in a bare QGIS: every layer is found by its relative path."""
    moved = tmp_path / "moved"
    shutil.copytree(demo, moved)
    code = (
        "import json, os, sys; from qgis.core import *; a = QgsApplication([], False); a.initQgis();"
        "p = QgsProject.instance(); ok = p.read(sys.argv[1]);"
        "print(json.dumps([ok, [[l.name(), l.isValid(), l.source()] for l in p.mapLayers().values()],"
        "[g.name() for g in p.layerTreeRoot().findGroups()], p.mapThemeCollection().mapThemes(),"
        "[l.name() for l in p.layoutManager().layouts()]]), flush=True); os._exit(0)"
    )
    bare = {name: value for name, value in headless_qgis.profile(tmp_path / "bare").items() if "PLUGIN" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code, str(moved / "demo.qgz")], env={**bare, "BITSCAPE_PYTHON": "/nowhere"},
        capture_output=True, encoding="utf-8", timeout=60, check=False,
    )
    read, layers, groups, themes, layouts = json.loads(done.stdout.splitlines()[-1])
    assert read
    assert len(layers) >= 9
    assert all(valid for _, valid, _ in layers), layers
    assert all(str(moved) in source for _, _, source in layers), layers
    assert len(groups) == 3 and len(themes) >= 5 and layouts == ["Change map"]


@pytest.fixture(scope="module")
def desktop(qgis: Qgis, demo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one session in the real desktop saw (desktop_session.py)."""
    folder = tmp_path_factory.mktemp("desktop")
    return Desktop(qgis.environment, folder, "desktop_session.py", project=demo / "demo.qgz").finish()


def test_no_exception(desktop: dict[str, Any]) -> None:
    assert desktop["exceptions"] == []
    assert desktop["steps"] == ["toolbox", "chain", "reload", "project"]
    ours = [entry for entry in desktop["messages"] if "itscape" in entry[2] and entry[1] >= WARNING]
    assert ours == []
    python_errors = [entry for entry in desktop["messages"] if entry[0] == "Python error"]
    assert python_errors == []


def test_toolbox_lists_the_algorithms(desktop: dict[str, Any]) -> None:
    assert {"bitscape:createsampledata", "bitscape:buildembeddingtiles", "bitscape:trainclassifier",
            "bitscape:applyclassifier"} <= set(desktop["algorithms"])
    assert {"Create sample data", "Build embedding tiles", "Train classifier from labels"} <= set(desktop["toolbox"])


def test_results_are_loaded_and_styled(desktop: dict[str, Any]) -> None:
    by_file = {layer["file"]: layer for layer in desktop["layers"].values()}
    assert all(layer["valid"] for layer in by_file.values())
    expected = {
        "picture.tif": "multibandcolor", "coverage.tif": "paletted", "score.tif": "singlebandpseudocolor",
        "classes.tif": "paletted",
    }
    assert {name: by_file[name]["renderer"] for name in expected} == expected
    assert "agreement" in by_file["score.tif"]["abstract"].lower()


def test_unload_and_reload(desktop: dict[str, Any], qgis: Qgis) -> None:
    assert desktop["after_unload"] == []
    assert desktop["after_reload"] == desktop["algorithms"]
    assert desktop["children"] == []
    assert qgis.backends() == []


def test_screenshots_show_something(desktop: dict[str, Any]) -> None:
    assert all(layer["valid"] for layer in desktop["project"].values())
    for name in ("chain", "demo"):
        assert not is_blank(SCREENSHOTS / f"{name}.png"), name
