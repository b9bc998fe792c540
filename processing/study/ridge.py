"""Ridge regression of a number on vectors, its strength chosen by leaving each training row out in turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRENGTHS = tuple(10.0**power for power in range(-3, 6))


def ridge(train: NDArray[np.float32], values: NDArray[np.float64], test: NDArray[np.float32]) -> NDArray[np.float64]:
    """Predictions (m,) for ``test`` (m, d), fitted on ``train`` (n, d) with ``values`` (n,); vectors are scaled by one
    number, learned on ``train``, so that the strengths mean the same for every model."""
    from sklearn.linear_model import RidgeCV

    centre = train.mean(axis=0, dtype=np.float64)
    rows = train - centre
    scale = float(np.sqrt(np.mean(rows**2)))
    scale = scale if scale > 0 else 1.0
    model = RidgeCV(STRENGTHS).fit(rows / scale, values)
    predicted: NDArray[np.float64] = model.predict((test - centre) / scale)
    return predicted


def r_squared(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """1 − Σ (truth − predicted)² / Σ (truth − its mean)², of rows held out; 0 where the truth does not vary."""
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((truth - predicted) ** 2).sum()) / spread if spread > 0 else 0.0
