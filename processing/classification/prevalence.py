"""What the precision among labels becomes on a map where the class looked for is rarer than among the labels."""

from __future__ import annotations

from ..operations import Result
from .figures import Validation

CONFIDENCE = 0.95


class PrecisionAt(Result):
    """Precision where a share ``prevalence`` of the map is of the positive class: as the labels suggest, and the lowest
    that they leave possible (one-sided 95 % bounds of recall and false-alarm rate, Clopper and Pearson 1934)."""

    prevalence: float
    precision: float
    at_least: float


def precision_at(validation: Validation, positive: int, prevalence: float) -> PrecisionAt:
    """By Bayes' rule from the pooled confusion of two classes: π r / (π r + (1 − π) f)."""
    from scipy.stats import beta

    table = validation.confusion
    hits, missed = table[positive][positive], table[positive][1 - positive]
    alarms, quiet = table[1 - positive][positive], table[1 - positive][1 - positive]
    recall_low = float(beta.ppf(1 - CONFIDENCE, hits, missed + 1)) if hits else 0.0
    alarm_high = float(beta.ppf(CONFIDENCE, alarms + 1, quiet)) if quiet else 1.0
    return PrecisionAt(
        prevalence=prevalence,
        precision=_bayes(prevalence, hits / max(hits + missed, 1), alarms / max(alarms + quiet, 1)),
        at_least=_bayes(prevalence, recall_low, alarm_high),
    )


def _bayes(prevalence: float, recall: float, alarm_rate: float) -> float:
    found, wrong = prevalence * recall, (1 - prevalence) * alarm_rate
    return found / (found + wrong) if found + wrong > 0 else 0.0
