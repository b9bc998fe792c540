"""The page of the training report: what was found, in words, tables and drawings; what the labels do not support says
why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..classification.crossvalidation import shares
from ..classification.figures import MEASURES, Validation, measures
from ..classification.learning import NEEDED
from ..classification.prevalence import PrecisionAt, precision_at
from ..progress import Progress
from ..reports.page import Page, Part, Plot, Section, Table, Text, Warnings
from . import report_plots as plots
from .calibration import HOW_TO_GET_ONE, Figure
from .feature_sets import Compared, kind_name
from .findings import Findings

PREVALENCES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
GAP = "\N{NO-BREAK SPACE}"
MOST_CELLS = 320
"""Weights in a table beyond which nobody reads it."""


def page_of(found: Findings, progress: Progress) -> Page:
    """The whole page, drawn."""
    model = found.model
    sections = []
    for title, parts in CONTENTS.items():
        sections.append(Section(title, parts(found)))
        progress.report(len(sections) / len(CONTENTS))
    return Page(
        title=f"Training report: {', '.join(model.classes[:6])}{' …' if len(model.classes) > 6 else ''}",
        lead=f"A classifier trained on {found.labels} and {found.tiles.path.name} "
             f"({_kind(found)}, {found.tiles.count} components). All figures are of labels that the model in question "
             "had not seen.",
        facts=_facts(found),
        sections=sections,
        record=model.provenance,
    )


def _kind(found: Findings) -> str:
    return kind_name(found.tiles.basis.features, found.tiles.dates)


def _facts(found: Findings) -> list[tuple[str, str]]:
    model = found.model
    facts = [("Labelled pixels", f"{sum(model.counts.values()):,}")]
    for name, one in zip(("random folds", "new places"), found.validations, strict=True):
        value = f"{one.f1:.2f}{GAP}±{GAP}{one.f1_std:.2f}" if one else "too few labels"
        facts.append((f"F1 {found.what}, {name}", value))
    best = model.spatial or model.random
    if best and found.lesson.positive is not None:
        rare = precision_at(best, found.lesson.positive, 0.01)
        facts.append((f"Precision where {model.positive_class} is 1 % of the map",
                      f"{rare.precision:.2f}, at least{GAP}{rare.at_least:.2f}"))
    facts.append(("Bytes per pixel", f"{found.tiles.count}"))
    return facts


def _warnings(found: Findings) -> list[Part]:
    lines = [_sentence(line) for line in found.model.warnings]
    for name, reason in zip(("random folds", "new places"), found.reasons, strict=True):
        if reason:
            lines.append(f"No figure for {name}: {reason}.")
    always = ("All figures measure agreement with the labels, which were chosen by somebody and are not a random "
              "sample of the map: they are neither the accuracy of the map nor an area. For these, "
              "interpret a random sample.")
    return [Warnings(lines), Text(always)]


def _agreement(found: Findings) -> list[Part]:
    random, spatial = found.validations
    parts: list[Part] = []
    if random or spatial:
        rows = [[name.capitalize() if name != "f1" else "F1", *(
            _spread(getattr(one, name), getattr(one, f"{name}_std")) if one else "–" for one in (random, spatial)
        )] for name in MEASURES]
        rows.append(["F1, all folds pooled", *(f"{one.pooled_f1:.3f}" if one else "–" for one in (random, spatial))])
        rows.append(["Folds", *(str(one.folds) if one else "–" for one in (random, spatial))])
        blocks = f"New places (blocks of {found.model.block_size:g} CRS units)" if spatial else "New places"
        parts.append(Table(["", "Random folds", blocks], rows, f"Mean ± standard deviation over the folds; precision, "
                           f"recall and F1 are {found.what}."))
    parts += _reasons(found)
    parts.append(Text(
        "Near things are alike: this is spatial autocorrelation. A pixel that a random fold leaves out usually has "
        "neighbours of the same field or clearing among the pixels that train, so random cross-validation asks the "
        "model to recognise what it has nearly seen, and its figures are too good for the rest of the map. Leaving out "
        "whole blocks of ground asks about places it has not seen: that is what to expect where nobody labelled. If "
        "new places are much worse than random folds, label more places, not more pixels of the same ones."))
    if random or spatial:
        parts.append(Plot(plots.confusions(found.validations, found.model.classes), "Each labelled pixel is predicted "
                          "by a model that trained without its fold. Shades are shares of a row; numbers are pixels."))
    if random and len(found.model.classes) > 2:
        parts.append(_by_class(found))
    return parts


def _by_class(found: Findings) -> Table:
    rows = []
    for number, name in enumerate(found.model.classes):
        cells = [name, f"{found.model.counts[name]:,}"]
        for one in found.validations:
            figures = measures(np.array(one.confusion), number) if one else None
            cells += [f"{figures[measure]:.3f}" if figures else "–" for measure in ("f1", "precision", "recall")]
        rows.append(cells)
    head = ["Class", "Pixels", *(f"{measure}, {kind}" for kind in ("random", "new places")
                                 for measure in ("F1", "precision", "recall"))]
    return Table(head, rows, "Each class against all others, all folds pooled.")


def _scores(found: Findings) -> list[Part]:
    held = [None if one is None else plots.Held(shares(one.logits), found.lesson.sample.classes)
            for one in found.nested]
    if not any(held):
        return _reasons(found)
    names, positive = found.model.classes, found.lesson.positive
    if positive is not None:
        curve = ("Each point of a curve is a threshold; the marks are at one half, where the classes are divided. Look "
                 "here for a threshold that misses less, or raises fewer false alarms.")
        histogram = ("Scores far from the line are sure. Labels on the wrong side are worth a second look: is the "
                     "label wrong, or has the model never seen such a place?")
    else:
        curve = "Each class against all others, by its own score."
        if len(names) > plots.MOST_CURVES:
            curve += f" Of {len(names)} classes the {plots.MOST_CURVES} with the lowest average precision are drawn."
        histogram = "The further to the right, the surer the model is of the class that was labelled."
    return [Plot(plots.precision_recall(held, names, positive), curve),
            Plot(plots.score_histograms(held, names, positive), histogram)]


def _rarer(found: Findings) -> list[Part]:
    positive, name = found.lesson.positive, found.model.positive_class
    if positive is None:
        return [Text("With more than two classes there is no single class whose rarity could be varied; the table by "
                     "class above gives the precision of each among the labels.")]
    if not any(found.validations):
        return _reasons(found)
    curves: list[list[PrecisionAt] | None] = [
        None if one is None else [precision_at(one, positive, share) for share in PREVALENCES]
        for one in found.validations]
    share = found.model.counts[name or ""] / sum(found.model.counts.values())
    rows = [[f"{100 * prevalence:g}{GAP}%", *(
        f"{curve[index].precision:.3f}, at least {curve[index].at_least:.3f}" if curve else "–" for curve in curves
    )] for index, prevalence in enumerate(PREVALENCES)]
    return [
        Text(f"Of the labelled pixels {_percent(share)} are {name}. On a map it may be 1 %: then there are far more "
             "places that can raise a false alarm, and the same model is wrong more often when it says it has found "
             "something. Recall does not change."),
        Plot(plots.prevalence(curves)),
        Table([f"Share of the map that is {name}", "Precision, random folds", "Precision, new places"], rows,
              "By Bayes' rule from recall and false-alarm rate on held-out labels, all folds pooled; “at least” takes "
              "their one-sided 95 % bounds (Clopper and Pearson), as so few labels cannot exclude worse."),
    ]


def _more_labels(found: Findings) -> list[Part]:
    curve = found.curve
    if not any(value is not None for value in (*curve.random, *curve.spatial)):
        return [Text(f"No learning curve: at least {NEEDED} labelled pixels of each class, in enough different labels "
                     "to make folds of, are needed.")]
    text = ("If a curve still rises at its end, more labels will probably help; if it is flat, better ones might: "
            "other places, hard cases, or another set of features. The dots "
            "begin where every class has enough labels to be judged.")
    if all(value is None for value in curve.spatial):
        text += f" New places are not drawn: {found.model.spatial_reason or 'too few labels for blocks'}."
    return [Plot(plots.learning(curve), "F1 after the first so many labels, drawn in random order; mean and standard "
                 "deviation over folds. A polygon is one label."), Text(text)]


def _feature_sets(found: Findings) -> list[Part]:
    sets = found.sets
    parts: list[Part] = [Warnings([_sentence(line) for line in found.set_warnings])]
    own = next(one for one in sets if one.own)
    if not (own.random or own.spatial):
        return _reasons(found)
    rows = [[
        one.kind,
        f"all {one.dimensions:,}{GAP}dimensions" if one.components is None else f"{one.components}{GAP}components",
        f"{one.bytes:,}",
        *(_spread(now.f1, now.f1_std) if now else "–" for now in (one.random, one.spatial)),
        *("these tiles" if one.own else _against(now, base) for now, base in ((one.random, own.random),
                                                                  (one.spatial, own.spatial))),
    ] for one in sets]
    parts.append(Table(
        ["Features", "Kept", "Bytes per pixel", "F1, random folds", "F1, new places",
         "Against these tiles, random", "Against these tiles, new places"], rows,
        "The same labels, folds and choice of C for all; only the features differ. Components cost one byte each, "
        "dimensions what they take in the rasters before file compression; a difference of all dimensions needs both "
        "rasters. The last two columns are the mean ± standard deviation of the differences fold by fold."))
    parts.append(Text(_in_short(sets, own)))
    parts.append(Plot(plots.feature_sets(sets), "Error bars: standard deviation over folds. Where they overlap widely, "
                      "so many labels cannot tell the sets apart."))
    if not found.with_rasters:
        names = ", ".join(source.name for source in found.tiles.basis.sources)
        parts.append(Text("The tiles hold only their own components. To see what all dimensions, one date alone or "
                          f"both dates side by side would bring, give the rasters they were made from as "
                          f"EMBEDDINGS: {names}."))
    elif len(found.tiles.dates) > 1:
        parts.append(Text("One date knows what a place is, not whether it has become so. Where one date does as well "
                          "as the difference, the labels are of kinds of places rather than of changes, or all changes "
                          "begin or end in the same kind of place. Seasons are in every date: only what lasts from one "
                          "year to another is change."))
    return parts


def _in_short(sets: list[Compared], own: Compared) -> str:
    """What more bytes of the tiles' own dates bring."""
    same = [one for one in sets if one.kind == own.kind]
    said = []
    for name, values in (("in random folds", [one.random for one in same]),
                         ("in new places", [one.spatial for one in same])):
        steps = [f"{value.f1:.3f} with {one.bytes}" for one, value in zip(same, values, strict=True) if value]
        if steps:
            said.append(f"{name} {', '.join(steps)}")
    return f"Of the {own.kind}, F1 by bytes per pixel: {'; '.join(said)}."


