"""Rasters for models, the answer of a model to the whole of one, and short ways to run one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import rasterio
from bitscape.processing import operations
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import write_raster
from numpy.typing import NDArray


def picture(height: int, width: int, bands: int = 3, seed: int = 0, dtype: str = "uint8") -> NDArray[Any]:
    """Smooth shapes with noise, (bands, height, width), of values 1 … 255 (or up to 10,000 in wider types)."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 1, (bands, height // 24 + 2, width // 24 + 2))
    smooth = np.kron(coarse, np.ones((1, 24, 24)))[:, :height, :width]
    values = np.clip(smooth + random.normal(0, 0.08, smooth.shape), 0, 1)
    return (1 + values * (254 if dtype == "uint8" else 9_999)).astype(dtype)


def raster(path: Path, pixels: NDArray[Any], **profile: Any) -> Path:
    """A raster of blocks of 256 pixels."""
    return write_raster(path, pixels, **{"tiled": True, "blockxsize": 256, "blockysize": 256, **profile})


def answer(model: Path, channels: NDArray[np.float32]) -> list[NDArray[Any]]:
    """All outputs of a model for one whole picture (channels, height, width), by onnxruntime alone."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return [output[0] for output in session.run(None, {session.get_inputs()[0].name: channels[None]})]


def segment(model: Path, source: Path, progress: Progress | None = None, **request: Any) -> dict[str, Any]:
    """Run segmentraster, with paths as they are."""
    values = {name: str(value) if isinstance(value, Path) else value for name, value in request.items()}
    return operations.run(
        "segmentraster", {"model": str(model), "input": str(source), **values}, progress or Progress()
    )


def read(path: Path | str) -> NDArray[Any]:
    """All bands."""
    with rasterio.open(path) as dataset:
        return dataset.read()
