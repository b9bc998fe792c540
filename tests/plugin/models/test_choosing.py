"""A model and a raster are chosen: what is said of them, which bands are proposed, what hinders, what is remembered."""

from __future__ import annotations

import shutil
from pathlib import Path

from bitscape.plugin.dock.folding import WIDTH
from bitscape.plugin.dock.models import model_files
from bitscape.plugin.dock.models.model_files import dropped_models, dropped_rasters
from bitscape.tests.plugin.models.scene import Window, write_picture
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal
from qgis.core import QgsRasterLayer
from qgis.PyQt.QtCore import QMimeData, QUrl


def test_every_state_before_there_is_something_to_run_has_words(window: Window) -> None:
    tab = window.tab
    assert "No model yet" in tab.model.state.text() and not tab.model.card.isVisibleTo(tab)
    assert tab.run.names.text() == "Choose a model first." and not tab.run.go.isEnabled()
    assert not tab.previews.start.isEnabled() and not tab.providers.isVisibleTo(tab)
    window.take("cover")
    assert window.choice.hindrance() == ""
    assert tab.previews.start.isEnabled()


def test_the_card_says_what_it_finds_and_where_each_value_comes_from(window: Window) -> None:
    window.take("cover")
    card = window.tab.model.card
    finds = card.text_of("Finds")
    for name, colour in (("bare&nbsp;ground", "#c8a46e"), ("plants", "#2f8f3a"), ("water", "#2a6fbb")):
        assert name in finds and colour in finds
    assert card.text_of("From") == "B02, B03, B04, B08"
    assert card.text_of("Scaling") == "" == card.text_of("Licence"), "what few look for is folded away"
    assert card.text_of("Resolution") == "10 m a pixel" and "12 parameters" not in window.tab.model.state.text()
    assert "0.873" in card.text_of("Measured")
    window.tab.model.more.setChecked(True)
    assert card.text_of("Scaling") == "values divided by 10,000"
    assert card.text_of("Resolution") == "10 m a pixel; windows of 128 pixels"
    assert "0.873" in card.text_of("Measured") and "nothing that was measured" in card.text_of("Measured")
    assert card.text_of("Licence") == "CC0-1.0" and "Clouds" in card.text_of("Limits")
    tips = {name.text(): text.toolTip() for name, text in card.rows}
    assert "its metadata" in tips["Finds"] and "its metadata" in tips["Licence"]
    state = window.tab.model.state.text()
    assert "Land cover of tests" in state and "segmentation" in state and "12 parameters" in state
    assert not window.tab.model.form.isVisibleTo(window.tab), "nothing is asked of a model that says everything"


def test_bands_are_proposed_by_name_with_the_reason_and_can_be_changed(window: Window) -> None:
    window.take("cover")
    table = window.tab.channels
    assert window.choice.mapping == [1, 2, 3, 4] and window.choice.bands is None
    assert [box.currentText() for box in table.boxes] == ["1: B02", "2: B03", "3: B04", "4: B08"]
    assert "its name is 'B02'" in table._rows[0][2].text()
    assert table.summary.text() == "Bands 1, 2, 3, 4, by their names" and not table.summary.isChecked()
    table.summary.click()
    box = table.boxes[3]
    box.setCurrentIndex(box.findData(1))
    box.activated.emit(box.currentIndex())
    assert window.choice.bands == [1, 2, 3, 1] and table._rows[3][2].text() == "chosen by you"
    assert table.again.isVisibleTo(window.tab)
    table.again.click()
    assert window.choice.bands is None and table.boxes[3].currentText() == "4: B08"


def test_the_tab_is_never_wider_than_the_dock(window: Window) -> None:
    widths = {"nothing": window.tab.minimumSizeHint().width()}
    for name in ("cover", "bare", "height"):
        window.take(name)
        for button in (window.tab.channels.summary, window.tab.model.more):
            button.setChecked(True)
        widths[name] = window.tab.minimumSizeHint().width()
    parts = {type(part).__name__: part.minimumSizeHint().width() for part in (
        window.tab.model, window.tab.model.form, window.tab.channels, window.tab.providers, window.tab.previews,
        window.tab.run, window.tab.use)}
    assert max(widths.values()) <= WIDTH - 14, (widths, parts)


def test_a_raster_that_does_not_fit_is_refused_with_what_was_expected_and_found(window: Window) -> None:
    window.take("cover")
    small = window.folder / "small.tif"
    gdal.Translate(str(small), str(window.raster), bandList=[1, 2])
    window.tab.rasters.set_source(str(small))
    window.settle()
    text = window.tab.channels.words.text()
    assert "lacks" in text and "B04" in text and "B08" in text and "has 2" in text
    assert window.choice.hindrance() and not window.tab.run.go.isEnabled()
    assert not window.tab.previews.start.isEnabled()
    window.choice.set_band(2, 1)
    window.choice.set_band(3, 2)
    assert window.choice.hindrance() == "", "the user may know better"


def test_a_wrong_scale_is_warned_of_and_hinders_nothing(window: Window) -> None:
    window.take("cover")
    other = write_picture(window.folder / "floats.tif", factor=1, kind=gdal.GDT_Float32)
    window.tab.rasters.set_source(str(other))
    window.settle()
    assert "scaled already" in window.tab.channels.words.text()
    assert window.choice.hindrance() == ""


def test_what_is_no_model_and_what_is_gone_have_words(window: Window) -> None:
    window.take("broken")
    assert window.choice.info is None and "broken.onnx" in window.tab.model.state.text()
    assert "⚠" in window.tab.model.state.text() and not window.tab.run.go.isEnabled()
    window.take("cover")
    assert window.choice.failure == "" and window.choice.hindrance() == ""
    window.choice.set_raster(str(window.folder / "nowhere.tif"))
    window.settle()
    assert "nowhere.tif" in window.choice.hindrance()


def test_models_and_rasters_can_be_dropped(window: Window) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(window.models / "cover.onnx")), QUrl.fromLocalFile(str(window.raster)),
                  QUrl.fromLocalFile(str(window.folder / "none.onnx"))])
    assert dropped_models(data) == [window.models / "cover.onnx"]
    assert dropped_rasters(data) == [str(window.raster)]


def test_models_used_lately_are_offered_again(window: Window, tmp_path: Path) -> None:
    mine = tmp_path / "mine.onnx"
    shutil.copy(window.models / "cover.onnx", mine)
    window.tab.model.take(mine)
    window.settle()
    assert model_files.recent() == [mine]
    window.tab.model.refresh()
    box = window.tab.model.models
    assert box.currentData() == str(mine)
    mine.unlink()
    assert model_files.recent() == []


def test_the_rasters_of_the_project_are_offered_imagery_first(window: Window) -> None:
    single = window.folder / "classes.tif"
    gdal.Translate(str(single), str(window.raster), bandList=[1])
    window.project.addMapLayer(QgsRasterLayer(str(single), "Classes"))
    assert eventually(lambda: window.tab.rasters.count() == 2)
    names = [window.tab.rasters.itemText(row) for row in range(2)]
    assert names == ["Picture", "Classes"]
    assert window.tab.rasters.source == str(window.raster)
