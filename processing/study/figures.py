"""Every figure of the study as a table: one figure a row, so that any tool can turn it as it likes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .comparison import Agreement, Compared
from .findings import Study

HEAD = ("input", "split", "task", "recipe", "bytes", "figure", "item", "value")
Row = tuple[str, str, str, str, str, str, str, str]


def write_figures(studies: Sequence[Study], path: Path) -> None:
    """Write all figures as CSV in UTF-8. Accuracies, shares and differences are between 0 and 1; an empty value is
    none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for study in studies:
            writer.writerows(_rows(study))


def _rows(study: Study) -> Iterator[Row]:
    name = study.data.model
    for figure, value in (
        ("rows", float(len(study.data.rows))), ("dimensions", float(study.data.rows.shape[1])),
        ("classes", float(len(study.data.names))), ("intrinsic_dimension_mle", study.dimension.mle),
        ("intrinsic_dimension_twonn", study.dimension.twonn),
        ("intrinsic_dimension_local_pca", study.dimension.local_pca),
    ):
        yield (name, "", "", "", "", figure, "", _text(value))
    for what, variance in (("", study.variance), ("first_date_", study.date_variance)):
        for index, share in enumerate(variance if variance is not None else ()):
            yield (name, "", "", "", "", f"{what}cumulative_variance", str(index + 1), _text(float(share)))
    for kind, split in study.splits.items():
        yield (name, kind, "", "", "", "tested_rows", "", str(len(split.tested)))
        yield (name, kind, "", "", "", "block_size", "", _text(split.block_size))
        for task, compared in (("", study.compared[kind]), ("both_dates_stored", study.dates.get(kind, []))):
            for one in compared:
                yield from _recipe(study, kind, task, one)
    for recipe, balance in study.balances.items():
        for index, share in enumerate(balance):
            yield (name, "", "", recipe, "", "share_of_ones", str(index), _text(float(share)))


def _recipe(study: Study, kind: str, task: str, one: Compared) -> Iterator[Row]:
    name, size = study.data.model, str(one.storage.size)

    def row(measured: str, figure: str, value: float | None, item: str = "") -> Row:
        said = f"{task}:{measured}" if task and measured else task or measured
        return (name, kind, said, one.recipe, size, figure, item, _text(value))

    for figure, value in (
        ("bytes_on_disk", one.storage.disk), ("petabytes_of_all_land", one.storage.petabytes),
        ("dollars_a_year", one.storage.dollars), ("recall_at_10", one.recall), ("bit_imbalance", one.imbalance),
    ):
        yield row("", figure, value)
    measured: list[tuple[str, Agreement | None]] = [
        ("knn", one.knn), ("probe", one.probe), ("knn_of_reconstructed", one.decoded)]
    for what, found in measured:
        if found is None:
            continue
        for figure, value in (
            ("accuracy", found.accuracy), ("macro_f1", found.macro_f1), ("accuracy_change", found.change.value),
            ("accuracy_change_low", found.change.low), ("accuracy_change_high", found.change.high),
            ("accuracy_change_lowest", found.lowest),
            ("mcnemar_p", found.test.p), ("only_float32_right", float(found.test.lost)),
            ("only_this_right", float(found.test.won)),
        ):
            yield row(what, figure, value)
        for label, score, drop in zip(study.data.names, found.f1, found.f1_drop, strict=True):
            yield row(what, "f1", float(score), label)
            yield row(what, "f1_drop", float(drop), label)
    yield row("probe", "c", one.c)
    if one.regression is not None:
        yield row("regression", "r2", one.regression.r2)
        yield row("regression", "r2_change", one.regression.change.value)
        yield row("regression", "r2_change_low", one.regression.change.low)
        yield row("regression", "r2_change_high", one.regression.change.high)


def _text(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.8g}"
