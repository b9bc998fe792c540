"""The panel of imagery: what it finds, says and does."""

from __future__ import annotations

import json

from bitscape.plugin.dock.imagery_panel import ImageryPanel
from bitscape.tests.plugin.imagery.scene import (
    Scene,
    collect,
)
from qgis.core import (
    QgsLayerTreeLayer,
)
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtWidgets import QLabel


def test_panel_finds_shows_and_says(scene: Scene, panel: ImageryPanel) -> None:
    assert [(row.layer.currentLayer().name(), row.date.text()) for row in panel._rows] == [
        ("Imagery 2020", "2020"), ("Imagery 2024", "2024"),
    ]
    heard: list[str] = []
    panel.dateChanged.connect(heard.append)
    panel.previous()
    assert (heard, panel.current_date, panel.status.text()) == (["2020"], "2020", "On screen: 2020")
    assert [row._show.isChecked() for row in panel._rows] == [True, False]
    panel._rows[1]._show.click()
    assert (heard[-1], [row._show.isChecked() for row in panel._rows]) == ("2024", [False, True])
    panel._rows[1]._show.click()
    assert panel._rows[1]._show.isChecked(), "a second click must not clear it"
    panel.next()
    panel.back.click()
    assert heard == ["2020", "2024", "2020", "2024"]
    assert panel.minimumSizeHint().width() <= 340


def test_panel_takes_other_dates_and_layers(scene: Scene, panel: ImageryPanel) -> None:
    stored: list[str] = []
    panel.imageryChanged.connect(lambda: stored.append(panel.to_json()))
    metadata = scene.overlay.metadata()
    metadata.setRights(["© Agency"])
    scene.overlay.setMetadata(metadata)
    panel.next()
    panel._add.click()
    row = panel._rows[2]
    row.layer.setLayer(scene.overlay)
    assert row.licence.text() == "© Agency" and len(panel.dates.imagery) == 3
    row.date.setText("2019-04")
    row.date.editingFinished.emit()
    assert [one.date for one in panel.dates.imagery] == ["2019-04", "2020", "2024"], "not by date"
    assert json.loads(stored[-1])[0] == {"layer_id": scene.overlay.id(), "date": "2019-04", "licence": "© Agency"}
    row._remove.click()
    assert len(panel._rows) == 2 and [one.date for one in panel.dates.imagery] == ["2020", "2024"]
    panel._rows[1].layer.setLayer(scene.old)
    assert len(panel.dates.imagery) == 1 and "above" in panel._rows[1].licence.text()
    assert not panel.forward.isEnabled()
    panel.from_json(stored[0])
    assert len(panel._rows) == 3 and len(panel.dates.imagery) == 3


def test_removed_layer_leaves_an_empty_row_not_a_neighbour(scene: Scene, panel: ImageryPanel) -> None:
    panel.previous()
    panel.toggle_swipe()
    scene.project.removeMapLayer(scene.new.id())
    collect()
    assert [row.layer.currentLayer() for row in panel._rows] == [scene.old, None]
    assert [row.date.text() for row in panel._rows] == ["2020", ""]
    assert not panel.swiping.isChecked() and not panel.swiping.isEnabled() and panel.divider.isHidden()
    scene.project.clear()
    assert "No imagery" in panel.status.text() and panel.current_date == ""
    panel.find()
    assert "type its date" in panel.status.text()


def test_panel_swipes_and_tells_the_date_under_the_mouse(scene: Scene, panel: ImageryPanel) -> None:
    panel.next()
    panel.swiping.click()
    assert panel.swipe.is_enabled and panel.divider.isVisible() and panel.divider.value() == 50
    assert (panel.date_at(QPoint(50, 10)), panel.date_at(QPoint(350, 10))) == ("2020", "2024")
    assert panel.status.text() == "On screen: 2020 on the left, 2024 on the right"
    panel.divider.setValue(90)
    assert panel.swipe.position == 0.9 and panel.date_at(QPoint(350, 10)) == "2020"
    panel.swipe.set_position(0.333)
    assert (panel.swipe.position, panel.divider.value()) == (0.333, 33)
    panel.next()
    assert (panel.date_at(QPoint(50, 10)), panel.date_at(QPoint(350, 10))) == ("2020", "2024")
    panel.toggle_swipe()
    assert not panel.swipe.is_enabled and not panel.swiping.isChecked() and panel.divider.isHidden()
    assert panel.date_at(QPoint(350, 10)) == panel.current_date


def test_panel_goes_without_a_trace(scene: Scene, panel: ImageryPanel) -> None:
    items, before = len(scene.canvas.scene().items()), scene.visible()
    panel.next()
    panel.toggle_swipe()
    panel.close_imagery()
    assert scene.visible() == before and len(scene.canvas.scene().items()) == items
    scene.root.findLayer(scene.old).setItemVisibilityChecked(False)
    scene.project.removeMapLayer(scene.old.id())
    assert all(isinstance(node, QgsLayerTreeLayer) for node in scene.root.findLayers())
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in panel.findChildren(QLabel))
