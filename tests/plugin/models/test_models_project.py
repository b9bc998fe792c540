"""What the project remembers of the tab, and what another project finds."""

from __future__ import annotations

from bitscape.plugin.dock.project_entry import ProjectEntry
from bitscape.plugin.layers.live_layers import ROLE
from bitscape.plugin.layers.model_layers import PREVIEW
from bitscape.tests.plugin.models.scene import Window
from bitscape.tests.plugin.waiting import eventually
from qgis.core import QgsRasterLayer


def test_model_raster_bands_and_provider_come_back(window: Window) -> None:
    window.take("cover")
    window.choice.set_band(3, 2)
    window.choice.set_provider("cpu")
    window.settle()
    entry = ProjectEntry(**window.tab.entry())
    path = window.folder / "work.qgz"
    window.project.setFileName(str(path))
    entry.write(window.project)
    read = ProjectEntry.read(window.project)
    assert read is not None and read.model == str(window.models / "cover.onnx")
    assert read.raster == str(window.raster) and read.bands == "1,2,3,2" and read.provider == "cpu"
    window.tab.forget()
    assert window.choice.model is None and "No model yet" in window.tab.model.state.text()
    window.tab.restore(read)
    window.settle()
    assert window.choice.info is not None and window.choice.bands == [1, 2, 3, 2]
    assert window.choice.provider_chosen == "cpu" and window.tab.rasters.source == str(window.raster)
    assert window.tab.providers.box.currentData() == "cpu"
    assert window.tab.model.models.currentData() == str(window.models / "cover.onnx")


def test_a_preview_of_another_session_is_not_taken_up(window: Window) -> None:
    lost = QgsRasterLayer(str(window.folder / "gone.tif"), "Preview: x")
    lost.setCustomProperty(ROLE, PREVIEW)
    window.project.addMapLayer(lost)
    window.tab.restore(ProjectEntry(model=str(window.models / "cover.onnx")))
    assert [layer.name() for layer in window.project.mapLayers().values()] == ["Picture"]


def test_without_a_model_nothing_is_written(window: Window) -> None:
    assert window.tab.entry() == {}
    ProjectEntry(**window.tab.entry()).write(window.project)
    assert ProjectEntry.read(window.project) is None


def test_a_model_or_raster_that_is_gone_has_words(window: Window) -> None:
    window.tab.restore(ProjectEntry(model=str(window.folder / "gone.onnx"), raster=str(window.folder / "gone.tif")))
    window.settle()
    assert "gone.onnx" in window.tab.model.state.text() and "⚠" in window.tab.model.state.text()
    assert "not there any more" in window.tab.rasters.currentText()


def test_a_provider_that_is_not_here_falls_back_and_says_so(window: Window) -> None:
    model = str(window.models / "cover.onnx")
    window.tab.restore(ProjectEntry(model=model, raster=str(window.raster), provider="cuda"))
    window.settle()
    assert eventually(lambda: window.words, 10), "the message bar"
    assert "CPU" in " ".join(window.words)
    assert "CUDA" in window.tab.providers.words.text() and "CPU" in window.tab.providers.words.text()
    assert "not here" in window.tab.providers.box.currentText()
