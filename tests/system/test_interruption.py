"""Cancelled, killed, bereaved: no half file, no orphan, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from bitscape.tests.system.qgis_run import Qgis, eventually
from bitscape.tests.system.rasters import UTM, noise, write_raster
from bitscape.tests.system.sample import Sample

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")

SMALL, FACTOR, BANDS = 256, 48, 64
BAND = """<VRTRasterBand dataType="Float32" band="{band}"><SimpleSource>
<SourceFilename relativeToVRT="0">{path}</SourceFilename><SourceBand>{band}</SourceBand>
<SrcRect xOff="0" yOff="0" xSize="{small}" ySize="{small}"/><DstRect xOff="0" yOff="0" xSize="{large}" ySize="{large}"/>
</SimpleSource></VRTRasterBand>"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two virtual rasters of 12288 × 12288 pixels and 64 bands: much more than a few seconds of work."""
    folder = tmp_path_factory.mktemp("large")
    size = SMALL * FACTOR
    paths = []
    for year in (2020, 2024):
        source = write_raster(folder / f"small_{year}.tif", noise(BANDS, SMALL, seed=year), nodata=None)
        bands = "".join(BAND.format(band=i, path=source, small=SMALL, large=size) for i in range(1, BANDS + 1))
        path = folder / f"large_{year}.vrt"
        path.write_text(
            f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>{UTM}</SRS>'
            f"<GeoTransform>500000, 1, 0, 5300000, 0, -1</GeoTransform>{bands}</VRTDataset>"
        )
        paths.append(path)
    return paths


def start_and_wait_until_it_writes(qgis: Qgis, large: list[Path], folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A buildembeddingtiles in the middle of its work, and the process id of its backend."""
    process = qgis.start(
        "buildembeddingtiles", INPUT=large, TILES=folder / "tiles.tif", OUTPUT=folder / "picture.tif",
        COVERAGE=folder / "coverage.tif",
    )
    backend = qgis.wait_for_backend(process)
    assert eventually(lambda: any(folder.glob(".*partial*")), 60), "it never began to write"
    assert process.poll() is None, process.communicate()
    return process, backend


def nothing_is_left(qgis: Qgis, folder: Path) -> None:
    """No orphan and no file survive."""
    assert eventually(lambda: not qgis.backends(), 10), "the backend has outlived QGIS"
    assert eventually(lambda: not list(folder.iterdir()), 5), sorted(folder.iterdir())


def next_run_works(qgis: Qgis, sample: Sample, folder: Path) -> None:
    """The same outputs can be written right afterwards."""
    results = qgis.succeed(
        "buildembeddingtiles", INPUT=sample.embeddings, TILES=folder / "tiles.tif", OUTPUT=folder / "picture.tif"
    )
    assert Path(results["OUTPUT"]).is_file()
    assert not list(folder.glob(".*")), "something unfinished is left"


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_qgis_is_stopped(
    qgis: Qgis, sample: Sample, large: list[Path], tmp_path: Path, signum: signal.Signals, code: int
) -> None:
    process, _ = start_and_wait_until_it_writes(qgis, large, tmp_path)
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == code, stderr
    assert stdout.strip() == ""
    if signum == signal.SIGINT:
        assert "ancelled" in stderr
        assert "Traceback" not in stderr
    nothing_is_left(qgis, tmp_path)
    next_run_works(qgis, sample, tmp_path)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV])
def test_backend_is_killed(
    qgis: Qgis, sample: Sample, large: list[Path], tmp_path: Path, signum: signal.Signals
) -> None:
    process, backend = start_and_wait_until_it_writes(qgis, large, tmp_path)
    os.kill(backend, signum)
    stdout, stderr = process.communicate(timeout=15)
    assert process.returncode == 1, "QGIS did not live on to say what happened"
    assert stdout.strip() == ""
    assert signum.name in stderr and "in the middle of its work" in stderr
    if signum == signal.SIGKILL:
        assert "memory" in stderr
    nothing_is_left(qgis, tmp_path)
    next_run_works(qgis, sample, tmp_path)


def test_sample_data_is_cancelled(qgis: Qgis, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    process = qgis.start("createsampledata", SIZE=8192, OUTPUT=folder)
    qgis.wait_for_backend(process)
    assert eventually(lambda: folder.exists() and any(folder.iterdir()), 60), "it never began to write"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode == 1, stderr
    assert eventually(lambda: not qgis.backends(), 10)
    assert not [path for path in folder.glob("**/*") if path.is_file()], "half of the sample data is left"
