"""Validation figures of numbers: as outputs of an algorithm, and as lines that people read."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP

from ..translation import tr

MEASURES = {
    "rmse": QT_TRANSLATE_NOOP("Bitscape", "RMSE"),
    "mae": QT_TRANSLATE_NOOP("Bitscape", "Mean absolute error"),
    "bias": QT_TRANSLATE_NOOP("Bitscape", "Mean error (bias)"),
    "r2": QT_TRANSLATE_NOOP("Bitscape", "R²"),
    "relative_rmse": QT_TRANSLATE_NOOP("Bitscape", "RMSE, % of the mean"),
    "baseline_rmse": QT_TRANSLATE_NOOP("Bitscape", "RMSE of the labels' mean alone"),
}
_KINDS = {"random": "", "spatial": "_SPATIAL"}
_TITLES = {
    "": QT_TRANSLATE_NOOP("Bitscape", "{0}, random folds"),
    "_SPATIAL": QT_TRANSLATE_NOOP("Bitscape", "{0}, transfer to new places"),
}


def output_names() -> dict[str, str]:
    """The number outputs of a training on numbers, name → description."""
    names = {
        f"{measure.upper()}{kind}": tr(title).format(tr(text))
        for kind, title in _TITLES.items()
        for measure, text in MEASURES.items()
    }
    return {
        **names, "ALPHA": tr("Strength of regularisation (numbers)"), "LABELS_COUNT": tr("Labels used (numbers)"),
    }


def outputs(result: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a training result by output name; those that the labels do not support are absent."""
    found: dict[str, Any] = {
        "ALPHA": result["alpha"], "LABELS_USED": result["labels"]["pixels"],
        "LABELS_COUNT": result["labels"]["labels"],
    }
    if result["block_size"] is not None:
        found["BLOCK_SIZE_USED"] = result["block_size"]
    for kind, suffix in _KINDS.items():
        validation = result[kind]
        if validation is None:
            continue
        found[f"FOLDS{suffix}"] = validation["folds"]
        for measure in MEASURES:
            if validation[measure] is not None:
                found[f"{measure.upper()}{suffix}"] = validation[measure]
    return found


def report(result: dict[str, Any]) -> list[str]:
    """Lines that put random folds and transfer to new places side by side; none where there is neither."""
    random, spatial = result["random"], result["spatial"]
    if random is None and spatial is None:
        return []
    lines = ["", tr("{0}, held-out labels · {1} · {2}").format(
        result["title"],
        tr("random folds ({0})").format(random["folds"]) if random else tr("random folds: none"),
        tr("transfer to new places ({0} folds of blocks of {1:g})").format(
            spatial["folds"], result["block_size"] or 0) if spatial else tr("transfer to new places: none"),
    )]
    for measure, text in MEASURES.items():
        lines.append(f"{tr(text)} · {_figure(random, measure)} · {_figure(spatial, measure)}")
    lines.append(tr("R² is 0 for a prediction of the labels' mean everywhere, and below 0 for worse. Random folds have "
                    "neighbours of each test pixel among the training pixels, and so flatter; transfer to new places "
                    "is what to expect where there is no label."))
    return lines


def _figure(validation: dict[str, Any] | None, measure: str) -> str:
    if validation is None or validation[measure] is None:
        return "–"
    return f"{validation[measure]:.3f}" if measure == "r2" else f"{validation[measure]:.4g}"
