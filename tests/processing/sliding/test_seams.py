"""Tiled is whole: windows leave no trace in the result, wherever they start and whatever part is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.processing.progress import Progress
from bitscape.processing.sliding import panels
from bitscape.processing.sliding.run import Finished, Seconds, run
from bitscape.processing.sliding.setup import ModelRequest, set_up
from bitscape.tests.processing.inference.models import deepness, segmentor
from bitscape.tests.processing.inference.scenes import answer, picture, raster, read, segment
from numpy.typing import NDArray

NAMES = {"0": "a", "1": "b", "2": "c", "3": "d"}
HEIGHT, WIDTH = 610, 730


def a_model(path: Path, layers: int = 3, radius: int = 2, activation: str = "softmax", size: int | str = "h") -> Path:
    """A fully convolutional network whose receptive field is 2 · layers · radius + 1 pixels."""
    shape = ("n", "h", "w") if size == "h" else (1, size, size)
    return segmentor(path, layers=layers, radius=radius, activation=activation, shape=shape,
                     metadata=deepness(model_type="Segmentor", class_names=NAMES, tile_size=256))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[Any]]:
    folder = tmp_path_factory.mktemp("seams")
    pixels = picture(HEIGHT, WIDTH)
    return raster(folder / "picture.tif", pixels), pixels


def scores(model: Path, source: Path, **request: Any) -> tuple[NDArray[np.float32], Seconds]:
    """Blended scores of a run, before they are written as bytes."""
    setup = set_up(ModelRequest(model=model, input=str(source), **request), source.with_name("x"), Progress())
    part = setup.plan.part
    found = np.full((setup.plan.scores, int(part.height), int(part.width)), np.nan, np.float32)

    def keep(finished: Finished) -> None:
        rows, columns = finished.wanted.shape
        place = np.s_[:, finished.top : finished.top + rows, finished.left : finished.left + columns]
        assert np.isnan(found[place]).all(), "no pixel is finished twice"
        found[place] = finished.scores

    seconds = run(setup.plan, setup.network, keep, Progress())
    assert not np.isnan(found).any()
    return found, seconds


@pytest.mark.parametrize(("blend", "layers", "radius", "overlap"), [
    ("hann", 3, 2, 32),  # 13 pixels see a result, of 32 in common
    ("hann", 7, 2, 32),  # 29 of 32: the ramp makes way
    ("hann", 5, 3, 32),  # 31 of 32
    ("hann", 7, 4, 64),
    ("crop", 5, 3, 32),
    ("crop", 7, 4, 64),
])
def test_tiled_is_whole_to_1e_4_where_the_receptive_field_fits_into_the_overlap(
    scene: tuple[Path, NDArray[Any]], tmp_path: Path, blend: str, layers: int, radius: int, overlap: int
) -> None:
    source, pixels = scene
    model = a_model(tmp_path / "m.onnx", layers, radius)
    assert 2 * layers * radius + 1 <= overlap
    whole = answer(model, pixels.astype(np.float32) / 255)[0]
    found, seconds = scores(model, source, blend=blend, overlap=overlap)
    assert seconds.windows >= 9
    assert np.abs(found - whole).max() < 1e-4


def test_averaging_is_not_whole_and_hann_is_nearer_where_the_receptive_field_is_wider(
    scene: tuple[Path, NDArray[Any]], tmp_path: Path
) -> None:
    """The test above can fail; and where nothing is exact, blending errs less than the other ways."""
    source, pixels = scene
    model = a_model(tmp_path / "m.onnx", 6, 8)
    whole = answer(model, pixels.astype(np.float32) / 255)[0]
    errors = {blend: np.abs(scores(model, source, blend=blend, overlap=32)[0] - whole) for blend in
              ("hann", "crop", "average")}
    assert errors["average"].max() > 1e-3
    assert errors["hann"].mean() < errors["average"].mean()


@pytest.mark.parametrize("shift", [(1, 0), (7, 13), (64, 129), (100, 31)])
def test_moving_the_origin_changes_nothing(
    scene: tuple[Path, NDArray[Any]], tmp_path: Path, shift: tuple[int, int]
) -> None:
    source, pixels = scene
    model = a_model(tmp_path / "m.onnx")
    down, right = shift
    moved = raster(tmp_path / "moved.tif", np.ascontiguousarray(pixels[:, down:, right:]))
    first, second = scores(model, source, overlap=32)[0], scores(model, moved, overlap=32)[0]
    inner = 8  # the receptive field reaches over the new edge
    assert np.abs(first[:, down + inner :, right + inner :] - second[:, inner:, inner:]).max() < 1e-4


def test_the_part_that_is_asked_for_changes_nothing(scene: tuple[Path, NDArray[Any]], tmp_path: Path) -> None:
    source, _ = scene
    model = a_model(tmp_path / "m.onnx", 6, 8)  # too wide to be exact: windows that lay elsewhere would show
    whole, _ = scores(model, source, overlap=32)
    for left, top, width, height in ((200, 225, 90, 30), (0, 0, 1, 1), (500, 333, 230, 277), (193, 0, 64, 610)):
        west, north = 500_000 + 10 * left, 5_000_000 - 10 * top
        extent = (west, north - 10 * height, west + 10 * width, north)
        part, seconds = scores(model, source, overlap=32, extent=extent)
        assert part.shape[1:] == (height, width)
        assert np.abs(part - whole[:, top : top + height, left : left + width]).max() < 1e-6
        assert seconds.windows + seconds.skipped <= 16


def test_panels_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = raster(tmp_path / "wide.tif", picture(300, 2600))
    model = a_model(tmp_path / "m.onnx", 6, 8)
    whole, seconds = scores(model, wide, overlap=32)
    monkeypatch.setattr(panels, "BUDGET", 1)
    cut, again = scores(model, wide, overlap=32)
    assert seconds.windows == again.windows, "no window is run twice"
    assert np.abs(whole - cut).max() < 1e-6


@pytest.mark.parametrize("size", ["h", 256])
def test_smaller_than_a_window(tmp_path: Path, size: int | str) -> None:
    """The raster is reflected beyond its ends; inside the receptive field's reach the result is as it were."""
    pixels = picture(90, 300)
    source = raster(tmp_path / "small.tif", pixels)
    model = a_model(tmp_path / "m.onnx", size=size)
    padded = np.pad(pixels, ((0, 0), (0, 256 - 90), (0, 0)), "reflect").astype(np.float32) / 255
    free = a_model(tmp_path / "free.onnx")
    whole = answer(free, padded)[0][:, :90]
    found, _ = scores(model, source, overlap=32)
    assert np.abs(found - whole).max() < 1e-4


