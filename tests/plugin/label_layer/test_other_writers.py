"""Labels and classes when others edit, remove, lock or fill the disk."""

from __future__ import annotations

import sqlite3
import statistics
import time
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_field import text_of
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import read_classes
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import InputError, OutputError
from bitscape.tests.plugin.label_layer.scene import (
    UTM,
    at,
    make,
    on_disk,
)
from qgis.core import (
    NULL,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)


def test_edit_mode_is_refused_and_edits_are_seen(labels: LabelLayer) -> None:
    label = labels.add(at(1), "change")[0]
    seen: list[int] = []
    labels.edited_elsewhere.connect(lambda: seen.append(1))
    labels.layer.startEditing()
    feature = labels.layer.getFeature(label.fid)
    for write in (lambda: labels.add(at(2), "change"), lambda: labels.remove([label.fid]), labels.check_writable,
                  lambda: labels.relabel([label.fid], "nochange"), lambda: labels.restore([feature])):
        with pytest.raises(InputError, match=r"edit mode\. Save or discard your edits first"):
            write()
    assert on_disk(Path(labels.path)) == [(1, "change")] and not seen
    feature = QgsFeature(labels.layer.fields())
    feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(5, 0)))
    feature["label"] = "nochange"
    labels.layer.addFeature(feature)
    assert seen and labels.counts() == {"change": 1, "nochange": 1}
    labels.layer.changeAttributeValue(label.fid, labels.layer.fields().indexFromName("label"), "nochange")
    assert labels.counts() == {"nochange": 2, "change": 0}
    labels.layer.rollBack()
    assert labels.counts() == {"change": 1, "nochange": 0}
    labels.layer.startEditing()
    labels.layer.deleteFeature(label.fid)
    assert labels.labels() == []
    labels.layer.commitChanges()
    assert labels.labels() == [] and labels.add(at(3), "change")


def test_own_writes_are_no_edits_from_elsewhere_and_others_are_told(labels: LabelLayer) -> None:
    seen: list[str] = []
    labels.edited_elsewhere.connect(lambda: seen.append("elsewhere"))
    labels.layer.dataChanged.connect(lambda: seen.append(f"data {len(labels.labels())}"))
    labels.layer.repaintRequested.connect(lambda *_: seen.append("repaint"))
    label = labels.add(at(1), "change")[0]
    assert seen == ["data 1", "repaint"] and len(labels.labels()) == 1
    labels.relabel([label.fid], "nochange")
    labels.remove([label.fid])
    assert seen == ["data 1", "repaint"] * 2 + ["data 0", "repaint"]


def test_filters_and_other_writers_are_followed(labels: LabelLayer) -> None:
    labels.add(at(1), "change")
    labels.add(at(2), "nochange")
    labels.layer.setSubsetString("label = 'change'")
    assert [label.x for label in labels.labels()] == [1]
    labels.layer.setSubsetString("")
    assert len(labels.labels()) == 2
    other = QgsVectorLayer(labels.layer.source(), "other", "ogr")
    assert other.dataProvider().deleteFeatures([labels.labels()[0].fid])
    labels.layer.reload()
    assert [label.x for label in labels.labels()] == [2]


def test_a_removed_layer_and_a_file_that_is_gone(tmp_path: Path) -> None:
    labels = LabelLayer.create(tmp_path / "labels.gpkg", UTM, ClassTable.change_detection())
    labels.add(at(1), "change")
    (tmp_path / "labels.gpkg").rename(tmp_path / "moved.gpkg")
    with pytest.raises(InputError, match="not there any more"):
        labels.add(at(2), "change")
    (tmp_path / "moved.gpkg").rename(tmp_path / "labels.gpkg")
    assert labels.add(at(2), "change")
    QgsProject.instance().addMapLayer(labels.layer)
    QgsProject.instance().removeMapLayer(labels.layer)
    assert labels.labels() == [] and labels.nearest(QgsPointXY(1, 0), 9) is None and labels.path == ""
    assert not labels.crs.isValid() and labels.fid_of("x") is None
    for write in (lambda: labels.add(at(2), "change"), lambda: labels.remove([1]), labels.check_writable,
                  lambda: labels.set_table(ClassTable.of_codes(["a"]))):
        with pytest.raises(InputError, match="was removed from the project"):
            write()
    assert on_disk(tmp_path / "labels.gpkg") == [(1, "change"), (2, "change")]


def test_a_failed_write_adds_nothing_and_says_why(tmp_path: Path) -> None:
    """A constraint of the user's own table: the second of two labels breaks it."""
    path = tmp_path / "mine.gpkg"
    make(path, extra=("interpreter",))
    with sqlite3.connect(path) as database:
        database.execute("CREATE UNIQUE INDEX one_each ON mine (interpreter)")
    database.close()
    labels = LabelLayer(QgsVectorLayer(str(path), "mine", "ogr"), "class")
    with pytest.raises(OutputError, match=r"(?s)mine could not be written.*UNIQUE"):
        labels.add(at(70, 71), "a", {"interpreter": "Ada"})
    assert on_disk(path, "class") == [(0, "a"), (1, "b"), (2, "a")]
    assert len(labels.labels()) == 3
    assert labels.add(at(72), "a", {"interpreter": "Bob"})
    assert len(on_disk(path, "class")) == 4


