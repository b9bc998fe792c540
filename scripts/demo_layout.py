"""The demo's map: the whole score in the middle, one detail at its sides, as a QGIS layout. Needs qgis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo_files import DemoFiles
from demo_page import GREY, INK, PALE, Page
from demo_project import AGAINST_TRUTH, EMBEDDINGS, SCORE, DemoLayers
from qgis.core import (
    QgsLayoutExporter,
    QgsPrintLayout,
    QgsProject,
    QgsRectangle,
)
from qgis.PyQt.QtGui import QColor

MARGIN, SIDE, GAP = 10.0, 78.0, 4.0
CENTRE = 2 * SIDE + GAP
TOP = 34.0
LEFT, MIDDLE, RIGHT = MARGIN, MARGIN + SIDE + GAP, MARGIN + SIDE + 2 * GAP + CENTRE
BOTTOM = TOP + CENTRE
LOWER = TOP + SIDE + GAP
PAGE = (RIGHT + SIDE + MARGIN, BOTTOM + 21.0)
DPI = 150
CHANGE, SAME, NEITHER = QColor("#e66101"), QColor("#2166ac"), QColor("#f7f7f7")
AGREEMENT = (("found", QColor("#e66101")), ("missed", QColor("#5e3c99")), ("false alarm", QColor("#fdcc5c")))


def draw_layout(
    project: QgsProject, layers: DemoLayers, files: DemoFiles, figures: Mapping[str, Any]
) -> QgsPrintLayout:
    """The page, added to the project."""
    page = Page(project, "Change map", *PAGE)
    _title(page, files, figures)
    whole, detail = QgsRectangle(layers.score.extent()), QgsRectangle(*figures["detail"])
    middle = page.map(SCORE, whole, MIDDLE, TOP, CENTRE)
    _frame(page, whole, detail)
    page.caption("Change score", f"{files.period}, agreement with the clicks", MIDDLE, TOP)
    page.scale_bar(middle, MIDDLE + CENTRE, BOTTOM)
    for theme, title, note, x, y in (
        (str(files.years[0]), str(files.years[0]), "true colour, the framed place", LEFT, TOP),
        (str(files.years[1]), str(files.years[1]), "the same place later", LEFT, LOWER),
        (EMBEDDINGS, "What the embeddings see", "change, first three components", RIGHT, TOP),
        (AGAINST_TRUTH, "Against the truth", "the change map, pixel for pixel", RIGHT, LOWER),
    ):
        page.map(theme, detail, x, y, SIDE)
        page.caption(title, note, x, y)
    _legend(page, BOTTOM + 4.5)
    project.layoutManager().addLayout(page.layout)
    return page.layout


def export(layout: QgsPrintLayout, path: Path) -> None:
    """Render the page to a PNG."""
    settings = QgsLayoutExporter.ImageExportSettings()
    settings.dpi = DPI
    settings.exportMetadata = False
    if QgsLayoutExporter(layout).exportToImage(str(path), settings) != QgsLayoutExporter.Success:
        raise SystemExit(f"{path} could not be written")


def _title(page: Page, files: DemoFiles, figures: Mapping[str, Any]) -> None:
    page.text("Where did the land change?", MARGIN, 8, 25, bold=True)
    years = f"{files.years[0]} and {files.years[1]}"
    line = f"From {figures['clicks']} clicks and embeddings of {years} to a map. Sample data: an invented landscape."
    page.text(line, MARGIN, 21.5, 10.5, colour=GREY)
    x = PAGE[0] - MARGIN
    for name, value in (
        ("in new places", figures.get("f1_places")),
        ("cross-validated", figures.get("f1_clicks")),
        ("F1 against the truth", figures["f1"]),
    ):
        if value is not None:
            page.text(f"{value:.2f}", x, 8.5, 23, bold=True, right=True)
            x -= max(page.text(name, x, 21.8, 8.5, colour=GREY, right=True), 18) + 7


def _legend(page: Page, y: float) -> None:
    x = MIDDLE + page.text("like the “no change” clicks", MIDDLE, y, 8, colour=GREY) + 2
    page.bar([SAME, NEITHER, CHANGE], x, y + 0.2, 36, 3)
    x += 38
    x += page.text("like the “change” clicks", x, y, 8, colour=GREY) + 2
    y += 6.2
    x = MIDDLE
    for name, triangle, colour in (("clicked: change", True, CHANGE), ("clicked: no change", False, SAME)):
        page.marker(triangle, x + 1.5, y + 1.7, 3, colour)
        x += page.text(name, x + 4.5, y, 8, colour=GREY) + 9
    page.box(x, y + 0.2, 3.2, 3.2, PALE)
    page.text("no data: nothing is claimed there", x + 4.8, y, 8, colour=GREY)
    x = RIGHT
    for name, colour in AGREEMENT:
        page.box(x, y - 6, 3.2, 3.2, colour)
        x += page.text(name, x + 4.8, y - 6.2, 8, colour=GREY) + 9


def _frame(page: Page, whole: QgsRectangle, detail: QgsRectangle) -> None:
    """Where the panels at the sides are."""
    scale = CENTRE / whole.width()
    x, y = MIDDLE + (detail.xMinimum() - whole.xMinimum()) * scale, TOP + (whole.yMaximum() - detail.yMaximum()) * scale
    clear = QColor(0, 0, 0, 0)
    page.box(x, y, detail.width() * scale, detail.height() * scale, clear, QColor("white"), 1.1)
    page.box(x, y, detail.width() * scale, detail.height() * scale, clear, INK, 0.5)
