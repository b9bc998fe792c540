"""Flying to the next point on a real canvas: where the marker is drawn, when the map zooms, and when it moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bitscape.plugin.dock.label.next_point import ACROSS, MARK, NextPoint
from bitscape.plugin.dock.session import INFO, Session
from bitscape.plugin.dock.tiles_info import TilesInfo
from osgeo import gdal, osr
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsPointXY, QgsProject, QgsRectangle
from qgis.gui import QgsMapCanvas, QgsVertexMarker
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QColor

UTM, MERCATOR, DEGREES = (QgsCoordinateReferenceSystem(f"EPSG:{code}") for code in (32633, 3857, 4326))
PIXEL, SIDE = 10, 400
WEST, NORTH = 500000, 5000000
POINT = {"x": WEST + 1000.0, "y": NORTH - 3000.0, "kind": "uncertain"}


def tiles(path: Path, epsg: int = 32633, west: float = WEST, north: float = NORTH, pixel: float = PIXEL) -> TilesInfo:
    """Tiles on disk, described as the backend does."""
    data = gdal.GetDriverByName("GTiff").Create(str(path), SIDE, SIDE, 1, gdal.GDT_Byte)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(epsg)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((west, pixel, 0, north, 0, -pixel))
    data.GetRasterBand(1).WriteArray(np.ones((SIDE, SIDE), np.uint8))
    return TilesInfo.of({
        "tiles": str(path), "width": SIDE, "height": SIDE, "count": 1, "crs": reference.ExportToWkt(),
        "bounds": (west, north - SIDE * pixel, west + SIDE * pixel, north), "crs_name": f"EPSG:{epsg}", "pixel": pixel,
        "features": "difference", "dates": ["2020", "2024"], "products": [], "attributions": [], "fingerprint": "f",
        "explained_variance": [1.0],
    })


def moved(x: float, y: float, source: int, target: int) -> tuple[float, float]:
    """A position in another CRS, by GDAL."""
    ends = [osr.SpatialReference() for _ in range(2)]
    for reference, code in zip(ends, (source, target)):
        reference.ImportFromEPSG(code)
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return osr.CoordinateTransformation(*ends).TransformPoint(x, y)[:2]


def around(x: float, y: float, half: float) -> QgsRectangle:
    return QgsRectangle(x - half, y - half, x + half, y + half)


@pytest.fixture
def canvas(qgis_application: QgsApplication) -> Iterator[QgsMapCanvas]:
    made = QgsMapCanvas()
    made.setFrameStyle(0)  # as in the application
    made.setCanvasColor(QColor("white"))
    made.resize(400, 400)
    made.setDestinationCrs(UTM)
    made.show()
    QgsApplication.processEvents()
    yield made
    made.stopRendering()
    made.close()
    sip.delete(made)


@pytest.fixture
def session(qgis_application: QgsApplication, tmp_path: Path) -> Iterator[Session]:
    QgsProject.instance().clear()
    made = Session(QgsProject.instance())
    made.set_tiles(tiles(tmp_path / "tiles.tif"))
    yield made
    made.close()
    QgsProject.instance().clear()


@pytest.fixture
def next_point(canvas: QgsMapCanvas, session: Session) -> NextPoint:
    return NextPoint(canvas, session)


def said(session: Session) -> list[tuple[str, int]]:
    texts: list[tuple[str, int]] = []
    session.said.connect(lambda text, level: texts.append((text, level)))
    return texts


def markers(canvas: QgsMapCanvas) -> list[QgsVertexMarker]:
    return [item for item in canvas.scene().items() if isinstance(item, QgsVertexMarker)]


def purple(canvas: QgsMapCanvas) -> list[tuple[int, int]]:
    """The pixels of the canvas that have the marker's colour."""
    QgsApplication.processEvents()
    canvas.waitWhileRendering()
    image = canvas.grab().toImage()
    return [(x, y) for x in range(image.width()) for y in range(image.height())
            if image.pixelColor(x, y).name() == MARK.name()]


