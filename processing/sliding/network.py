"""A model as the flow sees it: one window in, scores of all its heads out, on the window's own pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..inference.heads import Head
from ..inference.model import Model
from .resolution import Scale, resample

MIRRORS: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))
"""As it is, upside down, left to right, and both: axes of (channels, height, width)."""
PICTURES = ("classes", "binary", "several", "numbers")


class ModelNetwork:
    """The heads' results for a window (channels, side, side), one after another (scores, core, core), where ``core`` is
    the side without ``margin`` pixels on each side, which the model needs and says nothing of.

    Windows are blended by probabilities, not by the numbers before softmax or sigmoid: those have no bounds, so that a
    window which errs wildly at its edge would outvote its neighbour however small its weight, and models that end in
    their activation give nothing else. With ``flips`` the result is the mean of four, of mirrored windows.
    """

    def __init__(self, model: Model, flips: bool) -> None:
        self._model, self._mirrors = model, MIRRORS if flips else MIRRORS[:1]
        self.heads: Sequence[Head] = model.heads
        self.margin = max(round(head.margin / head.scale) for head in self.heads)

    @property
    def mirrored(self) -> bool:
        """Whether each window is run four times."""
        return len(self._mirrors) > 1

    @property
    def scores(self) -> int:
        """How many scores there are of a pixel."""
        return sum(head.channels for head in self.heads)

    def __call__(self, window: NDArray[np.float32], place: str) -> NDArray[np.float32]:
        """Scores of a window. Raises ModelError that names its ``place``."""
        try:
            found = self._scores(window)
            for axes in self._mirrors[1:]:
                other = self._scores(np.ascontiguousarray(np.flip(window, axes)))
                found = found + self.mirrored_back(other, axes)
        except ModelError as error:
            raise ModelError(f"In the window at {place}: {error.message}", error.detail) from error
        return found / np.float32(len(self._mirrors)) if len(self._mirrors) > 1 else found

    def mirrored_back(self, scores: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
        """Scores (scores, height, width) of a window that was mirrored along some axes, as of the window itself."""
        return np.flip(scores, axes)

    def reach(self, side: int) -> int | None:
        """How many pixels the edge of a window of that side reaches into the result; None if too far to tell.

        Two windows of noise, one moved against the other, have different edges and the same pixels: where they
        disagree, an edge has a say. What is below 1e-5 of the largest score is none. For a fully convolutional network
        this is half of its receptive field, or less where its rim hardly counts. The noise is always the same, and so
        is the answer.
        """
        shift = side // 4 // 32 * 32
        if shift == 0:
            return None
        channels = self._model.inputs.channels
        noise = np.random.default_rng(0).standard_normal((channels, side, side + shift)).astype(np.float32)
        try:
            one = self._scores(np.ascontiguousarray(noise[:, :, :side]))[:, :, shift:]
            other = self._scores(np.ascontiguousarray(noise[:, :, shift:]))[:, :, : one.shape[2]]
        except (
            ModelError
        ):  # some models cannot make anything of noise; what is wrong otherwise the raster's windows show
            return None
        apart = np.abs(one - other).max(axis=(0, 1)) > 1e-5 * max(float(np.abs(one).max()), 1e-30)
        half = len(apart) // 2
        left, right = np.flatnonzero(apart[:half]), np.flatnonzero(apart[::-1][:half])
        found = max(int(left[-1]) + 1 if len(left) else 0, int(right[-1]) + 1 if len(right) else 0)
        return found if found < half - 1 else None

    def stop(self) -> None:
        """End a run that is under way."""
        self._model.stop()

    def _scores(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        core = window.shape[1] - 2 * self.margin
        parts = [self._fitted(head, result[0], window.shape[1], core)
                 for head, result in zip(self.heads, self._model.run(window[None]), strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _fitted(self, head: Head, result: NDArray[np.float32], side: int, core: int) -> NDArray[np.float32]:
        """A head's result on the core's pixels: of another resolution it is resampled, and a wider one cut."""
        whole = side - 2 * round(head.margin / head.scale)
        if result.shape[1:] != (whole, whole):
            taps = Scale(result.shape[1] / whole).taps(0, whole, result.shape[1])
            result = resample(result, None, taps, taps)[0]
        cut = (whole - core) // 2
        return result[:, cut : cut + core, cut : cut + core]
