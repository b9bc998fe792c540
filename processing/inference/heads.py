"""What a model's outputs mean: classes, a yes or no, numbers, a picture, boxes or a vector; told from shapes, the
card and a trial run."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .card import Activation, Card, ClassEntry, HeadCard, ModelType
from .model_input import ModelInput, describe
from .palette import class_colours

Kind = Literal["classes", "binary", "several", "numbers", "image", "boxes", "prototypes", "vector"]
SHARE_TOLERANCE = 0.02
INSIDE = 1e-3


@dataclass(frozen=True)
class Head:
    """One output, understood. What ``Model.run`` gives for it, float32, by ``kind``:

    - ``classes`` (n, K, h, w): probabilities that sum to 1 over K; channel i is the class ``channel_ids[i]``;
    - ``binary`` (n, 1, h, w): the probability of the class ``channel_ids[0]``; otherwise it is ``classes[0]``;
    - ``several`` (n, K, h, w): K independent probabilities; where all are low it is ``classes[0]``, the background;
    - ``numbers`` (n, K, h, w): already multiplied by the card's ``reg_output_scaling``;
    - ``image`` (n, K, h, w); ``vector`` (n, K); ``boxes`` and ``prototypes``: as the model gives them.

    ``classes`` has all classes with names and colours, a background that has no channel first. A tile of s pixels gives
    ``scale`` · s − 2 ``margin`` pixels: ``scale`` is 1 where the output has the input's resolution, and ``margin``
    what the model cuts from each side. ``labels``: the output is class numbers, given as probabilities 0 and 1.
    """

    name: str
    output: int
    output_name: str
    kind: Kind
    activation: Activation
    reason: str
    channels: int
    classes: tuple[ClassEntry, ...] = ()
    channel_ids: tuple[int, ...] = ()
    scale: float = 1.0
    margin: int = 0
    channels_last: bool = False
    labels: bool = False

    def finish(self, raw: NDArray[Any], factor: float = 1.0) -> NDArray[np.float32]:
        """The raw output as described above; ``factor`` multiplies numbers."""
        if self.kind in ("boxes", "prototypes"):
            return np.ascontiguousarray(raw, np.float32)
        if self.kind == "vector":
            return np.ascontiguousarray(raw.reshape(len(raw), -1), np.float32)
        if raw.ndim == 3:
            raw = raw[:, np.newaxis]
        elif self.channels_last:
            raw = np.moveaxis(raw, 3, 1)
        if self.labels:
            return _one_hot(raw[:, 0], np.array(self.channel_ids))
        array = (
            np.array(raw, np.float32, order="C")
            if self.activation in ("softmax", "sigmoid")
            else np.ascontiguousarray(raw, np.float32)
        )
        if self.activation == "softmax":
            return softmax(array)
        if self.activation == "sigmoid":
            return sigmoid(array)
        return array * np.float32(factor) if self.kind == "numbers" and factor != 1 else array


@dataclass(frozen=True)
class Trial:
    """What came out for a tile of ``size`` pixels."""

    size: int
    outputs: list[NDArray[Any]]


@dataclass(frozen=True)
class Understood:
    """The heads, what the model is, and what was assumed."""

    model_type: ModelType
    heads: tuple[Head, ...]
    notes: list[str]


def softmax(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over axis 1, in place."""
    array -= array.max(axis=1, keepdims=True)
    np.exp(array, out=array)
    np.divide(array, array.sum(axis=1, keepdims=True), out=array)
    return array


