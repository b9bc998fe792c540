"""A report: one HTML file that needs nothing else, with tables, plots, warnings and where its figures come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..environment import ROOT

TEMPLATES = ROOT / "resources" / "reports"


@dataclass(frozen=True)
class Table:
    """Text cells in rows, the first of each row its name. ``caption`` says what the figures are and are not."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    kind = "table"


@dataclass(frozen=True)
class Plot:
    """An SVG drawing by ``plots.svg``; ``caption`` as for a table."""

    svg: str
    caption: str = ""

    kind = "plot"


@dataclass(frozen=True)
class Warnings:
    """What the reader has to know before believing a figure, a sentence each."""

    lines: Sequence[str]

    kind = "warnings"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    kind = "text"


Part = Table | Plot | Warnings | Text


@dataclass(frozen=True)
class Section:
    """Parts under a title; none are drawn for a section without parts."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A report: what it is of, its main figures (name, value), sections, and the provenance record of the result."""

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    record: dict[str, Any] = field(default_factory=dict)


def render(page: Page) -> str:
    """The page as HTML; all text is escaped, drawings are taken as they are. Needs no other file and no network."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True)
    record = json.dumps(page.record, indent=1, ensure_ascii=False) if page.record else ""
    return environment.get_template("page.html").render(
        page=page, sections=[section for section in page.sections if section.parts], record=record)


def write_page(page: Page, path: Path) -> None:
    """Write the page; the caller sees to it that it appears whole or not at all."""
    path.write_text(render(page), encoding="utf-8")
