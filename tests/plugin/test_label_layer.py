"""Label layers on real files: every write on disk at once, adopted layers of many kinds, and what is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_field import text_of
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import METADATA, read_classes
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.plugin.layers.styling import BLUE, ORANGE
from bitscape.processing.errors import InputError, OutputError
from osgeo import gdal, ogr, osr
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt import sip

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
KINDS = {".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf", ".sqlite": "SQLite"}


def at(*xs: float) -> list[QgsPointXY]:
    return [QgsPointXY(x, x / 10) for x in xs]


def make(
    path: Path, kind: int = ogr.OFTString, codes: tuple[object, ...] = ("a", "b", "a"), field: str = "class",
    geometry: int = ogr.wkbPoint, extra: tuple[str, ...] = (), width: int = 0,
) -> QgsVectorLayer:
    """A vector file of the user's, made without our code: points at x = 0, 1, 2…"""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    data = ogr.GetDriverByName(KINDS[path.suffix]).CreateDataSource(str(path))
    layer = data.CreateLayer(path.stem, reference, geometry)
    definition = ogr.FieldDefn(field, kind)
    definition.SetWidth(width)
    layer.CreateField(definition)
    for name in extra:
        layer.CreateField(ogr.FieldDefn(name, ogr.OFTString))
    for number, code in enumerate(codes):
        feature = ogr.Feature(layer.GetLayerDefn())
        if code is not None:
            feature.SetField(0, code)
        shape = f"({number} {number / 10})"
        feature.SetGeometry(ogr.CreateGeometryFromWkt(
            f"MULTIPOINT ({shape}, ({number + 0.5} 9))" if geometry == ogr.wkbMultiPoint else f"POINT {shape}"))
        layer.CreateFeature(feature)
    layer = data = None
    return QgsVectorLayer(str(path), path.stem, "ogr")


def on_disk(path: Path, field: str = "label") -> list[tuple[float, str]]:
    """What another process would read: (x, class) of every label."""
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    layer = dataset.GetLayerByName("labels") or dataset.GetLayer(0)
    return sorted((feature.GetGeometryRef().GetX(), feature.GetFieldAsString(field)) for feature in layer)


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[LabelLayer]:
    made = LabelLayer.create(tmp_path / "labels.gpkg", UTM, ClassTable.change_detection())
    yield made
    if not sip.isdeleted(made.layer):
        sip.delete(made.layer)  # before QGIS ends, which pytest outlives


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
    assert first.created.endswith("+00:00") and abs(time.time() - _seconds(first.created)) < 60
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


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


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


