"""Finer rasters: repeated pixels come back exactly, without seams, on the finer grid; types, nodata and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from bitscape.processing import operations
from bitscape.processing.errors import ModelError, OutputError
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.scenes import answer, picture, raster, read


def enhance(model: Path, source: Path, output: Path, **request: Any) -> dict[str, Any]:
    return operations.run(
        "enhanceresolution", {"model": str(model), "input": str(source), "output": str(output), **request}, Progress())


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("how", ["resize", "depth"])
@pytest.mark.parametrize("flips", [False, True])
def test_repeated_pixels_come_back(factor: int, how: str, flips: bool, tmp_path: Path) -> None:
    pixels = picture(300, 420)
    source = raster(tmp_path / "in.tif", pixels)
    model = models.superresolution(tmp_path / "m.onnx", factor=factor, how=how)
    found = enhance(model, source, tmp_path / "out.tif", tile=128, overlap=32, flips=flips)
    assert found["factor"] == factor
    assert found["dtype"] == "uint8"
    assert (read(tmp_path / "out.tif") == pixels.repeat(factor, 1).repeat(factor, 2)).all()
    with rasterio.open(source) as one, rasterio.open(tmp_path / "out.tif") as other:
        assert one.bounds == pytest.approx(other.bounds)
        assert one.crs == other.crs
        assert other.overviews(1)


def test_tiled_is_as_the_whole_picture(tmp_path: Path) -> None:
    """A network that looks one pixel around: at the seams of windows nothing can be seen."""
    random = np.random.default_rng(1)
    weights = {"w": (random.standard_normal((8, 2, 3, 3)) / 6).astype(np.float32)}
    nodes = [models.helper.make_node("Conv", ["image", "w"], ["c"], pads=[1, 1, 1, 1]),
             models.helper.make_node("DepthToSpace", ["c"], ["fine"], blocksize=2, mode="CRD")]
    model = models.write(tmp_path / "m.onnx", nodes, [("image", models.FLOAT, ["n", 2, "h", "w"])],
                         [("fine", models.FLOAT, ["n", 2, "H", "W"])], weights,
                         models.deepness(model_type="Superresolution"))
    pixels = picture(256, 352, 2)
    source = raster(tmp_path / "in.tif", pixels)
    enhance(model, source, tmp_path / "out.tif", tile=96, overlap=32, values="model")
    whole = answer(model, (pixels / 255).astype(np.float32))[0]
    assert np.abs(read(tmp_path / "out.tif") - whole).max() < 1e-5


def test_no_data_stays_no_data_and_types_stay_types(tmp_path: Path) -> None:
    pixels = picture(200, 200, dtype="uint16")
    pixels[:, 50:90, 60:130] = 0
    source = raster(tmp_path / "in.tif", pixels, nodata=0)
    model = models.superresolution(tmp_path / "m.onnx", metadata={
        **models.deepness(model_type="Superresolution"), "bitscape_card": '{"scale": 10000}'})
    found = enhance(model, source, tmp_path / "out.tif")
    assert found["dtype"] == "uint16"
    assert (read(tmp_path / "out.tif") == pixels.repeat(2, 1).repeat(2, 2)).all()
    assert found["covered_pixels"] == (pixels[0] > 0).sum()
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.nodata == 0


def test_models_of_another_kind_are_refused(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", picture(64, 64))
    with pytest.raises(ModelError, match=r"Segmentor.*finer picture"):
        enhance(models.segmentor(tmp_path / "s.onnx"), source, tmp_path / "out.tif")
    with pytest.raises(OutputError, match="tif"):
        enhance(models.superresolution(tmp_path / "m.onnx"), source, tmp_path / "out.gpkg")
