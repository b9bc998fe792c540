"""The report of an assessment: what the page says, in which order, and how it is to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..reports.page import Page, Plot, Section, Table, Text, Warnings
from ..reports.plots import confusion
from . import accuracy_plots
from .accuracy_text import BRACKET, amount, cell, interval, percent, unit
from .correspondence import NO_DATA
from .from_raster import RasterAssessment
from .from_sample import SampleAssessment
from .interpreters import Alpha, Conflict, Interpreter, Pair

SHOWN_CONFLICTS = 50


@dataclass(frozen=True)
class Interpreters:
    """Who answered the sample, how far each two and all agree, and where they do not."""

    people: Sequence[Interpreter]
    pairs: Sequence[Pair]
    alpha: Alpha | None
    conflicts: Sequence[Conflict]


def sample_page(
    found: SampleAssessment, name: str, headline: str, positive: str | None, people: Interpreters | None,
    record: dict[str, Any],
) -> Page:
    """The page of an assessment by a sample."""
    answered, drawn = int(found.counts.sum()), sum(one.points for one in found.strata)
    facts = [("Overall accuracy, %", cell(found.estimates.overall))]
    if positive is not None:
        index, of = found.names.index(positive), unit(found.areas.on_ground)
        share = found.estimates.reference[index]
        facts += [(f"{positive}, estimated area, {of}", _area_cell(found, index)),
                  (f"{positive}, mapped area, {of}", amount(found.mapped[index], found.areas.on_ground))]
        if share.value > 0 or found.estimates.users[index]:
            facts.append((f"{positive}, F1", cell(found.estimates.f1[index], 1, 2)))
    facts.append(("Points answered", f"{answered} / {drawn}"))
    sections = [
        Section("Before you believe it", [Warnings(found.warnings)] if found.warnings else []),
        Section("Areas", _areas(found)),
        Section("Accuracy", _accuracy(found)),
        Section("Confusion", _confusion(found)),
        Section("The sample", _sample(found)),
        Section("The interpreters", _interpreters(people) if people else []),
        Section("How to read this, and how to cite it", [Text(text) for text in _reading(found)]),
    ]
    known = found.estimates.overall.low is not None
    lead = f"{headline}. " + ("In brackets and as whiskers: 95 % confidence intervals." if known else
                              "There are no confidence intervals.")
    return Page(f"Accuracy of {name}", lead, facts, sections, record)


def raster_page(
    found: RasterAssessment, name: str, headline: str, positive: str | None, record: dict[str, Any]
) -> Page:
    """The page of a comparison with a raster of the truth."""
    of, total = unit(found.on_ground), int(found.counts.sum())
    facts = [("Overall accuracy, %", percent(found.overall)), ("Mean IoU", f"{found.mean_iou:.3f}")]
    if positive is not None:
        figures = found.measures(found.names.index(positive))
        facts += [(f"{positive}, {title}", _number(figures[key])) for key, title in (("iou", "IoU"), ("f1", "F1"))]
    facts.append(("Pixels compared", f"{total:,}"))
    rows = []
    for index, one in enumerate(found.names):
        figures = found.measures(index)
        rows.append([one, *(_number(figures[key]) for key in ("precision", "recall", "f1", "iou")),
                     amount(found.areas[index].sum(), found.on_ground),
                     amount(found.areas[:, index].sum(), found.on_ground)])
    head = ["Class", "Precision", "Recall", "F1", "IoU", f"Mapped, {of}", f"Reference, {of}"]
    caption = ("Precision is user's accuracy, recall producer's accuracy, IoU intersection over union. Pixels without "
               f"data in one of the rasters are not compared: {found.left_out:,}.")
    sections = [
        Section("Before you believe it", [Warnings(found.warnings)] if found.warnings else []),
        Section("Classes", [Table(head, rows, caption)]),
        Section("Confusion", [Plot(
            confusion(found.counts, found.names, "map", "reference", "Pixels by class of the map and the reference"),
            "Pixels; the shade is the share of the row, so of what is mapped as a class.")]),
        Section("How to read this", [
            Text("Every pixel of both rasters was compared, so these are counts, not estimates: they have no sampling "
                 "error and no confidence interval. They are as good as the reference, and they hold for the area "
                 "compared. For another place they are one case, not a sample: neighbouring pixels are alike, so a "
                 "million pixels of one scene say less of elsewhere than a few hundred points spread over it."),
            Text("Where the reference is itself a map, its errors count as the map's; where it is on another grid, so "
                 "does half a pixel along every edge."),
        ]),
    ]
    return Page(f"Accuracy of {name}", f"{headline}.", facts, sections, record)


def _areas(found: SampleAssessment) -> list[Any]:
    own = [index for index, name in enumerate(found.names) if name != NO_DATA]
    names, estimates = [found.names[index] for index in own], [found.estimates.reference[index] for index in own]
    of, on_ground = unit(found.areas.on_ground), found.areas.on_ground
    drawing = accuracy_plots.areas(names, estimates, [found.mapped[index] for index in own], found.total, on_ground)
    rows = []
    for index, one in zip(own, estimates, strict=True):
        value = one.value * found.total
        error, margin = ("–" if spread is None else amount(spread * found.total, on_ground, value)
                         for spread in (one.error, one.margin))
        rows.append([found.names[index], amount(found.mapped[index], on_ground, value), amount(value, on_ground),
                     interval(one, found.total, on_ground), error, margin, cell(one)])
    head = ["Class", f"Mapped, {of}", f"Estimated, {of}", f"95 % interval, {of}", "Standard error", "± 1.96 SE",
            "Estimated, % of the area"]
    return [
        Plot(drawing, "A mapped area is not an estimate: it counts the map's mistakes as truth, and no interval can be "
                      "given for it. The estimate corrects it by what the sample found."),
        Table(head, rows, f"The sample stands for {amount(found.total, on_ground)} {of}. Intervals are of the sampling "
                          "only; they do not know of mistakes in the labels. ± 1.96 SE is for comparison with "
                          "published figures; where a class is rare the interval is the one to trust."),
    ]


def _accuracy(found: SampleAssessment) -> list[Any]:
    own = [index for index, name in enumerate(found.names) if name != NO_DATA]
    figures = found.estimates
    rows = [[found.names[index], cell(figures.users[index]), cell(figures.producers[index]),
             cell(figures.f1[index], 1, 3), cell(figures.iou[index], 1, 3)] for index in own]
    head = ["Class", "User's accuracy, %", "Producer's accuracy, %", "F1", "IoU"]
    return [
        Plot(accuracy_plots.accuracies([found.names[index] for index in own], [figures.users[index] for index in own],
                                       [figures.producers[index] for index in own]),
             "User's accuracy: of what is mapped as the class, how much is of it. Producer's accuracy: of what is of "
             "the class, how much is mapped as it."),
        Table(head, rows, f"Overall accuracy {cell(figures.overall)} %. All are shares of area, weighted by the design "
                          "of the sample; –: no point supports the figure."),
    ]


def _confusion(found: SampleAssessment) -> list[Any]:
    columns = [index for index, name in enumerate(found.names) if name != NO_DATA]
    names = [found.names[index] for index in columns]
    shares = found.estimates.confusion
    rows = [[name, *(percent_or_dash(shares[row, column]) for column in columns), f"{100 * shares[row].sum():.2f}"]
            for row, name in enumerate(found.names)]
    rows.append(["Total", *(f"{100 * shares[:, column].sum():.2f}" for column in columns), "100.00"])
    unmapped = int(found.counts.sum() - found.counts[columns].sum())
    nowhere = f" Not shown: {unmapped} where the map has no data." if unmapped else ""
    drawn = Plot(
        confusion(found.counts[columns][:, columns], names, "map", "reference",
                  "Points by class of the map and of the reference"),
        "Points, as counted; the shade is the share of the row. Counts depend on how many points were drawn in each "
        f"stratum: the shares of the area below do not.{nowhere}")
    return [drawn, Table(["Map \\ reference, % of the area", *names, "Total"], rows,
                          "Rows: what the map says; columns: what the sample found. The diagonal adds up to the "
                          "overall accuracy.")]


def _sample(found: SampleAssessment) -> list[Any]:
    of, on_ground = unit(found.areas.on_ground), found.areas.on_ground
    head = ["Stratum", f"Area, {of}", "% of the area", "Points", "Answered", "Map is right"]
    rows = [[one.name, amount(one.area, on_ground), percent(one.area / found.total), str(one.points), str(one.answered),
             f"{one.right} of {one.answered}"] for one in found.strata]
    if found.clustered:
        head.append("Primary units")
        rows = [[*row, str(one.units)] for row, one in zip(rows, found.strata, strict=True)]
    said = [Text(f"The file says: {found.origin.design}")] if found.origin.design else []
    caption = "Points without an answer are left out; the others of their stratum stand for them."
    return [*said, Table(head, rows, caption)]


def _interpreters(people: Interpreters) -> list[Any]:
    if not people.people or (len(people.people) == 1 and not people.people[0].skipped):
        return []
    parts: list[Any] = [Table(["Interpreter", "Labelled", "Skipped"],
                              [[one.name, str(one.answered), str(one.skipped)] for one in people.people])]
    if people.pairs:
        rows = [[f"{one.first} – {one.second}", str(one.points),
                 "–" if one.agreement is None else percent(one.agreement),
                 one.reason if one.kappa is None else f"{one.kappa:.2f} ({one.low:.2f}–{one.high:.2f})"]
                for one in people.pairs]
        parts.append(Table(["Pair", "Points of both", "Same label, %", "Cohen's kappa"], rows,
                           "Kappa: 1 where two always agree, 0 where they agree as often as chance would "
                           "have it. An interval of no width says only that no disagreement was seen."))
    if people.alpha is not None:
        one = people.alpha
        value = one.reason if one.value is None else f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})"
        parts.append(Text(f"Krippendorff's alpha over all interpreters: {value}."))
    if people.conflicts:
        rows = [[str(one.point), "; ".join(f"{name}: {label}" for name, label in one.labels.items()),
                 "settled" if one.settled else "majority" if one.label else "open", one.label or "–"]
                for one in people.conflicts[:SHOWN_CONFLICTS]]
        open_ones = sum(not one.label for one in people.conflicts)
        more = len(people.conflicts) - len(rows)
        parts.append(Table(["Point", "Said", "State", "Counts as"], rows,
                           f"{len(people.conflicts)} points in conflict, {open_ones} of them open and left out."
                           + (f" {more} more are not shown." if more else "")))
    return parts


def _reading(found: SampleAssessment) -> list[str]:
    design = ("Primary units were drawn with probability proportional to their size and with replacement, with equal "
              "shares of points; variances are those between primary units (Hansen and Hurwitz 1943). "
              if found.clustered else "")
    return [
        "These are design-based estimates: each point stands for its share of the area by the way it was drawn, and "
        "nothing is assumed of the map. That holds for points drawn at random. Labels that somebody clicked are not "
        "such a sample, however many there are: one clicks what is clear and easy to see, and so they say how the map "
        "does there. The agreement with clicked labels that training reports is no accuracy of the map.",
        "Neighbouring places are alike (spatial autocorrelation). A random sample needs no correction for that: its "
        "points were drawn independently of what they fall on, and the intervals above are right. It does matter for "
        "points that lie in clusters, which count for less than as many scattered ones, and for labels close to those "
        "the classifier learned from, which flatter it.",
        f"{design}Estimators: Stehman (2014), Int. J. Remote Sensing 35, 4923–4939, which are those of Olofsson et al. "
        "(2014), Remote Sens. Environ. 148, 42–57, where the strata are the map's classes. The finite population "
        "correction is neglected. Intervals: Wilson's score interval in each stratum, combined by recovering variances "
        "from the limits (Newcombe 1998; Zou and Donner 2008; Donner and Zou 2012). Estimate ± 1.96 standard "
        "errors, as is customary, covers the truth too seldom where few points are of a class, and gives ± 0 "
        "where there is none.",
        "Report the area with its interval, the number of points in each stratum, how they were drawn and who "
        "interpreted them on which imagery, and the confusion in shares of the area: from these, others can check "
        "every figure. The record below says which files and which version made this page.",
    ]


def _area_cell(found: SampleAssessment, index: int) -> str:
    one, on_ground = found.estimates.reference[index], found.areas.on_ground
    around = "" if one.low is None else f"{BRACKET}{interval(one, found.total, on_ground)})"
    return f"{amount(one.value * found.total, on_ground)}{around}"


def percent_or_dash(share: float) -> str:
    """Per cent of the area; a dash for a cell that no point fell into, which is not to say that it is empty."""
    return f"{100 * share:.2f}" if share > 0 else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
