"""The label layer of ours: its fields, its labels, and writing to disk at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import METADATA, read_classes
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.plugin.layers.styling import BLUE, ORANGE
from bitscape.processing.errors import InputError, OutputError
from bitscape.tests.plugin.label_layer.scene import (
    UTM,
    at,
    on_disk,
    seconds_of,
)
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
)


def test_new_layer_has_fields_classes_crs_and_style(labels: LabelLayer, tmp_path: Path) -> None:
    layer = labels.layer
    assert layer.crs() == UTM and labels.crs == UTM and labels.path == str(tmp_path / "labels.gpkg")
    assert layer.fields().names() == ["fid", "label", *METADATA]
    assert labels.labels() == [] and labels.counts() == {"change": 0, "nochange": 0}
    assert read_classes(labels.path) == ClassTable.change_detection()
    assert layer.id() not in QgsProject.instance().mapLayers()
    change, same, other = layer.renderer().categories()
    assert (change.value(), same.value(), other.value()) == ("change", "nochange", None)
    markers = [category.symbol().symbolLayer(0) for category in (change, same)]
    assert [marker.color().name() for marker in markers] == [ORANGE, BLUE]
    assert markers[0].shape() != markers[1].shape()
    assert {marker.strokeColor().name() for marker in markers} == {"#ffffff"}
    assert {file.name.split("-")[0] for file in tmp_path.iterdir()} == {"labels.gpkg"}


def test_create_refuses_to_overwrite_and_explains_bad_places(labels: LabelLayer, tmp_path: Path) -> None:
    labels.add(at(1), "change")
    with pytest.raises(OutputError, match="exists already"):
        LabelLayer.create(tmp_path / "labels.gpkg", UTM, ClassTable.change_detection())
    assert on_disk(tmp_path / "labels.gpkg") == [(1, "change")]
    with pytest.raises(OutputError, match="does not exist"):
        LabelLayer.create(tmp_path / "no" / "labels.gpkg", UTM, ClassTable.change_detection())
    with pytest.raises(InputError, match="CRS"):
        LabelLayer.create(tmp_path / "x.gpkg", QgsCoordinateReferenceSystem(), ClassTable.change_detection())
    if os.geteuid() == 0 and Path("/sys/kernel").is_dir():
        with pytest.raises(OutputError, match="could not be written"):
            LabelLayer.create("/sys/kernel/labels.gpkg", UTM, ClassTable.change_detection())


def test_add_fills_what_a_label_says_of_itself(labels: LabelLayer) -> None:
    first, second = labels.add(
        at(10, 20), "change", {"image_date": "2024-05-01", "interpreter": "Ada", "certainty": "80", "unknown": "x"})
    assert (first.x, first.y, first.code, first.role) == (10, 1, "change", "train")
    assert len(first.uuid) == 36 and first.uuid != second.uuid and first.fid != second.fid
    feature = labels.layer.getFeature(first.fid)
    assert feature["uuid"] == first.uuid and feature["certainty"] == 80 and feature["interpreter"] == "Ada"
    assert feature["image_date"] == "2024-05-01" and feature["created"] == first.created
    assert first.created.endswith("+00:00") and abs(time.time() - seconds_of(first.created)) < 60
    assert feature["when"] == NULL
    assert labels.counts() == {"change": 2, "nochange": 0}
    assert labels.layer.extent().toRectF().width() == 10, "QGIS knows the new extent"
    with pytest.raises(InputError, match="certainty"):
        labels.add(at(1), "change", {"certainty": "quite"})
    with pytest.raises(InputError, match="nowhere"):
        labels.add([QgsPointXY(float("nan"), 1)], "change")
    with pytest.raises(InputError, match="class first"):
        labels.add(at(1), "")
    assert len(labels.labels()) == 2 and labels.add([], "change") == []


def test_remove_restore_and_relabel(labels: LabelLayer) -> None:
    added = labels.add(at(1, 2, 3), "change", {"interpreter": "Ada"})
    removed = labels.remove([added[1].fid, added[0].fid, 999, added[1].fid])
    assert [feature.geometry().asPoint().x() for feature in removed] == [2, 1]
    assert on_disk(Path(labels.path)) == [(3, "change")] and labels.remove([999]) == []
    fids = labels.restore(removed)
    assert [labels.of(fid)[0].x for fid in fids] == [2, 1]
    assert {label.uuid for label in labels.labels()} == {label.uuid for label in added}
    assert labels.layer.getFeature(fids[0])["interpreter"] == "Ada"
    assert labels.relabel([fids[0], 999], "nochange") == {fids[0]: "change"}
    assert on_disk(Path(labels.path)) == [(1, "change"), (2, "nochange"), (3, "change")]
    assert labels.counts() == {"change": 2, "nochange": 1}


def test_validation_labels_and_labels_without_class_never_train(labels: LabelLayer) -> None:
    labels.add(at(1), "change")
    labels.add(at(2), "change", {"role": "Validate "})
    feature = QgsFeature(labels.layer.dataProvider().fields())
    feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(3, 0.3)))
    labels.restore([feature])
    assert [label.x for label in labels.labels()] == [1]
    assert sorted(label.x for label in labels.labels(trainable_only=False)) == [1, 2, 3]
    assert labels.nearest(QgsPointXY(2, 0.2), 5).x == 1
    assert labels.counts() == {"change": 1, "nochange": 0}


def test_nearest_is_within_the_radius_and_follows_writes(labels: LabelLayer) -> None:
    assert labels.nearest(QgsPointXY(0, 0), 1e9) is None
    first, second = labels.add(at(0, 10), "change")
    assert labels.nearest(QgsPointXY(6, 1), 5).fid == second.fid
    assert labels.nearest(QgsPointXY(5, 50), 5) is None
    labels.remove([second.fid])
    assert labels.nearest(QgsPointXY(6, 0), 50).fid == first.fid
    newer = labels.add(at(0), "nochange")[0]
    assert labels.nearest(QgsPointXY(0, 0), 1).fid == newer.fid, "what lies on top is removed first"
