"""The report on recall: what each compression finds, for how many bytes, and what re-ranking brings."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compression.code_table import Read
from ..reports.page import Page, Plot, Section, Table, Text, Warnings, write_page
from ..reports.plots import BLUE, GREY, ORANGE, OTHERS, figure, svg
from .recall import ASKED, Searched, Share, Truth
from .rerank_curve import Point

SPACE = "\u00a0"
FEW_ROWS = 5000
NAMED = 20
"""Recipes that are named in the drawing, at most."""
HEAD = ("part", "recipe", "fine", "truth", "query", "candidates", "bytes", "bytes_read", "recall", "low", "high",
        "queries_per_second")


@dataclass(frozen=True)
class Findings:
    """All that was measured on the ``rows`` of one table."""

    name: str
    read: Read
    rows: int
    dimensions: int
    truth: Truth
    found: list[Searched]
    points: list[Point]

    @property
    def alone(self) -> Point | None:
        """The binary codes without re-ranking."""
        return next((point for point in self.points if point.candidates == 0), None)


def sentence(findings: Findings) -> str:
    """The main finding in a line."""
    k, alone = findings.truth.k, findings.alone
    if alone is None:
        best = max(findings.found, key=lambda one: one.recalls["cosine", "code"].value)
        return (f"Recall@{k} against cosine of float32 is highest with {best.recipe}, "
                f"{_short(best.recalls['cosine', 'code'])}, for {best.bytes} bytes.")
    again = [point for point in findings.points if point.candidates and point.asked == "code"]
    best_point = max(again, key=lambda point: (round(point.recall.value, 3), -point.bytes))
    half = alone.recall.value + 0.9 * (best_point.recall.value - alone.recall.value)
    cheap = min((point for point in again if point.recall.value >= half), key=lambda point: point.bytes)
    return (f"{alone.binary} codes find {_short(alone.recall)} of the {k} nearest; putting the best "
            f"{cheap.candidates:,} in order by {cheap.fine} codes, {cheap.bytes:,} bytes a query, makes that "
            f"{_short(cheap.recall)}.")


def report_page(findings: Findings, record: dict[str, Any], path: Path) -> None:
    """Write the page."""
    truth = findings.truth
    facts = [("Embeddings searched", f"{findings.rows:,} of {findings.dimensions} dimensions"),
             ("Queries", f"{len(truth.queries):,}")]
    alone = findings.alone
    if alone is not None:
        facts.append((f"Recall@{truth.k}, {alone.binary}", _short(alone.recall)))
    sections = [_found(findings), *_reranked(findings), _method(findings)]
    write_page(Page(
        title=f"What compressed codes of {findings.name} find",
        lead=sentence(findings), facts=facts, sections=sections, record=record), path)


def write_figures(findings: Findings, path: Path) -> None:
    """Write every figure as CSV in UTF-8; shares are between 0 and 1."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(_rows(findings))


def _rows(findings: Findings) -> Iterator[tuple[str, ...]]:
    for one in findings.found:
        for (metric, asked), found in one.recalls.items():
            yield ("codes", one.recipe, "", metric, asked, "", str(one.bytes), str(one.bytes * findings.rows),
                   *_shares(found), f"{one.speed:.6g}")
    for point in findings.points:
        yield ("reranked", point.binary, point.fine, "cosine", point.asked, str(point.candidates), "",
               str(point.bytes), *_shares(point.recall), "")


def _shares(found: Share) -> tuple[str, str, str]:
    return f"{found.value:.6g}", f"{found.low:.6g}", f"{found.high:.6g}"


def _found(findings: Findings) -> Section:
    k, kinds = findings.truth.k, ASKED
    ranked = sorted(findings.found, key=lambda one: (-one.bytes, one.recipe))
    recalls = {(one.recipe, *key): _with_interval(found) for one in ranked for key, found in one.recalls.items()}
    rows = [[one.recipe, f"{one.bytes:,}", f"{4 * findings.dimensions / one.bytes:.3g}{SPACE}×",
             *(recalls.get((one.recipe, "cosine", kind), "–") for kind in kinds), f"{one.speed:,.0f}"]
            for one in ranked]
    other = [[one.recipe, *(recalls.get((one.recipe, "euclidean", kind), "–") for kind in kinds)] for one in ranked]
    head = ["Recipe", "Bytes", "smaller", "Query a code", "Query a vector", "Queries/s"]
    return Section("What codes find", [
        Plot(_by_bytes(findings), f"Share of the {k} nearest by cosine of float32 that codes find; queries are codes "
                                  "too. Upright lines are 95 % intervals."),
        Table(head, rows, (
            f"Recall@{k} with its 95 % interval, against the truth by cosine of float32. Binary codes are "
            "compared by Hamming distance, others by the distance of what they stand for. Queries "
            f"are stored codes, or vectors that were not compressed. Queries a second: one thread, all "
            f"{findings.rows:,} codes searched, in batches in which codes are decoded once.")),
        Table(["Recipe", "Query a code", "Query a vector"], other, (
            "The same against the truth by Euclidean distance of float32. Binary codes have one order for both.")),
        *([Warnings([f"Only {findings.rows:,} embeddings were searched. Among more, neighbours lie closer and recall "
                     "is lower: compare recipes here, and measure again on more."])]
          if findings.rows < FEW_ROWS else []),
    ])