def sigmoid(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(−x)), in place, without overflow."""
    np.clip(array, -80, 80, out=array)
    np.negative(array, out=array)
    np.exp(array, out=array)
    array += 1
    return np.reciprocal(array, out=array)


def understand(card: Card, given: ModelInput, outputs: list[Any], trials: list[Trial], model: str) -> Understood:
    """The heads of a model from its card, onnxruntime's list of ``outputs`` and one or two ``trials`` of different
    sizes. Raises ModelError with what was expected and found."""
    notes: list[str] = []
    kind: ModelType = card.model_type or _guess(trials[0], notes, model)
    found = "; ".join(f"{one.name!r} {describe(one.type, list(array.shape))}"
                      for one, array in zip(outputs, trials[0].outputs, strict=True))  # fmt: skip
    context = _Context(card, given, outputs, trials, model, found, notes)
    return Understood(kind, tuple(_UNDERSTAND[kind](context)), notes)


@dataclass(frozen=True)
class _Context:
    card: Card
    given: ModelInput
    outputs: list[Any]
    trials: list[Trial]
    model: str
    found: str
    notes: list[str]

    def refuse(self, kind: str, expected: str) -> ModelError:
        return ModelError(
            f"{self.model} does not fit as a {kind}: expected {expected}; for a tile of {self.trials[0].size} pixels "
            f"it gives {self.found}. Correct its card if it is of another type."
        )

    def pairs(self) -> list[tuple[int, HeadCard]]:
        """Output number and card of each head: by name where all names are outputs', else in order."""
        names = [one.name for one in self.outputs]
        cards = self.card.heads
        if cards and all(head.name in names for head in cards):
            return [(names.index(head.name), head) for head in cards]
        if len(cards) > len(names):
            raise ModelError(
                f"The card of {self.model} describes {len(cards)} outputs; the model has {len(names)} ({self.found})."
            )
        if 0 < len(cards) < len(names):
            self.notes.append(f"{self.model} has {len(names)} outputs and its card describes {len(cards)}.")
        return [(index, cards[index] if index < len(cards) else HeadCard()) for index in range(len(names))]

    def picture(self, index: int, kind: str, expected: str) -> tuple[int, bool, float, int]:
        """Channels, whether they are last, scale and margin of an output that is a picture."""
        arrays = [trial.outputs[index] for trial in self.trials]
        shape = arrays[0].shape
        if len(shape) == 3 and shape[1] == shape[2] > 1:
            sides, channels, last = [array.shape[1] for array in arrays], 1, False
        elif len(shape) == 4:
            last = shape[1] == shape[2] and (shape[2] != shape[3] or self.given.layout == "NHWC")
            if not last and shape[2] != shape[3]:
                raise self.refuse(kind, expected)
            sides, channels = [array.shape[1 if last else 2] for array in arrays], shape[3 if last else 1]
        else:
            raise self.refuse(kind, expected)
        scale, margin = _relation([trial.size for trial in self.trials], sides)
        if scale <= 0:
            raise self.refuse(kind, expected)
        return channels, last, scale, margin


def _segmentor(context: _Context) -> list[Head]:
    return [_segmentation_head(context, index, head) for index, head in context.pairs()]


def _segmentation_head(context: _Context, index: int, head: HeadCard) -> Head:
    expected = (
        "pictures of classes: (batch, classes, height, width), (batch, 1, height, width) or (batch, height, width)"
    )
    channels, last, scale, margin = context.picture(index, "Segmentor", expected)
    raw = context.trials[0].outputs[index]
    name = head.name or (context.outputs[index].name if len(context.outputs) > 1 else "")
    common = {"name": name, "output": index, "output_name": context.outputs[index].name, "scale": scale,
              "margin": margin, "channels_last": last}  # fmt: skip
    if raw.dtype.kind in "iu" and channels == 1:
        if len(head.classes) < 2:
            raise ModelError(f"{context.model} gives class numbers ({context.found}); fill in the classes in its card.")
        classes = _coloured(head.classes)
        ids = tuple(entry.id for entry in classes)
        return Head(kind="classes", activation="probabilities", reason="the output is class numbers",
                    channels=len(ids), classes=classes, channel_ids=ids, labels=True, **common)  # fmt: skip
    activation, reason, sums = _activation(head, raw, channels, 3 if last else 1)
    if channels == 1:
        classes = _coloured(_binary_classes(context, head))
        return Head(kind="binary", activation=activation, reason=reason, channels=1, classes=classes,
                    channel_ids=(classes[1].id,), **common)  # fmt: skip
    several = activation == "sigmoid" or (activation == "probabilities" and not sums)
    given = head.classes or [
        ClassEntry(id=number + several, name=f"class {number + several}") for number in range(channels)
    ]
    if several and len(given) == channels:
        first = min(entry.id for entry in given)
        if first == 0:
            given = [entry.model_copy(update={"id": entry.id + 1}) for entry in given]
        given = [ClassEntry(id=0, name="background"), *given]
    if len(given) != channels + several:
        raise ModelError(
            f"The card of {context.model} names {len(head.classes)} classes "
            f"({', '.join(c.name for c in head.classes[:8])}); the output {context.outputs[index].name!r} has "
            f"{channels} channels."
        )
    classes = _coloured(given)
    ids = tuple(entry.id for entry in classes)[several:]
    return Head(kind="several" if several else "classes", activation=activation, reason=reason, channels=channels,
                classes=classes, channel_ids=ids, **common)  # fmt: skip


