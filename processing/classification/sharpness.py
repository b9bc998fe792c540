"""How steep a score is: the factor on the logits that makes held-out labels likeliest.

A small C, which makes the better map of few labels, also draws all scores towards one half. A factor changes neither
the order of places nor who is on which side of one half; it spreads the score over its scale again (temperature
scaling).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 1e-2, 1e5


def sharpness(logits: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """The factor, 0.01…100,000, by logits (rows, 1 of two classes, else one a class) of models that did not see their
    rows, and the true classes (rows,).

    Labels count as not quite certain, (n + 1) / (n + 2) of n labels of a class (Platt 1999): else the factor would be
    infinite wherever the classes can be told apart.
    """
    from scipy.optimize import minimize_scalar

    if logits.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(logits)), logits])
    total = logits.shape[1]
    counts = np.bincount(classes, minlength=total)[classes]
    sure = (counts + 1) / (counts + 2)
    targets = np.repeat((1 - sure)[:, None] / (total - 1), total, axis=1)
    targets[np.arange(len(classes)), classes] = sure

    def loss(power: float) -> float:
        scaled = np.exp(power) * logits
        return float(np.sum(np.logaddexp.reduce(scaled, axis=1) - np.sum(targets * scaled, axis=1)))

    found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))
