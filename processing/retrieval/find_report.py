"""The report of a search: the histogram of scores with the threshold, the exemplars, what the store is and misses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..reports.page import Page, Part, Plot, Section, Table, Text, Warnings
from ..reports.plots import BLUE, INK, ORANGE, figure, plain, svg
from ..store.location import ShardError
from ..store.store import Store
from .answer import Answer
from .exemplars import Found, describe
from .facts import facts_of
from .query import UNLIKE, View
from .spaces import Space

SHOWN = 50
MEANING: dict[View, str] = {
    "top": "Those with the smallest scores are listed.",
    "heat": "All patches by rank: 1 in the legend is the most similar, 0 the least.",
    "threshold": "All patches are listed whose score is not larger than the threshold.",
    "outlier": "A score is the mean distance to up to 200 patches evenly spaced over the area: large scores are unlike "
               "what is usual there.",
    "surprise": "A score is the mean distance to the 8 nearest patches on the ground, of the same year: large scores "
                "are unlike their surroundings.",
    "gradient": "A value is the mean difference of score to the 6 nearest patches on the ground, of the same year: "
                "large values are borders of what is similar. Exemplars keep their own scores here.",
    "typical": "Scores are distances to the typical code of the area: of binary codes each bit as most patches have "
               "it, of others the mean vector.",
}


def find_page(
    view: View, store: Store, space: Space, given: Answer, found: Found, failed: Sequence[ShardError], title: str,
    description: str, record: dict[str, Any],
) -> Page:
    """The page."""
    facts_ = facts_of(store, space, False)
    scores = given.ranked.scores
    facts = [("Candidates", f"{given.count:,}"), ("Results", f"{len(scores):,}"),
             ("Best score" if view not in UNLIKE else "Largest value", f"{scores[0]:.4g}")]
    if view != "threshold":
        facts.append(("Score of the last listed", f"{scores[-1]:.4g}"))
    elif given.threshold is not None:
        facts.append(("Threshold", f"{given.threshold:.4g}"))
    warnings = [f"No exemplar, and left out: {one.place.words}: {one.why}." for one in found.missing]
    warnings += found.warnings
    if failed:
        warnings.append(f"{len(failed):,} shards could not be read; what they hold is not among the results.")
    if facts_.sentence:
        warnings.append(facts_.sentence)
    store_rows = [
        ["Store", store.name], ["Codes", describe(store.about)], ["Patches in it", f"{facts_.patches:,}"],
        ["Years", ", ".join(map(str, facts_.years)) or "undated"],
        ["Licence", ", ".join(facts_.licences) or "not said"],
        ["Attribution", " ".join(facts_.attributions) or "not said"],
    ]
    measured = facts_.sentence or ("Nobody measured how many true neighbours these codes find. Of binary codes about a "
                                   "third is usually missed.")
    return Page(title, description, facts, [
        Section("Before you believe it", [Warnings(warnings)] if warnings else []),
        Section("Scores", _scores(view, space, given)),
        Section("Exemplars", _exemplars(found)),
        Section("The first results", [_first(given)]),
        Section("The store", [Table(["", ""], store_rows), Text(measured)]),
        Section("Shards that could not be read", [Table(
            ["Shard", "Why"], [[one.path, one.why] for one in failed[:SHOWN]],
            "" if len(failed) <= SHOWN else f"The first {SHOWN} of {len(failed):,}.")] if failed else []),
    ], record)


def _scores(view: View, space: Space, given: Answer) -> list[Part]:
    histogram = given.histogram
    if histogram is None:
        return []
    drawn, (axes,) = figure()
    edges, counts = histogram.edges, histogram.counts
    inside = np.zeros(len(counts), bool)
    if given.threshold is not None:
        middles = (edges[:-1] + edges[1:]) / 2
        inside = middles >= given.threshold if view in UNLIKE else middles <= given.threshold
    widths = np.diff(edges)
    axes.bar(edges[:-1], counts, widths, align="edge", color=np.where(inside, ORANGE, BLUE).tolist())
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    if given.threshold is not None:
        axes.axvline(given.threshold, color=INK, linewidth=1.2, linestyle="--")
        axes.annotate(f" {given.threshold:.4g}", (given.threshold, 1), xycoords=("data", "axes fraction"), va="top")
    axes.set_xlabel(f"score ({space.unit})" if view != "gradient" else f"mean difference of score ({space.unit})")
    axes.set_ylabel("patches")
    text = f"Histogram of the scores of {given.count:,} patches"
    return [Plot(svg(drawn, text), f"{MEANING[view]} Without the exemplars; the vertical axis is logarithmic beyond "
                 f"10; orange: within the dashed line, {given.within:,} patches.")]


def _exemplars(found: Found) -> list[Part]:
    if not found.exemplars:
        return []
    rows = [["like" if one.positive else "unlike", plain(one.id or one.key or "–", 60),
             "–" if one.lon is None else f"{one.lon:.5f}, {one.lat:.5f}", "–" if one.year is None else str(one.year)]
            for one in found.exemplars[:SHOWN]]
    more = "" if len(found.exemplars) <= SHOWN else f" The first {SHOWN} of {len(found.exemplars):,}."
    return [Table(["Looked for", "Patch", "Longitude, latitude", "Year"], rows,
                  f"They are looked up in the whole store and are not among the results.{more}")]


def _first(given: Answer) -> Table:
    ranked = given.ranked
    rows = [[str(number + 1), f"{ranked.scores[number]:.4g}", f"{ranked.similarities[number]:.3f}"]
            for number in range(min(10, len(ranked.scores)))]
    return Table(["Rank", "Score", "Similarity"], rows,
                 "Similarity is 1 for the same code and 0 for the opposite one; with negatives .5 is as near to these "
                 "as to the positives. In the views outlier, surprise and gradient it is the score as a share.")
