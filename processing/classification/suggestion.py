"""Which places to label next: where the model is unsure, apart from each other, and some that are unlike every label.

A candidate's interest is the chance that labelling it moves the boundary there: σ · exp(−z² / 4σ²), with z the margin
between its two likeliest classes and σ² the variance of z that the labels leave (the Laplace approximation: the inverse
Hessian of the regularised fit). It is tempered by the uncertainty and by the distance on the ground to labels and to
places suggested already, since neighbours err alike. Each place suggested counts at once as a label to come, whatever
its class will be: so σ shrinks around it, and ten suggestions are ten different questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress
from .candidates import Candidates
from .extrapolation import Reach, distances

Kind = Literal["uncertain", "extrapolated", "spread"]
_UNCERTAIN: Kind = "uncertain"
_EXTRAPOLATED: Kind = "extrapolated"
_SPREAD: Kind = "spread"

SHARE = 1 / 3
SATURATION = 0.75
"""Part of the spacing of evenly spread points from which on it does not matter how far apart places lie."""
CLOSEST = 0.02
"""The same, up to which a place counts as labelled."""
CAUTION = 2.0
"""Variance of a margin in units of the fit's own, which is too sure of itself with few labels."""
SMALLEST = 1e-12
"""Stands for 0 where a logarithm is taken."""
LOOSE = 0.01
"""Precision of the intercept before there are labels: it is not regularised."""


@dataclass(frozen=True)
class Suggestion:
    """A pixel's centre in CRS units, why it is suggested (spread: there is no model yet), the score of the positive or
    likeliest class and the uncertainty, both 0…1 (None without a model), and the dissimilarity (see ``Reach``; None
    without labels)."""

    x: float
    y: float
    kind: Kind
    score: float | None
    uncertainty: float | None
    dissimilarity: float | None


