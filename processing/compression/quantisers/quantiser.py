"""What every quantiser is: parameters fitted on training rows, and rows of float32 to rows of bytes and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Codes = NDArray[np.uint8]
Arrays = dict[str, NDArray[Any]]
Options = tuple[str, ...]
"""What the groups of PATTERN found in the method's text."""


class Quantiser(ABC):
    """A fitted method for rows of ``dimensions`` numbers.

    Its rows (n, d) are float32 and finite; who calls it has seen to that (``Codec`` does). n may be 0 in ``encode`` and
    ``decode``, not in ``fit``.
    """

    PATTERN: ClassVar[str]
    """The whole text of the method in a recipe, as a regular expression."""
    is_binary: ClassVar[bool] = False
    """Whether the Hamming distance of codes means something."""
    dimensions: int

    @classmethod  # noqa: B027 (most methods can always be had)
    def check(cls, options: Options, dimensions: int) -> None:
        """Raise ValueError, in words, where the method cannot be had for so many dimensions."""

    @classmethod
    @abstractmethod
    def fit(cls, options: Options, rows: Rows, seed: int) -> Self:
        """Fit on training rows."""

    @classmethod
    @abstractmethod
    def shapes(cls, options: Options, dimensions: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays it consists of, all float32."""

    @classmethod
    @abstractmethod
    def restore(cls, options: Options, dimensions: int, arrays: Arrays, facts: Mapping[str, Any]) -> Self:
        """From what ``arrays`` and ``facts`` gave. Raises ValueError where these cannot be."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """Its parameters, to be kept."""

    def facts(self) -> dict[str, Any]:
        """What else must be kept, JSON-ready."""
        return {}

    @property
    @abstractmethod
    def bytes(self) -> int:
        """Bytes of a code."""

    @abstractmethod
    def encode(self, rows: Rows) -> Codes:
        """(n, d) → (n, bytes)."""

    @abstractmethod
    def decode(self, codes: Codes) -> Rows:
        """(n, bytes) → (n, d), the values the codes stand for."""
