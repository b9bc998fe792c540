"""Training on crops of a few images: channels as the plugin makes them, augmentation, loss, one deterministic loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from segmentation_network import SegmentationNetwork
from segmentation_pairs import IGNORED, Pair
from segmentation_recipe import TrainingRecipe
from torch import Tensor

REPORTED = 50
"""Steps between two lines about the loss."""
MOST_IGNORED = 0.9


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of the scaled bands over the training pixels; indices pass as they are."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @staticmethod
    def of(pairs: Sequence[Pair], recipe: TrainingRecipe) -> Standard:
        """Over all pixels of the training pairs that have a class."""
        rows = np.concatenate([scaled(pair.pixels, recipe)[:, pair.classes != IGNORED] for pair in pairs], axis=1)
        return Standard(rows.mean(axis=1, dtype=np.float64).astype(np.float32),
                        rows.std(axis=1, dtype=np.float64).astype(np.float32))


def scaled(pixels: NDArray[np.generic], recipe: TrainingRecipe) -> NDArray[np.float32]:
    """The used bands (bands, h, w) divided by the scale."""
    places = [recipe.bands.index(name) for name in recipe.inputs]
    return np.asarray(pixels[places], np.float32) / np.float32(recipe.scale)


def channels(values: NDArray[np.float32], standard: Standard, recipe: TrainingRecipe) -> NDArray[np.float32]:
    """Scaled bands (bands, h, w) → what the network gets (bands + indices, h, w)."""
    made = [(values - standard.mean[:, None, None]) / standard.std[:, None, None]]
    for index in recipe.indices:
        a, b = values[recipe.inputs.index(index.a)], values[recipe.inputs.index(index.b)]
        made.append(((a - b) / (a + b + np.float32(1e-10)))[None])
    return np.concatenate(made).astype(np.float32)


def train(pairs: Sequence[Pair], standard: Standard, recipe: TrainingRecipe) -> SegmentationNetwork:
    """Fit a network: random crops of all pairs alike, flips and quarter turns, a factor on the brightness and one on
    each band; cross entropy plus soft Dice; AdamW on a one-cycle schedule. The same seed gives the same weights on the
    same machine."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    network = SegmentationNetwork(len(recipe.inputs) + len(recipe.indices), len(recipe.classes), recipe.width)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.steps)
    network.train()
    began, total = time.monotonic(), 0.0
    for step in range(1, recipe.steps + 1):
        crops = [_crop(pairs[random.integers(len(pairs))], standard, recipe, random) for _ in range(recipe.batch)]
        pixels = torch.from_numpy(np.stack([one for one, _ in crops]))
        truth = torch.from_numpy(np.stack([other for _, other in crops]).astype(np.int64))
        optimiser.zero_grad()
        loss = _loss(network(pixels), truth)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % REPORTED == 0:
            print(f"step {step} of {recipe.steps}: loss {total / REPORTED:.4f}, {time.monotonic() - began:.0f} s",
                  flush=True)
            total = 0.0
    return network.eval()


def _crop(
    pair: Pair, standard: Standard, recipe: TrainingRecipe, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    height, width = pair.classes.shape
    side = min(recipe.crop, height // 16 * 16, width // 16 * 16)
    for _ in range(20):
        top, left = random.integers(height - side + 1), random.integers(width - side + 1)
        place = np.s_[top : top + side, left : left + side]
        if (pair.classes[place] == IGNORED).mean() < MOST_IGNORED:
            break
    values = scaled(pair.pixels[:, place[0], place[1]], recipe)
    few = recipe.brightness
    values = values * np.float32(1 + random.uniform(-few, few))
    values *= (1 + random.uniform(-few / 3, few / 3, (len(values), 1, 1))).astype(np.float32)
    made, truth = channels(values, standard, recipe), pair.classes[place]
    turns = int(random.integers(4))
    made, truth = np.rot90(made, turns, (1, 2)), np.rot90(truth, turns)
    if random.random() < 0.5:
        made, truth = made[:, :, ::-1], truth[:, ::-1]
    if side < recipe.crop:
        edge = (0, recipe.crop - side)
        made = np.pad(made, ((0, 0), edge, edge), mode="reflect")
        truth = np.pad(truth, (edge, edge), constant_values=IGNORED)
    return np.ascontiguousarray(made), np.ascontiguousarray(truth)


def _loss(logits: Tensor, truth: Tensor) -> Tensor:
    counted = truth != IGNORED
    entropy = torch.nn.functional.cross_entropy(logits, truth, ignore_index=IGNORED)
    shares = torch.softmax(logits, 1) * counted[:, None]
    wanted = torch.nn.functional.one_hot(truth.clamp(max=logits.shape[1] - 1), logits.shape[1]).movedim(3, 1)
    wanted = wanted * counted[:, None]
    both = (shares * wanted).sum((0, 2, 3))
    dice = (2 * both + 1) / (shares.sum((0, 2, 3)) + wanted.sum((0, 2, 3)) + 1)
    return torch.as_tensor(entropy + (1 - dice[1:]).mean())