def suggest(
    candidates: Candidates,
    weights: NDArray[np.float64] | None,
    bias: NDArray[np.float64] | None,
    deviation: NDArray[np.float64],
    label_codes: NDArray[np.int8],
    label_xy: NDArray[np.float64],
    count: int,
    extrapolated_share: float = SHARE,
    avoid_xy: NDArray[np.float64] | None = None,
    label_features: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> list[Suggestion]:
    """At most ``count`` places, the most useful first; fewer where the candidates run out. The same for the same input.

    ``weights`` (1 of two classes, else classes; k) and ``bias`` on codes; None while fewer than two classes are
    labelled: then places are spread over feature space, from the most typical one on. ``deviation`` (k,) of the codes;
    ``label_codes`` (n, k), ``label_xy`` (n, 2) pixel centres, ``label_features`` (n,) as in a Sample, n ≥ 0.
    ``avoid_xy`` (m, 2): places that are not to be suggested again, nor their surroundings. Of labels and suggestions
    together every third is taken from what is extrapolated, as long as something is.
    """
    others = np.empty((0, 2)) if avoid_xy is None else avoid_xy
    labelled = len(label_codes) if label_features is None else len(np.unique(label_features))
    places = _Places(candidates, np.concatenate([label_xy, others]), labelled)
    deviation = np.asarray(deviation, np.float64)
    unlike = _Unlike(candidates.codes, label_codes, deviation, label_features)
    belief = None
    if weights is not None and bias is not None:
        belief = _Belief(candidates.codes / deviation, label_codes / deviation, weights * deviation, bias)
    found: list[Suggestion] = []
    for number in range(labelled, labelled + count):
        if progress is not None:
            progress.report(len(found) / count)
        apart = places.apart
        free, apart = apart > 0, np.log(np.maximum(apart, SMALLEST))
        if not free.any():
            break
        if belief is None:
            kind, interest = _SPREAD, np.log(np.maximum(unlike.distance, SMALLEST)) + apart
        elif _turn(number, extrapolated_share) and (unlike.beyond & free).any():
            kind, interest = _EXTRAPOLATED, np.log(belief.variance) + apart
            free &= unlike.beyond
        else:
            kind, interest = _UNCERTAIN, belief.interest() + apart
        best = int(np.argmax(np.where(free, interest, -np.inf)))
        found.append(Suggestion(
            float(candidates.x[best]), float(candidates.y[best]), kind,
            None if belief is None else float(belief.score[best]),
            None if belief is None else float(belief.uncertainty[best]), unlike.dissimilarity(best)))
        places.take(best)
        unlike.take(best)
        if belief is not None:
            belief.expect(best)
    return found


def _turn(number: int, share: float) -> bool:
    """Whether suggestion ``number`` is one of the share."""
    return int((number + 1) * share + 1e-9) > int(number * share + 1e-9)


class _Unlike:
    """How far candidates are from labels and suggestions in feature space: ``distance`` (n,). While there are neither,
    it is the larger the more typical a candidate is."""

    def __init__(
        self, codes: NDArray[np.int8], label_codes: NDArray[np.int8], deviation: NDArray[np.float64],
        label_features: NDArray[np.int64] | None,
    ) -> None:
        self._features = (codes / deviation).astype(np.float32)
        self._reach = Reach.of(label_codes, deviation, features=label_features) if len(label_codes) else None
        self._typical = self._reach is None
        if self._reach is not None:
            self.distance = distances(np.ascontiguousarray(codes.T), self._reach)
        elif len(codes):
            from_mean = np.sqrt(((self._features - self._features.mean(axis=0)) ** 2).sum(axis=1))
            self.distance = from_mean.max() - from_mean
        else:
            self.distance = np.empty(0, np.float32)

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """(n,): what is extrapolated; nothing without labels."""
        if self._reach is None:
            return np.zeros(len(self.distance), np.bool_)
        return np.asarray(self.distance > self._reach.radius)

    def dissimilarity(self, index: int) -> float | None:
        """Of one candidate; None without labels."""
        if self._reach is None:
            return None
        return float(self._reach.dissimilarity(self.distance[index : index + 1])[0])

    def take(self, index: int) -> None:
        """A candidate is suggested."""
        distance = np.sqrt(((self._features - self._features[index]) ** 2).sum(axis=1))
        self.distance = distance if self._typical else np.minimum(self.distance, distance)
        self._typical = False


class _Places:
    """How far candidates lie from what is ``taken`` (places (m, 2), labelled or avoided) or suggested, on the ground.
    ``labelled``: label features."""

    def __init__(self, candidates: Candidates, taken: NDArray[np.float64], labelled: int) -> None:
        self._xy = np.column_stack([candidates.x, candidates.y])
        self._taken = labelled
        self._ground = float(np.prod(np.ptp(self._xy, axis=0))) if len(candidates) else 0.0
        if len(taken):
            from scipy.spatial import cKDTree

            self._distance = np.asarray(cKDTree(taken).query(self._xy)[0], np.float64)
        else:
            self._distance = np.full(len(candidates), np.inf)

    @property
    def apart(self) -> NDArray[np.float64]:
        """(n,): 0 at a place that is taken, rising to 1 where it is as far off as places spread evenly would be."""
        spacing = np.sqrt(self._ground / (self._taken + 1))
        if spacing == 0:
            return (self._distance > 0).astype(np.float64)
        share = self._distance / spacing
        return np.where(share > CLOSEST, np.minimum(share / SATURATION, 1.0), 0.0)

    def take(self, index: int) -> None:
        """A candidate is suggested."""
        distance = np.sqrt(((self._xy - self._xy[index]) ** 2).sum(axis=1))
        np.minimum(self._distance, distance, out=self._distance)
        self._taken += 1


class _Belief:
    """What the model holds of the candidates: ``score``, ``uncertainty`` and the ``variance`` of the margin, all (n,).

    ``features`` (n, k) and ``labels`` (m, k) in deviations, ``weights`` (1 or classes, k) and ``bias`` for them.
    """

    def __init__(
        self, features: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64],
        bias: NDArray[np.float64],
    ) -> None:
        margin, first, second, self._curvature = _margins(features @ weights.T + bias)
        self.score = first if len(bias) > 1 else 1 / (1 + np.exp(-np.clip(features @ weights[0] + bias[0], -500, 500)))
        self.uncertainty = 1 - (first - second)
        self._squared = margin**2
        of_labels = _margins(labels @ weights.T + bias)[3]
        centre = (labels if len(labels) else features).mean(axis=0)
        rows = np.column_stack([labels - centre, np.ones(len(labels))])
        self._design = np.column_stack([features - centre, np.ones(len(features))])
        precision = (rows * of_labels[:, None]).T @ rows
        precision[np.diag_indices_from(precision)] += [*[1.0] * labels.shape[1], LOOSE]
        self._covariance = np.linalg.inv(precision)
        self._classes = 1 if len(bias) == 1 else 2
        self.variance = self._classes * np.einsum("ij,ij->i", self._design @ self._covariance, self._design)

    def interest(self) -> NDArray[np.float64]:
        """The logarithm of what is learned from a label there, (n,)."""
        variance = CAUTION * self.variance
        spread = 0.5 * np.log(np.maximum(variance * self.uncertainty, SMALLEST))
        return np.asarray(spread - 0.5 * self._squared / variance)

    def expect(self, index: int) -> None:
        """A label will come at a candidate: what it will be is open, but the variance it leaves is not."""
        row, weight = self._design[index], self._curvature[index]
        towards = self._covariance @ row
        shrink = weight / (1 + weight * (row @ towards))
        self._covariance -= shrink * np.outer(towards, towards)
        self.variance = np.maximum(
            self.variance - self._classes * shrink * (self._design @ towards) ** 2, SMALLEST)


def _margins(
    logits: NDArray[np.float64],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Of logits (rows, 1 of two classes, else one a class): difference of the two largest logits, the two largest
    probabilities, and the curvature of the loss, all (rows,)."""
    if logits.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(logits)), logits])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    second, first = np.partition(shares, -2, axis=1)[:, -2:].T
    lower, upper = np.partition(logits, -2, axis=1)[:, -2:].T
    return upper - lower, first, second, 0.5 * (shares * (1 - shares)).sum(axis=1)
