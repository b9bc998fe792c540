"""A codec for a file of embeddings: one that exists, or one fitted on a sample; and what it keeps of other vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..progress import Progress
from .code_source import CodeSource, same_product
from .recipe import Codec, Recipe, preset
from .requests import CompressRequest

HELD_OUT = 1000
"""Vectors that the similarity is measured on, at most; a fifth of the sample, at most."""
FEWEST_HELD_OUT = 5
FEW_ROWS = 200
"""Fitted on fewer, ranges and axes are a guess."""


@dataclass(frozen=True)
class Fitted:
    """A codec, and the mean cosine of held-out vectors with what their codes stand for (None: too few of them)."""

    codec: Codec
    similarity: float | None
    held_out: int

    def about(self, note: dict[str, Any]) -> Codec:
        """The codec with that note in its file."""
        return replace(self.codec, about=note)


def sample_size(asked: int) -> int:
    """Vectors to draw so that so many are left to fit on."""
    return asked + min(HELD_OUT, max(asked // 4, 1))


def find_codec(
    request: CompressRequest, vectors: NDArray[np.float32], number_bytes: int, source: CodeSource, progress: Progress
) -> Fitted:
    """The codec the request names, or one of its recipe (without a recipe: of its preset) fitted on ``vectors``.

    ``vectors`` (n, d) is the sample, stored in ``number_bytes`` bytes a number; a seeded part of it is held out and
    only measured. Raises InputError if an existing codec is not for these vectors.
    """
    order = np.random.default_rng(request.seed).permutation(len(vectors))
    held = min(HELD_OUT, len(vectors) // 5)
    if request.codec is not None:
        codec = Codec.load(request.codec)
        if codec.dimensions != vectors.shape[1]:
            raise InputError(
                f"{request.codec} is a codec for vectors of {codec.dimensions} dimensions; those of {request.input} "
                f"have {vectors.shape[1]}. Choose another codec, or none.")
        same_product(codec, source, request.input)
    else:
        text = request.recipe.strip()
        chosen = Recipe.parse(text) if text else preset(request.preset, vectors.shape[1], number_bytes)
        codec = chosen.fit(vectors[order[held:][: request.sample]], request.seed)
        if codec.training_rows < FEW_ROWS:
            progress.warn(
                f"The codec was fitted on {codec.training_rows} vectors only: others may lie outside their range, and "
                "are clipped to it.")
    progress.info(
        f"{codec.recipe}: {codec.bytes} bytes for {codec.dimensions} dimensions, fitted on "
        f"{codec.training_rows:,} vectors")
    if held < FEWEST_HELD_OUT:
        return Fitted(codec, None, 0)
    similarity = _similarity(vectors[order[:held]], codec)
    progress.info(f"Mean cosine of {held:,} vectors, not fitted on, with what their codes stand for: {similarity:.4f}")
    return Fitted(codec, similarity, held)


def _similarity(vectors: NDArray[np.float32], codec: Codec) -> float:
    one, other = vectors.astype(np.float64), codec.decode(codec.encode(vectors)).astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = np.einsum("nd,nd->n", one, other)
    return float(np.mean(np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)))
