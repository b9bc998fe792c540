"""The operation trainclassifier: a classifier from labels that hold classes, a regression from those with numbers."""

from __future__ import annotations

from ..errors import InputError, LabelError
from ..progress import Progress
from ..regression.labels import Target, target_of
from .classifier import TrainRequest, TrainResult, train_classifier
from .regression import RegressionResult, train_regression


def train(request: TrainRequest, progress: Progress) -> TrainResult | RegressionResult:
    """Train on labels, validate at random and in new places, and write the model.

    Raises LabelError where the labels cannot train, InputError where the tiles cannot be read.
    """
    if _target(request, progress) == "numbers":
        return train_regression(request, progress)
    if request.unit:
        progress.warn(f"Classes have no unit: {request.unit} is not used.")
    return train_classifier(request, progress)


def _target(request: TrainRequest, progress: Progress) -> Target:
    """What the field holds, told where it was not said. What only classes have says that it holds classes."""
    chosen = "class that is looked for" if request.positive_class else "class weights"
    given = bool(request.positive_class) or request.class_weights != "none"
    if request.target == "numbers" and given:
        raise InputError(f"Numbers have no {chosen}: leave this out, or choose that the field holds classes.")
    if request.target != "automatic":
        return request.target
    if given:
        return "classes"
    try:
        target, why = target_of(request.labels, request.layer, request.class_field)
    except LabelError:
        return "classes"  # what is wrong with the labels is said where they are read
    if target == "numbers":
        progress.info(f"The field {request.class_field} holds numbers ({why}): ridge regression. If they stand for "
                      "classes, choose that it holds classes.")
    elif "number" in why:
        progress.info(f"The field {request.class_field} holds classes ({why}). If they are measurements, choose that "
                      "it holds numbers.")
    else:
        progress.info(f"The field {request.class_field} holds classes ({why}).")
    return target