def _binary_classes(context: _Context, head: HeadCard) -> list[ClassEntry]:
    if not head.classes:
        return [ClassEntry(id=0, name="background"), ClassEntry(id=1, name="class 1")]
    if len(head.classes) == 1:
        one = head.classes[0]
        return [ClassEntry(id=0, name="background"), one.model_copy(update={"id": one.id or 1})]
    if len(head.classes) == 2:
        return head.classes
    raise ModelError(
        f"The card of {context.model} names {len(head.classes)} classes for an output of one channel; expected one, or "
        "the background and one."
    )


def _activation(head: HeadCard, raw: NDArray[Any], channels: int, axis: int) -> tuple[Activation, str, bool]:
    """What is to be done to an output, why, and whether its channels sum to one."""
    sums = channels > 1 and bool(np.abs(raw.astype(np.float64).sum(axis=axis) - 1).max() < SHARE_TOLERANCE)
    if head.activation is not None:
        return head.activation, "the card says so", sums or head.activation == "none"
    low, high = float(raw.min()), float(raw.max())
    wanted: Activation = "sigmoid" if channels == 1 else "softmax"
    if not np.isfinite([low, high]).all():
        return wanted, "the trial gave numbers that are not finite; logits are assumed", sums
    if low < -INSIDE or high > 1 + INSIDE:
        return wanted, f"the trial gave {low:.3g} to {high:.3g}: logits, so {wanted} is applied", sums
    return "probabilities", f"the trial gave {low:.3g} to {high:.3g}: probabilities", sums


def _coloured(classes: list[ClassEntry]) -> tuple[ClassEntry, ...]:
    colours = class_colours([entry.name for entry in classes])
    return tuple(entry if entry.colour else entry.model_copy(update={"colour": colour})
                 for entry, colour in zip(classes, colours, strict=True))  # fmt: skip


def _regressor(context: _Context) -> list[Head]:
    heads = []
    for index, card in context.pairs():
        expected = "numbers a pixel: (batch, numbers, height, width) or (batch, height, width)"
        channels, last, scale, margin = context.picture(index, "Regressor", expected)
        if card.classes and len(card.classes) != channels:
            raise ModelError(
                f"The card of {context.model} names {len(card.classes)} numbers; the output "
                f"{context.outputs[index].name!r} has {channels} channels."
            )
        name = card.name or (card.classes[0].name if len(card.classes) == 1 else "") or context.outputs[index].name
        heads.append(Head(name, index, context.outputs[index].name, "numbers", card.activation or "none",
                          "a regressor's numbers are taken as they are", channels, tuple(card.classes),
                          tuple(range(channels)), scale, margin, last))  # fmt: skip
    return heads


def _superresolution(context: _Context) -> list[Head]:
    expected = "one finer picture: (batch, channels, height, width)"
    if len(context.outputs) != 1 or context.trials[0].outputs[0].ndim != 4:
        raise context.refuse("Superresolution", expected)
    channels, last, scale, margin = context.picture(0, "Superresolution", expected)
    if scale < 1:
        raise context.refuse("Superresolution", expected)
    return [Head("", 0, context.outputs[0].name, "image", "none", "a picture is taken as it is", channels, (), (),
                 scale, margin, last)]  # fmt: skip