def _reranked(findings: Findings) -> list[Section]:
    if findings.alone is None:
        return []
    k, alone = findings.truth.k, findings.alone
    rows = [[f"{alone.binary} alone", "–", "0", _with_interval(alone.recall), "–"]]
    vector = {(point.fine, point.candidates): point for point in findings.points if point.asked == "vector"}
    for point in findings.points:
        if point.asked == "code" and point.candidates:
            everyone = point.candidates == findings.rows - 1
            rows.append([point.fine, "all" if everyone else f"{point.candidates:,}", f"{point.bytes:,}",
                         _with_interval(point.recall),
                         _with_interval(vector[point.fine, point.candidates].recall)])
    return [Section("Putting the best in order again", [
        Text(f"A search takes the best by {findings.alone.binary} codes, reads the finer codes of these alone, and "
             "puts them in order by the cosine of what they stand for."),
        Plot(_curve(findings), f"Recall@{k} against the bytes of finer codes that one query reads. The last point of "
                               "each line reads all of them."),
        Table(["Finer codes", "Candidates", "Bytes a query", f"Recall@{k}, query a fine code", "query a vector"], rows,
              "Truth: cosine of float32. Bytes are those of finer codes; the binary codes of a region are read once, "
              "for all queries."),
    ])]


def _method(findings: Findings) -> Section:
    truth, read = findings.truth, findings.read
    return Section("How it was measured", [Text(
        f"{findings.rows:,} of {read.rows:,} rows of the table (column {read.column}, value mapping "
        f"{read.mapping.kind}) were drawn and searched; {len(truth.queries):,} of them were queries, each left out of "
        f"its own neighbours. Recall@{truth.k} is the mean share of a query's {truth.k} true nearest neighbours that "
        "are among as many found; of equal distances the earlier row counts. Intervals take queries as independent. "
        "Quantisers and reductions are fitted on the vectors that are searched, as an archive's are.")])


def _by_bytes(findings: Findings) -> str:
    drawn, (axes,) = figure(width=8, height=4.2)
    for colour, marker, label, kind in (
        (ORANGE, "s", "binary, Hamming distance", True), (BLUE, "o", "others, cosine of what they stand for", False)
    ):
        those = [one for one in findings.found if one.binary is kind]
        if not those:
            continue
        shares = [one.recalls["cosine", "code"] for one in those]
        values = [one.value for one in shares]
        bars = [[one.value - one.low for one in shares], [one.high - one.value for one in shares]]
        axes.errorbar([one.bytes for one in those], values, bars, fmt=marker, color=colour, label=label, ms=5, lw=0,
                      elinewidth=1)
        if len(findings.found) <= NAMED:
            for one, value in zip(those, values, strict=True):
                above = any(other.bytes == one.bytes and other.recipe != one.recipe and (
                    other.recalls["cosine", "code"].value, other.recipe) < (value, one.recipe) for other in those)
                axes.annotate(one.recipe, (one.bytes, value), (5, 5 if above else -11), textcoords="offset points",
                              fontsize=8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("bytes of a code")
    axes.set_ylabel(f"recall@{findings.truth.k}")
    lowest = min(one.recalls["cosine", "code"].low for one in findings.found)
    axes.set_ylim(max(0.0, lowest - 0.15), 1.08)
    axes.margins(x=0.14)
    axes.legend(fontsize=8.5, loc="lower right")
    return svg(drawn, "Recall against bytes of a code")


def _curve(findings: Findings) -> str:
    alone = findings.alone
    assert alone is not None
    drawn, (axes,) = figure(width=8, height=4.2)
    names = list(dict.fromkeys(point.fine for point in findings.points if point.fine))
    colours = (BLUE, ORANGE, *OTHERS)
    for number, name in enumerate(names):
        points = [point for point in findings.points if point.fine == name and point.asked == "code"]
        colour = colours[number % len(colours)]
        axes.plot([point.bytes for point in points], [point.recall.value for point in points], "o-", color=colour,
                  ms=4.5, label=f"{name} codes")
        axes.fill_between([point.bytes for point in points], [point.recall.low for point in points],
                          [point.recall.high for point in points], color=colour, alpha=0.15, lw=0)
        for place, point in enumerate(points):
            last = place == len(points) - 1
            axes.annotate("all" if last else f"{point.candidates:,}", (point.bytes, point.recall.value),
                          (0, 7 if number % 2 else -14), textcoords="offset points", fontsize=8, ha="center",
                          color=colour)
    axes.axhline(alone.recall.value, color=GREY, ls=(0, (5, 4)), lw=1.2, label=f"{alone.binary} alone")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: _bytes(value))
    axes.set_xlabel("bytes of finer codes read for a query (numbers: candidates)")
    axes.set_ylabel(f"recall@{findings.truth.k}")
    axes.set_ylim(min(0.5, alone.recall.low - 0.05), 1.06)
    axes.legend(fontsize=8.5, loc="lower right")
    return svg(drawn, "Recall against bytes of finer codes read for a query")


def _bytes(value: float) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g} B"


def _with_interval(found: Share) -> str:
    return f"{_short(found)} ({found.low:.3f} to {found.high:.3f})".replace(" ", SPACE)


def _short(found: Share) -> str:
    return f"{found.value:.3f}"
