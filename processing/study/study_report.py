"""The report of the study: a line of advice, what it rests on, and where the loss is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..reports.page import Page, Part, Plot, Section, Table, Text, Warnings, write_page
from .comparison import Agreement, Compared, signed
from .evaluate import BASELINE
from .findings import Study
from .probe import GRID
from .splits import FEW_BLOCKS, FOLDS, INNER_FOLDS
from .study_plots import accuracy_by_bytes, bit_balances, f1_drops, recall_by_bytes, sharpest, variances

SHARES = (0.5, 0.9, 0.95, 0.99)
SPACE = "\u00a0"
"""That does not break: a figure and its interval stay on one line."""


def report_page(studies: Sequence[Study], points: float, record: dict[str, Any], path: Path) -> None:
    """Write the page for one or several inputs."""
    first = studies[0]
    chosen = next(one for one in first.compared[first.decisive] if one.recipe == first.advice.recipe)
    size = first.compared[first.decisive][0].storage.size
    facts = [("Recommended", chosen.recipe), ("Bytes per embedding", f"{chosen.storage.size} of {size}"),
             (f"kNN accuracy, {first.decisive} split", _accuracy_text(chosen.knn, chosen.recipe, f"{SPACE}%")),
             (f"Probe accuracy, {first.decisive} split", _accuracy_text(chosen.probe, chosen.recipe, f"{SPACE}%"))]
    names = ", ".join(one.data.model for one in studies)
    sections = [
        _advice(studies, points), *_accuracy(studies), _retrieval(studies), *_change(studies), *_regression(studies),
        *_classes(studies), _dimensions(studies), *_balance(studies), _storage(studies), _method(studies)]
    write_page(Page(
        title=f"How far can {names} be compressed?" if len(studies) == 1 else "How far can these embeddings be "
                                                                              "compressed?",
        lead=f"{names}: {_subject(first)}. All accuracies are of rows held out; quantisers, reductions and "
             "classifiers are fitted on the training rows of each fold only.",
        facts=facts, sections=sections, record=record), path)


def _subject(study: Study) -> str:
    rows, dimensions = study.data.rows.shape
    what = "differences of two dates" if study.data.after is not None else "embeddings"
    return f"{rows:,} {what} of {dimensions} dimensions in {len(study.data.names)} classes"


def _advice(studies: Sequence[Study], points: float) -> Section:
    parts: list[Part] = [
        Text(one.advice.sentence if len(studies) == 1 else f"{one.data.model} – {one.advice.sentence}")
        for one in studies]
    parts.append(Text(
        f"The rule: of all recipes compared, the one of the fewest bytes for which the 95 % intervals of both changes "
        f"of accuracy, by kNN and by the linear probe, exclude a loss of {points:g} percentage "
        f"{'point' if points == 1 else 'points'} – on the spatial split where there is one, since it is closer to "
        "what happens in places without labels. An interval is the bootstrap's or, where that is narrower, Bonett and "
        "Price's, which keeps a width where no row differs: few labels cannot rule a small loss out. The choice is "
        "made among many recipes on the same rows: check it on labels of another area before an archive is rewritten."))
    lines = []
    for study in studies:
        lead = f"{study.data.model}: " if len(studies) > 1 else ""
        lines += [f"{lead}{warning[0].upper()}{warning[1:]}." for warning in study.warnings]
        for kind, split in study.splits.items():
            blocks = split.tested_blocks
            if kind == "spatial" and blocks < FEW_BLOCKS:
                lines.append(f"{lead}The spatial split has only {blocks} tested blocks: its intervals rest on few "
                             "places.")
        edges = [one.recipe for one in study.compared[study.decisive] if one.c in (GRID[0], GRID[-1])]
        if edges:
            lines.append(f"{lead}C is at an end of its grid for {', '.join(edges)}: a wider grid might do better "
                         "there.")
    parts.append(Warnings(lines))
    return Section("What to keep", parts)


def _accuracy(studies: Sequence[Study]) -> list[Section]:
    parts: list[Part] = []
    kinds = [kind for kind in ("spatial", "random") if any(kind in study.splits for study in studies)]
    for kind in kinds:
        drawing = accuracy_by_bytes([one for one in studies if kind in one.splits], kind)
        parts.append(Plot(drawing, (
            f"{kind.capitalize()} split. The line is the Pareto front: no recipe of at most as many bytes does "
            "better. Thin upright lines are 95 % intervals of the change against float32.")))
    for study in studies:
        parts += [_side_by_side(study), *(_details(study, kind) for kind in study.splits)]
        parts += _reconstructed(study)
    return [Section("Classification", parts)]


def _side_by_side(study: Study) -> Table:
    """Accuracy and its change of every recipe on every split."""
    head = ["Recipe", "Bytes", *(f"{what}, {kind}" for what in ("kNN", "Probe") for kind in study.splits)]
    found = {kind: {one.recipe: one for one in study.compared[kind]} for kind in study.splits}
    rows = []
    for one in study.compared[study.decisive]:
        cells = [one.recipe, f"{one.storage.size:,}"]
        for measured in ("knn", "probe"):
            for kind in study.splits:
                here = found[kind].get(one.recipe)
                cells.append(_accuracy_text(getattr(here, measured), one.recipe) if here else "–")
        rows.append(cells)
    return Table(head, rows, (
        f"{study.data.model}: accuracy, %, and its change against float32, points. Random folds have neighbours of "
        "each tested row among the training rows, and so flatter; folds of whole blocks say what to expect in new "
        "places."
        if len(study.splits) > 1 else f"{study.data.model}: accuracy, %, and its change against float32, points."))


def _details(study: Study, kind: str) -> Table:
    """Intervals, p and macro F1 on one split."""
    rows = []
    for one in study.compared[kind]:
        cells = [one.recipe]
        for part in (one.knn, one.probe):
            base = one.recipe == BASELINE
            cells += ["–" if base else _change_text(part), "–" if base else _p(part.test.p),
                      f"{100 * part.macro_f1:.1f}"]
        rows.append(cells)
    blocks = ", of whole blocks" if kind == "spatial" else ""
    independent = " McNemar's test takes rows as independent: believe the interval." if kind == "spatial" else ""
    return Table(["Recipe", "kNN change", "p", "macro F1", "Probe change", "p", "macro F1"], rows, (
        f"{study.data.model}, {kind} split: change of accuracy against float32, points, with its 95 % bootstrap "
        f"interval{blocks}; p of McNemar's exact test; the mean of the classes' F1, %. No correction for the number "
        f"of recipes is made.{independent}"))


def _reconstructed(study: Study) -> list[Part]:
    """Hamming distance on bits beside cosine on what the bits are decoded to."""
    found = [one for one in study.compared[study.decisive] if one.decoded is not None]
    if not found:
        return []
    before = study.compared[study.decisive][0]
    rows = [[one.recipe, f"{one.storage.size:,}",
             *(f"{100 * part.accuracy:.1f}" for part in (before.knn, one.decoded, one.knn))]
            for one in found if one.decoded is not None]
    ahead = sum(one.knn.accuracy > one.decoded.accuracy for one in found if one.decoded is not None)
    return [Table(["Recipe", "Bytes", "float32", "Reconstructed + cosine", "Hamming on bits"], rows, (
        f"{study.data.model}: accuracy of kNN, %, {study.decisive} split. Hamming distance on the bits is ahead of "
        f"reconstruction in {ahead} of {len(found)}."))]


def _retrieval(studies: Sequence[Study]) -> Section:
    kind = "random"
    return Section("Retrieval", [Plot(recall_by_bytes(studies, kind), (
        "The share of the ten nearest neighbours by cosine on float32 that are among the ten nearest of the "
        "compressed (by Hamming distance where it is binary). Queries are rows held out, searched among the training "
        "rows, so that no row finds itself. Random split."))])


def _change(studies: Sequence[Study]) -> list[Section]:
    parts: list[Part] = []
    for study in studies:
        if not any(study.dates.values()):
            continue
        kind = study.decisive
        stored = {one.recipe: one for one in study.compared[kind]}
        rows = [[one.recipe, f"{stored[one.recipe].storage.size:,}", *_both(stored[one.recipe]),
                 f"{one.storage.size:,}", *_both(one)] for one in study.dates[kind] if one.recipe in stored]
        parts.append(Table(
            ["Recipe", "Bytes, difference", "kNN", "probe", "Bytes, both dates", "kNN", "probe"], rows,
            (f"{study.data.model}: accuracy, %, and its change against float32 differences, points, {kind} split. "
             "Left: the difference is computed from float32 and then stored. Right: both dates are stored, and what "
             "is decoded is subtracted, as where an archive is compressed before anyone thinks of change. kNN is by "
             "cosine on decoded differences on the right, by Hamming distance on bits on the left where the recipe is "
             "binary.")))
    return [Section("Change between two dates", parts)] if parts else []


def _both(one: Compared) -> list[str]:
    return [_accuracy_text(part, one.recipe) for part in (one.knn, one.probe)]


def _regression(studies: Sequence[Study]) -> list[Section]:
    parts: list[Part] = []
    for study in studies:
        splits = [kind for kind in ("random", "spatial") if kind in study.splits]
        head, rows = ["Recipe", "Bytes"], []
        for kind in splits:
            head += [f"R², {kind}", "change"]
        found = {kind: {one.recipe: one for one in study.compared[kind]} for kind in splits}
        for one in study.compared[splits[0]]:
            if one.regression is None:
                continue
            cells = [one.recipe, f"{one.storage.size:,}"]
            for kind in splits:
                here = found[kind].get(one.recipe)
                if here is None or here.regression is None:
                    cells += ["", ""]
                    continue
                change = here.regression.change
                text = f"{change.value:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
                text = text.replace("-", "−").replace(" ", SPACE)
                cells += [f"{here.regression.r2:.3f}", "–" if one.recipe == BASELINE else text]
            rows.append(cells)
        if rows:
            parts.append(Table(head, rows, (
                f"{study.data.model}: R² of ridge regression on rows held out, its strength chosen by leave-one-out "
                "on the training rows, and its change against float32 with the 95 % bootstrap interval.")))
    return [Section("Regression", parts)] if parts else []


def _classes(studies: Sequence[Study]) -> list[Section]:
    parts: list[Part] = []
    for study in studies:
        compared = [one for one in study.compared[study.decisive] if one.recipe != BASELINE]
        if not compared:
            continue
        parts.append(Plot(f1_drops(study, study.decisive), (
            f"{study.data.model}, {study.decisive} split: the change of F1 in points. Red classes lose. A mean "
            "accuracy can hide a narrow class that is gone.")))
        worst = max(compared, key=lambda one: float(np.nanmax(one.probe.f1_drop)))
        index = int(np.nanargmax(worst.probe.f1_drop))
        if worst.probe.f1_drop[index] > 0:
            parts.append(Text(f"The linear probe loses most of class {study.data.names[index]} under {worst.recipe}: "
                              f"{100 * worst.probe.f1_drop[index]:.1f} points of F1."))
    return [Section("Which classes lose", parts)] if parts else []


def _dimensions(studies: Sequence[Study]) -> Section:
    rows, held = [], []
    for study in studies:
        found = study.dimension
        rows.append([study.data.model, str(study.data.rows.shape[1]), *(
            "–" if value is None else f"{value:.1f}" for value in (found.mle, found.twonn, found.local_pca))])
        for what, variance in (("", study.variance), (", first date", study.date_variance)):
            if variance is not None:
                two = ", difference" if study.date_variance is not None and not what else what
                held.append([study.data.model + two, *(str(sharpest(variance, share)) for share in SHARES)])
    return Section("How many dimensions there really are", [
        Table(["Input", "Dimensions", "MLE (K = 20)", "TwoNN", "Local PCA"], rows,
              "Estimates of the intrinsic dimension: Levina and Bickel's with MacKay and Ghahramani's mean; Facco et "
              "al.'s; and the eigenvalues above 5 % of the largest among 100 neighbours. They look at all rows and "
              "use no labels."),
        Plot(variances(studies), "Principal components of all rows, centred."),
        Table(["Input", *(f"{100 * share:.0f} % of the variance" for share in SHARES)], held, "Components that hold "
                                                                                              "so much."),
    ])


def _balance(studies: Sequence[Study]) -> list[Section]:
    parts: list[Part] = [Plot(bit_balances(study), (
        f"{study.data.model}: each binary code's bits, sorted by how many rows have a 1. A bit that is nearly always "
        "the same says nothing.")) for study in studies if study.balances]
    return [Section("Balance of bits", parts)] if parts else []


def _storage(studies: Sequence[Study]) -> Section:
    parts: list[Part] = []
    for study in studies:
        compared = study.compared[study.decisive]
        base = compared[0].storage
        rows = [[one.recipe, f"{one.storage.size:,}", f"{base.size / one.storage.size:.3g} ×",
                 f"{one.storage.disk:,.1f}", f"{base.disk / one.storage.disk:.3g} ×",
                 _volume(one.storage.petabytes), f"${one.storage.dollars:,.0f}"] for one in compared]
        parts.append(Table(
            ["Recipe", "Bytes", "smaller", "Bytes in Parquet", "smaller", "All land, one year", "S3 a year"], rows,
            f"{study.data.model}: bytes of an embedding; bytes it takes in a Parquet file with ZSTD, written with "
            "these rows; and what 1.5 trillion pixels of 10 m, the Earth's land, would take without ZSTD and cost at "
            "$0.023 per GB and month."))
    return Section("What it takes to store", parts)


def _method(studies: Sequence[Study]) -> Section:
    lines = []
    for study in studies:
        for kind, split in study.splits.items():
            of = f"{FOLDS} folds, each row tested once" if len(split.folds) > 1 else f"one fold of {FOLDS} is tested"
            ground = f"whole blocks of {split.block_size:g} CRS units" if split.block_size else "stratified by class"
            lines.append(f"{study.data.model}, {kind} split: {len(split.tested):,} rows tested ({of}, {ground}).")
        lines += [f"{study.data.model}: {note}." for note in study.data.notes]
    return Section("How it was measured", [Text(" ".join(lines)), Text(
        f"kNN votes among the 5 nearest training rows by cosine on decoded vectors, by Hamming distance on raw bits "
        f"for binary codes. The linear probe is logistic regression on decoded vectors (centred, scaled by one "
        f"number), C chosen from {GRID[0]:g} … {GRID[-1]:g} by {INNER_FOLDS} inner folds of the training rows. "
        "Intervals are percentiles of 10,000 bootstrap samples of rows, or of blocks on the spatial split.")])


def _accuracy_text(one: Agreement, recipe: str, unit: str = "") -> str:
    change = "" if recipe == BASELINE else f"{SPACE}({signed(100 * one.change.value)})"
    return f"{100 * one.accuracy:.1f}{unit}{change}"


def _change_text(one: Agreement) -> str:
    text = f"{signed(100 * one.change.value)} ({signed(100 * one.change.low)} to {signed(100 * one.change.high)})"
    return text.replace(" ", SPACE)


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 0.9995 else "1"


def _volume(petabytes: float) -> str:
    return f"{petabytes:.3g} PB" if petabytes >= 1 else f"{1000 * petabytes:.3g} TB"