def close_to(place: QgsPointXY, wanted: tuple[float, float], within: float = 0.01) -> bool:
    return place.distance(QgsPointXY(*wanted)) < within


@pytest.mark.parametrize(("crs", "code", "within"), [
    (UTM, 32633, 0.01), (MERCATOR, 3857, 0.01), (DEGREES, 4326, 1e-7)])
def test_the_marker_is_at_the_point_in_the_crs_of_the_map(
    canvas: QgsMapCanvas, next_point: NextPoint, crs: QgsCoordinateReferenceSystem, code: int, within: float
) -> None:
    canvas.setDestinationCrs(crs)
    wanted = moved(POINT["x"], POINT["y"], 32633, code)
    canvas.setExtent(around(*wanted, 0.01 if crs == DEGREES else 900))
    next_point.fly_to([POINT])
    assert close_to(next_point.place, wanted, within) and close_to(canvas.center(), wanted, canvas.mapUnitsPerPixel())
    pixels = np.array(purple(canvas))
    assert len(pixels) > 30 and np.abs(pixels.mean(axis=0) - 200).max() < 2, "a ring around the middle of the map"
    assert np.hypot(*(pixels - pixels.mean(axis=0)).T).min() > 5, "whose middle is free to be looked at"


def test_only_the_first_point_is_marked_and_the_marker_moves_on(canvas: QgsMapCanvas, next_point: NextPoint) -> None:
    other = {**POINT, "x": POINT["x"] + 500}
    next_point.fly_to([POINT, other])
    assert next_point.place == QgsPointXY(POINT["x"], POINT["y"]) and len(markers(canvas)) == 1
    next_point.fly_to([other])
    assert next_point.place == QgsPointXY(other["x"], other["y"]) and len(markers(canvas)) == 1


def test_the_map_zooms_from_far_away_alone(canvas: QgsMapCanvas, next_point: NextPoint) -> None:
    across = ACROSS * PIXEL
    for width, wanted in ((100 * across, across), (2.1 * across, across), (1.9 * across, None), (0.1 * across, None)):
        canvas.setExtent(around(WEST, NORTH, width / 2))
        before = canvas.extent().width()
        next_point.fly_to([POINT])
        assert canvas.extent().width() == pytest.approx(wanted or before, rel=1e-3)
        assert close_to(canvas.center(), (POINT["x"], POINT["y"]))


def test_the_map_keeps_its_scale_where_the_user_looks_closely_in_another_crs(
    canvas: QgsMapCanvas, next_point: NextPoint
) -> None:
    canvas.setDestinationCrs(MERCATOR)
    canvas.setExtent(around(*moved(WEST, NORTH, 32633, 3857), 400))
    before = canvas.extent().width()
    next_point.fly_to([POINT])
    assert canvas.extent().width() == pytest.approx(before)


def test_hiding_takes_the_marker_off_the_map_and_may_be_done_twice(canvas: QgsMapCanvas, next_point: NextPoint) -> None:
    canvas.setExtent(around(WEST, NORTH, 900))
    next_point.hide()
    next_point.fly_to([POINT])
    assert purple(canvas) and len(markers(canvas)) == 1
    next_point.hide()
    next_point.hide()
    assert markers(canvas) == [] and next_point.place is None and purple(canvas) == []
    next_point.fly_to([POINT])
    assert len(markers(canvas)) == 1


def test_it_is_said_why_the_point_was_chosen(next_point: NextPoint, session: Session) -> None:
    texts = said(session)
    for kind in ("uncertain", "extrapolated", "spread"):
        next_point.fly_to([{**POINT, "kind": kind}])
    assert texts == [("The model cannot decide here: what is it?", INFO),
                     ("Nothing like this is labelled yet: what is it?", INFO), ("What is here?", INFO)]


def test_without_a_point_it_is_said_and_the_map_stays(
    canvas: QgsMapCanvas, next_point: NextPoint, session: Session
) -> None:
    before, texts = canvas.extent(), said(session)
    next_point.fly_to([])
    assert texts == [("There is no place left whose label would teach more.", INFO)]
    assert canvas.extent() == before and markers(canvas) == [] and next_point.place is None


