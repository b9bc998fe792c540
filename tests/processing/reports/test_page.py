"""Reports stand alone, escape what comes from files, and keep the names inside their drawings apart."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
from bitscape.processing.reports import plots
from bitscape.processing.reports.page import Page, Plot, Section, Table, Text, Warnings, render

EVIL = '<script>alert("x")</script>'


class Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.outside.append(value or "")


def page() -> str:
    counts = np.array([[8, 2], [1, 9]])
    drawings = [plots.confusion(counts, ["change", EVIL], "label", "predicted", f"Confusion {n}") for n in range(2)]
    return render(Page(
        title=f"Report of {EVIL}", lead="A lead.", facts=[("F1", "0.86")],
        sections=[Section("One", [Text(EVIL), Warnings([EVIL]), Table(["a", "b"], [[EVIL, "1"]], "caption")]),
                  Section("Two", [Plot(svg, "a plot") for svg in drawings]), Section("Nothing", [])],
        record={"inputs": [EVIL]}))


def test_a_report_needs_nothing_else_and_runs_nothing() -> None:
    read = Reading()
    read.feed(page())
    assert read.outside == []
    assert not {"script", "link", "iframe", "img"} & set(read.tags)
    assert read.tags.count("svg") == 2 and read.tags.count("h2") == 2  # a section without parts is not drawn


def test_names_in_drawings_are_unique_and_lead_somewhere() -> None:
    text = page()
    read = Reading()
    read.feed(text)
    assert len(read.ids) == len(set(read.ids))
    wanted = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted and wanted <= set(read.ids)


def test_the_same_figures_give_the_same_page() -> None:
    assert page() == page()