CHILD = """
import os, signal, sys
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import QgsApplication, QgsPointXY, QgsVectorLayer
application = QgsApplication([], True)
application.initQgis()
from bitscape.plugin.layers.label_layer import LabelLayer
path, field = sys.argv[1:]
labels = LabelLayer(QgsVectorLayer(path, "x", "ogr"), field)
for number in range(100, 140):
    labels.add([QgsPointXY(number, 0)], "a")
labels.remove([labels.nearest(QgsPointXY(120, 0), 0.1).fid])
labels.relabel([labels.nearest(QgsPointXY(121, 0), 0.1).fid], "b")
labels.add([QgsPointXY(200, 0), QgsPointXY(201, 0)], "b")
print("added", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson", ".fgb", ".sqlite"])
def test_a_killed_process_loses_no_label(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    make(path)
    done = subprocess.run([sys.executable, "-P", "-c", CHILD, str(path), "class"], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == -9 and "added" in done.stdout, done.stderr
    expected = [(0, "a"), (1, "b"), (2, "a"), *((n, "b" if n == 121 else "a") for n in range(100, 140) if n != 120),
                (200, "b"), (201, "b")]
    assert on_disk(path, "class") == expected
    layer = QgsVectorLayer(str(path), "again", "ogr")
    assert LabelLayer(layer, "class").counts() == {"a": 40, "b": 4}


@pytest.mark.parametrize("suffix", list(KINDS))
def test_adopted_files_keep_their_schema_and_every_operation_works(tmp_path: Path, suffix: str) -> None:
    layer = make(tmp_path / f"mine{suffix}")
    before = layer.fields().names()
    labels = LabelLayer(layer, "class")
    assert labels.counts() == {"a": 2, "b": 1} and labels.labels()[0].uuid
    labels.add(at(50, 51), "b", {"interpreter": "Ada"})
    keep = {label.x: label.uuid for label in labels.labels()}
    removed = labels.remove([labels.nearest(QgsPointXY(x, x / 10), 0.01).fid for x in (1, 50)])
    assert len(removed) == 2
    assert {label.x: label.uuid for label in labels.labels()} == {x: keep[x] for x in (0, 2, 51)}, \
        "labels keep the name they are known by, although files like Shapefile number anew"
    for label in labels.labels():
        assert layer.getFeature(label.fid).geometry().asPoint().x() == label.x
    labels.restore(removed, [keep[1], keep[50]])
    assert {label.x: label.uuid for label in labels.labels()} == keep
    labels.relabel([labels.fid_of(keep[0])], "b")
    assert on_disk(tmp_path / f"mine{suffix}", "class") == [(0, "b"), (1, "b"), (2, "a"), (50, "b"), (51, "b")]
    assert QgsVectorLayer(layer.source(), "again", "ogr").fields().names() == before


def test_memory_layer(tmp_path: Path) -> None:
    labels = LabelLayer(QgsVectorLayer("Point?crs=EPSG:4326&field=label:string", "m", "memory"))
    assert labels.path == "" and labels.table == ClassTable.change_detection()
    one = labels.add(at(1, 2), "change")[0]
    labels.remove([one.fid])
    assert [label.x for label in labels.labels()] == [2]
    labels.set_table(ClassTable.of_codes(["x", "y"]))
    assert LabelLayer(labels.layer).table.by_code("x"), "kept in the layer's properties, with the project"


@pytest.mark.parametrize("kind", [ogr.OFTInteger, ogr.OFTInteger64, ogr.OFTReal])
@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_classes_that_are_numbers(tmp_path: Path, kind: int, suffix: str) -> None:
    layer = make(tmp_path / f"n{suffix}", kind, (1, 0, None, 12))
    labels = LabelLayer(layer, "class")
    assert [one.code for one in labels.table.classes] == ["0", "1", "12"]
    assert [label.code for label in labels.labels()] == ["1", "0", "12"]
    label = labels.add(at(7), "3")[0]
    assert label.code == "3" and layer.getFeature(label.fid)["class"] == 3
    labels.relabel([label.fid], "12")
    assert layer.getFeature(label.fid)["class"] == 12
    for code in ("water", "1.5", "01"):
        with pytest.raises(InputError, match=f"holds numbers.*{code}"):
            labels.add(at(1), code)
    with pytest.raises(InputError, match="holds numbers"):
        labels.relabel([label.fid], "x")
    assert len(labels.labels()) == 4
    labels.set_table(labels.table)
    drawn = {category.label(): category.value() for category in labels.layer.renderer().categories()}
    assert drawn["12"] == 12


def test_an_empty_layer_of_numbers_gets_numbers_for_change(tmp_path: Path) -> None:
    table = LabelLayer(make(tmp_path / "n.gpkg", ogr.OFTInteger, ()), "class").table
    assert [(one.code, one.name, one.key) for one in table.classes] == [("1", "change", "C"), ("0", "no change", "N")]
    assert table.positive == "1"


def test_a_code_that_the_field_would_cut_is_refused(tmp_path: Path) -> None:
    labels = LabelLayer(make(tmp_path / "n.shp", width=5), "class")
    with pytest.raises(InputError, match="holds 5 letters"):
        labels.add(at(1), "change")
    assert labels.add(at(1), "right")[0].code == "right"


def test_multipoints_are_a_label_at_each_point(tmp_path: Path) -> None:
    labels = LabelLayer(make(tmp_path / "m.gpkg", geometry=ogr.wkbMultiPoint), "class")
    assert labels.counts() == {"a": 4, "b": 2}
    nearest = labels.nearest(QgsPointXY(1.5, 9), 0.1)
    assert len(labels.of(nearest.fid)) == 2
    added = labels.add(at(40, 41), "b")
    assert len(added) == 2
    assert labels.layer.getFeature(added[0].fid).geometry().asWkt() == "MultiPoint ((40 4))"
    labels.relabel([nearest.fid], "a")
    assert labels.counts() == {"a": 6, "b": 2}
    labels.remove([nearest.fid])
    assert labels.counts() == {"a": 4, "b": 2}


def test_layers_that_cannot_be_label_layers_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no points"):
        LabelLayer(QgsVectorLayer("Polygon?crs=EPSG:4326&field=label:string", "areas", "memory"))
    with pytest.raises(InputError, match=r"no field label.*there are name, n"):
        LabelLayer(QgsVectorLayer("Point?crs=EPSG:4326&field=name:string&field=n:int&field=d:date", "p", "memory"))
    with pytest.raises(InputError, match="no field d"):
        LabelLayer(QgsVectorLayer("Point?crs=EPSG:4326&field=name:string&field=d:date", "p", "memory"), "d")
    layer = QgsVectorLayer("Point?field=label:string", "p", "memory")
    layer.setCrs(QgsCoordinateReferenceSystem())
    with pytest.raises(InputError, match="no CRS"):
        LabelLayer(layer)
    with pytest.raises(InputError, match="cannot be read"):
        LabelLayer(QgsVectorLayer(str(tmp_path / "none.gpkg"), "x", "ogr"))
    (tmp_path / "points.csv").write_text("x,y,label\n1,2,a\n")
    csv = QgsVectorLayer(f"file://{tmp_path}/points.csv?xField=x&yField=y&crs=EPSG:4326", "csv", "delimitedtext")
    assert csv.isValid()
    with pytest.raises(InputError, match="csv cannot be written to"):
        LabelLayer(csv)
    with pytest.raises(InputError, match="does not look like classes"):
        LabelLayer(make(tmp_path / "ids.gpkg", codes=tuple(f"id {n}" for n in range(201))), "class")


def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    """Permission bits do not bind root, so QGIS runs as somebody else; the folder is read-only, too."""
    path = tmp_path / "shared" / "mine.gpkg"
    path.parent.mkdir()
    make(path)
    shutil.copy(Path(__file__), tmp_path)
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from qgis.core import QgsApplication, QgsVectorLayer\n"
        "application = QgsApplication([], True); application.initQgis()\n"
        "from bitscape.plugin.layers.label_layer import LabelLayer\n"
        "from bitscape.processing.errors import InputError\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "layer = QgsVectorLayer(sys.argv[1], 'mine', 'ogr')\n"
        "assert layer.isValid() and layer.featureCount() == 3\n"
        "try: LabelLayer(layer, 'class'); print('adopted', flush=True)\n"
        "except InputError as error: print('refused:', error.message, flush=True)\n"
        "os._exit(0)\n"
    )
    path.chmod(0o444)
    path.parent.chmod(0o555)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    try:
        done = subprocess.run([sys.executable, "-P", "-c", code, str(path)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HOME": "/tmp", "XDG_RUNTIME_DIR": "/tmp"}, check=False)
    finally:
        path.parent.chmod(0o755)
    assert "refused: mine cannot be written to" in done.stdout, done.stdout + done.stderr


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 KiB; only root can mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root, and a kernel that allows it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


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


@pytest.fixture
def impatient() -> Iterator[None]:
    """GDAL waits a tenth of a second, not five, for a locked file."""
    gdal.SetConfigOption("SQLITE_BUSY_TIMEOUT", "100")
    yield
    gdal.SetConfigOption("SQLITE_BUSY_TIMEOUT", None)


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
