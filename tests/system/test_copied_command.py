"""The command that the panel copies, in a real shell with the real qgis_process: it makes what the panel makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bitscape.tests.system.qgis_run import Qgis
from bitscape.tests.system.sample import Sample

ROOT = Path(__file__).resolve().parents[2]

PANEL = r"""
import json, sys, time
from pathlib import Path
from qgis.core import QgsApplication, QgsGeometry, QgsProject, QgsRectangle, QgsVectorLayer
app = QgsApplication([], True)
app.initQgis()
from bitscape.plugin.algorithms.provider import BitscapeProvider
from bitscape.plugin.backend.client import Client
from bitscape.plugin.backend.environment import backend_python
from bitscape.plugin.backend.resident import Resident
from bitscape.plugin.dock.label.run_panel import RunPanel
from bitscape.plugin.dock.session import Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from bitscape.plugin.layers.aoi_layer import AoiLayer

folder, with_area = Path(sys.argv[1]), sys.argv[2] == "area"
provider = BitscapeProvider()
QgsApplication.processingRegistry().addProvider(provider)
with Client(backend_python()) as client:
    tiles = TilesInfo.of(client.call("describetiles", {"tiles": str(folder / "it's change.tif")}))
session = Session(QgsProject.instance())
resident = Resident(backend_python)
panel = RunPanel(session, resident)
session.set_tiles(tiles)
session.adopt_labels(QgsVectorLayer(f"{folder}/my labels.gpkg|layername=labels", "Labels", "ogr"), "label")
if with_area:
    aoi = AoiLayer.create(folder / "aoi.gpkg", tiles.crs)
    session.set_aoi(aoi)
    box = tiles.extent
    box.setXMaximum(box.xMinimum() + 1700)
    aoi.add(QgsGeometry.fromRect(box))
    session.set_limit(True)
panel.target.setFilePath(str(folder / "copied_score.tif"))
text = panel.command_text()
panel.target.setFilePath(str(folder / "panel_score.tif"))
panel.apply()
end = time.monotonic() + 120
while panel.run is not None and time.monotonic() < end:
    QgsApplication.processEvents()
    time.sleep(0.01)
panel.stop()
resident.close()
print(json.dumps({"command": text, "words": panel.status.words.text()}))
sys.stdout.flush()
import os
os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
@pytest.mark.parametrize("area", ["whole", "area"])
def test_the_copied_command_makes_the_same_model_and_the_same_maps(
    qgis: Qgis, sample: Sample, tmp_path: Path, area: str
) -> None:
    folder = tmp_path / "Äcker & co"
    folder.mkdir()
    shutil.copy(sample.tiles, folder / "it's change.tif")
    shutil.copy(sample.tiles.with_suffix(".basis.json"), folder / "it's change.basis.json")
    shutil.copy(sample.labels, folder / "my labels.gpkg")
    environment = {**qgis.environment, "PYTHONPATH": str(ROOT / "build" / "plugins")}
    panel = subprocess.run([sys.executable, "-P", "-c", PANEL, str(folder), area], env=environment, cwd=tmp_path,
                           capture_output=True, text=True, timeout=180, check=False)
    assert panel.returncode == 0, panel.stderr
    said: dict[str, Any] = json.loads(panel.stdout.splitlines()[-1])
    assert said["words"].startswith("Done in "), said["words"]
    assert said["command"].count(" run bitscape:") == 2 and ("AOI=" in said["command"]) == (area == "area")

    done = subprocess.run(["sh", "-c", said["command"]], env=qgis.environment, cwd=tmp_path, capture_output=True,
                          text=True, timeout=180, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{said['command']}\n{done.stdout}\n{done.stderr}"
    models = [json.loads((folder / f"{name}_model.json").read_text()) for name in ("panel", "copied")]
    for key in ("classes", "positive_class", "weights", "bias", "basis", "counts", "random", "spatial"):
        assert models[0][key] == models[1][key], key
    for kind in ("score", "classes"):
        assert pixels(folder / f"panel_{kind}.tif") == pixels(folder / f"copied_{kind}.tif")
    assert pixels(folder / "copied_score.tif")[0] == ((170, 256) if area == "area" else (256, 256))


def pixels(path: Path) -> tuple[tuple[int, ...], Any, bytes]:
    """Columns and rows, where they lie, and their values."""
    from osgeo import gdal

    data = gdal.Open(os.fspath(path))
    return (data.RasterXSize, data.RasterYSize), data.GetGeoTransform(), data.ReadRaster()