def _against(one: Validation | None, base: Validation | None) -> str:
    if one is None or base is None:
        return "–"
    gaps = [now["f1"] - then["f1"] for now, then in zip(one.per_fold, base.per_fold, strict=True)]
    return f"{np.mean(gaps):+.3f}{GAP}±{GAP}{np.std(gaps):.3f}".replace("-", "−")


def _calibration(found: Findings) -> list[Part]:
    done = found.calibration
    if done is None:
        return [Text(HOW_TO_GET_ONE)]
    if isinstance(done, str):
        return [Text(f"No calibration: {done}."), Text(HOW_TO_GET_ONE)]
    what = f"the score of {done.of}" if done.of else "the score of the predicted class"
    against = f"{done.brier_of_rate:.3f} by always saying {_percent(done.rate, 1)}"
    strata = f" in {done.strata} strata, each weighing what its stratum's area says" if done.strata > 1 else ""
    return [
        Warnings([_sentence(line) for line in done.warnings]),
        Text(f"Drawn from {done.points} points of a random sample{strata}; none of them trained. For each tenth of "
             f"{what} the drawing shows how often it came true. On the diagonal the score is a probability; below it "
             "the score promises too much, above it too little."),
        Plot(plots.reliability(done), "Upright lines: 95 % intervals (Wilson), with the effective number of points "
             "where their weights differ."),
        Table(["On the map, by this sample", "Estimate", "95 % interval", "To compare with"], [
            ["Brier score (0 is best)", f"{done.brier.value:.3f}", _interval(done.brier), against],
            ["Expected calibration error", f"{done.error:.3f}", "–",
             f"{done.chance_error:.3f} if the score were a probability, by chance on so few points"],
            *([f"{name} at a score of ½", f"{one.value:.3f}", _interval(one), _among_labels(found, name.lower())]
              for name, one in (("Precision", done.precision), ("Recall", done.recall), ("F1", done.f1))),
        ], "Intervals: percentiles of 1,000 bootstrap samples, drawn within strata and by whole clusters."
           + ("" if done.of else " Precision, recall and F1 are averaged over the classes.")),
    ]


