"""Everything that a study finds out of one input: what its report and its table are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .comparison import Compared, Recommendation
from .dimension import Dimension
from .labelled import Labelled
from .splits import Split


@dataclass
class Study:
    """Everything that is known of one input. ``compared`` and ``evaluations`` are by split, float32 first; ``dates``
    are the recipes that store both dates; ``variance`` is of the vectors, ``date_variance`` of the first date where
    there are two."""

    data: Labelled
    splits: dict[str, Split]
    dimension: Dimension
    variance: NDArray[np.float64]
    date_variance: NDArray[np.float64] | None
    compared: dict[str, list[Compared]] = field(default_factory=dict)
    dates: dict[str, list[Compared]] = field(default_factory=dict)
    balances: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    recommendation: Recommendation | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def advice(self) -> Recommendation:
        """The recommendation, once it is made."""
        assert self.recommendation is not None
        return self.recommendation

    @property
    def decisive(self) -> str:
        """The split that the recommendation rests on."""
        return "spatial" if "spatial" in self.splits else "random"
