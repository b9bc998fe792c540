"""What a trained model says of itself: Bitscape's card, and the keys that Deepness reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bitscape.processing.inference.card import AccuracyFigure, CardFields, ClassEntry, HeadCard, IndexChannel
from segmentation_recipe import TrainingRecipe
from segmentation_scores import Scores
from segmentation_training import Standard

DIGITS = 4


def card_of(
    recipe: TrainingRecipe, standard: Standard, scores: Sequence[tuple[str, Scores]], apart: float
) -> CardFields:
    """The card; ``scores``: of each place tested, by its name; ``apart``: metres between training and testing."""
    return CardFields(
        name=recipe.title, description=recipe.description, model_type="Segmentor",
        heads=[HeadCard(name="shares", activation="probabilities", classes=[
            ClassEntry(id=index, name=one.name, colour=one.colour) for index, one in enumerate(recipe.classes)])],
        resolution=recipe.resolution, tile_size=recipe.tile, overlap=recipe.overlap, bands=list(recipe.inputs),
        indices=[IndexChannel(name=one.name, bands=(one.a, one.b)) for one in recipe.indices], scale=recipe.scale,
        mean=[float(value) for value in standard.mean], std=[float(value) for value in standard.std], layout="NCHW",
        training_data=recipe.training_data, licence=recipe.licence, attribution=recipe.attribution,
        accuracy=[figure for place, one in scores for figure in _figures(recipe, place, one, apart)],
        limits=recipe.caveat)


def deepness_keys(recipe: TrainingRecipe, standard: Standard) -> dict[str, Any]:
    """Metadata for the plugin Deepness. It divides by 255 whatever the raster, so it cannot run models of other
    scales, or with indices: those get none."""
    if recipe.scale != 255 or recipe.indices:
        return {}
    return {
        "model_type": "Segmentor", "class_names": {str(index): one.name for index, one in enumerate(recipe.classes)},
        "resolution": 100 * recipe.resolution, "tile_size": recipe.tile, "tiles_size": recipe.tile,
        "tiles_overlap": round(100 * recipe.overlap / recipe.tile, 1), "standardization_mean": standard.mean.tolist(),
        "standardization_std": standard.std.tolist(), "seg_thresh": 0.5,
    }


def _figures(recipe: TrainingRecipe, place: str, scores: Scores, apart: float) -> list[AccuracyFigure]:
    far = f"{apart / 1000:.1f} km" if apart >= 1000 else f"{apart:.0f} m"
    on = f"{place}: {scores.pixels:,} pixels never trained on, at least {far} from the training images"
    note = recipe.scores_note.get(place, "")
    told = {"overall accuracy": scores.overall_accuracy}
    for measure, values in (("IoU", scores.iou), ("precision", scores.precision), ("recall", scores.recall)):
        told |= {f"{measure} {one.name}": values[one.name] for one in recipe.classes[1:]}
    told |= {f"false alarms of {name}": share for name, share in scores.false_alarms.items()}
    told |= {f"found of {name}": share for name, share in scores.found.items()}
    return [AccuracyFigure(measure=name, value=round(value, DIGITS), on=on, note=note)
            for name, value in told.items() if math.isfinite(value)]
