"""What is looked for: codes of positive and negative exemplars, how the positives are folded, and whether it is turned
round (TerraBit's definitions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Combine = Literal["mean", "and", "or", "xor"]
View = Literal["top", "heat", "threshold", "outlier", "surprise", "gradient", "typical"]

WITHOUT_EXEMPLARS: tuple[View, ...] = ("outlier", "surprise", "typical")
"""Views of a region by itself."""
UNLIKE: tuple[View, ...] = ("outlier", "surprise", "gradient")
"""Views whose first is the one with the largest value."""
KEEPS_CODES: tuple[View, ...] = ("outlier", "surprise", "typical")
"""Views that look at all codes more than once."""


@dataclass(frozen=True)
class Query:
    """``positives`` (p, bytes) and ``negatives`` (m, bytes) uint8; either may be empty, but not both."""

    positives: NDArray[np.uint8]
    negatives: NDArray[np.uint8]
    combine: Combine = "mean"
    invert: bool = False

    @property
    def contrast(self) -> bool:
        """Whether a score is a difference: there are negatives."""
        return len(self.negatives) > 0

    @property
    def key(self) -> tuple[bytes, bytes, str, bool]:
        """The same for the same question."""
        return self.positives.tobytes(), self.negatives.tobytes(), self.combine, self.invert

    def lack(self, binary: bool) -> str:
        """Why it cannot be answered, in words; "" if it can."""
        if len(self.positives) == 0:
            return "Give a positive exemplar: a place that is like what you look for."
        if self.combine != "mean" and not binary:
            return (f"{self.combine.upper()} folds bits, and the codes of this store are numbers (cosine). Use the "
                    "mean of the exemplars.")
        if self.combine != "mean" and len(self.positives) < 2:
            return f"{self.combine.upper()} needs at least two positive exemplars; there is one."
        return ""
