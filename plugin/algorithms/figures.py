"""Validation figures: as outputs of an algorithm, and as lines that people read. What is not supported is not there."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..translation import tr

MEASURES = {
    "f1": QT_TRANSLATE_NOOP("Bitscape", "F1"),
    "precision": QT_TRANSLATE_NOOP("Bitscape", "Precision"),
    "recall": QT_TRANSLATE_NOOP("Bitscape", "Recall"),
    "accuracy": QT_TRANSLATE_NOOP("Bitscape", "Accuracy"),
}
_KINDS = {"random": "", "spatial": "_SPATIAL"}

_TITLES = {
    QT_TRANSLATE_NOOP("Bitscape", "{0}, random folds"): ("", ""),
    QT_TRANSLATE_NOOP("Bitscape", "{0}, random folds, standard deviation"): ("", "_STD"),
    QT_TRANSLATE_NOOP("Bitscape", "{0}, transfer to new places"): ("_SPATIAL", ""),
    QT_TRANSLATE_NOOP("Bitscape", "{0}, transfer to new places, standard deviation"): ("_SPATIAL", "_STD"),
}


def output_names() -> dict[str, str]:
    """The number outputs of a training, name → description."""
    names = {
        f"{measure.upper()}{kind}{deviation}": tr(title).format(tr(text))
        for title, (kind, deviation) in _TITLES.items()
        for measure, text in MEASURES.items()
    }
    return {
        **names,
        "FOLDS": tr("Random folds"),
        "FOLDS_SPATIAL": tr("Spatial folds"),
        "BLOCK_SIZE_USED": tr("Block side used"),
        "C": tr("Inverse strength of regularisation"),
        "LABELS_USED": tr("Pixels used"),
    }


def outputs(result: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a training result by output name; those that the labels do not support are absent."""
    found: dict[str, Any] = {"C": result["c"], "LABELS_USED": sum(result["counts"].values())}
    if result["block_size"] is not None:
        found["BLOCK_SIZE_USED"] = result["block_size"]
    for kind, suffix in _KINDS.items():
        validation = result[kind]
        if validation is None:
            continue
        found[f"FOLDS{suffix}"] = validation["folds"]
        for measure in MEASURES:
            for deviation in ("", "_STD"):
                value = validation.get(f"{measure}{deviation.lower()}")
                if value is not None:
                    found[f"{measure.upper()}{suffix}{deviation}"] = value
    return found


def report(result: dict[str, Any]) -> list[str]:
    """Lines that put random folds and transfer to new places side by side; none where there is neither.

    Counts, warnings and the reasons for a figure that is missing are in the backend's own log.
    """
    random, spatial = result["random"], result["spatial"]
    if random is None and spatial is None:
        return []
    lines = ["", tr("Agreement with the labels · {0} · {1}").format(
        tr("random folds ({0})").format(random["folds"]) if random else tr("random folds: none"),
        _spatial_title(spatial, result["block_size"]),
    )]
    for measure, text in MEASURES.items():
        lines.append(f"{tr(text)} · {_figure(random, measure)} · {_figure(spatial, measure)}")
    lines.append(tr("Random folds have neighbours of each test pixel among the training pixels, and so flatter; "
                    "transfer to new places is what to expect where you did not click."))
    for validation, title in ((random, tr("random folds")), (spatial, tr("transfer to new places"))):
        if validation is not None:
            lines += ["", *_confusion(result["classes"], validation["confusion"], title)]
    return lines


def _spatial_title(spatial: dict[str, Any] | None, block_size: float | None) -> str:
    if spatial is None:
        return tr("transfer to new places: none")
    return tr("transfer to new places ({0} folds of blocks of {1:g})").format(spatial["folds"], block_size or 0)


def _figure(validation: dict[str, Any] | None, measure: str) -> str:
    if validation is None or validation.get(measure) is None:
        return "–"
    deviation = validation.get(f"{measure}_std")
    return f"{validation[measure]:.3f}" + (f" ± {deviation:.3f}" if deviation is not None else "")


def _confusion(classes: list[str], rows: list[list[int]], title: str) -> list[str]:
    lines = [tr("Confusion, {0} (predicted as {1}):").format(title, " | ".join(classes))]
    lines += [f"  {name}: {' | '.join(str(count) for count in row)}" for name, row in zip(classes, rows)]
    return lines