def test_one_pixel(tmp_path: Path) -> None:
    source = raster(tmp_path / "one.tif", picture(1, 1))
    found, seconds = scores(a_model(tmp_path / "m.onnx"), source)
    assert found.shape == (4, 1, 1) and seconds.windows == 1


def test_a_network_that_cuts_its_edges(tmp_path: Path) -> None:
    """Without padding: 256 pixels in, 244 out; reflected at the raster's ends, whole within."""
    from bitscape.tests.processing.inference.models import FLOAT, convolution, write
    from onnx import helper

    kernel = convolution(3, 4, 6)
    model = write(tmp_path / "m.onnx", [
        helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("Softmax", ["c"], ["scores"], axis=1),
    ], [("image", FLOAT, ["n", 3, "h", "w"])], [("scores", FLOAT, ["n", 4, "y", "x"])], {"w": kernel},
        deepness(model_type="Segmentor", class_names=NAMES, tile_size=256))
    pixels = picture(400, 500)
    found, _ = scores(model, raster(tmp_path / "p.tif", pixels), overlap=32)
    padded = np.pad(pixels, ((0, 0), (6, 6), (6, 6)), "reflect").astype(np.float32) / 255
    assert np.abs(found - answer(model, padded)[0]).max() < 1e-5


def test_a_network_that_answers_at_a_quarter(tmp_path: Path) -> None:
    from bitscape.tests.processing.inference.models import FLOAT, write
    from onnx import helper

    kernel = np.zeros((2, 3, 4, 4), np.float32)
    kernel[0], kernel[1] = 1 / 48, -1 / 48
    model = write(tmp_path / "m.onnx", [
        helper.make_node("Conv", ["image", "w"], ["c"], strides=[4, 4]),
        helper.make_node("Softmax", ["c"], ["scores"], axis=1),
    ], [("image", FLOAT, ["n", 3, "h", "w"])], [("scores", FLOAT, ["n", 2, "y", "x"])], {"w": kernel},
        deepness(model_type="Segmentor", class_names={"0": "dark", "1": "bright"}, tile_size=128))
    pixels = np.broadcast_to(np.linspace(1, 255, 512).astype(np.uint8), (3, 256, 512)).copy()
    found, _ = scores(model, raster(tmp_path / "p.tif", pixels), overlap=32)
    expected = 1 / (1 + np.exp(-2 * (pixels[0] / 255)))
    assert found.shape == (2, 256, 512)
    assert np.abs(found[0] - expected).max() < 0.01


def test_flips_make_the_result_blind_to_mirrors(tmp_path: Path) -> None:
    model = a_model(tmp_path / "m.onnx")
    pixels = picture(256, 256)
    plain, mirrored = (
        scores(model, raster(tmp_path / f"{name}.tif", values), flips=True)[0]
        for name, values in (("p", pixels), ("m", np.ascontiguousarray(pixels[:, ::-1, ::-1]))))
    assert np.abs(plain - mirrored[:, ::-1, ::-1]).max() < 1e-5
    once = scores(model, tmp_path / "p.tif")[0]
    assert np.abs(plain - once).max() > 1e-3, "the kernels are not symmetric"


def test_what_is_written_is_what_was_blended(scene: tuple[Path, NDArray[Any]], tmp_path: Path) -> None:
    source, pixels = scene
    model = a_model(tmp_path / "m.onnx")
    segment(model, source, classes=tmp_path / "c.tif", scores=tmp_path / "s.tif", overlap=32)
    whole = answer(model, pixels.astype(np.float32) / 255)[0]
    written = read(tmp_path / "s.tif")
    assert np.abs(written / 254 - whole).max() < 0.5 / 254 + 1e-4
    top = np.sort(whole, axis=0)
    clear = top[-1] - top[-2] > 1e-4
    assert (read(tmp_path / "c.tif")[0] == whole.argmax(axis=0))[clear].all()
