"""The figures of an assessment as CSV: one figure a row, for spreadsheets and scripts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from .accuracy_text import HECTARE, unit
from .estimation import Estimate
from .from_raster import RasterAssessment
from .from_sample import SampleAssessment

HEAD = ("measure", "class", "reference_class", "unit", "value", "standard_error", "low_95", "high_95")
Row = tuple[str, str, str, str, float | int | None, float | None, float | None, float | None]


def write_table(found: SampleAssessment | RasterAssessment, path: Path) -> None:
    """Write the table as UTF-8; a figure that is not known is empty."""
    rows = _of_sample(found) if isinstance(found, SampleAssessment) else _of_raster(found)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEAD)
        writer.writerows([f"{value:.10g}" if isinstance(value, float) else value for value in row] for row in rows)


def _of_sample(found: SampleAssessment) -> Iterator[Row]:
    figures = found.estimates
    yield _row("overall accuracy", "", figures.overall)
    of, factor = unit(found.areas.on_ground), _factor(found.areas.on_ground)
    for index, name in enumerate(found.names):
        for measure, values in (("user's accuracy", figures.users), ("producer's accuracy", figures.producers),
                                ("F1", figures.f1), ("intersection over union", figures.iou)):
            yield _row(measure, name, values[index])
        yield "mapped area", name, "", of, found.mapped[index] * factor, None, None, None
        yield _row("mapped area in the sampled strata", name, figures.mapped[index], of, found.total * factor)
        yield _row("estimated area", name, figures.reference[index], of, found.total * factor)
        yield _row("estimated share", name, figures.reference[index])
    for row, mapped in enumerate(found.names):
        for column, true in enumerate(found.names):
            yield "points", mapped, true, "points", int(found.counts[row, column]), None, None, None
            yield "share of the area", mapped, true, "", float(figures.confusion[row, column]), None, None, None
    for stratum in found.strata:
        yield "stratum area", stratum.name, "", of, stratum.area * factor, None, None, None
        yield "stratum points", stratum.name, "", "points", stratum.points, None, None, None
        yield "stratum answered", stratum.name, "", "points", stratum.answered, None, None, None


def _of_raster(found: RasterAssessment) -> Iterator[Row]:
    of, factor = unit(found.on_ground), _factor(found.on_ground)
    yield "overall accuracy", "", "", "", found.overall, None, None, None
    yield "mean intersection over union", "", "", "", found.mean_iou, None, None, None
    for index, name in enumerate(found.names):
        for measure, value in found.measures(index).items():
            yield measure, name, "", "", value, None, None, None
        yield "mapped area", name, "", of, float(found.areas[index].sum()) * factor, None, None, None
        yield "reference area", name, "", of, float(found.areas[:, index].sum()) * factor, None, None, None
    for row, mapped in enumerate(found.names):
        for column, true in enumerate(found.names):
            yield "pixels", mapped, true, "pixels", int(found.counts[row, column]), None, None, None


def _row(measure: str, name: str, one: Estimate | None, of: str = "", factor: float = 1.0) -> Row:
    if one is None:
        return measure, name, "", of, None, None, None, None
    error, low, high = (None if value is None else value * factor for value in (one.error, one.low, one.high))
    return measure, name, "", of, one.value * factor, error, low, high


def _factor(on_ground: bool) -> float:
    return 1 / HECTARE if on_ground else 1.0