def test_a_full_disk_is_told_and_leaves_whole_labels(small_disk: Path) -> None:
    labels = LabelLayer.create(small_disk / "labels.gpkg", UTM, ClassTable.change_detection())
    count = 0
    with pytest.raises(OutputError, match="labels could not be written") as error:
        for number in range(10_000):
            labels.add([QgsPointXY(number, 0) for _ in range(20)], "change")
            count += 20
    assert "full" in error.value.message, error.value.message
    assert len(labels.labels()) == count
    assert len(on_disk(small_disk / "labels.gpkg")) == count


def test_class_table_goes_with_the_file_and_new_codes_are_added(labels: LabelLayer) -> None:
    table = ClassTable.change_detection().adding("water").changed("change", colour="#010203")
    labels.set_table(table)
    labels.add(at(1), "water")
    again = LabelLayer(QgsVectorLayer(labels.layer.source(), "again", "ogr"))
    assert again.table == table and again.table.positive == ""
    again.add(at(2), "soil")
    third = LabelLayer(QgsVectorLayer(labels.layer.source(), "third", "ogr"))
    assert [one.code for one in third.table.classes] == ["change", "nochange", "water", "soil"]
    assert third.table.by_code("change").colour == "#010203"
    third.set_table(ClassTable.change_detection())
    assert read_classes(labels.path) == ClassTable.change_detection()
    assert third.labels()[0].code == "water", "labels are not touched by the table"


def test_a_users_geopackage_gets_no_table_and_a_foreign_or_broken_one_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "mine.gpkg"
    labels = LabelLayer(make(path), "class")
    labels.set_table(ClassTable.of_codes(["a", "b", "c"]))
    assert read_classes(path) is None
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT table_name FROM gpkg_contents").fetchall() == [("mine",)]
    database.close()
    assert LabelLayer(labels.layer, "class").table.by_code("c")
    ours = LabelLayer.create(tmp_path / "ours.gpkg", UTM, ClassTable.change_detection())
    source = ours.layer.source()
    with sqlite3.connect(tmp_path / "ours.gpkg") as database:
        database.execute("UPDATE classes SET colour = 'javascript:alert()', shape = NULL")
    database.close()
    assert read_classes(tmp_path / "ours.gpkg") is None
    assert LabelLayer(QgsVectorLayer(source, "x", "ogr")).table == ClassTable.change_detection()


def test_a_locked_file_keeps_the_old_classes(impatient: None, labels: LabelLayer) -> None:
    blocker = sqlite3.connect(labels.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(OutputError, match="lock"):
            labels.set_table(ClassTable.of_codes(["a", "b"]))
        assert labels.table == ClassTable.change_detection()
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert labels.add(at(1), "change") and len(on_disk(Path(labels.path))) == 1


@pytest.mark.parametrize(("fields", "expected"), [
    ("name:string&field=Label:string", "Label"), ("name:string&field=class_id:int", "name"),
    ("uuid:string&field=role:string&field=kind:string", "kind"), ("n:int&field=klass:int", "klass"),
    ("n:int&field=d:date", None), ("uuid:string", None), ("category:date&field=classe:string(10)", "classe"),
])
def test_candidate_field(fields: str, expected: str | None) -> None:
    layer = QgsVectorLayer(f"Point?crs=EPSG:4326&field={fields}", "p", "memory")
    assert LabelLayer.candidate_field(layer) == expected


def test_classes_as_text_are_those_of_the_backend() -> None:
    values = (1, 1.0, "1 ", 1.5, True, None, NULL, float("nan"), " x y")
    assert [text_of(value) for value in values] == ["1", "1", "1", "1.5", "true", "", "", "", "x y"]


def test_copied_features_with_one_uuid_stay_two_labels(labels: LabelLayer) -> None:
    label = labels.add(at(1), "change")[0]
    copy = QgsFeature(labels.layer.getFeature(label.fid))
    copy.setAttribute("fid", NULL)
    copy.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(5, 0)))
    assert labels.layer.dataProvider().addFeatures([copy])[0]
    labels.layer.reload()
    first, second = labels.labels()
    assert first.uuid == label.uuid != second.uuid
    assert labels.fid_of(second.uuid) == second.fid
    labels.layer.reload()
    assert labels.labels()[1].uuid == second.uuid, "it keeps the name it got"


def test_a_click_does_not_wait_for_the_labels_that_are_there(tmp_path: Path) -> None:
    """Beyond the provider's own write: a click, its label in memory, all labels for training, the nearest one."""
    labels = LabelLayer.create(tmp_path / "labels.gpkg", UTM, ClassTable.change_detection())
    labels.add([QgsPointXY(n, n % 71) for n in range(5000)], "change")
    provider = labels.layer.dataProvider()
    ours, theirs = [], []
    for number in range(30):
        feature = labels.feature_at(QgsPointXY(number, -5), "change")
        start = time.perf_counter()
        assert provider.addFeatures([feature])[0]
        theirs.append(time.perf_counter() - start)
        start = time.perf_counter()
        labels.add([QgsPointXY(number, -6)], "nochange")
        assert len(labels.labels()) == 5001 + number
        assert labels.nearest(QgsPointXY(number, -6), 0.1).code == "nochange"
        ours.append(time.perf_counter() - start)
    beyond = 1000 * (statistics.median(ours) - statistics.median(theirs))
    print(f"median ms: provider {1000 * statistics.median(theirs):.2f}, beyond it {beyond:.2f}")
    assert beyond < 5
