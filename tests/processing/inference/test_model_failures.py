"""Models from files that are wrong, and models at work: damage, failures in words, cancelling, threads, memory."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from bitscape.processing.errors import Cancelled, InputError, ModelError
from bitscape.processing.inference import providers
from bitscape.processing.inference.model import Model
from bitscape.processing.inference.onnx_file import inspect
from bitscape.processing.progress import Progress
from bitscape.tests.processing.inference import models
from bitscape.tests.processing.inference.models import deepness

CUDA = "CUDAExecutionProvider"
FOUR = deepness(model_type="Segmentor", class_names={"0": "a", "1": "b", "2": "c", "3": "d"})


def batch(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def plain(path: Path, **feed: np.ndarray) -> list[np.ndarray]:
    """onnxruntime alone."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, feed)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty"), (os.urandom(5000), "not an ONNX model"), (b"\x00" * 100, "not an ONNX model"),
    (b"PK\x03\x04 a zip", "not an ONNX model"), (b"<html>404</html>", "not an ONNX model"),
    (b"\x3a\xff\xff\xff\xff\x0f", "not an ONNX model"),
])
def test_files_that_are_no_models(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        Model.open(path)


def test_truncated_anywhere(tmp_path: Path) -> None:
    whole = models.segmentor(tmp_path / "a.onnx", metadata=FOUR).read_bytes()
    cut = tmp_path / "b.onnx"
    for length in range(1, len(whole), 37):
        cut.write_bytes(whole[:length])
        try:  # cut between two fields it is a whole message, perhaps without its metadata
            Model.open(cut)
        except ModelError as error:
            assert "b.onnx" in error.message


def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    whole = bytearray(models.segmentor(tmp_path / "a.onnx", metadata=FOUR).read_bytes())
    random = np.random.default_rng(0)
    path = tmp_path / "b.onnx"
    for _ in range(60):
        broken = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            broken[place] = random.integers(0, 256)
        path.write_bytes(broken)
        try:
            Model.open(path, threads=1)
        except ModelError:
            pass


def test_missing_folder_and_foreign_operator(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model"):
        Model.open(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="is not a file"):
        Model.open(tmp_path)
    with pytest.raises(ModelError, match=r"not part of ONNX: my.company:Sharpen.*loads no code"):
        Model.open(models.foreign(tmp_path / "a.onnx"))


def test_weights_in_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    weights = np.ones(3, np.float32)
    weights.tofile(folder / "weights.bin")
    weights.tofile(tmp_path / "secret.bin")
    path = models.external(folder / "a.onnx", "weights.bin")
    model = Model.open(path)
    assert (model.file.external, model.file.parameters) == (12, 3)
    assert model.run(batch(1, 3, 8, 8))[0].shape == (1, 1, 8, 8)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    outside = ("../secret.bin", str(tmp_path / "secret.bin"), "link.bin", "/etc/passwd", "x/../../secret.bin", "\0")
    for location in outside:
        with pytest.raises(ModelError, match="outside its own folder"):
            Model.open(models.external(path, location))
    with pytest.raises(ModelError, match="missing"):
        Model.open(models.external(path, "none.bin"))


def test_counting_without_loading(tmp_path: Path) -> None:
    import onnx

    path = models.segmentor(tmp_path / "a.onnx", layers=3)
    found = inspect(path)
    assert found.parameters == sum(int(np.prod(one.dims)) for one in onnx.load(path).graph.initializer)
    assert found.operators == {"Conv": 3, "Relu": 2, "Softmax": 1} and found.size == path.stat().st_size


def test_numbers_that_are_none(tmp_path: Path) -> None:
    model = Model.open(models.broken_numbers(tmp_path / "a.onnx"))
    assert "not finite" in model.heads[0].reason
    good = np.abs(batch(2, 3, 16, 16)) + 0.1
    model.run(good)
    good[1, 0, 5, 7] = -1
    with pytest.raises(ModelError, match=r"that are not numbers.*'scores', first at \(1, 0, 5, 7\).*check the scale"):
        model.run(good)


def test_out_of_memory_in_words(tmp_path: Path) -> None:
    model = Model.open(models.greedy(tmp_path / "a.onnx"))
    assert model.run(batch(1, 3, 256, 256))[0].shape == (1, 1, 256, 256)
    words = r"not enough memory to run a\.onnx on CPU for an input of 1 × 3 × 512 × 512\. Choose a smaller tile\."
    with pytest.raises(ModelError, match=words):
        model.run(batch(1, 3, 512, 512))
    assert model.run(batch(1, 3, 128, 128))[0].shape == (1, 1, 128, 128), "it still works"


def test_cancel_in_the_middle_of_a_run(tmp_path: Path) -> None:
    """A run of a batch is one call: it could not raise Cancelled had it come to its end, half a minute later."""
    model = Model.open(models.slow(tmp_path / "a.onnx", steps=1500), "cpu")
    image = batch(1, 3, 512, 512)
    progress = Progress()
    threading.Timer(0.15, progress.cancel).start()
    with model.stopping(progress), ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(model.run, np.repeat(image, 8, axis=0)) for _ in range(2)]
        for run in runs:
            with pytest.raises(Cancelled):
                run.result()
    assert model.run(image[..., :32, :32])[0].shape == (1, 1, 32, 32), "and runs again afterwards"
    done = Progress()
    done.cancel()
    with model.stopping(done):
        time.sleep(0.2)
        with pytest.raises(Cancelled):
            model.run(image)


def test_many_threads_at_once(tmp_path: Path) -> None:
    model = Model.open(models.segmentor(tmp_path / "a.onnx", layers=3), threads=1)
    images = [batch(1, 3, 64, 64, seed=seed) for seed in range(12)]
    alone = [model.run(image)[0] for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: model.run(image)[0], images))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_stays_flat(tmp_path: Path) -> None:
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        pytest.skip("no /proc here")
    model = Model.open(models.segmentor(tmp_path / "a.onnx", layers=3))
    image = batch(1, 3, 320, 320)

    def resident() -> int:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(5):
        model.run(image)
    before = resident()
    for _ in range(40):
        model.run(image)
    assert resident() - before < 10e6


