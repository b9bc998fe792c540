"""Scores of an exported model on whole test images, as the card tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from segmentation_network import FACTOR
from segmentation_pairs import IGNORED, Pair
from segmentation_recipe import TrainingRecipe
from segmentation_training import Standard, channels, scaled


@dataclass(frozen=True)
class Scores:
    """Over pixels with a class. ``iou``, ``precision``, ``recall`` by class name (NaN where there is none of it);
    ``false_alarms``: the share of the other pixels that a class got, where none is of it; ``found``: of the pixels of
    each named mask value the share that got its class; ``pixels`` counted."""

    overall_accuracy: float
    iou: dict[str, float]
    precision: dict[str, float]
    recall: dict[str, float]
    false_alarms: dict[str, float]
    found: dict[str, float]
    pixels: int


def predicted(
    model: Path, pairs: Sequence[Pair], standard: Standard, recipe: TrainingRecipe
) -> list[NDArray[np.uint8]]:
    """Class numbers (h, w) of each pair's image, in one piece, by the ONNX file itself."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    maps = []
    for pair in pairs:
        made = channels(scaled(pair.pixels, recipe), standard, recipe)
        height, width = made.shape[1:]
        made = np.pad(made, ((0, 0), (0, -height % FACTOR), (0, -width % FACTOR)), mode="reflect")
        shares = session.run(None, {name: made[None]})[0][0]
        maps.append(shares[:, :height, :width].argmax(0).astype(np.uint8))
    return maps


def score(pairs: Sequence[Pair], maps: Sequence[NDArray[np.uint8]], recipe: TrainingRecipe) -> Scores:
    """Pooled over the pairs."""
    truth = np.concatenate([pair.classes[pair.classes != IGNORED] for pair in pairs])
    said = np.concatenate([one[pair.classes != IGNORED] for pair, one in zip(pairs, maps, strict=True)])
    names = [one.name for one in recipe.classes]
    both = np.histogram2d(truth, said, bins=np.arange(len(names) + 1) - 0.5)[0]
    hits, true, mapped = np.diag(both), both.sum(1), both.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / true
        precision = np.where(true > 0, hits / mapped, np.nan)
        iou = np.where(true > 0, hits / (true + mapped - hits), np.nan)
    absent = {name: float(mapped[index] / both.sum()) for index, name in enumerate(names) if index and not true[index]}
    found = {}
    for name, value in recipe.named_values.items():
        own = next(index for index, one in enumerate(recipe.classes) if value in one.values)
        there = np.concatenate([one[pair.mask == value] for pair, one in zip(pairs, maps, strict=True)])
        found[name] = float((there == own).mean()) if len(there) else float("nan")
    return Scores(
        float(hits.sum() / both.sum()), _named(names, iou), _named(names, precision), _named(names, recall),
        absent, found, len(truth))


def _named(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