def _among_labels(found: Findings, measure: str) -> str:
    """What held-out labels had promised."""
    random, spatial = found.validations
    said = [f"{getattr(one, measure):.3f} {where}" for one, where in ((random, "in random folds"),
                                                                     (spatial, "in new places")) if one]
    return f"among labels {', '.join(said)}" if said else "–"


def _folds(found: Findings) -> list[Part]:
    parts: list[Part] = []
    for title, folds, one in zip(("Random folds", "New places"), found.folds, found.validations, strict=True):
        if one is None or isinstance(folds, str):
            continue
        rows = []
        for fold, figures in enumerate(one.per_fold):
            tested = found.lesson.sample.classes[folds.numbers == fold]
            held = np.bincount(tested, minlength=len(found.model.classes))
            counts = [", ".join(str(count) for count in held)] if len(held) <= 4 else []
            rows.append([f"Fold {fold + 1}", str(len(tested)), *counts,
                         *(f"{figures[measure]:.3f}" for measure in MEASURES)])
        classes = ["of " + ", ".join(found.model.classes)] if len(rows[0]) > 2 + len(MEASURES) else []
        parts.append(Table([title, "Pixels", *classes, "F1", "Precision", "Recall", "Accuracy"], rows))
    return parts or _reasons(found)


def _model(found: Findings) -> list[Part]:
    model, basis = found.model, found.tiles.basis
    importance = np.array(model.weights) * np.array(basis.deviation)
    parts: list[Part] = [Table(["", "Value"], [
        ["Kind", "logistic regression, L2" + (", one score" if model.positive_class else ", one score a class")],
        ["C (smaller: simpler)", f"{model.c:.4g}"],
        ["Sharpness", f"{model.sharpness:.4g}"],
        ["Class weights", model.class_weights],
        ["Basis of the tiles", model.basis.fingerprint],
        ["Variance in the components", _percent(sum(basis.explained_variance), 1)],
    ], "C is the strength of regularisation, chosen by cross-validation for the simplest model within one standard "
       "error of the best. Sharpness is the factor that spreads the score over its scale again; it changes no order of "
       "places and no decision at one half.")]
    if model.positive_class and model.codes <= 40:
        other = next(name for name in model.classes if name != model.positive_class)
        parts.append(Plot(plots.weights(importance, basis.explained_variance, [model.positive_class]),
                          "How much a component, where it is one deviation above its mean, pulls the logit: upwards "
                          f"(orange, hatched) towards {model.positive_class}, downwards (blue, dotted) "
                          f"towards {other}."))
    elif not model.positive_class and importance.size <= MOST_CELLS:
        rows = [[f"{index} ({_percent(share, 1)} of the variance)", *(f"{value:+.2f}" for value in column)]
                for index, (share, column) in enumerate(zip(basis.explained_variance, importance.T, strict=True), 1)]
        parts.append(Table(["Component", *model.classes], rows,
                           "Weight times the component's deviation over the area: its pull towards each class."))
    else:
        parts.append(Text("There are too many weights to show; they are in the model's file."))
    return parts


