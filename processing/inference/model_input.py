"""The one image that a model takes: its name, type and shape, and the order of its axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .card import LARGEST_TILE, MOST_CHANNELS, Card

Layout = Literal["NCHW", "NHWC"]
DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8,
}  # fmt: skip


@dataclass(frozen=True)
class ModelInput:
    """``dtype`` "float32", "float16" or "uint8"; ``batch`` and ``size`` (pixels, square) are None where any will do;
    ``channels`` counts bands and indices."""

    name: str
    dtype: str
    layout: Layout
    batch: int | None
    channels: int
    size: int | None

    @staticmethod
    def of(inputs: list[Any], card: Card, model: str) -> ModelInput:
        """What onnxruntime's list of inputs amounts to. Raises ModelError with what was expected and found."""
        found = "; ".join(f"{one.name!r} {describe(one.type, one.shape)}" for one in inputs) or "no input at all"
        expected = "one image as a tensor of four axes (batch, channels, height, width) of float32, float16 or uint8"
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in DTYPES:
            raise ModelError(f"{model} does not take what Bitscape can give: expected {expected}; found {found}.")
        one = inputs[0]
        shape = [axis if isinstance(axis, int) and axis > 0 else None for axis in one.shape]
        layout = card.layout or _layout(shape)
        batch, channels, height, width = shape if layout == "NCHW" else (shape[0], shape[3], shape[1], shape[2])
        if channels is None:
            channels = len(card.bands) + len(card.indices)
            if not channels:
                raise ModelError(
                    f"{model} leaves open how many channels it takes ({found}), and its card names no bands. Fill in "
                    "the bands."
                )
        if channels > MOST_CHANNELS:
            raise ModelError(f"{model} takes {channels} channels ({found}); at most {MOST_CHANNELS} are possible.")
        if height is not None and width is not None and height != width:
            raise ModelError(f"{model} takes tiles of {height} × {width} pixels ({found}); expected square ones.")
        size = height or width
        if size is not None and size > LARGEST_TILE:
            raise ModelError(f"{model} takes tiles of {size} pixels ({found}); at most {LARGEST_TILE} are possible.")
        return ModelInput(one.name, np.dtype(DTYPES[one.type]).name, layout, batch, channels, size)

    def feed(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """A batch (n, channels, height, width) in the model's own type and order of axes."""
        array: NDArray[Any] = batch if self.layout == "NCHW" else np.moveaxis(batch, 1, 3)
        if self.dtype == "uint8":
            array = np.clip(np.rint(array), 0, 255)
        return {self.name: np.ascontiguousarray(array, self.dtype)}

    def describe(self) -> str:
        """For people: "float32, 6 channels, tiles of 512 pixels, any batch"."""
        size = f"tiles of {self.size} pixels" if self.size else "tiles of any size"
        batch = f"batches of {self.batch}" if self.batch else "any batch"
        order = "" if self.layout == "NCHW" else ", channels last"
        return f"{self.dtype}, {self.channels} channel{'s' if self.channels != 1 else ''}{order}, {size}, {batch}"


def describe(kind: str, shape: list[Any]) -> str:
    """A tensor in words: "float (batch, 3, 512, 512)"."""
    axes = ", ".join(str(axis) if axis not in (None, "") else "?" for axis in shape)
    return f"{kind.removeprefix('tensor(').removesuffix(')')} ({axes})"


def _layout(shape: list[int | None]) -> Layout:
    """Channels last only where the shape speaks for it: a small last axis, and two like axes before it."""
    _, second, third, last = shape
    if last is None or last > MOST_CHANNELS:
        return "NCHW"
    if second is None:
        return "NHWC" if third is None else "NCHW"
    if third is None:
        return "NCHW"
    if (second == third) != (third == last):
        return "NHWC" if second == third else "NCHW"
    return "NHWC" if last < second else "NCHW"
