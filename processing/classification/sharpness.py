"""How steep a score is: the factor on the logits that makes held-out labels likeliest.

A small C, which makes the better map of few labels, also draws all scores towards one half. A factor changes neither
the order of places nor who is on which side of one half; it spreads the score over its scale again (temperature
scaling).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 1.0, 1e5
"""Never below one: clicks that were chosen because they are hard say nothing of how sure the rest is."""
XATOL = 3e-3
"""To three thousandths of the factor: nobody sees less."""


def sharpness(logits: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """The factor, 1…100,000, by logits (rows, 1 of two classes, else one a class) of models that did not see their
    rows, and the true classes (rows,).

    Labels count as not quite certain, (n + 1) / (n + 2) of n labels of a class (Platt 1999): else the factor would be
    infinite wherever the classes can be told apart.
    """
    from scipy.optimize import minimize_scalar

    total = max(2, logits.shape[1])
    counts = np.bincount(classes, minlength=total)[classes]
    sure = (counts + 1) / (counts + 2)
    if total == 2:
        plain = logits[:, 0]
        gain = float(np.dot(np.where(classes == 1, sure, 1 - sure), plain))
    else:
        targets = np.repeat((1 - sure)[:, None] / (total - 1), total, axis=1)
        targets[np.arange(len(classes)), classes] = sure
        gain = float(np.sum(targets * logits))

    def loss(power: float) -> float:
        factor = np.exp(power)
        spread = np.logaddexp(0, factor * plain) if total == 2 else np.logaddexp.reduce(factor * logits, axis=1)
        return float(spread.sum() - factor * gain)

    bounds = (np.log(LEAST), np.log(MOST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": XATOL}).x))
