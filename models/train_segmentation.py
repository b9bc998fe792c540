"""Train a segmentation model from folders of image and mask pairs, test it elsewhere, and export it with its card.

    PYTHONPATH=build/plugins python models/train_segmentation.py RECIPE.json --train FOLDER… --test FOLDER… \\
        --output MODEL.onnx

The recipe says what the bands and classes are and what the card shall say (models/*.recipe.json are those of the
shipped models). Images may lie in different UTM zones. Test images nearer to a training image than the recipe's spacing
are refused. What is scored is the exported file. Needs torch (requirements/models.txt); the plugin does not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from bitscape.processing.inference.card_file import METADATA_KEY, card_json
from numpy.typing import NDArray
from segmentation_card import card_of, deepness_keys
from segmentation_network import FACTOR, SegmentationNetwork
from segmentation_pairs import Pair, apart, read_pairs
from segmentation_recipe import TrainingRecipe
from segmentation_scores import Scores, predicted, score
from segmentation_training import Standard, train

OPSET = 18
SAME = 1e-4
"""Most that shares of the exported model may differ from the trained one's."""


def main(arguments: Sequence[str]) -> None:
    """Train, export, test, and write the card into the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--train", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--test", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="MODEL.onnx")
    parser.add_argument("--threads", type=int, default=1, help="the same number gives the same weights")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    torch.use_deterministic_algorithms(True)
    recipe = TrainingRecipe.load(asked.recipe)
    training, testing = read_pairs(asked.train, recipe), read_pairs(asked.test, recipe)
    distance = apart(training, testing)
    if distance < recipe.spacing:
        raise SystemExit(f"A test image is {distance:.0f} m from a training image; the recipe wants "
                         f"{recipe.spacing:.0f} m, so that the test is of places that the model never saw.")
    print(f"{len(training)} images train, {len(testing)} test; {distance:,.0f} m lie between the nearest two.")
    standard = Standard.of(training, recipe)
    network = train(training, standard, recipe)
    partial = asked.output.with_suffix(".partial")
    try:
        export(network, recipe, partial)
        scores = by_place(testing, predicted(partial, testing, standard, recipe), recipe)
        describe(partial, recipe, standard, scores, distance)
        partial.replace(asked.output)
    finally:
        partial.unlink(missing_ok=True)
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.2f} MB, "
          f"{sum(one.numel() for one in network.parameters()):,} parameters")


def export(network: SegmentationNetwork, recipe: TrainingRecipe, path: Path) -> None:
    """ONNX with softmax inside; any number of images of any size. Checked against the network on random numbers."""
    whole = torch.nn.Sequential(network, torch.nn.Softmax(1)).eval()
    channels = len(recipe.inputs) + len(recipe.indices)
    example = torch.randn(2, channels, 64, 96, generator=torch.Generator().manual_seed(recipe.seed))
    axes = ({0: torch.export.Dim("n"), 2: FACTOR * torch.export.Dim("rows"), 3: FACTOR * torch.export.Dim("columns")},)
    torch.onnx.export(whole, (example,), str(path), input_names=["image"], output_names=["shares"], dynamic_shapes=axes,
                      opset_version=OPSET, dynamo=True, external_data=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = whole(example).numpy()
    worst = float(np.abs(session.run(None, {"image": example.numpy()})[0] - wanted).max())
    if worst > SAME:
        raise SystemExit(f"The exported model differs from the trained one by up to {worst:.2g}.")


def by_place(
    pairs: Sequence[Pair], maps: Sequence[NDArray[np.uint8]], recipe: TrainingRecipe
) -> list[tuple[str, Scores]]:
    """The scores of each place, printed too."""
    found = []
    for start, place in recipe.places.items():
        there = [(pair, one) for pair, one in zip(pairs, maps, strict=True) if pair.name.startswith(start)]
        if not there:
            raise SystemExit(f"No test image's name begins with {start}, as the recipe's places say.")
        scores = score([pair for pair, _ in there], [one for _, one in there], recipe)
        print(f"{place}: {scores}")
        found.append((place, scores))
    return found


def describe(
    path: Path, recipe: TrainingRecipe, standard: Standard, scores: Sequence[tuple[str, Scores]], distance: float
) -> None:
    """Bitscape's card and the keys that Deepness reads, into the model's metadata."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    forget_where_it_was_made(model.graph)
    keys = {key: json.dumps(value) for key, value in deepness_keys(recipe, standard).items()}
    for key, text in {METADATA_KEY: card_json(card_of(recipe, standard, scores, distance)), **keys}.items():
        model.metadata_props.add(key=key, value=text)
    model.producer_name, model.doc_string = "Bitscape", recipe.title
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def forget_where_it_was_made(graph: onnx.GraphProto) -> None:
    """Take away the exporter's notes: lines and folders of source files."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


if __name__ == "__main__":
    began = time.monotonic()
    main(sys.argv[1:])
    print(f"{time.monotonic() - began:.0f} s")