def _embeddings(found: Findings) -> list[Part]:
    dates = found.tiles.dates
    dated = (f"of a difference between {dates[0]} and {dates[-1]} nobody can say when it happened"
             if len(dates) > 1 else f"of what is seen in {dates[0]} nobody can say since when it is so")
    return [
        Text("A year's embedding sums up twelve months. The difference of two years shows what lasted: clearings, "
             "buildings, water that came or went. What came and went within a year may not show at all, and an event "
             f"inside a year cannot be dated: {dated}."),
        Text("Season is not change. Rotating crops, mowing, droughts and long snow move the vectors of whole regions "
             "without any change of the land; a classifier can learn this only from labels that say so. Late-year "
             "change is muted: a forest felled in November was forest for ten months of that year."),
    ]


def _sources(found: Findings) -> list[Part]:
    basis, total = found.tiles.basis, sum(found.model.counts.values())
    labels = [[name, f"{count:,}", _percent(count / total, 1),
               f"{len(np.unique(found.lesson.sample.features[found.lesson.sample.classes == number])):,}"]
              for number, (name, count) in enumerate(found.model.counts.items())]
    rasters = [[source.name, source.date, source.product, source.licence or "not stated", source.attribution or "–"]
               for source in basis.sources]
    return [Table(["Class", "Labelled pixels", "Share", "Labels"], labels,
                  "As they trained: each pixel once, none that labels of different classes claim."),
            Table(["Embeddings", "Date", "Product", "Licence", "Attribution"], rasters,
                  "What has to be said with anything derived from these data, this model included.")]


def _reasons(found: Findings) -> list[Part]:
    """The sentences in place of figures."""
    said = [f"No figure for {name}: {reason}." for name, reason in zip(
        ("random folds", "new places"), found.reasons, strict=True) if reason]
    return [Text(" ".join(said))] if said else []


def _spread(value: float, deviation: float) -> str:
    return f"{value:.3f}{GAP}±{GAP}{deviation:.3f}"


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}{GAP}%"


def _interval(figure: Figure) -> str:
    return f"{figure.low:.3f}{GAP}to{GAP}{figure.high:.3f}"


def _sentence(line: str) -> str:
    return f"{line[0].upper()}{line[1:]}."


CONTENTS: dict[str, Callable[[Findings], list[Part]]] = {
    "What to know before believing a figure": _warnings,
    "Agreement with the labels: here and in new places": _agreement,
    "Scores of labels that did not train": _scores,
    "On a map where the class is rarer than among the labels": _rarer,
    "Would more labels help?": _more_labels,
    "Fewer bytes, more dates: what each costs and brings": _feature_sets,
    "Is the score a probability?": _calibration,
    "Fold by fold": _folds,
    "The model": _model,
    "What an annual embedding can and cannot show": _embeddings,
    "Labels, data and licences": _sources,
}
