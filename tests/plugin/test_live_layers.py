"""The live answer as layers: where they lie, what stays when it changes, how it is really drawn, and what is left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.dock.session import Session
from bitscape.plugin.layers.aoi_layer import AoiLayer
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.live_layers import SLOTS, LiveLayers, clean_project
from bitscape.plugin.layers.score_views import (
    CLASSES,
    EXTRAPOLATED_LINES,
    FAINT,
    MIDDLE,
    SCORE,
    UNCERTAINTY,
    UNKNOWN_LINES,
    UNSURE,
    score_of,
)
from bitscape.plugin.layers.styling import BLUE, ORANGE
from osgeo import gdal, osr
from qgis.core import (
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandGrayRenderer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

TWO = ("change", "nochange")
THREE = ("water", "forest", "town")
CHANGE = ClassTable.change_detection()
COVER = ClassTable.of_codes(THREE, {"forest": "Old forest"}).changed("forest", colour="#123456")
HATCHED = "Unknown and extrapolated (hatched)"


def write(path: Path, bands: Sequence[Sequence[int]], nodata: int) -> str:
    """A square GeoTIFF, the values of a band from west to east and the same in every row."""
    side = len(bands[0])
    data = gdal.GetDriverByName("GTiff").Create(str(path), side, side, len(bands), gdal.GDT_Byte)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data.SetSpatialRef(reference)
    data.SetGeoTransform((500000, 10, 0, 5000000, 0, -10))
    for number, values in enumerate(bands, 1):
        data.GetRasterBand(number).SetNoDataValue(nodata)
        data.GetRasterBand(number).WriteArray(np.tile(np.array(values, np.uint8), (side, 1)))
    return str(path)


def drawn(layer: QgsRasterLayer) -> list[QColor]:
    """What QGIS draws on a transparent ground, a pixel a cell, from west to east."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(layer.width(), layer.height()))
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return [image.pixelColor(x, layer.height() // 2) for x in range(layer.width())]


def like(colour: QColor, wanted: Any, alpha: float) -> bool:
    """Whether a drawn colour is the wanted one, but for the rounding of see-through pixels. ``alpha``: 0…255."""
    near = max(3, 255 / max(alpha, 1))
    same = all(abs(a - b) <= near for a, b in zip(colour.getRgb()[:3], QColor(wanted).getRgb()[:3]))
    return abs(colour.alpha() - alpha) <= 2 and (same or alpha == 0)


@pytest.fixture
def session(project: QgsProject) -> Iterator[Session]:
    made = Session(project)
    yield made
    made.close()


@pytest.fixture
def live(session: Session, tmp_path: Path) -> LiveLayers:
    return LiveLayers(tmp_path / "tiles.live", session.group)


def answer(
    live: LiveLayers, bands: Sequence[Sequence[int]] = ((0, 127, 254, 255),), hatched: Sequence[int] = (0, 1, 2, 0),
    names: Sequence[str] = TWO, shown: str = "change", table: ClassTable = CHANGE, title: str = "Score of change",
) -> QgsRasterLayer:
    """Write the next answer as the backend does and show it; the layer of the score."""
    score, hatching = live.next_files()
    write(score, bands, 255)
    write(hatching, [hatched], 0)
    repainted = live.show(str(score), str(hatching), names, shown, table, title)
    assert repainted == [live.layer("hatching"), live.layer("score")]
    return live.layer("score")


def order(session: Session) -> list[str]:
    return [node.name() for node in session.group().children()]


# The two layers


def test_hatching_lies_on_top_and_the_score_below_labels_and_areas(session: Session, live: LiveLayers) -> None:
    mine = QgsVectorLayer("Point?crs=EPSG:32633", "mine", "memory")
    QgsProject.instance().addMapLayer(mine, False)
    session.group().addLayer(mine)
    session.set_aoi(AoiLayer(QgsVectorLayer("Polygon?crs=EPSG:32633&field=name:string", "areas", "memory")))
    session.adopt_labels(QgsVectorLayer("Point?crs=EPSG:32633&field=label:string", "clicks", "memory"))
    assert order(session) == ["clicks", "Areas of interest", "mine"]
    score = answer(live)
    assert order(session) == [HATCHED, "clicks", "Areas of interest", "Score of change", "mine"]
    assert score.isValid() and live.layer("hatching").isValid()
    assert (Path(score.source()).name, Path(live.layer("hatching").source()).name) == ("score-1.tif", "hatching-1.tif")
    assert all(node.isVisible() for node in session.group().findLayers())


def test_another_answer_changes_source_and_title_and_nothing_else(
    session: Session, live: LiveLayers, project: QgsProject
) -> None:
    score = answer(live)
    ids = {role: live.layer(role).id() for role in ("score", "hatching")}
    root = project.layerTreeRoot()
    node = root.findLayer(score.id())
    root.addChildNode(node.clone())
    node.parent().removeChildNode(node)
    root.findLayer(score.id()).setItemVisibilityChecked(False)
    root.findLayer(ids["hatching"]).setExpanded(False)
    score.renderer().setOpacity(0.4)
    score.setCustomProperty("mine", "kept")
    for number in range(2, 8):
        score = answer(live, [(254, 0, 0, 0)], title=f"Score after {number} clicks")
        assert Path(score.source()).name == f"score-{number % SLOTS}.tif"
    assert {role: live.layer(role).id() for role in ids} == ids and len(project.mapLayers()) == 2
    assert order(session) == [HATCHED] and [child.name() for child in root.children()][1:] == ["Score after 7 clicks"]
    assert not root.findLayer(score.id()).isVisible() and not root.findLayer(ids["hatching"]).isExpanded()
    assert score.renderer().opacity() == pytest.approx(0.4) and score.customProperty("mine") == "kept"
    assert like(drawn(score)[0], ORANGE, 0.4 * 0.75 * 255), "the new file is what is drawn"


def test_files_take_turns_and_their_folder_is_made_when_it_is_needed(live: LiveLayers) -> None:
    assert not live.folder.exists()
    pairs = [live.next_files() for _ in range(2 * SLOTS)]
    assert live.folder.is_dir() and pairs[:SLOTS] == pairs[SLOTS:] and len(set(pairs)) == SLOTS
    assert all(path.parent == live.folder and path.suffix == ".tif" for pair in pairs for path in pair)
    assert len({path for pair in pairs for path in pair}) == 2 * SLOTS


def test_a_folder_that_cannot_be_made_is_an_error(session: Session, tmp_path: Path) -> None:
    (tmp_path / "tiles.live").write_text("a file")
    with pytest.raises(OSError):
        LiveLayers(tmp_path / "tiles.live", session.group).next_files()


def test_the_first_answer_changes_the_project_and_later_ones_do_not(live: LiveLayers, project: QgsProject) -> None:
    project.layersAdded.connect(lambda: project.setDirty(True))  # as the desktop does
    project.layersRemoved.connect(lambda: project.setDirty(True))
    project.setDirty(False)
    score = answer(live)
    assert project.isDirty()
    for layer in (score, live.layer("hatching")):
        for signal in (layer.nameChanged, layer.dataSourceChanged):
            signal.connect(lambda: project.setDirty(True))
    project.setDirty(False)
    answer(live, title="Score of another title")
    assert not project.isDirty()
    live.forget_score()
    assert live.layer("score") is None and not project.isDirty()
    answer(live)
    project.setDirty(True)
    answer(live)
    live.forget_score()
    assert project.isDirty(), "what the user changed stays unsaved"


def test_a_layer_that_the_user_removed_comes_back_with_the_next_answer(
    session: Session, live: LiveLayers, project: QgsProject
) -> None:
    old = answer(live).id()
    project.removeMapLayer(old)
    assert live.layer("score") is None
    assert like(drawn(answer(live))[2], ORANGE, 0.75 * 255) and live.layer("score").id() != old
    assert order(session) == [HATCHED, "Score of change"]
    project.removeMapLayer(live.layer("hatching").id())
    answer(live)
    assert order(session) == [HATCHED, "Score of change"]
    assert like(drawn(live.layer("hatching"))[1], UNKNOWN_LINES, UNKNOWN_LINES.alpha())
    project.removeAllMapLayers()
    project.layerTreeRoot().removeChildNode(session.group())
    answer(live)
    assert order(session) == [HATCHED, "Score of change"] and len(project.mapLayers()) == 2


def test_each_tiles_have_layers_of_their_own(session: Session, live: LiveLayers, tmp_path: Path) -> None:
    other = LiveLayers(tmp_path / "other.live", session.group)
    first, second = answer(live, title="first"), answer(other, title="second")
    assert first.id() != second.id() and live.layer("score") is first and other.layer("score") is second
    other.forget_score()
    assert live.layer("score") is first and other.layer("score") is None


def test_without_a_model_the_score_goes_and_the_hatching_stays(live: LiveLayers, project: QgsProject) -> None:
    answer(live)
    hatching = write(live.next_files()[1], [(1, 1, 1, 1)], 0)
    assert live.show(None, hatching, (), "", CHANGE, "") == [live.layer("hatching")]
    assert live.layer("score") is None and live.layer("hatching").source() == hatching
    live.forget_score()
    assert len(project.mapLayers()) == 1
    assert like(drawn(answer(live))[2], ORANGE, 0.75 * 255), "the look is set anew"


def test_an_answer_whose_hatching_hangs_already_leaves_it_alone(live: LiveLayers) -> None:
    answer(live)
    before = live.layer("hatching").source()
    score = write(live.next_files()[0], [(254, 254)], 255)
    assert live.show(score, None, TWO, "change", CHANGE, "Score") == [live.layer("score")]
    assert live.layer("hatching").source() == before


def test_a_picture_that_is_not_there_is_not_shown_and_the_next_one_mends_the_layer(
    live: LiveLayers, project: QgsProject
) -> None:
    nowhere = str(live.folder / "nowhere.tif")
    assert live.show(nowhere, nowhere, TWO, "change", CHANGE, "Score") == [] and project.mapLayers() == {}
    old = answer(live).id()
    assert live.show(nowhere, nowhere, TWO, "change", CHANGE, "Score") == []
    assert not live.layer("score").isValid() and not live.layer("hatching").isValid()
    live.set_look(UNCERTAINTY, 0.5, 0.5)
    live.set_look(SCORE, 0.5, 0.75)
    score = answer(live)
    assert score.id() == old and score.isValid() and live.layer("hatching").isValid()
    assert like(drawn(score)[2], ORANGE, 0.75 * 255)
    assert like(drawn(live.layer("hatching"))[2], EXTRAPOLATED_LINES, EXTRAPOLATED_LINES.alpha())


@pytest.mark.parametrize("deleted", [False, True])
def test_a_project_that_is_read_again_keeps_its_layers_even_if_their_pictures_were_deleted(
    session: Session, live: LiveLayers, project: QgsProject, tmp_path: Path, deleted: bool
) -> None:
    answer(live)
    ids = {role: live.layer(role).id() for role in ("score", "hatching")}
    project.layerTreeRoot().findLayer(ids["score"]).setItemVisibilityChecked(False)
    live.layer("score").renderer().setOpacity(0.5)
    assert project.write(str(tmp_path / "p.qgz"))
    project.clear()
    if deleted:
        for path in live.folder.iterdir():
            path.unlink()
    assert project.read(str(tmp_path / "p.qgz"))
    again = LiveLayers(live.folder, session.group)
    assert {role: again.layer(role).id() for role in ids} == ids
    assert again.layer("score").isValid() is not deleted
    score = answer(again, title="After reading")
    assert {role: again.layer(role).id() for role in ids} == ids and len(project.mapLayers()) == 2
    assert order(session) == [HATCHED, "After reading"]
    assert not project.layerTreeRoot().findLayer(score.id()).isVisible()
    assert like(drawn(score)[2], ORANGE, 0.75 * 255 * 0.5)
    assert like(drawn(again.layer("hatching"))[1], UNKNOWN_LINES, UNKNOWN_LINES.alpha())


def test_sweeping_removes_what_no_layer_shows(live: LiveLayers, project: QgsProject) -> None:
    live.sweep()
    for path in live.next_files():
        write(path, [(1, 2)], 255)
    live.sweep()
    assert not live.folder.exists(), "no answer was ever shown"
    for _ in range(SLOTS):
        answer(live)
    (live.folder / "notes.tif").write_text("the user's")
    live.sweep()
    assert sorted(path.name for path in live.folder.glob("*.tif")) == ["hatching-1.tif", "notes.tif", "score-1.tif"]
    assert live.layer("score").isValid() and like(drawn(live.layer("score"))[2], ORANGE, 0.75 * 255)
    project.removeAllMapLayers()
    live.sweep()
    assert [path.name for path in live.folder.glob("*.tif")] == ["notes.tif"]


def test_nothing_is_swept_that_a_saved_project_may_show(
    session: Session, live: LiveLayers, project: QgsProject, tmp_path: Path
) -> None:
    answer(live)
    answer(live)
    files = set(live.folder.iterdir())
    project.write(str(tmp_path / "p.qgz"))
    live.sweep()
    project.clear()
    LiveLayers(live.folder, session.group).sweep()
    assert set(live.folder.iterdir()) == files, "another project may show what was there before"
    live.forget()
    assert set(live.folder.iterdir()) == files, "the project that was saved is closed, but will be opened again"


# Their looks


def test_the_score_rises_from_faint_blue_to_orange_and_hatching_is_of_two_kinds(live: LiveLayers) -> None:
    low, middle, rising, high, nodata = drawn(answer(live, [(0, 127, 190, 254, 255)]))
    assert like(low, BLUE, 0.75 * FAINT) and like(middle, MIDDLE, 0.75 * (FAINT + 255) / 2)
    halfway = [(a + b) // 2 for a, b in zip(QColor(ORANGE).getRgb(), MIDDLE.getRgb())]
    assert like(rising, QColor(*halfway), 0.75 * (FAINT + 3 * 255) / 4)
    assert like(high, ORANGE, 0.75 * 255) and nodata.alpha() == 0
    clear, unknown, extrapolated, _ = drawn(live.layer("hatching"))
    assert clear.alpha() == 0 and like(unknown, UNKNOWN_LINES, UNKNOWN_LINES.alpha())
    assert like(extrapolated, EXTRAPOLATED_LINES, EXTRAPOLATED_LINES.alpha())


@pytest.mark.parametrize(("threshold", "of_the_class"), [(0.0, 5), (0.25, 3), (0.5, 2), (0.75, 1), (1.0, 1)])
def test_the_threshold_moves_what_is_drawn_as_the_class(
    live: LiveLayers, threshold: float, of_the_class: int
) -> None:
    score = answer(live, [(0, 63, 64, 127, 254, 255)])
    live.set_look(CLASSES, threshold, 0.5)
    *pixels, nodata = drawn(score)
    below, above = pixels[: 5 - of_the_class], pixels[5 - of_the_class :]
    assert all(like(pixel, BLUE, 0.5 * FAINT) for pixel in below)
    assert all(like(pixel, ORANGE, 0.5 * 255) for pixel in above) and nodata.alpha() == 0


def test_the_cut_is_the_least_score_at_or_above_the_threshold() -> None:
    for number in range(101):
        assert score_of(number / 100) == math.ceil(Fraction(number, 100) * 254)
    assert [score_of(score / 254) for score in range(255)] == list(range(255))
    assert (score_of(-1), score_of(2)) == (0, 254)


def test_uncertainty_is_strongest_in_the_middle_and_gone_at_the_ends(live: LiveLayers) -> None:
    score = answer(live, [(0, 64, 127, 190, 254, 255)])
    live.set_look(UNCERTAINTY, 0.5, 1.0)
    no, rising, unsure, falling, yes, nodata = drawn(score)
    assert like(unsure, UNSURE, 255) and like(rising, UNSURE, 255 * 64 / 127) and like(falling, UNSURE, 255 * 64 / 127)
    assert no.alpha() == yes.alpha() == nodata.alpha() == 0


def test_opacity_is_in_the_colours_and_the_renderers_stays_the_users(live: LiveLayers) -> None:
    score = answer(live)
    for opacity in (0.0, 0.2, 1.0):
        live.set_look(SCORE, 0.5, opacity)
        assert like(drawn(score)[2], ORANGE, opacity * 255) and score.renderer().opacity() == 1
    score.renderer().setOpacity(0.5)
    live.set_look(CLASSES, 0.5, 0.8)
    assert score.renderer().opacity() == 0.5 and like(drawn(score)[2], ORANGE, 0.5 * 0.8 * 255)


def test_three_classes_are_drawn_in_the_colours_of_their_table(live: LiveLayers) -> None:
    bands = [(0, 254, 254, 255), (1, 2, 3, 255), (0, 254, 127, 255)]
    score = answer(live, bands, names=THREE, shown="forest", table=COVER)
    unlike, alike, _, nodata = drawn(score)
    assert unlike.alpha() == 0 and like(alike, "#123456", 0.75 * 255) and nodata.alpha() == 0
    live.set_look(CLASSES, 0.9, 0.5)
    *classes, nodata = drawn(score)
    assert all(like(pixel, COVER.by_code(code).colour, 0.5 * 255) for pixel, code in zip(classes, THREE))
    assert nodata.alpha() == 0
    assert [entry.label for entry in score.renderer().classes()] == ["water", "Old forest", "town"]
    live.set_look(UNCERTAINTY, 0.5, 1.0)
    sure, unsure, between, nodata = drawn(score)
    assert sure.alpha() == nodata.alpha() == 0 and like(unsure, UNSURE, 255) and like(between, UNSURE, 255 / 2)


def test_another_table_or_another_class_shown_is_drawn_at_the_next_answer(live: LiveLayers) -> None:
    bands = [(254, 254), (1, 2), (0, 0)]
    answer(live, bands, names=THREE, shown="water", table=COVER)
    for shown, table in (("town", COVER), ("town", COVER.changed("town", colour="#abcdef"))):
        score = answer(live, bands, names=THREE, shown=shown, table=table)
        assert like(drawn(score)[0], table.by_code(shown).colour, 0.75 * 255)
    score = answer(live, [(0, 254)], names=TWO, shown="change", table=CHANGE.changed("nochange", colour="#00ff00"))
    assert score.bandCount() == 1 and like(drawn(score)[0], "#00ff00", 0.75 * FAINT)
    answer(live, bands, names=THREE, shown="water", table=CHANGE)
    assert like(drawn(live.layer("score"))[0], "#7f7f7f", 0.75 * 255), "a class that the table has not is grey"


def test_another_look_changes_symbology_alone(live: LiveLayers, project: QgsProject) -> None:
    live.set_look(UNCERTAINTY, 0.5, 0.5)
    assert project.mapLayers() == {}, "no answer, no layer"
    score = answer(live)
    assert like(drawn(score)[1], UNSURE, 0.5 * 255), "an answer comes with the look chosen before"
    files = {path: path.stat().st_mtime_ns for path in live.folder.glob("*.tif")}
    before = (score.id(), score.name(), score.source(), live.layer("hatching").source())
    repainted: list[str] = []
    score.repaintRequested.connect(lambda *_: repainted.append("score"))
    for look in ((CLASSES, 0.1, 0.9), (SCORE, 0.2, 0.3)):
        live.set_look(*look)
    assert repainted.count("score") >= 2 and score is live.layer("score")
    assert (score.id(), score.name(), score.source(), live.layer("hatching").source()) == before
    assert {path: path.stat().st_mtime_ns for path in live.folder.glob("*.tif")} == files


def test_what_the_user_changed_by_hand_stays_until_another_look_is_chosen(live: LiveLayers) -> None:
    for layer in (answer(live), live.layer("hatching")):
        layer.setRenderer(QgsSingleBandGrayRenderer(layer.dataProvider(), 1))
    score = answer(live)
    live.set_look(SCORE, 0.9, 0.75)
    assert score.renderer().type() == live.layer("hatching").renderer().type() == "singlebandgray"
    live.set_look(CLASSES, 0.9, 0.75)
    assert like(drawn(score)[2], ORANGE, 0.75 * 255)
    assert live.layer("hatching").renderer().type() == "singlebandgray"


@pytest.mark.parametrize("view", [SCORE, CLASSES, UNCERTAINTY])
def test_a_saved_project_draws_the_answer_as_it_was(
    live: LiveLayers, project: QgsProject, tmp_path: Path, view: str
) -> None:
    live.set_look(view, 0.3, 0.6)
    before = [colour.getRgb() for colour in drawn(answer(live, [(0, 70, 80, 254, 255)]))]
    assert project.write(str(tmp_path / "p.qgz"))
    project.clear()
    assert project.read(str(tmp_path / "p.qgz"))
    assert [colour.getRgb() for colour in drawn(live.layer("score"))] == before


def test_a_file_that_a_layer_shows_is_never_handed_out(live: LiveLayers, project: QgsProject) -> None:
    answer(live)
    for _ in range(3 * SLOTS):
        files = live.next_files()
        assert not {Path(layer.source()) for layer in project.mapLayers().values()} & set(files)
        assert live.show(write(files[0], [(0, 254)], 255), None, TWO, "change", CHANGE, "Score"), "the hatching hangs"
    shown = Path(live.layer("score").source())
    assert shown not in [live.next_files()[0] for _ in range(2 * SLOTS)], "questions that are never answered"


def test_nothing_is_left_of_a_folder_whose_pictures_no_layer_shows(live: LiveLayers, project: QgsProject) -> None:
    answer(live)
    answer(live)
    project.removeAllMapLayers()
    live.sweep()
    assert not live.folder.exists(), "nor of what QGIS wrote beside them"


def test_an_error_leaves_a_clean_project_clean(project: QgsProject) -> None:
    project.setDirty(False)
    with pytest.raises(OSError), clean_project():
        project.setDirty(True)
        raise OSError
    assert not project.isDirty()