def test_without_tiles_nothing_is_marked(canvas: QgsMapCanvas, next_point: NextPoint, session: Session) -> None:
    before = canvas.extent()
    session.set_tiles(None)
    next_point.fly_to([POINT])
    assert canvas.extent() == before and markers(canvas) == []


def test_a_point_that_the_map_cannot_express_moves_nothing(canvas: QgsMapCanvas, next_point: NextPoint) -> None:
    canvas.setDestinationCrs(MERCATOR)
    before = canvas.extent()
    next_point.fly_to([{**POINT, "x": 1e30, "y": 1e30}])
    assert canvas.extent() == before and markers(canvas) == []


@pytest.mark.parametrize(("crs", "code"), [(UTM, 32633), (MERCATOR, 3857), (DEGREES, 4326)])
def test_tiles_out_of_sight_are_shown_whole(
    canvas: QgsMapCanvas, next_point: NextPoint, session: Session, crs: QgsCoordinateReferenceSystem, code: int
) -> None:
    canvas.setDestinationCrs(crs)
    middle = moved(WEST, NORTH, 32633, code)
    canvas.setExtent(QgsRectangle(middle[0] + 3e6, middle[1], middle[0] + 3.01e6, middle[1] + 1e4) if crs != DEGREES
                     else QgsRectangle(100, 10, 101, 11))
    next_point.show_tiles(session.tiles)
    corners = [moved(WEST + x, NORTH - y, 32633, code) for x in (0, SIDE * PIXEL) for y in (0, SIDE * PIXEL)]
    assert all(canvas.extent().buffered(canvas.mapUnitsPerPixel()).contains(QgsPointXY(*xy)) for xy in corners)
    width = max(x for x, _ in corners) - min(x for x, _ in corners)
    assert canvas.extent().width() < 2 * width


@pytest.mark.parametrize(("crs", "code", "half"), [(UTM, 32633, 50), (MERCATOR, 3857, 50), (MERCATOR, 3857, 5e6),
                                                   (DEGREES, 4326, 0.001)])
def test_the_map_stays_where_something_of_the_tiles_is_seen(
    canvas: QgsMapCanvas, next_point: NextPoint, session: Session, crs: QgsCoordinateReferenceSystem, code: int,
    half: float
) -> None:
    canvas.setDestinationCrs(crs)
    canvas.setExtent(around(*moved(WEST + 1, NORTH - 1, 32633, code), half))
    before = canvas.extent()
    next_point.show_tiles(session.tiles)
    assert canvas.extent() == before


def test_a_map_without_a_crs_is_taken_for_the_tiles_own(
    canvas: QgsMapCanvas, next_point: NextPoint, session: Session
) -> None:
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem())
    canvas.setExtent(QgsRectangle(0, 0, 100, 100))
    next_point.show_tiles(session.tiles)
    assert canvas.extent().contains(session.tiles.extent)
    next_point.fly_to([POINT])
    assert next_point.place == QgsPointXY(POINT["x"], POINT["y"])


def test_the_map_zooms_from_far_away_in_another_crs_too(canvas: QgsMapCanvas, next_point: NextPoint) -> None:
    canvas.setDestinationCrs(MERCATOR)
    canvas.setExtent(around(*moved(WEST, NORTH, 32633, 3857), 1e6))
    next_point.fly_to([POINT])
    half = ACROSS * PIXEL / 2
    west, east = (moved(POINT["x"] + side, POINT["y"], 32633, 3857)[0] for side in (-half, half))
    assert canvas.extent().width() == pytest.approx(east - west, rel=0.01)


def test_the_marker_goes_with_its_tiles_and_with_the_crs_of_the_map(
    canvas: QgsMapCanvas, next_point: NextPoint, session: Session, tmp_path: Path
) -> None:
    next_point.fly_to([POINT])
    canvas.setDestinationCrs(MERCATOR)
    assert next_point.place is None and markers(canvas) == []
    next_point.fly_to([POINT])
    session.set_tiles(tiles(tmp_path / "other.tif"))
    assert next_point.place is None and markers(canvas) == []