def test_providers_and_fallback(tmp_path: Path, heard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = models.segmentor(tmp_path / "a.onnx")
    listed = providers.providers()
    assert [one.key for one in listed if one.offered][-1] == "cpu" and "automatic" not in [one.key for one in listed]
    assert "core" in providers.machine()
    progress = heard()
    model = Model.open(path, "CPU", threads=1, progress=progress)
    assert (model.provider_used, model.fallback, model.threads, progress.lines) == ("CPU", "", 1, [])
    absent = next(one for one in listed if not one.offered)
    model = Model.open(path, absent.key, progress=progress)
    assert model.provider_used == "CPU"
    assert model.fallback == f"a.onnx runs on CPU: {absent.title} is not in the onnxruntime that is installed."
    assert progress.lines == [("warning", model.fallback)]
    with pytest.raises(InputError, match=r"no provider named 'gpu!'; here there are automatic, .*cpu"):
        Model.open(path, "gpu!")
    # A graphics card that onnxruntime was built for, and whose driver is missing.
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"])
    with pytest.warns(UserWarning, match="not in available"):
        model = Model.open(path, progress=heard())
    assert model.provider_used == "CPU" and "CUDA (NVIDIA) did not start" in model.fallback


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = models.segmentor(tmp_path / "a.onnx", metadata={"note": "KEEPME"})
    path.write_bytes(path.read_bytes().replace(b"KEEPME", b"\xff\xfe\x8b\x00\x01\x02"))
    with pytest.raises(ModelError, match="damaged: its names or metadata are not text"):
        Model.open(path)


def test_cancel_while_it_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime is told while it builds the session: a stand-in for a file that takes minutes to load."""

    class Slow:
        def __init__(self, _path: str, options: Any, *_: object) -> None:
            for _ in range(400):
                time.sleep(0.01)
                if Told.flag:
                    raise RuntimeError("session initialization canceled")

    class Told(onnxruntime.SessionOptions):
        flag = False

        def set_load_cancellation_flag(self, value: bool) -> None:
            Told.flag = value

    path = models.segmentor(tmp_path / "a.onnx")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Slow)
    monkeypatch.setattr(onnxruntime, "SessionOptions", Told)
    progress = Progress()
    threading.Timer(0.1, progress.cancel).start()
    with pytest.raises(Cancelled):
        Model.open(path, "cpu", progress=progress)
    assert Told.flag
