"""Point layers of any kind that are taken as labels, or refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import InputError
from bitscape.tests.plugin.label_layer.scene import (
    CHILD,
    KINDS,
    at,
    make,
    on_disk,
)
from osgeo import ogr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsPointXY,
    QgsVectorLayer,
)


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