def _recognition(context: _Context) -> list[Head]:
    raw = context.trials[0].outputs[0]
    if len(context.outputs) != 1 or raw.ndim not in (2, 4) or raw.size // len(raw) != max(raw.shape[1:]):
        raise context.refuse("Recognition", "one vector: (batch, numbers)")
    return [Head("", 0, context.outputs[0].name, "vector", "none", "a vector is taken as it is", raw.size // len(raw))]


def _detector(context: _Context) -> list[Head]:
    kind = context.card.det_type
    arrays = context.trials[0].outputs
    expected = "boxes: (batch, boxes, numbers) for YOLO v5 to v7, (batch, numbers, boxes) for later ones"
    boxes = arrays[0]
    if boxes.ndim != 3:
        raise context.refuse("Detector", expected)
    if kind is None:
        transposed = boxes.shape[1] < boxes.shape[2]
        masks = len(arrays) > 1 and arrays[1].ndim == 4
        kind = (
            ("YOLO_Ultralytics_segmentation" if masks else "YOLO_Ultralytics")
            if transposed
            else "YOLO_v5_or_v7_default"
        )
        context.notes.append(
            f"The card does not say which YOLO {context.model} is; by its output it is taken for {kind}."
        )
    late = kind not in ("YOLO_v5_or_v7_default", "YOLO_v6")
    numbers = boxes.shape[1] if late else boxes.shape[2]
    masks = kind == "YOLO_Ultralytics_segmentation"
    if masks and (len(arrays) < 2 or arrays[1].ndim != 4):
        raise context.refuse(
            f"Detector of the type {kind}", "boxes and, as a second output, prototypes of masks in four axes"
        )
    others = 4 if late else 5
    others += arrays[1].shape[1] if masks else 0
    others += kind == "YOLO_Ultralytics_obb"
    count = numbers - others
    given = context.card.heads[0].classes if context.card.heads else []
    if count < 1 or (given and len(given) != count):
        classes = f"{len(given)} classes" if given else "at least one class"
        raise ModelError(
            f"{context.model} does not fit as a Detector of the type {kind}: expected {others} numbers a box and "
            f"{classes}; found {numbers} ({context.found}). Correct det_type or the classes in its card."
        )
    classes_of = _coloured(given or [ClassEntry(id=number, name=f"class {number}") for number in range(count)])
    ids = tuple(entry.id for entry in classes_of)
    heads = [Head("", 0, context.outputs[0].name, "boxes", "none", kind, numbers, classes_of, ids)]
    if masks:
        heads.append(Head("", 1, context.outputs[1].name, "prototypes", "none", kind, arrays[1].shape[1]))
    return heads


_UNDERSTAND = {"Segmentor": _segmentor, "Regressor": _regressor, "Superresolution": _superresolution,
               "Recognition": _recognition, "Detector": _detector}  # fmt: skip


def _guess(trial: Trial, notes: list[str], model: str) -> ModelType:
    first = trial.outputs[0]
    kind: ModelType = "Segmentor"
    if first.ndim == 2 or (first.ndim == 4 and first.shape[2:] == (1, 1)):
        kind = "Recognition"
    elif first.ndim == 3 and first.shape[1] != first.shape[2]:
        kind = "Detector"
    elif first.ndim == 4 and min(first.shape[2], max(first.shape[1], first.shape[3])) > trial.size:
        kind = "Superresolution"
    notes.append(f"The card does not say what {model} is; by its output it is taken for a {kind}.")
    return kind


def _relation(sizes: list[int], sides: list[int]) -> tuple[float, int]:
    """Scale and margin with side = scale · size − 2 margin; (0, 0) where there are none."""
    if len(sizes) > 1 and sizes[1] != sizes[0]:
        scale = Fraction(sides[1] - sides[0], sizes[1] - sizes[0])
        twice = scale * sizes[0] - sides[0]
        fits = scale > 0 and (scale.numerator == 1 or scale.denominator == 1)
        return (float(scale), int(twice) // 2) if fits and twice >= 0 and twice % 2 == 0 else (0.0, 0)
    size, side = sizes[0], sides[0]
    if side % size == 0 or size % side == 0:
        return side / size, 0
    return (1.0, (size - side) // 2) if side < size and (size - side) % 2 == 0 else (0.0, 0)


def _one_hot(numbers: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.float32]:
    array: NDArray[np.float32] = (numbers[:, np.newaxis] == ids[np.newaxis, :, np.newaxis, np.newaxis]).astype(
        np.float32
    )
    if not array.any(axis=1).all():
        strange = sorted({int(value) for value in np.unique(numbers)} - {int(value) for value in ids})
        raise ModelError(
            f"The model gives the class numbers {strange[:8]}, which its card does not name. Correct the classes."
        )
    return array
